"""`python -m benchmarks.overheads`: time before the first step of a run, between two jobs, and for all figures."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks import machine
from benchmarks.images import full_mnist
from benchmarks.tables import Row, below, show
from benchmarks.worker import measure

LATENT_DIMS = (2, 16, 256)
JOBS = 4
"""Jobs of the sweep."""
SHORT = ("trainer.epochs=1", "figures.which=[]", "evaluation.final=false")


def main() -> None:
    options = _options()
    mnist = full_mnist(options.data)
    print(f"{machine.describe()}\n{'full MNIST' if mnist else 'mnist_5k'}\n")
    show([*_starts(mnist, options.repetitions), *_sweep(), *_figures(mnist)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="root of torchvision's MNIST (default: VAE_EXP_DATA, else mnist_5k)")
    parser.add_argument(
        "--repetitions", type=int, default=3, help="starts with a new store, and as many with an existing one"
    )
    return parser.parse_args()


def _starts(mnist: Path | None, repetitions: int) -> list[Row]:
    """Return how long a run takes from the start of its process to the end of its first step."""
    source = ["experiment=reference", f"data.root={mnist}"] if mnist else []
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            for is_new in (True, False):
                seconds[is_new].append(measure("first_step", *source, *SHORT, cwd=Path(folder))["first"])
    return [
        below("start to first step, existing store", statistics.median(seconds[False]), 8, "s", _range(seconds[False])),
        below("start to first step, fresh store", statistics.median(seconds[True]), 12, "s", _range(seconds[True])),
    ]


def _sweep() -> list[Row]:
    """Return the time from the end of a job to the end of the next job's first step."""
    seeds = f"seed={','.join(map(str, range(JOBS)))}"
    further = measure("first_step", "-m", seeds, *SHORT)["further"]
    return [below("each further job of a sweep", statistics.median(further), 1, "s", _range(further))]


def _figures(mnist: Path | None) -> list[Row]:
    rows = []
    for latent_dim in LATENT_DIMS:
        found = measure("pictures", str(mnist or "-"), str(latent_dim))
        rows.append(below(f"all figures, latent_dim {latent_dim}", found["seconds"], 20, "s"))
    return rows


def _range(seconds: list[float]) -> str:
    return f" ({min(seconds):.2f}–{max(seconds):.2f} of {len(seconds)})"


if __name__ == "__main__":
    main()
