"""`python -m benchmarks.search`: how close a search comes to the true best of a space, and for how many epochs.

Trains all configurations of a space of small models on digits to the last epoch, then searches the space with five
seeds. For comparison, with the same number of epochs: random search that trains each trial to the last epoch, and
Optuna's TPE with its successive-halving pruner. These two need no training: their losses are read from the table of all
configurations, since a configuration always gives the same run.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import vae_exp
from benchmarks import baselines, machine
from benchmarks.baselines import Course, Losses
from benchmarks.tables import Row, below, show
from vae_exp.figures.colours import configurations
from vae_exp.searching import charts
from vae_exp.searching.from_python import record_of
from vae_exp.searching.loaded_search import LoadedSearch
from vae_exp.searching.options import Options
from vae_exp.searching.search import open_search
from vae_exp.storage import metrics
from vae_exp.storage.records import Final
from vae_exp.storage.sweep_folder import Job, SweepFolder

FIGURE = Path(__file__).parent / "figures" / "search.png"
SPACE = {
    "model.latent_dim": [2, 4, 8, 16],
    "model.hidden": [[16], [64], [64, 32], [128]],
    "optimizer.lr": [3e-4, 1e-3, 3e-3, 1e-2],
}
NATS, SHARE, PROPOSING = 1.0, 0.2, 0.1
"""Targets: nats above the true best and share of all epochs (medians), CPU seconds per proposal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40, help="epochs of a run")
    parser.add_argument("--trials", type=int, default=48, help="trials of a search, out of 64 configurations")
    parser.add_argument("--seeds", type=int, default=5, help="searches, each with its own seed")
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as scratch:
        _compare(Path(scratch), options.epochs, options.trials, range(options.seeds))


def config(epochs: int) -> vae_exp.Config:
    """Return what all configurations share."""
    return vae_exp.Config(
        model=vae_exp.MlpConfig(),
        data=vae_exp.DigitsConfig(),
        trainer=vae_exp.TrainerConfig(epochs=epochs, batch_size=50, patience=None, device="cpu", threads=1),
        evaluation=vae_exp.EvaluationConfig(final=False),
        figures=vae_exp.FiguresConfig(which=[]),
    )


def _compare(scratch: Path, epochs: int, trials: int, seeds: Sequence[int]) -> None:
    """Print the table and draw the course of each search."""
    began = time.perf_counter()
    full = vae_exp.search(
        config(epochs), SPACE, scratch / "all", trials=64, factor=None, sampler="random", progress=False
    )
    losses = _losses(full)
    best, whole = min(loss[-1] for loss in losses.values()), full.findings.spent
    print(f"{len(losses)} configurations, {whole} epochs, {time.perf_counter() - began:.0f} s; best {best:.2f} nats\n")
    searches = [_search(scratch, epochs, trials, seed) for seed in seeds]
    budget = round(statistics.median(course.spent for course in searches))
    space = full.findings.search.record.space
    others = {
        "random search": [baselines.random_search(losses, budget, seed) for seed in seeds],
        "Optuna's TPE and pruner": [baselines.tpe_with_pruner(space, losses, budget, seed) for seed in seeds],
    }
    rows = [
        below("search: CPU seconds of a proposal, mean of 200", _proposing(scratch, 200), PROPOSING, "s"),
        below("search: epochs of those of training all, median", budget / whole, SHARE, ""),
        _row("search", searches, best, NATS),
        *(_row(name, courses, best, None) for name, courses in others.items()),
    ]
    show(rows)
    _draw({"search": searches, **others}, best, whole)


def _losses(full: LoadedSearch) -> Losses:
    """Return the lowest validation loss of each configuration up to each epoch."""
    search = full.findings.search
    return {
        baselines.key(trial.point): list(
            itertools.accumulate((record["val/loss"] for record in search.sweep.folder(trial.jobs[0]).records()), min)
        )
        for trial in search.trials
    }


def _row(name: str, courses: Sequence[Course], best: float, limit: float | None) -> Row:
    """Return the row of one kind of search: how far above the true best it ended."""
    above = [course.value - best for course in courses]
    what = f"{name}: nats above the true best, median"
    detail = f" ({', '.join(f'{value:.2f}' for value in sorted(above))})"
    middle = statistics.median(above)
    if limit is None:
        return Row(what, f"{middle:.2f} nats{detail}")
    return below(what, middle, limit, "nats", detail)


def _draw(kinds: Mapping[str, Sequence[Course]], best: float, whole: int) -> None:
    """Draw nats above the true best against the share of all epochs, one line per seed."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.2, 3.2), layout="constrained")
    shades = configurations(len(kinds), is_ordered=False)
    for shade, (name, courses) in zip(shades, kinds.items(), strict=True):
        for seed, course in enumerate(courses):
            x = [100 * spent / whole for spent, _ in course.points] + [100 * course.spent / whole]
            y = [value - best for _, value in course.points] + [course.points[-1][1] - best]
            label = name if seed == 0 else None
            axes.step(x, y, where="post", color=shade.light, alpha=0.7, linewidth=1.2, label=label)
    axes.set(
        xlabel="epochs spent, % of training all", ylabel="nats above the true best", yscale="symlog", ylim=(0, None)
    )
    axes.set_title("Lowest validation loss seen so far, five seeds", fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
    pyplot.close(figure)


def _proposing(scratch: Path, trials: int) -> float:
    """Return the CPU seconds of a proposal with its plan and folder; the trials get a made-up loss and no training."""
    sweep, spent = SweepFolder(scratch / "proposing"), 0.0
    space = {"model.latent_dim": range(2, 257), "optimizer.lr": "tag(log,interval(1e-4,1e-1))"}
    record = record_of(config(1), space, Options(trials=trials, factor=None))

    def finish(jobs: Sequence[Job], until: int) -> None:
        nonlocal spent
        began = time.process_time()
        for job in jobs:
            folder = sweep.folder(job)
            folder.path.mkdir()
            loss = abs(job.config["model"]["latent_dim"] - 16) + abs(math.log10(job.config["optimizer"]["lr"]) + 2)
            values = {"epoch": 1, "timestamp": 0, "seconds": 0.0, "val/loss": loss, "val/objective": loss}
            metrics.append(folder.metrics_file, values)
            final = Final(1, 1, False, 0.0, {})
            folder.write_final(final)
            folder.write_status("finished")
        spent += time.process_time() - began

    began = time.process_time()
    with sweep.locked():
        open_search(sweep, record, []).run(finish)
    return (time.process_time() - began - spent) / trials


def _search(scratch: Path, epochs: int, trials: int, seed: int) -> Course:
    found = vae_exp.search(
        config(epochs), SPACE, scratch / f"seed {seed}", trials=trials, seed=seed, progress=False
    ).findings
    ((value,),) = {found.last.values[found.best.number]}
    return Course(found.spent, value, charts.course(found))


if __name__ == "__main__":
    main()
