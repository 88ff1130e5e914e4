"""Find the files of public data sets, or download them with limits on size and time."""

from __future__ import annotations

import gzip
import hashlib
import logging
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError

from vae_exp.errors import UserError, one_line
from vae_exp.storage import files

log = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds to wait for a mirror."""
SLOWEST = 10_000
"""Bytes per second below which a download is stopped, after TIMEOUT."""
_CHUNK = 2**16


@dataclass(frozen=True)
class Source:
    """A file on one or more servers."""

    urls: Sequence[str]
    """Addresses, tried in this order."""
    md5: str
    largest: int
    """Largest size in bytes."""


def is_there(path: Path) -> bool:
    """Return whether a file exists, possibly compressed as `.gz`."""
    return path.is_file() or path.with_name(f"{path.name}.gz").is_file()


def find_or_download(
    name: str, places: Sequence[Path], needed: Sequence[str], download: Callable[[list[str], Path], None]
) -> Path:
    """Return the first of the folders that has all needed files; download missing files into the first folder.

    `download` gets the names of the missing files and an empty folder. Nothing is created in the data's folder before
    all files have arrived, and each file is written atomically: an interrupted download leaves nothing behind, and
    several processes can download at the same time. Raises UserError.
    """
    for place in places:
        if all(is_there(place / file) for file in needed):
            return place
    folder = places[0]
    try:
        missing = [file for file in needed if not is_there(folder / file)]
        log.info("downloading %s to %s", name, folder)
        with tempfile.TemporaryDirectory() as temporary:
            download(missing, Path(temporary))
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(Path(temporary).iterdir()):
                if not (folder / file.name).exists():
                    files.write(folder / file.name, file.read_bytes())
    except (OSError, ValueError, ImportError, HTTPException, EOFError, zlib.error) as error:
        reason = one_line(error) or type(error).__name__
        rule = f"put {', '.join(needed)} there, or use data=mnist_5k, which needs no download"
        raise UserError(f"{folder} must hold {name}, and it can't be downloaded ({reason}); {rule}") from None
    return folder


def fetch(source: Source, path: Path) -> None:
    """Download a file to `path`, from the first address that works.

    Raises OSError or HTTPException when none does, and ValueError when the file is too large or has another checksum.
    """
    *others, last = source.urls
    for url in others:
        try:
            return _fetch(url, source, path)
        except (OSError, HTTPException, ValueError) as error:
            log.info("%s: %s", url, one_line(error))
    _fetch(last, source, path)


def _fetch(url: str, source: Source, path: Path) -> None:
    md5, size, began = hashlib.md5(usedforsecurity=False), 0, time.monotonic()
    with _opened(url) as answer, path.open("wb") as file:
        while content := answer.read1(_CHUNK):
            size += len(content)
            if size > source.largest:
                raise ValueError(f"{url} sends more than {source.largest} bytes")
            if time.monotonic() - began > TIMEOUT + size / SLOWEST:
                raise ValueError(f"{url} sends less than {SLOWEST} bytes per second")
            md5.update(content)
            file.write(content)
    if md5.hexdigest() != source.md5:
        raise ValueError(f"{url} sends a file of {size} bytes with another MD5 checksum than {source.md5}")


def _opened(url: str) -> HTTPResponse:
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "vae_exp"})
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
        return answer
    except HTTPError as error:
        error.close()  # it is also the response, with its socket
        raise


def gunzip(packed: Path, path: Path, size: int) -> None:
    """Decompress a `.gz` file of this many bytes to `path`; raise ValueError, without reading more, otherwise."""
    with gzip.open(packed) as source:
        content = read_exactly(source, size)
    path.write_bytes(content)


def read_exactly(source: IO[bytes] | gzip.GzipFile, size: int) -> bytes:
    """Return the rest of a file; raise ValueError, without reading more, unless it has this many bytes."""
    content = source.read(size)
    if len(content) != size or source.read(1):
        raise ValueError(f"it must hold {size} bytes, got {f'{len(content)}' if len(content) < size else 'more'}")
    return content
