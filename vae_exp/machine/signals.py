"""Signals become exceptions, so that a run can say how it ended."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from vae_exp.errors import Interrupted

EXIT_CODES = {KeyboardInterrupt: 130, Interrupted: 143}


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted on SIGTERM while this lasts. In a thread, where Python can't, nothing changes.

    Windows ends a process without asking: there the next command finds out that the process is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def is_interruptible() -> bool:
    """Say whether `interruptible` lasts already."""
    return signal.getsignal(signal.SIGTERM) is _raise


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(f"signal {number}")
