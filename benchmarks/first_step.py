"""`python -m vae_exp.train` with a clock: `first_step RESULT OVERRIDE…`, and `first_step RESULT -m OVERRIDE…` to sweep.

A run by itself is stopped after its first step, as by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import sys
import time

import psutil

from benchmarks.worker import answer
from vae_exp import train
from vae_exp.observers import NoProgress
from vae_exp.sweeping import job


class Clock(NoProgress):
    """Notes when the first step of a job ended, and when the job before it had drawn its last picture."""

    firsts: list[float] = []  # noqa: RUF012 - every job's clock writes into the same lists
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
    answer(result, {"first": Clock.firsts[0] - began, "further": further})


if __name__ == "__main__":
    main()
