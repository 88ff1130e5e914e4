"""Choose the device of a run: the named one, or a free GPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from vae_exp.errors import UserError
from vae_exp.storage.cache import cache_folder
from vae_exp.storage.files import make_folder
from vae_exp.storage.lock import acquire


def require_device(name: str | None) -> None:
    """Raise UserError unless this machine has the device."""
    if name is None:
        return
    try:
        torch.zeros(1, device=torch.device(name)).tolist()
    except (RuntimeError, AssertionError, ImportError):
        raise UserError(f"trainer.device must be a device of this machine, got {name!r}; cpu always works") from None


@contextlib.contextmanager
def claim_device(name: str | None) -> Iterator[torch.device]:
    """Yield the named device. For None, yield a GPU that no other run of this user holds.

    Without a GPU that is the CPU; when all GPUs are held, one is shared.
    """
    gpus = torch.cuda.device_count() if name is None else 0
    if gpus < 2:
        yield torch.device(name or ("cuda" if gpus else "cpu"))
        return
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(gpus)]
    with lock_first_free(names, cache_folder() / "gpus") as index:
        yield torch.device("cuda", index)


@contextlib.contextmanager
def lock_first_free(names: Sequence[str], folder: Path) -> Iterator[int]:
    """Lock the first of these names that no other process holds, and yield its index. The lock ends with its process.

    When all are held, the index is derived from the number of the process.
    """
    make_folder(folder)
    for index, name in enumerate(names):
        lock = acquire(folder / f"{name}.lock")
        if lock is not None:
            try:
                yield index
            finally:
                lock.release()
            return
    yield os.getpid() % len(names)
