"""Files that are written whole or not at all, also in a power cut, and read with suspicion."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from vae_exp.errors import UserError

LARGEST_TEXT = 64 * 2**20
"""Bytes of a JSON or YAML file above which it is refused: no run writes one as large."""


def write(path: Path, content: bytes) -> None:
    """Write a file through a temporary one in the same folder: written, flushed to the disk, renamed.

    Raises OSError (disk full, read-only folder) and leaves the old file, if there was one, as it was.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Write a text file in UTF-8, atomically."""
    write(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, atomically. NaN and infinities are refused with ValueError: they are no JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line and flush it to the disk. A crash can tear the last line, never an earlier one."""
    with path.open("ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_text(path: Path) -> str:
    """Return a text file; raise UserError when it is too large to be ours, unreadable or no UTF-8."""
    try:
        size = path.stat().st_size
        if size > LARGEST_TEXT:
            raise UserError(f"{path} must have at most {LARGEST_TEXT} bytes, got {size}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object; raise UserError, naming the file, when it is anything else."""
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold an object, got {type(content).__name__}")
    return content


def one_line(error: BaseException) -> str:
    """Return an error's message with its line breaks taken out."""
    return " ".join(str(error).split())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle on a folder to flush, and renames are journaled there.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
