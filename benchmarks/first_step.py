"""Time `python -m vae_exp.train`: `first_step RESULT OVERRIDE…`, and `first_step RESULT -m OVERRIDE…` for a sweep.

A single run is stopped after its first step, as if by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import sys
import time

import psutil

from benchmarks.worker import write_result
from vae_exp import train
from vae_exp.observers import NoProgress
from vae_exp.sweeping import job


class Clock(NoProgress):
    """Records when the first step of each job ended, and when each job had drawn its last figure."""

    firsts: list[float] = []  # noqa: RUF012 - the clocks of all jobs write into the same lists
    ends: list[float] = []  # noqa: RUF012

    def __init__(self, *_: object) -> None:
        self.has_stepped = False

    def step(self) -> None:
        if not self.has_stepped:
            self.has_stepped = True
            self.firsts.append(time.time())
            if "-m" not in sys.argv:
                raise KeyboardInterrupt

    def stop(self) -> None:
        self.ends.append(time.time())


def main() -> None:
    result = sys.argv.pop(1)
    job.show_progress = Clock  # type: ignore[assignment, misc]
    began = psutil.Process().create_time()
    with contextlib.suppress(SystemExit):
        train.main()
    further = [first - end for first, end in zip(Clock.firsts[1:], Clock.ends, strict=False)]
    write_result(result, {"first": Clock.firsts[0] - began, "further": further})


if __name__ == "__main__":
    main()
