"""What determinism costs on this CPU: training steps with each flag on and off, in turn, in CPU time of one thread.

`python benchmarks/determinism.py` prints the median and the quartiles of the extra time. A GPU may lose more
(`cudnn.benchmark`, atomic additions) and is not measured here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from vae_exp.config import Config
from vae_exp.models import build_model
from vae_exp.randomness import make_deterministic
from vae_exp.training import Training, train_epoch

ROUNDS = 60
STEPS = 10
CONFIG = Config()


def use_algorithms(on: bool) -> None:
    """Turn deterministic algorithms on or off."""
    torch.use_deterministic_algorithms(on)


def fill(on: bool) -> None:
    """Turn the filling of new tensors with NaN on or off; deterministic algorithms are on."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = on  # type: ignore[attr-defined]  # torch does not declare it


def seconds(training: Training, images: torch.Tensor) -> float:
    """Return the CPU time of training on `images`."""
    began = time.process_time()
    train_epoch(training, images, CONFIG)
    return time.process_time() - began


def compare(switch: Callable[[bool], None]) -> None:
    """Print how much longer a step takes with a flag than without it."""
    make_deterministic(1)
    training = Training.start(build_model(CONFIG.model, (1, 28, 28), 0), CONFIG)
    images = torch.randint(0, 256, (STEPS * CONFIG.trainer.batch_size, 1, 28, 28), dtype=torch.uint8)
    seconds(training, images)
    ratios = []
    for round_number in range(ROUNDS):
        times = {}
        for on in (True, False) if round_number % 2 else (False, True):
            switch(on)
            times[on] = seconds(training, images)
        ratios.append(times[True] / times[False])
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"{switch.__name__}: {100 * (median - 1):+.1f} % (quartiles {100 * (low - 1):+.1f}, {100 * (high - 1):+.1f})")


if __name__ == "__main__":
    compare(use_algorithms)
    compare(fill)
