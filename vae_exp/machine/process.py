"""Which process a file was written by, and whether it still lives."""

from __future__ import annotations

import contextlib
import os
import socket

import msgspec
import psutil

SAME_START = 2.0
"""Seconds within which two starting times are the same."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process, as a file names it. Numbers are used again; a number and a starting time together are not."""

    host: str
    pid: int
    process_started: float | None
    """Seconds since 1970; None where the system did not say."""


def this_process() -> Process:
    """Return the process that calls."""
    return Process(host=socket.gethostname(), pid=os.getpid(), process_started=_started(os.getpid()))


def is_here(process: Process) -> bool:
    """Say whether a process is, or was, of this host."""
    return process.host == socket.gethostname()


def is_alive(process: Process) -> bool:
    """Say whether a process of this host still lives."""
    now, then = _started(process.pid), process.process_started
    # The system counts from its boot, whose time of day moves when the clock is set right.
    return now is not None and then is not None and abs(now - then) < SAME_START


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


def _started(pid: int) -> float | None:
    """Return when a process started, in seconds since 1970; None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None
