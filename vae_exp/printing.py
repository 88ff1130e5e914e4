"""The only way to standard output and standard error. Control characters are escaped; a failed write raises nothing."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from typing import Any, TextIO


def printable(text: str) -> str:
    """Return a text in one line, its control characters escaped."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class Door(io.TextIOBase):
    """The current `sys.stdout` or `sys.stderr`. A character that its encoding lacks becomes a `?`.

    When the output is closed (`| head -1`, a closed terminal) or its disk is full, the rest is dropped.
    """

    def __init__(self, name: str, is_below: bool = False) -> None:
        """`name` is the stream's in `sys`; with `is_below`, bypass the stream that rich puts there to draw a bar."""
        self.name, self.is_below = name, is_below

    @property
    def rich_proxied_file(self) -> Door:
        """The stream on which rich draws a bar; other lines go through rich's own stream, to appear above the bar."""
        return Door(self.name, is_below=True)

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
        """Flush the stream."""
        with self._surviving() as stream:
            stream.flush()

    def close(self) -> None:
        """Leave the stream open, which is not the door's: Python would close and flush it at its end."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        stream = getattr(sys, self.name)
        return stream is not None and not stream.closed and stream.isatty()

    def fileno(self) -> int:
        """Return the stream's file descriptor."""
        return int(getattr(sys, self.name).fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding. rich reads it to decide which characters a frame has."""
        stream = getattr(sys, self.name)
        stream = getattr(
            stream, "rich_proxied_file", stream
        )  # rich's own stream, there while a bar is drawn, has no encoding
        return getattr(stream, "encoding", None) or "ascii"

    @contextlib.contextmanager
    def _surviving(self) -> Any:
        stream: TextIO | None = getattr(sys, self.name)
        if self.is_below:
            stream = getattr(stream, "rich_proxied_file", stream)
        if stream is None or stream.closed:  # pythonw has none
            stream = io.StringIO()
        try:
            yield stream
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):  # so that the rest of the buffer does not fail at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


OUT, ERR = Door("stdout"), Door("stderr")


def print_line(text: str, door: Door = OUT) -> None:
    """Print a text as one line, control characters escaped."""
    door.write(printable(text) + "\n")
    door.flush()


PRINTED = {"is_printed": True}
"""The `extra` of a logged message that the caller prints as well."""


class _LastResort(logging.Handler):
    """Prints the package's warnings when neither logging nor a run's `run.log` is set up."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning as one line."""
        is_alone = len(package.handlers) == 1 and not logging.getLogger().handlers
        if is_alone and not hasattr(record, "is_printed"):
            print_line(record.getMessage(), ERR)


package = logging.getLogger("vae_exp")
package.addHandler(_LastResort(logging.WARNING))
