"""The reference experiment as `vae_exp` runs it, with MLflow: `library RESULT ROOT|- EPOCHS SEED`; `-` is mnist_5k.

This calls `experiment.run`. The functions that an epoch consists of are wrapped in timers; nothing else is changed.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import peak_memory
from benchmarks.worker import write_result
from vae_exp import compose, experiment, tracking
from vae_exp.experiment import Experiment
from vae_exp.observers import NoProgress
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking.sender import Sender

PARTS = {
    "evaluation": (Experiment, "_evaluate"),
    "checkpoint": (RunFolder, "write_checkpoint"),
    "best weights": (RunFolder, "write_weights"),
    "record": (Experiment, "_append"),
    "samples": (Experiment, "_draw_step"),
}
"""What an epoch does in the training thread besides its training steps."""


class Clock(NoProgress):
    """Records when each step and each epoch ended, and how long each part took."""

    def __init__(self) -> None:
        self.steps: list[list[float]] = []
        self.whole: list[float] = []
        self.parts: dict[str, list[float]] = defaultdict(list)  # seconds of each epoch
        self.sends: list[float] = []  # CPU seconds of each time that something was sent to MLflow
        self.began = 0.0

    def begin(self) -> None:
        self.began = time.perf_counter()
        self.steps.append([])
        for name in PARTS:
            self.parts[name].append(0.0)

    def step(self) -> None:
        self.steps[-1].append(time.perf_counter() - self.began)

    def epoch(self, record: Record) -> None:
        self.whole.append(time.perf_counter() - self.began)

    def wrap_training(self) -> None:
        train_epoch = experiment.train_epoch

        @functools.wraps(train_epoch)
        def timed(*arguments: Any) -> dict[str, float]:
            self.begin()
            return train_epoch(*arguments)

        experiment.train_epoch = timed

    def wrap(self, owner: type, method: str, note: Callable[[float], None], now: Callable[[], float]) -> None:
        original = getattr(owner, method)

        @functools.wraps(original)
        def timed(*arguments: Any) -> Any:
            began = now()
            try:
                return original(*arguments)
            finally:
                note(now() - began)

        setattr(owner, method, timed)

    def add(self, name: str, seconds: float) -> None:
        if self.parts[name]:  # samples of the untrained model are drawn before the first epoch
            self.parts[name][-1] += seconds


def main(result: str, root: str, epochs: str, seed: str) -> None:
    clock = Clock()
    clock.wrap_training()
    for name, (owner, method) in PARTS.items():
        clock.wrap(owner, method, functools.partial(clock.add, name), time.perf_counter)
    clock.wrap(Sender, "send", clock.sends.append, time.thread_time)
    source = ["trainer.patience=null"] if root == "-" else ["experiment=reference", f"data.root={root}"]
    # All figures and the final measures come after the training that is timed here.
    rest = [f"trainer.epochs={epochs}", f"seed={seed}", "figures.which=[samples]", "evaluation.final=false"]
    config = compose.defaults([*source, *rest])
    folder = RunFolder(Path("run"))
    experiment.run(config, folder.path, tracking.connect(config.tracking, "benchmark", None), clock)
    found = {"steps": clock.steps, "whole": clock.whole, "parts": clock.parts, "sends": clock.sends}
    write_result(result, found | {"test_loss": folder.records()[-1]["test/loss"], "peak_memory": peak_memory()})


if __name__ == "__main__":
    main(*sys.argv[1:])
