"""Wait for a server, but not forever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST_SILENCE = 30.0
"""Seconds without an answer after which waiting ends."""


class Abandoned(SystemExit):
    """Ends the thread of a call that the caller no longer waits for."""


def call_with_timeout(call: Callable[[Callable[[], None]], T], silence: float = LONGEST_SILENCE) -> T:
    """Run `call` in a thread and return its result; raise TimeoutError when the server is silent for too long.

    `call` must call its argument after each answer. A socket's own timeout is not enough: a server that sends single
    bytes restarts it each time.
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
