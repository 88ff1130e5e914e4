"""The plan of a sweep on the disk: every job that was ever planned there, each with its complete configuration.

Version 2 of the layout has two files:

`jobs.jsonl`
    One JSON object a line, for each job: `name`, `label`, `overrides`, `config`, and the digests `base` and `data`
    (see `Job`). Lines are appended and never changed. A later line of the same name replaces the earlier one: the job
    has more epochs, or another device.

`sweep.json`
    The header: `version`, `command` and `bytes`, the valid length of `jobs.jsonl`. It is written after the lines, so a
    plan is extended as a whole or not at all, even if the process is killed in between.

So the cost of extending a plan is that of its new jobs, and one job can be read by the position of its line.
Version 1 (vae_exp 0.1) held the jobs in `sweep.json`. It is read, and becomes version 2 when jobs are written.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from vae_exp.errors import UserError, one_line, short
from vae_exp.storage import files
from vae_exp.storage.records import saved_trainer

VERSION = 2
LONGEST_LINE = 2**18
"""Bytes of a job's line above which it is refused. A complete configuration has 2,000."""
MOST_BYTES = 2**30
"""Bytes of `jobs.jsonl` above which it is refused: several hundred thousand jobs."""

NAME = r"[A-Za-z0-9=_,+][A-Za-z0-9=._,+-]{0,119}"
"""Valid names of a job's folder: no path, not hidden, and not an option of a command."""
OVERRIDE = r"\+{0,2}(?!hydra\b)[A-Za-z_][\w.]*=.*"
"""Valid overrides of a planned job: no key of Hydra's, since that could name code to run."""
DIGEST = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class Job:
    """One planned run of a sweep."""

    name: str
    """Name of its folder inside the sweep's: the swept values and eight digits of the identity's hash."""
    label: str
    """The swept values, for people: `latent_dim=2, seed=0`."""
    overrides: list[str]
    """What was given for this job: `model.latent_dim=2`."""
    config: dict[str, Any]
    """The complete configuration, plain data."""
    base: str | None = None
    """SHA-256 of the configuration that the overrides were applied to; None if it is not known (version 1)."""
    data: str | None = None
    """SHA-256 of the data that the job was planned for; None if it is not known (version 1)."""
    trial: int | None = None
    """The number of the search's trial that it is a run of; None outside a search."""
    refused: str | None = None
    """The rule that its configuration breaks, so that it never runs; None when it can run. A search plans it all the
    same: it counts among the results."""
    at: int | None = field(default=None, compare=False)
    """Position of its line in `jobs.jsonl`, in bytes; None when it has no line yet."""
    until: int | None = field(default=None, compare=False)
    """The epoch after which a launched job pauses, a search's rung; None trains to the last. Never saved."""


class Header(msgspec.Struct, frozen=True):
    """`sweep.json`."""

    version: int
    command: list[str]
    bytes: Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]


class HeaderOf1(msgspec.Struct, frozen=True):
    """`sweep.json` of version 1."""

    command: list[str]
    jobs: list[Job]


@dataclass(frozen=True)
class Plan:
    """What `sweep.json` and `jobs.jsonl` hold."""

    jobs: list[Job]
    """In the order in which they were planned first."""
    command: list[str]
    """The command that planned last."""


def read(header: Path) -> Plan:
    """Return the plan with this header; raise UserError when it is damaged or of another version."""
    content = _read_header(header)
    if isinstance(content, HeaderOf1):
        jobs = [_checked(job, str(header)) for job in content.jobs]
        return Plan(list({job.name: job for job in jobs}.values()), content.command)
    lines, found = _lines_file(header), dict[str, Job]()
    for at, line in _lines(lines, content.bytes):
        job = _parse(line, lines, at)
        found[job.name] = job
    return Plan(list(found.values()), content.command)


def read_job(header: Path, name: str, at: int) -> Job:
    """Return the job of this name whose line begins at byte `at`, without reading the others."""
    lines = _lines_file(header)
    with files.open_file(lines) as file:
        file.seek(at)
        job = _parse(file.readline(LONGEST_LINE), lines, at)
    if job.name != name:
        raise UserError(f"{lines} must have {short(name)} at byte {at}, got {short(job.name)}")
    return job


def write(header: Path, jobs: Sequence[Job], command: list[str]) -> list[Job]:
    """Append the jobs that have no line yet, then write the header; return all jobs with the positions of their lines.

    The caller must hold the sweep's lock. Raises OSError (disk full) and leaves the plan unchanged.
    """
    at = _counted_bytes(header)
    placed, added = list[Job](), list[bytes]()
    for job in jobs:
        if job.at is None:
            line = _line(job)
            job, at = dataclasses.replace(job, at=at), at + len(line)
            added.append(line)
        placed.append(job)
    if added or not header.exists():
        _append(_lines_file(header), b"".join(added), at)
    files.write_json(header, Header(VERSION, command, at))
    return placed


def _lines_file(header: Path) -> Path:
    return header.with_name("jobs.jsonl")


def _read_header(header: Path) -> Header | HeaderOf1:
    content = files.read_json(header)
    if (version := content.get("version")) not in (VERSION, 1):
        raise UserError(f"{header} must be of version {VERSION} or 1, got {short(version)}")
    if version == VERSION:
        return files.as_record(content, Header, str(header))
    return files.as_record(content, HeaderOf1, str(header))


def _counted_bytes(header: Path) -> int:
    """Return the valid length of `jobs.jsonl` in bytes: 0 before the first plan, and in version 1."""
    content = _read_header(header) if header.exists() else None
    return content.bytes if isinstance(content, Header) else 0


def _lines(file: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield each valid line with its position in bytes."""
    try:
        with files.open_file(file) as lines:
            found, at = os.fstat(lines.fileno()).st_size, 0
            if found < size:
                raise UserError(f"{file} is damaged: it must have {size} bytes, got {found}")
            while at < size:
                line = lines.readline(LONGEST_LINE)
                yield at, line
                at += len(line)
    except OSError as error:
        raise UserError(f"{file} can't be read: {one_line(error)}") from None


def _append(file: Path, lines: bytes, size: int) -> None:
    """Append lines so that the file has `size` bytes. Remove what a killed process left behind them."""
    with files.open_file(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as opened:
        opened.truncate(size - len(lines))
        opened.write(lines)
        opened.flush()
        os.fsync(opened.fileno())


def _line(job: Job) -> bytes:
    saved = {key: value for key, value in vars(job).items() if key not in ("at", "until")}
    return json.dumps(saved, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _parse(line: bytes, file: Path, at: int) -> Job:
    where = f"{file}, byte {at}"
    if not line.endswith(b"\n"):
        raise UserError(f"{where}: the line is cut off, or has more than {LONGEST_LINE} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where} can't be read: {one_line(error)}") from None
    job = files.as_record(files.parse_json(text, where), Job, where)
    return dataclasses.replace(_checked(job, where), at=at, until=None)


def _checked(job: Job, where: str) -> Job:
    """Check a job of a plan that may be untrusted; return it without a position. Raise UserError when it is invalid."""
    if not re.fullmatch(NAME, job.name):
        raise UserError(f"{where}: a job's name must be that of a folder inside the sweep's, got {short(job.name)}")
    if not job.label.isprintable():
        raise UserError(f"{where}: {job.name} must have a label of one line, got {short(job.label)}")
    for override in job.overrides:
        if not re.fullmatch(OVERRIDE, override):
            raise UserError(f"{where}: {job.name} must have overrides like model.latent_dim=2, got {short(override)}")
    if not (job.refused or "").isprintable():
        raise UserError(f"{where}: {job.name} must say in one line why it is refused, got {short(job.refused)}")
    for digest in (job.base, job.data):
        if digest is not None and not re.fullmatch(DIGEST, digest):
            raise UserError(f"{where}: {job.name} must have digests of 64 hexadecimal digits, got {short(digest)}")
    saved_trainer(job.config, f"{where}: {job.name}")
    return dataclasses.replace(job, at=None)
