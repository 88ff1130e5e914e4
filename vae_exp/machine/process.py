"""Which process a file was written by, and whether it still lives."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

import psutil

SAME_START = 2.0
"""Seconds within which two starting times are the same."""


def this_process() -> dict[str, Any]:
    """Return host, process number and the time when it started: numbers are used again, both together are not."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "process_started": _started(os.getpid())}


def is_here(written: dict[str, Any]) -> bool:
    """Say whether what `this_process` once returned was of this host."""
    return written.get("host") == socket.gethostname()


def is_alive(written: dict[str, Any]) -> bool:
    """Say whether a process of this host still lives."""
    now, then = _started(written.get("pid")), written.get("process_started")
    # The system counts from its boot, whose time of day moves when the clock is set right.
    return now is not None and isinstance(then, int | float) and abs(now - then) < SAME_START


def stop_children() -> None:
    """End every process that this one started, and theirs.

    Python's resource tracker goes on until this process is gone, to clean up behind those that could not.
    """
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if not any("resource_tracker" in argument for argument in child.cmdline()):
                child.kill()


def wait_for_children(argument: str) -> None:
    """Wait until none of the processes that this one started with this argument lives."""
    waiting = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if argument in child.cmdline():
                waiting.append(child)
    psutil.wait_procs(waiting)


def _started(pid: object) -> float | None:
    """Return when a process started, in seconds since 1970; None when there is none."""
    try:
        return psutil.Process(pid).create_time() if isinstance(pid, int) else None
    except (psutil.Error, ValueError, OverflowError):
        return None
