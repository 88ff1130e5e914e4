"""Signals become exceptions, so that a run can say how it ended."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from vae_exp.errors import HungUp, Interrupted

EXIT_CODES = {HungUp: 129, KeyboardInterrupt: 130, Interrupted: 143}


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted on SIGTERM and HungUp on SIGHUP while this lasts, unless SIGHUP is ignored already (nohup).

    In a thread, where Python can't, nothing changes.

    Windows ends a process without asking: there the next command finds out that the process is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _numbers()}
    try:
        for number in before:
            signal.signal(number, _raise)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _numbers() -> list[int]:
    hangup: int | None = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


def is_interruptible() -> bool:
    """Return whether `interruptible` lasts already."""
    return signal.getsignal(signal.SIGTERM) is _raise


def _raise(number: int, frame: FrameType | None) -> None:
    kind = Interrupted if number == signal.SIGTERM else HungUp
    raise kind(f"signal {number}")
