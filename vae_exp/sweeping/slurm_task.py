"""`python -m vae_exp.sweeping.slurm_task SWEEP TASKS`: run the jobs of one task of an array.

The jobs are listed in JSON beside the script (`Tasks`), and each is read from the sweep's plan: nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from vae_exp.errors import Interrupted, complain
from vae_exp.machine.signals import EXIT_CODES
from vae_exp.printing import print_line
from vae_exp.storage import files
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.slurm_record import Place, Tasks

SIGNAL = f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"
"""The signal that Slurm sends `signal_delay_s` before the time limit."""


def main() -> None:
    """Run the task and exit with its code."""
    sweep, record = SweepFolder(Path(sys.argv[1])), Path(sys.argv[2])
    tasks, index = files.read_record(record, Tasks), int(os.environ["SLURM_ARRAY_TASK_ID"])
    try:
        with timely(record.with_name(f"timeouts_{index}"), tasks.max_num_timeout):
            code = run(sweep, tasks.tasks[index], tasks.until)
    except Interrupted as interrupted:  # between two jobs, or before the first
        complain("stopped while no job ran: Slurm says that the time is nearly up")
        code = EXIT_CODES[type(interrupted)]
    raise SystemExit(code)


def run(sweep: SweepFolder, places: Sequence[Place], until: int | None = None) -> int:
    """Run the unfinished jobs up to epoch `until`; return 0 when all have reached it, otherwise 1.

    A signal ends the whole task.
    """
    if not places:
        print_line("nothing to do: trials before this step are missing, or fewer continue than were expected")
        return 0
    from vae_exp.sweeping import job  # takes seconds, so after `timely` has set its handler

    states = set[str]()
    for name, at in places:
        if not _has_ended(sweep, sweep.job(name, at), until):
            states.add(state := job.run_planned(sweep.path, name, at, until))
            if state == "interrupted":
                complain(f"{name} was interrupted; resume the sweep to run the rest of this task")
                break
    return int(not states <= {"finished", "paused"})


def _has_ended(sweep: SweepFolder, job: Job, until: int | None) -> bool:
    """Return whether a job is finished, or paused at this epoch: the task may have been requeued."""
    status = sweep.folder(job).read_status()
    has_paused = status is not None and status.state == "paused" and status.until == until
    return has_paused or not sweep.needs_run(job)


@contextlib.contextmanager
def timely(counted: Path, allowed: int) -> Iterator[None]:
    """Raise Interrupted when Slurm signals that the time limit is near.

    Before that, requeue the task, at most `allowed` times. The size of the file `counted` is the number of times so
    far: Slurm's own count includes requeues for other reasons.
    """

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Slurm also sends SIGTERM to a requeued task
        times = counted.stat().st_size if counted.exists() else 0
        if times < allowed and slurm.put_back(
            f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        ):
            files.append_line(counted, "")
        raise Interrupted(SIGNAL)

    before = signal.signal(getattr(signal, SIGNAL), end)
    try:
        yield
    finally:
        signal.signal(getattr(signal, SIGNAL), before)


if __name__ == "__main__":
    main()
