"""Whether data fits into the memory, asked before anything is read."""

from __future__ import annotations

import psutil

from vae_exp.errors import UserError


def require_memory(needed: int, what: str) -> None:
    """Raise UserError, with both numbers, when what takes this many bytes doesn't fit into the free memory."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(f"{what} must fit into the free memory of {free / 2**30:.1f} GiB, got {needed / 2**30:.3g} GiB")
