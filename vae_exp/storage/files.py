"""Files that are written whole or not at all, also in a power cut, and read with suspicion."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from vae_exp.errors import UserError, one_line

LARGEST_TEXT = 64 * 2**20
"""Bytes of a JSON file above which it is refused: no run writes one as large."""
LARGEST_YAML = 2**18
"""Bytes of a YAML file above which it is refused. A configuration has 2,000."""
DEEPEST_YAML = 20
"""Levels of a YAML file."""
LONGEST_SCALAR = 5000
"""Characters of a value in a YAML file: longer than any path."""
LARGEST_NUMBER = 3.5e38
"""Size of a number in a JSON file above which it is refused: float32, in which everything is computed, ends below."""
LEAST_ROOM = 2**17
"""Bytes that must be free where a run begins: several times what it writes before its first checkpoint."""

T = TypeVar("T")
_RULES = {
    "Expected": "must be",
    "Object missing required field": "must have",
    "Invalid enum value": "must be one of the known words, got",
}
"""How msgspec's messages begin, and what they are with a key in front."""


def make_folder(path: Path) -> None:
    """Make a folder and those above it; raise UserError where that can't be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} can't be made: {one_line(error)}; choose another folder") from None


def require_room(folder: Path) -> None:
    """Raise UserError where a folder can't be written to, or its disk is full. Makes and changes nothing."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{folder} can't be written to: {place} is read-only here; choose another folder")
    if (free := shutil.disk_usage(place).free) < LEAST_ROOM:
        raise UserError(f"{folder} can't be written to: its disk is full ({free} bytes are free); make room there")


def write(path: Path, content: bytes) -> None:
    """Write a file through a temporary one in the same folder: written, flushed to the disk, renamed.

    Raises OSError (disk full, read-only folder) and leaves the old file, if there was one, as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with _naming(path):
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error name the file: a full disk is reported without a name, or with that of a temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_text(path: Path, content: str) -> None:
    """Write a text file in UTF-8, atomically."""
    write(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write plain data or a record as JSON, atomically. NaN and infinities are refused with ValueError."""
    plain = msgspec.to_builtins(content)
    write_text(path, json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line and flush it to the disk. A crash can tear the last line, never an earlier one."""
    with _naming(path), path.open("ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def require_file(path: Path) -> os.stat_result:
    """Return what the system says of a file; raise UserError for a link, a pipe or a device, OSError for none.

    A stranger's folder may hold a link to a file of ours, or a pipe that never ends.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} must be a file, no folder, link, pipe or device")
    return status


def read_bytes(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    """Return a file's content; raise UserError when it is no file, larger than `largest` bytes or unreadable."""
    try:
        size = require_file(path).st_size
        if size > largest:
            raise UserError(f"{path} must have at most {largest} bytes, got {size}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Return a text file; raise UserError when it is too large to be ours, unreadable or no UTF-8."""
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

    NaN, infinities, numbers beyond 64 bits or float32 and repeated keys are refused: we write none.
    """
    try:
        content = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_number,
            parse_int=_parse_int,
            parse_float=_parse_float,
        )
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is no JSON: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{where} must hold an object, got {type(content).__name__}")
    return content


class _PlainLoader(yaml.SafeLoader):
    """YAML without tags, anchors and aliases, and not deep: what `yaml.safe_dump` makes of a configuration.

    A few aliases of aliases are a list of a billion entries (a "billion laughs").
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # as yaml has it
        self._refuse_unless(getattr(event, "anchor", None) is None, "must have no anchors and aliases", event)
        self._refuse_unless(getattr(event, "tag", None) is None, "must have no tags", event)
        self._refuse_unless(len(getattr(event, "value", "")) <= LONGEST_SCALAR, "has a value that is too long", event)
        self._refuse_unless(self.depth < DEEPEST_YAML, "is nested too deeply", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refuse_unless(self, holds: bool, rule: str, event: Any) -> None:
        if not holds:
            raise yaml.composer.ComposerError(None, None, rule, event.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file's mapping as plain data; raise UserError, naming the file, when it is anything else."""
    try:
        content = yaml.load(read_text(path, LARGEST_YAML), _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2001-99-99, which is no date
        raise UserError(f"{path} is no plain YAML: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a mapping, got {type(content).__name__}")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands there twice")
    return content


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text[:20]} is no number that is written here")


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
