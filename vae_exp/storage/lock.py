"""One process at a time in a folder. The operating system releases the lock when its process ends.

The note `.lock.json` beside `.lock` names the process that holds it: `host`, `pid` and `process_started` (see
`machine.process.this_process`), so that another command can name that process, or signal it and no other. A killed
process leaves its note behind; the note is valid only while the lock is held.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from vae_exp.errors import UserError
from vae_exp.machine import process
from vae_exp.machine.process import Process
from vae_exp.storage import files, room

LOCK, NOTE = ".lock", ".lock.json"


def acquire(file: Path, seconds: float = 0.0) -> BaseFileLock | None:
    """Lock a file and return its lock; return None when another process holds it for so many seconds."""
    lock = FileLock(file)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return None
    return lock


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a folder, and create it if necessary; raise UserError, naming the other process, when one holds it."""
    room.require_room(folder)
    files.make_folder(folder)
    _refuse_others(folder)
    lock = acquire(folder / LOCK)
    if lock is None:
        who = holder(folder)
        name = f"process {who.pid} on {who.host}" if who else "another process"
        raise UserError(f"{folder} is in use by {name}; wait for it or stop it first")
    try:
        with contextlib.suppress(OSError):  # a full disk: the lock works without its note
            files.write_json(folder / NOTE, process.this_process(), is_note=True)
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / NOTE).unlink()
        lock.release()


def is_held(folder: Path) -> bool:
    """Return whether a process, also on another host, holds a folder."""
    try:
        lock = acquire(folder / LOCK)
    except OSError:  # a folder that is read-only here may be written on another host
        return True
    if lock is not None:
        lock.release()
    return lock is None


def holder(folder: Path) -> Process | None:
    """Return the process that holds a folder, or None when none does or the note is missing."""
    return noted(folder) if is_held(folder) else None


def noted(folder: Path) -> Process | None:
    """Return the process that last wrote a folder's note, without trying the lock; None when there is no note."""
    try:
        return files.read_record(folder / NOTE, Process) if (folder / NOTE).exists() else None
    except UserError:  # the lock is new, or its disk is full
        return None


def _refuse_others(folder: Path) -> None:
    for name in (LOCK, NOTE):
        if (folder / name).is_symlink() or (folder / name).is_dir():
            raise UserError(f"{folder / name} must be a file, not a folder or a link")
