"""Time a training step for each of several model, batch and image sizes: `steps RESULT ROUNDS`."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Iterator

import torch

from benchmarks.worker import write_result
from vae_exp.config import Config, ConvConfig, TrainerConfig
from vae_exp.machine.memory import keep_freed_memory
from vae_exp.models import build_model
from vae_exp.randomness import make_deterministic
from vae_exp.training import Training, train_epoch

STEPS = 8
"""Steps that are timed together at the reference's size; of larger ones there are fewer."""
FEWEST = 2
SIDE, BATCH_SIZE = 28, 100

LATENT_DIMS = (2, 4, 8, 16, 32, 64, 128, 256)
BATCH_SIZES = (100, 250, 500, 1000, 2000, 4096)
SIDES = (28, 32, 48, 64, 96, 128)
WIDTHS = (8, 16, 32, 64, 128)
"""Channels of the first convolution; the second has twice as many."""


@dataclasses.dataclass(frozen=True)
class Point:
    """A training step to be timed."""

    axis: str
    x: int
    latent_dim: int = 2
    batch_size: int = BATCH_SIZE
    side: int = SIDE
    width: int = 32

    def cost(self) -> float:
        """Estimate how many steps of the reference this one costs."""
        return self.batch_size / BATCH_SIZE * (self.side / SIDE) ** 2 * max(1.0, self.width / 32) ** 2

    def seconds(self) -> float:
        """Return the mean seconds of a step, after one that is not timed."""
        steps = max(FEWEST, round(STEPS / self.cost()))
        model = ConvConfig(latent_dim=self.latent_dim, channels=[1, self.width, 2 * self.width])
        config = Config(model=model, trainer=TrainerConfig(batch_size=self.batch_size))
        images = torch.full(((1 + steps) * self.batch_size, 1, self.side, self.side), 128, dtype=torch.uint8)
        shape = (1, self.side, self.side)
        training = Training.start(build_model(model, shape, config.seed), config)
        ends: list[float] = []
        train_epoch(training, images, config, lambda: ends.append(time.perf_counter()))
        return (ends[-1] - ends[0]) / steps


def points() -> Iterator[Point]:
    """Yield every point of the four figures."""
    yield from (Point("latent_dim", x, latent_dim=x) for x in LATENT_DIMS)
    yield from (Point("batch_size", x, batch_size=x) for x in BATCH_SIZES)
    yield from (Point("side", x, side=x) for x in SIDES)
    yield from (Point("width", x, width=x) for x in WIDTHS)


def main(result: str, rounds: str) -> None:
    make_deterministic(torch.get_num_threads())
    keep_freed_memory()
    every = list(points())
    seconds = [[point.seconds() for point in every] for _ in range(int(rounds))]
    write_result(
        result,
        {
            "points": [
                {"axis": point.axis, "x": point.x, "batch_size": point.batch_size, "seconds": statistics.median(found)}
                for point, found in zip(every, zip(*seconds, strict=True), strict=True)
            ]
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
