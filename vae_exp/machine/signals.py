"""Convert signals to exceptions, so that a run can record its end."""

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
    """Raise Interrupted on SIGTERM and HungUp on SIGHUP inside the context, unless SIGHUP is ignored (nohup).

    In other threads than the main one, Python can't handle signals and nothing changes.

    Windows ends a process without a signal: there the next command finds out that the process has ended.
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
    hangup: int | None = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


def is_interruptible() -> bool:
    """Return whether an `interruptible` context is active."""
    return signal.getsignal(signal.SIGTERM) is _raise


def _raise(number: int, frame: FrameType | None) -> None:
    kind = Interrupted if number == signal.SIGTERM else HungUp
    raise kind(f"signal {number}")
