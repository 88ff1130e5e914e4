"""The machine that a benchmark ran on: what it is, how fast it multiplies matrices, and how much memory was used."""

from __future__ import annotations

import platform
import statistics
import sys
import time
from importlib.metadata import version

import psutil
import torch

SIDES = (512, 1024, 2048)
"""Sides of the square matrices that are multiplied, of which the fastest counts."""
MEGABYTE = 10**6


def describe() -> str:
    """Return processor, cores, memory, system and versions in one line."""
    from vae_exp.machine.environment import describe as environment

    here = environment(torch.device("cpu"), [])
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "mlflow"))
    python = platform.python_version()
    return f"{here.cpu}, {torch.get_num_threads()} threads, {memory:.0f} GiB; {here.system}, {python}, {packages}"


def matrix_product_rate(seconds: float = 0.5) -> float:
    """Return the float32 matrix-product rate in GFLOP/s: the median rate of the side that is fastest.

    Takes about `seconds` for each side.
    """
    return max(_rate(side, seconds) for side in SIDES)


def _rate(side: int, seconds: float) -> float:
    a, b, product = (torch.ones(side, side) for _ in range(3))
    torch.mm(a, b, out=product)
    times = []
    while sum(times) < seconds:
        began = time.perf_counter()
        torch.mm(a, b, out=product)
        times.append(time.perf_counter() - began)
    return 2 * side**3 / statistics.median(times) / 1e9


def peak_memory() -> float:
    """Return this process's peak physical memory in MB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / MEGABYTE
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE
