"""`run.log`: what was said while a run ran, with the traceback of a failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def appended(file: Path) -> Iterator[None]:
    """Append what the package logs to this file."""
    handler = _LogFile(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("vae_exp")
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log that is silent where it can't be written: on a full disk, what is reported is what could not be saved."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the line out, instead of a traceback on the terminal."""

    def close(self) -> None:
        """Close the file, with or without the lines that it had no room for."""
        with contextlib.suppress(OSError):
            super().close()
