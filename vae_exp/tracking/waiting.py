"""Every wait for a server ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST_SILENCE = 30.0
"""Seconds without an answer after which waiting ends."""


class Abandoned(SystemExit):
    """Ends the thread of a call that is no longer waited for."""


def patiently(call: Callable[[Callable[[], None]], T], silence: float = LONGEST_SILENCE) -> T:
    """Return what a call returns, or raise what it raises; raise TimeoutError when it is silent for too long.

    It runs in a thread of its own, and calls its argument after each answer. A server that sends a byte now and then
    would keep any timeout of a socket from ending.
    """
    answered, abandoned = [time.monotonic()], threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def note() -> None:
        answered.append(time.monotonic())
        if abandoned.is_set():
            raise Abandoned

    def work() -> None:
        try:
            results.append(call(note))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="tracking", daemon=True)
    thread.start()
    while thread.is_alive() and time.monotonic() - answered[-1] < silence:
        thread.join(0.05)
    if thread.is_alive():
        abandoned.set()
        raise TimeoutError(f"no answer within {silence:g} s")
    if errors:
        raise errors[0]
    return results[0]
