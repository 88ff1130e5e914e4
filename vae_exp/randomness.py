"""Random generators: one for each stream, all derived from the run's seed.

A generator is named by its purpose and, in training, by its epoch. So nothing has to be saved to continue from a
checkpoint, and drawing more or less from one stream changes no other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""Environment variable of cuBLAS, read at its start. Without it, matrix products on CUDA are not deterministic."""


def derive(seed: int, stream: str, *indices: int) -> int:
    """Return the 63-bit seed of a stream: the SHA-256 of its name, truncated."""
    name = "/".join([str(seed), stream, *map(str, indices)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def generator(seed: int, stream: str, *indices: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator for `stream` ("shuffle", "noise", "evaluation" …), and for an epoch in `indices`."""
    return torch.Generator(device).manual_seed(derive(seed, stream, *indices))


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Call `make_deterministic`, and restore the previous settings at the end."""
    number = torch.get_num_threads()
    is_on, only_warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    fills, benchmark = torch.utils.deterministic.fill_uninitialized_memory, torch.backends.cudnn.benchmark  # type: ignore[attr-defined]  # as torch has it
    workspace = os.environ.get(WORKSPACE)
    make_deterministic(threads)
    try:
        yield
    finally:
        torch.set_num_threads(number)
        torch.use_deterministic_algorithms(is_on, warn_only=only_warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            os.environ.pop(WORKSPACE, None)


def make_deterministic(threads: int) -> None:
    """Fix the number of CPU threads and ask torch for the same bits every time.

    The number of threads is part of the result: sums over one thread and over two are rounded differently.

    Its cost for a training step of the default model, as CPU time of one thread, median and quartiles of 60 pairs by
    `benchmarks/determinism.py` (AMD EPYC, torch 2.14.1, a quiet machine): deterministic algorithms −0.9 % (−5.6 to
    2.3), filling new memory, which is turned off, 0.4 % (−4.4 to 5.0): neither differs from nothing. The settings
    for CUDA cost a CPU nothing; what they cost a GPU has not been measured.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # The line above also makes torch fill every new tensor with NaN, to reveal reads of uninitialised memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # as torch has it
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.backends.cudnn.benchmark = False
