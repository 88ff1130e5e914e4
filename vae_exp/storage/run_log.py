"""`run.log`: the log of a run, with the traceback of a failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def appended(file: Path) -> Iterator[None]:
    """Append the package's log messages to this file."""
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
    """A log file that ignores its own write errors. On a full disk, the run reports the file that it could not save."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line instead of printing a traceback."""

    def close(self) -> None:
        """Close the file, even if its last lines could not be written."""
        with contextlib.suppress(OSError):
            super().close()
