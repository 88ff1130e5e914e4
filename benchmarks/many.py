"""Measure one row of `benchmarks.scale`, in an empty folder: `many RESULT ROW JOBS`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from rich.console import Console

import vae_exp
from benchmarks.worker import write_result
from vae_exp import compose, experiment
from vae_exp.compare import compare
from vae_exp.comparison import read_runs
from vae_exp.config.saved import load_config
from vae_exp.storage import metrics
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import job
from vae_exp.sweeping.composing import Composer, combinations
from vae_exp.sweeping.conclusion import conclude
from vae_exp.sweeping.planning import Request, cached_check, plan

EMPTY = ["data=digits", "model=mlp", "trainer.epochs=0", "trainer.threads=1", "evaluation.final=false"]
EMPTY += ["figures.which=[]", "tracking=none"]
SWEEP = Path("sweep")


def grid(jobs: int, more: int = 0) -> list[str]:
    """Return the overrides of a sweep of `jobs` jobs: ten seeds, and `more`, for each learning rate."""
    rates = ",".join(f"{(number + 1) * 1e-5:.6g}" for number in range(max(1, jobs // 10)))
    return [f"optimizer.lr={rates}", f"seed=range({10 + more})", *EMPTY]


def planned(given: Sequence[str], known: Sequence[Job] = ()) -> list[Job]:
    """Plan a command as the sweeper does."""
    compose.register()
    with initialize_config_dir(str(compose.CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
    jobs, swept = combinations(OverridesParser.create(config_loader=loader), given)
    composer = Composer(loader, master)
    requests = [Request(each, composer.base_digest(each), partial(composer.compose, each)) for each in jobs]
    return plan(requests, swept, known, lambda: 1, cached_check())


def planning(jobs: int) -> dict[str, float]:
    planned(grid(10))  # so that lazy imports are not measured
    began = time.process_time()
    SweepFolder(SWEEP).write_plan(planned(grid(jobs)), [])
    return {"seconds": time.process_time() - began}


def overhead(jobs: int) -> dict[str, float]:
    sweep = SweepFolder(SWEEP)
    written = sweep.write_plan(planned(grid(jobs)), [])
    _run(written[1])
    return {"first": _run(written[0]), "last": _run(written[-1])}


def _run(each: Job) -> float:
    began = time.perf_counter()
    state = job.run_planned(SWEEP, each.name, each.at or 0)
    assert state == "finished", state
    return time.perf_counter() - began


def extending(jobs: int) -> dict[str, float]:
    sweep = SweepFolder(SWEEP)
    first = sweep.write_plan(planned(grid(jobs)), [])
    _fill(sweep, first, [])
    began = time.perf_counter()
    more = planned([*grid(10)[:1], "seed=range(10,20)", *EMPTY], sweep.jobs())
    waiting = [each for each in sweep.write_plan(more, []) if sweep.needs_run(each)]
    extended = time.perf_counter() - began
    assert len(waiting) == 10, len(waiting)
    began = time.perf_counter()
    assert len([each for each in sweep.jobs() if sweep.needs_run(each)]) == 10
    return {"extended": extended, "resumed": time.perf_counter() - began}


def concluding(jobs: int) -> dict[str, float]:
    sweep = SweepFolder(SWEEP)
    written = sweep.write_plan(planned(grid(jobs)), [])
    _fill(sweep, written, ["figures.which=[samples,reconstructions,tsne]", "trainer.epochs=20"])
    with Path("printed").open("w", encoding="utf-8") as file:
        seconds = [_timed(partial(conclude, sweep, written, [], "", Console(file=file))) for _ in range(2)]
        comparing = _timed(partial(compare, [SWEEP], Console(file=file)))
    loading = _timed(lambda: vae_exp.load_sweep(SWEEP).table)
    megabytes = (SWEEP / "report.html").stat().st_size / 1e6
    return {
        "first": seconds[0],
        "again": seconds[1],
        "comparing": comparing,
        "loading": loading,
        "megabytes": megabytes,
    }


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _fill(sweep: SweepFolder, jobs: Sequence[Job], options: Sequence[str]) -> None:
    """Give each job a copy of one run that was really trained: training a thousand would take too long."""
    config = load_config(jobs[0].config, "the plan")
    real = Path("real")
    experiment.run(compose.override(config, list(options), "options"), real)
    for each in jobs:
        shutil.copytree(real, sweep.folder(each).path, ignore=shutil.ignore_patterns("checkpoints", ".lock*"))
    assert len(read_runs([sweep.path])) == len(jobs)


def tracking(epochs: int) -> dict[str, float]:
    given = [*EMPTY, "tracking=mlflow", "model.hidden=[2]", "trainer.batch_size=1000", "trainer.patience=null"]
    config = load_config(planned([*given, f"trainer.epochs={epochs}"])[0].config, "the plan")
    assert job.run(config, Path("run"), "run") == 0
    times = [record["timestamp"] for record in metrics.read(RunFolder(Path("run")).metrics_file)]
    part = min(100, len(times) // 3)
    return {"first": times[part] - times[0], "last": times[-1] - times[-1 - part]}


def parallel(jobs: int) -> dict[str, float]:
    found: dict[str, float] = {"lost": 0}
    for name, workers in (("one", 1), ("two", 2)):
        length = ["trainer.epochs=60", "trainer.patience=null", "hydra/launcher=joblib"]
        command = [sys.executable, "-m", "vae_exp.train", "-m", f"seed=range({jobs})", *EMPTY, *length]
        options = [f"hydra.launcher.n_jobs={workers}", f"hydra.sweep.dir={name}"]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sweep = SweepFolder(Path(name))
        folders = [sweep.folder(each) for each in sweep.jobs()]
        began = min(folder.config_file.stat().st_mtime for folder in folders)
        found[name] = max(folder.status_file.stat().st_mtime for folder in folders) - began
        found["lost"] += sum(folder.state() != "finished" for folder in folders)
    return found


if __name__ == "__main__":
    rows = {row.__name__: row for row in (planning, overhead, extending, concluding, tracking, parallel)}
    write_result(sys.argv[1], rows[sys.argv[2]](int(sys.argv[3])))
