"""Check the free space on the disk of a folder, before anything is created there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vae_exp.errors import UserError

LEAST_ROOM = 2**17
"""Bytes that must be free when a run starts: several times what it writes before its first checkpoint."""


def require_room(folder: Path) -> None:
    """Raise UserError when a folder can't be written to, or its disk is full. Create and change nothing."""
    place = _nearest(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{folder} can't be written to: {place} is read-only here; choose another folder")
    if (free := free_bytes(folder)) < LEAST_ROOM:
        raise UserError(f"{folder} can't be written to: its disk is full ({free} bytes are free); make room there")


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(_nearest(folder)).free


def _nearest(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
