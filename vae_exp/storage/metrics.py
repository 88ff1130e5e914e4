"""`metrics.jsonl`: one record an epoch, appended and never rewritten."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from vae_exp.errors import UserError, one_line
from vae_exp.storage import files
from vae_exp.storage.files import as_record, parse_json, read_bytes

Record = dict[str, float]
"""`epoch`, `timestamp` (milliseconds since 1970), `seconds`, and the epoch's metrics by name."""

LONGEST = 2**16
"""Bytes of the longest line."""
_NEEDED = ("epoch", "timestamp", "seconds")

log = logging.getLogger(__name__)


class Reader:
    """Read new lines of a `metrics.jsonl` that another process may be writing."""

    def __init__(self, path: Path) -> None:
        self.path, self.records, self._at = path, list[Record](), 0

    def update(self) -> list[Record]:
        """Return all records so far; raise UserError, naming the line, for an invalid record or a wrong epoch.

        An incomplete last line is left out: it is being written, or a crash interrupted it.
        """
        if self.path.exists():
            for line in self._new_lines():
                number = len(self.records) + 1
                self.records.append(_parse(line, f"{self.path}:{number}", number))
        return self.records

    def _new_lines(self) -> list[bytes]:
        try:
            with files.open_file(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._at:  # the file was truncated
                    self.records, self._at = [], 0
                if size - self._at > files.LARGEST_TEXT:
                    raise UserError(f"{self.path} must have at most {files.LARGEST_TEXT} bytes, got {size}")
                file.seek(self._at)
                whole, newline, _ = file.read(size - self._at).rpartition(b"\n")
        except OSError as error:
            raise UserError(f"{self.path} can't be read: {one_line(error)}") from None
        self._at += len(whole) + len(newline)
        return whole.split(b"\n") if newline else []


def read(path: Path) -> list[Record]:
    """Return the records in order; raise UserError, naming the line, for an invalid record or a wrong epoch."""
    try:
        return Reader(path).update()
    except UserError as error:
        raise UserError(f"{error}; delete this line and all after it, and their epochs are trained again") from None


def drop_torn_line(path: Path) -> None:
    """Remove an incomplete last line, so that the next one can be appended."""
    if not path.exists():
        return
    content = read_bytes(path)
    if content and not content.endswith(b"\n"):
        log.warning("%s: the last line is incomplete and is written again", path)
        files.write(path, content[: content.rfind(b"\n") + 1])


def last_epoch(path: Path) -> int:
    """Return the epoch of the last record, 0 when there is none. Read only the end of the file."""
    if not path.exists():
        return 0
    with files.open_file(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST))
        lines = file.read().split(b"\n")[:-1]
    return int(_parse(lines[-1], str(path))["epoch"]) if lines else 0


def append(path: Path, record: Record) -> None:
    """Append a record and flush it to the disk."""
    files.append_line(path, json.dumps(record, allow_nan=False))


def require_record(record: Record, where: str, epoch: int | None = None) -> None:
    """Raise UserError unless every value is a number and the epoch is this one."""
    as_record(record, dict[str, int | float], where)
    if missing := [key for key in _NEEDED if key not in record]:
        raise UserError(f"{where} must have {', '.join(missing)}")
    if type(record["epoch"]) is not int or epoch not in (None, record["epoch"]):
        raise UserError(f"{where} must be of epoch {'1, 2, …' if epoch is None else epoch}, got {record['epoch']}")


def _parse(line: bytes, where: str, epoch: int | None = None) -> Record:
    try:
        record = parse_json(line.decode(), where)
    except UnicodeDecodeError as error:
        raise UserError(f"{where} can't be read: {one_line(error)}") from None
    require_record(record, where, epoch)
    return record
