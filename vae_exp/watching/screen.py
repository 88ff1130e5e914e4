"""The output of `status`: counts, running jobs, the best so far, the expected end, and the next command."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vae_exp.errors import printable
from vae_exp.progress_text import roughly
from vae_exp.terminal import shown
from vae_exp.watching.overview import Overview
from vae_exp.watching.progress import Progress

MOST_ROWS = 20
"""Number of listed jobs of each kind; the others are counted."""


Part = str | Table


def draw(overviews: list[Overview]) -> list[Part]:
    """Return the lines and tables for one run or sweep, or one line for each of several."""
    return list(_parts(overviews[0])) if len(overviews) == 1 else [_table(overviews), _running_in_all(overviews)]


def folded(parts: list[Part]) -> Group:
    """Return them for a screen that is redrawn, long lines folded."""
    return Group(*(Text(printable(part), overflow="fold") if isinstance(part, str) else part for part in parts))


def _parts(overview: Overview) -> Iterator[Part]:
    yield f"{shown(overview.path)}  {_counts(overview)}"
    if overview.trials:
        yield str(overview.trials)
    if overview.queue:
        yield overview.queue
    if running := [job for job in overview.jobs if job.is_running]:
        yield ""
        yield _running(running)
    elif overview.command is not None:
        yield f"no job runs at this moment: process {overview.command} starts the next ones or writes the report"
    failed = [job for job in overview.jobs if job.state == "failed"]
    for job in failed[:MOST_ROWS]:
        yield f"failed: {job.label}: {job.error or 'no reason was saved'}; see {shown(job.folder.log_file)}"
    if len(failed) > MOST_ROWS:
        yield f"and {len(failed) - MOST_ROWS} more failed"
    early = [job for job in overview.jobs if job.state == "planned" and job.error]
    yield from (f"planned: {job.label}: {job.error}" for job in early[:MOST_ROWS])
    if len(early) > MOST_ROWS:
        yield f"and {len(early) - MOST_ROWS} more that ended before they started"
    yield ""
    yield from _conclusions(overview)


def _conclusions(overview: Overview) -> Iterator[str]:
    """Yield the best so far, the expected end, and, when nothing runs, the command that resumes."""
    best = overview.best
    if best is not None:
        yield f"lowest validation loss so far: {best.best_loss:.2f} nats, {best.label}, epoch {best.best_epoch}"
    if (left := overview.seconds_left) is not None:
        end = time.strftime("%Y-%m-%d %H:%M", time.localtime(overview.read_at + left))
        yield f"expected end{' of this rung' if overview.trials else ''}: {end}, in {roughly(left)}"
    if overview.is_over and not overview.is_finished:
        yield f"nothing runs; resume with: python -m vae_exp.resume {shown(overview.path)}"


def _counts(overview: Overview) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in overview.counts.items())
    total = len(overview.jobs)
    return counts.partition(" ")[2] if not overview.is_sweep else f"{total} job{'s' * (total != 1)}: {counts}"


def _running(jobs: list[Progress]) -> Table:
    table = _plain_table("running", "epoch", "val loss", "left", "host")
    for job in jobs[:MOST_ROWS]:
        left = "–" if job.seconds_left is None else roughly(job.seconds_left)
        place = printable(job.host or "–") if job.is_here else f"{printable(job.host or '–')}, last epoch {_ago(job)}"
        loss = "–" if job.val_loss is None else f"{job.val_loss:.2f}"
        _add(table, job.label, f"{job.epoch}/{job.epochs}", loss, left, place)
    if len(jobs) > MOST_ROWS:
        _add(table, f"and {len(jobs) - MOST_ROWS} more")
    return table


def _ago(job: Progress) -> str:
    """Return the age of the last epoch of a run on another host, where its process can't be checked."""
    return "none yet" if job.updated is None else f"{roughly(max(0.0, time.time() - job.updated))} ago"


def _table(overviews: list[Overview]) -> Table:
    table = _plain_table("folder", "jobs", "best val loss", "left")
    for overview in overviews:
        best = overview.best
        loss = "–" if best is None else f"{best.best_loss:.2f}"
        left = "–" if overview.seconds_left is None else roughly(overview.seconds_left)
        _add(table, shown(overview.path), _counts(overview), loss, left)
    return table


def _running_in_all(overviews: list[Overview]) -> str:
    running = sum(job.is_running for overview in overviews for job in overview.jobs)
    return f"{len(overviews)} runs and sweeps; {running} job{'s' * (running != 1)} running"


def _plain_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number in (0, len(columns) - 1) else "right", overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))
