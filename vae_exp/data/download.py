"""Files that torchvision downloads, in torchvision's layout."""

from __future__ import annotations

import logging
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from vae_exp.errors import UserError, one_line
from vae_exp.storage import files

log = logging.getLogger(__name__)

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
TIMEOUT = 10.0
"""Seconds that a mirror may be silent."""


def fetch(name: str, root: Path) -> Path:
    """Return the folder of the four files of torchvision's data set `name`; download those that are missing.

    Nothing is made in `root` before everything has arrived, and each file appears whole: a download that breaks off
    leaves nothing behind, and processes that download at once do not disturb each other. Raises UserError.
    """
    raw = root / name / "raw"
    try:
        missing = [file for file in FILES if not (raw / file).is_file()]
        if missing:
            log.info("downloading %s to %s", name, raw)
            _download(name, raw, missing)
    except (OSError, RuntimeError, ImportError, HTTPException, EOFError, zlib.error) as error:
        # RuntimeError is torchvision's, also for a file whose checksum is wrong and when it doesn't fit its torch.
        reason = one_line(error) or type(error).__name__
        rule = "put its four idx files there, or take data=mnist_5k, which needs no download"
        raise UserError(f"{raw} must hold {name}, and it can't be downloaded ({reason}); {rule}") from None
    return raw


def _download(name: str, raw: Path, missing: list[str]) -> None:
    # Imported here alone: it takes a second, and fails where torch and torchvision were built apart.
    import torchvision.datasets

    with tempfile.TemporaryDirectory() as folder, _timeout(TIMEOUT):
        arrived = Path(getattr(torchvision.datasets, name)(folder, download=True).raw_folder)
        raw.mkdir(parents=True, exist_ok=True)
        for file in missing:
            files.write(raw / file, (arrived / file).read_bytes())


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Limit how long new sockets wait: torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
