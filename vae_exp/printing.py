"""The one door to standard output and standard error: what goes through it is text, and never stops what prints it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from typing import Any, TextIO


def printable(text: str) -> str:
    """Return a text in one line; what a terminal would not print but obey is shown as its escape."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class Door(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`, whatever it is now. A character that its encoding lacks becomes a `?`.

    When nobody reads any more (`| head -1`, a closed terminal, a full disk behind `>`), the rest is left out.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        """Print a text."""
        with self._surviving() as stream:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = stream.encoding or "ascii"
                stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Hand over what was printed."""
        with self._surviving() as stream:
            stream.flush()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        stream = getattr(sys, self.name)
        return stream is not None and not stream.closed and stream.isatty()

    def fileno(self) -> int:
        """Return the system's number of it."""
        return int(getattr(sys, self.name).fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Its encoding, which says whether a frame can be drawn."""
        return getattr(getattr(sys, self.name), "encoding", None) or "ascii"

    @contextlib.contextmanager
    def _surviving(self) -> Any:
        stream: TextIO | None = getattr(sys, self.name)
        if stream is None or stream.closed:  # pythonw has none
            stream = io.StringIO()
        try:
            yield stream
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):  # what is left in the buffer would fail at the exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


OUT, ERR = Door("stdout"), Door("stderr")


def print_line(text: str, door: Door = OUT) -> None:
    """Print a text as one line, whatever is in it."""
    door.write(printable(text) + "\n")
    door.flush()


class _LastResort(logging.Handler):
    """Prints what the package warns of where nobody has set up logging, and no run keeps it in its `run.log`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning as one line."""
        if len(package.handlers) == 1 and not logging.getLogger().handlers:
            print_line(record.getMessage(), ERR)


package = logging.getLogger("vae_exp")
package.addHandler(_LastResort(logging.WARNING))
