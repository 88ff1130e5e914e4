"""Show a sweep as one run of a second experiment: report, table, best run and the states of all jobs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.errors import one_line
from vae_exp.storage.records import State
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.copies import TOKEN, begin, find, own_run
from vae_exp.tracking.messages import later, probe, reason, say
from vae_exp.tracking.receipts import Receipt
from vae_exp.tracking.run_colours import colour_runs
from vae_exp.tracking.store import Store, be_quick, configured_store, import_client, open_experiment
from vae_exp.tracking.sweep_view import keep_view
from vae_exp.tracking.waiting import call_with_timeout

LONGEST_NOTE = 7500
"""Characters of a description; MLflow accepts 8000 in a tag."""
FILES = ("report.html", "comparison.csv", "sweep.json", "jobs.jsonl", "search.json")

Jobs = Sequence[tuple[str, RunFolder]]
"""Label and folder of each planned job."""


@dataclass(frozen=True)
class Outcome:
    """What a sweep ended with."""

    answer: tuple[str, str]
    """The sentence about the best configuration, and its context."""
    table: Sequence[Sequence[str]]
    """Rows of plain text, the header first."""
    best: RunFolder | None
    """The run with the lowest validation loss."""
    swept: Sequence[str] = ()
    """The dotted keys that all runs have and in which some differ."""
    measure: str = "test/loss"
    """What they are laid against in the charts."""
    is_over: bool | None = None
    """Whether a search is over, which the states of its jobs don't show."""


def show_sweep(config: TrackingConfig, sweep: Path, jobs: Jobs, outcome: Outcome) -> None:
    """Show a sweep that has ended, finished or not, as one run of the experiment `<tracking.experiment> sweeps`.

    Calling it again updates the same run. The experiment of its jobs gets a view of their charts.

    Failures to send are printed; only an invalid MLFLOW_TRACKING_URI raises UserError.
    """
    if not isinstance(config, MlflowConfig):
        return
    store = configured_store()
    receipt = begin(sweep, store, f"{config.experiment} sweeps", sweep.name, None)
    be_quick()
    try:
        probe(store)
        import_client()  # takes seconds, which don't count as the server's silence
        call_with_timeout(lambda answered: _send(store, sweep, receipt, jobs, outcome, answered))
        receipts.write(sweep, store.shown, receipt)
    except Exception as error:  # whatever a server answers: the folder has everything, and can be sent again
        say(f"{store.shown} does not show the sweep: {reason(error)}; {later(sweep)}")


def _send(
    store: Store, sweep: Path, receipt: Receipt, jobs: Jobs, outcome: Outcome, answered: Callable[[], None]
) -> None:
    client, receipt.experiment_id = open_experiment(store, receipt.experiment)
    answered()
    states = Counter(folder.state() for _, folder in jobs)
    tags = {
        "mlflow.note.content": _note(store, jobs, outcome),
        "sweep": sweep.name,
        "folder": str(sweep.absolute()),
        "jobs": ", ".join(f"{number} {state}" for state, number in sorted(states.items())),
        "mlflow.source.name": "vae_exp",
        "mlflow.source.type": "LOCAL",
    }
    run = own_run(client, receipt, sweep, find(client, receipt))
    answered()
    if run is None:
        run = client.create_run(str(receipt.experiment_id), receipt.started, {TOKEN: receipt.token}, receipt.label)
    receipt.run_id = run.info.run_id
    folders = [folder for _, folder in jobs]
    receipt.view = keep_view(client, store, receipt, folders, outcome.swept, outcome.measure)
    answered()
    colour_runs(client, store, folders, answered)
    for key, value in tags.items():
        client.set_tag(receipt.run_id, key, value, synchronous=True)
    for name in FILES:
        if (sweep / name).is_file() and not (sweep / name).is_symlink():
            client.log_artifact(receipt.run_id, str(sweep / name))
            answered()
    client.set_terminated(receipt.run_id, "FINISHED" if outcome.is_over else _status(states))


def _status(states: Counter[State]) -> str:
    """Return FINISHED when all jobs are finished, FAILED when one failed, otherwise KILLED."""
    if states["failed"]:
        return "FAILED"
    return "FINISHED" if states.keys() <= {"finished"} else "KILLED"


def _note(store: Store, jobs: Jobs, outcome: Outcome) -> str:
    """Return the description in Markdown: the answer, the best run, the table, and every job with its state."""
    best, linked = outcome.best, [(_link(store, label, folder), folder) for label, folder in jobs]
    lines = [f"**{escape(outcome.answer[0])}**\n", f"{escape(outcome.answer[1])}\n"]
    lines += [f"Lowest validation loss: {link}\n" for link, folder in linked if best and folder.path == best.path]
    if outcome.table:
        header, *rows = ([escape(cell) for cell in row] for row in outcome.table)
        lines += [_row(header), _row(["---"] * len(header)), *map(_row, rows), ""]
    lines += ["**Jobs**\n", *(f"- {link}: {folder.state()}" for link, folder in linked)]
    return _cut(lines)


def _link(store: Store, label: str, folder: RunFolder) -> str:
    """Return a job's label as a link to its run if it has one, relative to MLflow's address."""
    receipt = receipts.read(folder.path).get(store.shown)
    run = rf"#/experiments/{receipt.experiment_id}/runs/{receipt.run_id}" if receipt and receipt.run_id else None
    safe = run is not None and re.fullmatch(r"#/experiments/\w+/runs/\w+", run)
    return f"[{escape(label)}]({run})" if safe else escape(label)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cut(lines: list[str]) -> str:
    """Join as many lines as fit into a tag."""
    length, kept = 0, list[str]()
    for line in lines:
        length += len(line) + 1
        if length > LONGEST_NOTE:
            kept += ["", f"… {len(lines) - len(kept)} more lines: see report.html"]
            break
        kept.append(line)
    return "\n".join(kept)


def escape(text: str) -> str:
    """Escape a text for a cell of a Markdown table: no markup, no HTML, one line."""
    escaped = one_line(text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        escaped = escaped.replace(character, entity)
    return re.sub(r"([\\`*_{}\[\]()+!~])", r"\\\1", escaped)
