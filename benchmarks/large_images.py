"""`python -m benchmarks.large_images`: time and memory of a training step on larger images (Linux)."""

from __future__ import annotations

import argparse

from benchmarks import machine
from benchmarks.tables import table
from benchmarks.worker import measure

SIZES = ((28, 100), (64, 100), (128, 20), (128, 100), (256, 5), (256, 20))
"""Side of the images in pixels, and images of a step."""
MIB = 2**20


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{machine.describe()}\n")
    rows = [_row(side, batch_size) for side, batch_size in SIZES]
    table(rows, ("pixels", "batch size", "a step, ms", "images/s", "estimated, MiB", "grown, MiB"))


def _row(side: int, batch_size: int) -> tuple[str, ...]:
    found = measure("image_run", str(side), str(batch_size))
    seconds = found["seconds"]
    memory = (f"{found[key] / MIB:.0f}" for key in ("estimated", "grown"))
    return f"{side}×{side}", str(batch_size), f"{1000 * seconds:.0f}", f"{batch_size / seconds:.0f}", *memory


if __name__ == "__main__":
    main()
