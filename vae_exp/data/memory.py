"""Check that data fits into the memory, before it is read."""

from __future__ import annotations

import psutil

from vae_exp.errors import UserError


def require_memory(needed: int, what: str) -> None:
    """Raise UserError when the free memory is smaller than the needed number of bytes."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(f"{what} must fit into the free memory of {free / 2**30:.1f} GiB, got {needed / 2**30:.3g} GiB")
