"""Identify the process that wrote a file, and find out whether it is alive."""

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
"""Tolerance of the starting time of a process, in seconds."""


PAUSE, GRACE = 2.0, 15.0
"""Seconds between two checks of the parent process, and between two signals once it has ended."""
WATCH = "parent watch"


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process as saved in a file. Process ids are reused, but not together with a starting time."""

    host: str
    pid: int
    process_started: float | None
    """Seconds since 1970; None if it is not known."""


def this_process() -> Process:
    """Return the calling process."""
    return Process(host=socket.gethostname(), pid=os.getpid(), process_started=_started(os.getpid()))


def is_here(process: Process) -> bool:
    """Return whether a process ran or runs on this host."""
    return process.host == socket.gethostname()


def is_alive(process: Process) -> bool:
    """Return whether a process of this host is alive."""
    now, then = _started(process.pid), process.process_started
    # The system counts from its boot, whose wall-clock time changes when the clock is set.
    return now is not None and then is not None and abs(now - then) < SAME_START


def end_with_parent() -> None:
    """End this worker when the process that started it has ended, since it would never get another job.

    The first SIGTERM lets a job record its end; the next one ends a worker that waits for a job.
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
    """Terminate all descendants of this process.

    Python's resource tracker keeps running until this process ends, to clean up after killed ones.
    """
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if not any("resource_tracker" in argument for argument in child.cmdline()):
                child.kill()


def wait_for_children(argument: str) -> None:
    """Wait until all child processes with this argument have ended."""
    waiting = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if argument in child.cmdline():
                waiting.append(child)
    psutil.wait_procs(waiting)


def _started(pid: int) -> float | None:
    """Return the starting time of a process, in seconds since 1970, or None."""
    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None
