"""Which process a file was written by, and whether it still lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time

import msgspec
import psutil

SAME_START = 2.0
"""Seconds within which two starting times are the same."""


PAUSE, GRACE = 2.0, 15.0
"""Seconds between two looks at the parent process, and between two signals once it is gone."""
WATCH = "parent watch"


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
    """Return whether a process is, or was, of this host."""
    return process.host == socket.gethostname()


def is_alive(process: Process) -> bool:
    """Return whether a process of this host still lives."""
    now, then = _started(process.pid), process.process_started
    # The system counts from its boot, whose time of day moves when the clock is set right.
    return now is not None and then is not None and abs(now - then) < SAME_START


def end_with_parent() -> None:
    """Let this worker end when the process that started it is gone: nobody would ever give it another job.

    The first SIGTERM lets a job say how it ended, the next one ends a worker that waits for a job.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PAUSE)
        while True:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(GRACE)

    if not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=watch, name=WATCH, daemon=True).start()


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
