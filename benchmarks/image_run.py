"""Train one epoch on noise and measure its time and memory (Linux): `image_run RESULT SIDE BATCH_SIZE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.worker import write_result
from vae_exp import data, experiment
from vae_exp.config import ArraysConfig, Config, EvaluationConfig, FiguresConfig, NoTrackingConfig, TrainerConfig
from vae_exp.data.given import given
from vae_exp.models.memory import HEAP, without_memory
from vae_exp.observers import NoProgress
from vae_exp.preparation import bytes_of_training

STEPS = 6
"""Steps of the epoch; the first is not timed."""
TRAINED = 0.7
"""Share of the images in the training split, with the default fractions of `data=arrays`."""


class Clock(NoProgress):
    """Records when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def step(self) -> None:
        self.ends.append(time.perf_counter())


def train(side: int, batch_size: int, folder: Path) -> dict[str, float]:
    """Return the seconds of a step, the bytes that were estimated, and the most that the process grew by."""
    config = Config(
        data=ArraysConfig(),
        trainer=TrainerConfig(batch_size=batch_size, epochs=1),
        evaluation=EvaluationConfig(final=False),
        figures=FiguresConfig(which=[]),
        tracking=NoTrackingConfig(),
    )
    number = round(STEPS * batch_size / TRAINED)
    images = np.random.default_rng(0).integers(0, 256, (number, side, side), dtype=np.uint8)
    with given((images, None)):
        splits = data.load(config.data)
        with without_memory():
            estimated = HEAP * bytes_of_training(config, splits)
        clock, before = Clock(), psutil.Process().memory_info().rss
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak, VmHWM, to the present size
        experiment.run(config, folder, progress=clock)
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    seconds = (clock.ends[-1] - clock.ends[0]) / (len(clock.ends) - 1)
    return {"seconds": seconds, "estimated": estimated, "grown": peak - before}


if __name__ == "__main__":
    train(8, 10, Path("imports"))  # so that the imports of a run are not measured
    write_result(sys.argv[1], train(int(sys.argv[2]), int(sys.argv[3]), Path("run")))
