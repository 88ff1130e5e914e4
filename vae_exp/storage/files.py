"""Write files atomically, also in a power cut, and read files that may be untrusted."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO, TypeVar

import msgspec

from vae_exp.errors import UserError, one_line

LARGEST_TEXT = 64 * 2**20
"""Bytes of a JSON file above which it is refused. No run writes one this large."""
DEEPEST_JSON = 20
"""Nesting levels of a JSON file above which it is refused."""
LARGEST_NUMBER = 3.5e38
"""Size of a number in a JSON file above which it is refused: float32 ends below."""

T = TypeVar("T")
_RULES = {
    "Expected": "must be",
    "Object missing required field": "must have",
    "Invalid enum value": "must be one of the known words, got",
}
"""Beginnings of msgspec's messages, and what replaces them when a key precedes the message."""


def make_folder(path: Path) -> None:
    """Create a folder and its parents; raise UserError when that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} can't be created: {one_line(error)}; choose another folder") from None


def write(path: Path, content: bytes, is_note: bool = False) -> None:
    """Write a file through a temporary one in the same folder: written, flushed to the disk, renamed.

    A note is not flushed, which takes milliseconds: a power cut may lose it. Raises OSError (disk full, read-only
    folder) and leaves the old file, if there was one, as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with _naming(path):
        try:
            with temporary.open("xb") as file:
                file.write(content)
                if not is_note:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if not is_note:
            _sync_folder(path.parent)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error: the system names no file for a full disk, or the temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_text(path: Path, content: str, is_note: bool = False) -> None:
    """Write a text file in UTF-8, atomically."""
    write(path, content.encode(), is_note)


def write_json(path: Path, content: Any, is_note: bool = False) -> None:
    """Write plain data or a record as JSON, atomically. NaN and infinities are refused with ValueError."""
    plain = msgspec.to_builtins(content)
    write_text(path, json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n", is_note)


def append_line(path: Path, line: str) -> None:
    """Append one line and flush it to the disk. A crash can leave the last line incomplete, never an earlier one."""
    with _naming(path), open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def require_file(path: Path) -> os.stat_result:
    """Return a file's status; raise UserError for a link, a pipe or a device, OSError when there is no file.

    An untrusted folder may hold a link to one of the user's files, or a pipe that never ends.
    """
    return _require_regular(path.lstat(), path)


def _require_regular(status: os.stat_result, path: Path) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} must be a file, not a folder, link, pipe or device")
    return status


def open_file(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a file that may be untrusted; raise UserError, without blocking, when it is not a regular file."""
    if path.is_symlink():  # for systems without O_NOFOLLOW
        raise UserError(f"{path} must be a file, not a folder, link, pipe or device")
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | safe, 0o666)
    try:
        _require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_links(folder: Path, *names: str) -> None:
    """Raise UserError when any part of these paths below a folder is a symbolic link. The folder itself may be one."""
    for name in names:
        path = folder
        for part in PurePath(name).parts:
            path /= part
            if path.is_symlink():
                raise UserError(f"{path} must not be a link: what is written here stays in its folder")


def read_bytes(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    """Return a file's content; raise UserError when it is not a file, larger than `largest` bytes or unreadable."""
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(largest + 1) if size <= largest else b""
        if max(size, len(content)) > largest:
            raise UserError(f"{path} must have at most {largest} bytes, got {max(size, len(content))}")
        return content
    except OSError as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Return a text file; raise UserError when it is larger than `largest` bytes, unreadable or not UTF-8."""
    try:
        return read_bytes(path, largest).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object; raise UserError, naming the file, when it is anything else."""
    return parse_json(read_text(path), str(path))


def read_record(path: Path, kind: type[T]) -> T:
    """Return the record of this kind that a JSON file holds; raise UserError, naming file and key, otherwise."""
    return as_record(read_json(path), kind, str(path))


def as_record(content: object, kind: type[T], where: str) -> T:
    """Return plain data as a record of this kind, without converting types; raise UserError otherwise."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        rule, _, key = one_line(error).replace("`", "").partition(" - at $")
        for theirs, ours in _RULES.items():
            rule = rule.replace(theirs, ours)
        raise UserError(f"{where}: {key.lstrip('.')} {rule}" if key else f"{where} {rule}") from None


def parse_json(text: str, where: str) -> dict[str, Any]:
    """Return the object that a text holds.

    NaN, infinities, numbers beyond 64 bits or float32, repeated keys and deep nesting are refused: the package writes
    none of them.
    """
    try:
        content = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_number,
            parse_int=_parse_int,
            parse_float=_parse_float,
        )
        _require_shallow(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not valid JSON: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{where} must hold an object, got {type(content).__name__}")
    return content


def _require_shallow(content: object) -> None:
    """Raise ValueError for deeply nested data: recursion over it would exhaust the stack."""
    level = [content]
    for _ in range(DEEPEST_JSON):
        level = [item for each in level for item in _items(each)]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST_JSON} levels deep")


def _items(content: object) -> list[Any]:
    if isinstance(content, dict):
        return list(content.values())
    return content if isinstance(content, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key appears twice")
    return content


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text[:20]} is not a number that this package writes")


def _parse_int(text: str) -> int:
    return value if len(text) <= 20 and abs(value := int(text)) < 2**63 else int(_refuse_number(text))


def _parse_float(text: str) -> float:
    return value if abs(value := float(text)) <= LARGEST_NUMBER else _refuse_number(text)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle on a folder to flush, and renames are journaled there.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
