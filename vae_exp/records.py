"""`metrics.jsonl`: one record an epoch, appended and never rewritten."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from vae_exp import files
from vae_exp.errors import UserError
from vae_exp.files import one_line, read_text

Record = dict[str, float]
"""`epoch`, `timestamp` (milliseconds since 1970), `seconds`, and the epoch's metrics by name."""

LONGEST = 2**16
"""Bytes of the longest line."""

log = logging.getLogger(__name__)


def read(path: Path) -> list[Record]:
    """Return the records, in order; raise UserError, naming the line, for one that is none.

    A last line that was torn by a crash is left out.
    """
    if not path.exists():
        return []
    whole = read_text(path).split("\n")[:-1]  # what stands behind the last newline is empty, or torn
    return [_parse(line, f"{path}:{number}") for number, line in enumerate(whole, start=1)]


def mend(path: Path) -> None:
    """Cut a torn last line off, so that the next one can be appended."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        log.warning("%s: the last line was torn by a crash and is written again", path)
        files.write(path, content[: content.rfind(b"\n") + 1])


def last_epoch(path: Path) -> int:
    """Return the epoch of the last record, 0 when there is none. Reads the end of the file alone."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST))
        lines = file.read().split(b"\n")[:-1]
    return int(_parse(lines[-1].decode(), str(path))["epoch"]) if lines else 0


def append(path: Path, record: Record) -> None:
    """Append a record and flush it to the disk."""
    files.append_line(path, json.dumps(record, allow_nan=False))


def _parse(line: str, where: str) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is no JSON: {one_line(error)}") from None
    if not isinstance(record, dict) or not all(type(value) in (int, float) for value in record.values()):
        raise UserError(f"{where} must be an object of numbers")
    if not isinstance(record.get("epoch"), int):
        raise UserError(f"{where} must have an epoch")
    return record
