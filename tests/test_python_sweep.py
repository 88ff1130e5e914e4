"""A sweep from Python has the same folder, plan and report as a sweep of the command."""

import dataclasses
import os
import signal
import time

import commands
import numpy as np
import pytest

import vae_exp
from vae_exp.config.identity import as_dict
from vae_exp.config.saved import with_values
from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.grid import requests

CONFIG = vae_exp.Config(
    model=vae_exp.MlpConfig(hidden=[8]),
    data=vae_exp.DigitsConfig(),
    trainer=vae_exp.TrainerConfig(epochs=1, device="cpu", threads=1),
    evaluation=vae_exp.EvaluationConfig(final=False),
    figures=vae_exp.FiguresConfig(which=[]),
    tracking=vae_exp.NoTrackingConfig(),
)
OVERRIDES = [
    "model=mlp", "model.hidden=[8]", "data=digits", "trainer.epochs=1", "trainer.device=cpu", "trainer.threads=1",
    "evaluation.final=false", "figures.which=[]", "tracking=none",
]  # fmt: skip
GRID = {"model.latent_dim": np.array([2, 3]), "seed": range(2)}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return vae_exp.sweep(CONFIG, GRID, tmp_path_factory.mktemp("python") / "sweep")


def written(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.*") if file.name != ".lock"}


def test_a_sweep_has_a_table_runs_a_best_run_and_a_report(sweep):
    assert sweep.table["model.latent_dim"].tolist() == [2, 3]
    assert sweep.table["states"].tolist() == ["2 finished", "2 finished"]
    assert [(run.config.model.latent_dim, run.config.seed) for run in sweep.runs] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    (row,) = sweep.table[sweep.table["best"]].to_dict("records")
    candidates = [run for run in sweep.runs if run.config.model.latent_dim == row["model.latent_dim"]]
    assert sweep.best == min(candidates, key=lambda run: run.metrics["val/loss"].min())
    assert sweep.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sweep.runs[0].model.sample(1).shape == (1, 1, 8, 8)


def test_a_sweep_is_shown_in_one_line_and_as_its_table(sweep):
    assert repr(sweep).startswith(f"LoadedSweep({sweep.folder}: 4 runs, 4 finished; best: latent_dim=")
    assert "<td>2</td>" in sweep._repr_html_()
    assert repr(vae_exp.load_sweep(sweep.folder)) == repr(sweep)


@pytest.mark.slow
def test_running_the_same_sweep_again_runs_nothing(sweep):
    before = written(sweep.runs[0].folder)
    again = vae_exp.sweep(CONFIG, {"model.latent_dim": (2.0, 3), "seed": [0, np.int64(1)]}, sweep.folder)
    assert [run.folder for run in again.runs] == [run.folder for run in sweep.runs]
    assert written(sweep.runs[0].folder) == before


@pytest.mark.process
def test_a_sweep_started_from_python_is_finished_by_the_command_to_the_same_bits(sweep, tmp_path):
    run = sweep.runs[0]
    before = run.metrics["val/loss"].tolist()
    folder = SweepFolder(sweep.folder).folder(SweepFolder(sweep.folder).jobs()[0])
    folder.write_status("interrupted")
    folder.remove_final()
    assert run.state == "interrupted"
    done = commands.run(tmp_path, "resume", sweep.folder)
    assert done.returncode == 0, done.stderr
    assert run.state == "finished"
    assert run.metrics["val/loss"].tolist() == before
    assert list(tmp_path.iterdir()) == []  # nothing went to MLflow


@pytest.mark.process
def test_a_sweep_started_by_the_command_is_finished_and_extended_from_python(tmp_path):
    place = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    done = commands.run(tmp_path, "train", "-m", place, *OVERRIDES, "model.latent_dim=2,3")
    assert done.returncode == 0, done.stderr
    started = vae_exp.load_sweep(tmp_path / "sweep").runs
    before = written(started[0].folder)
    sweep = vae_exp.sweep(CONFIG, {"model.latent_dim": [2, 3, 4]}, tmp_path / "sweep")
    assert [run.folder for run in sweep.runs[:2]] == [run.folder for run in started]
    assert written(started[0].folder) == before
    assert [run.state for run in sweep.runs] == ["finished"] * 3
    assert sweep.runs[2].folder.name.startswith("latent_dim=4_")


def test_swept_options_of_a_group_are_named_by_their_differing_keys():
    models = [vae_exp.MlpConfig(hidden=[8]), vae_exp.MlpConfig(hidden=[9]), vae_exp.ConvConfig()]
    every, swept = requests(CONFIG, {"model": models, "seed": [1]})
    assert [request.overrides for request in every] == [
        ["model=mlp", "model.hidden=[8]", "seed=1"],
        ["model=mlp", "model.hidden=[9]", "seed=1"],
        ["model=conv", "seed=1"],
    ]
    assert swept == ["model", "model.hidden"]
    assert [request.compose().model for request in every] == models


def test_numpy_values_and_tuples_are_named_as_the_command_names_them():
    grid = {"model.hidden": [(8, 9)], "model.latent_dim": np.array([2]), "optimizer.lr": [1e-3]}
    (request,), _ = requests(CONFIG, grid)
    assert request.overrides == ["model.hidden=[8,9]", "model.latent_dim=2", "optimizer.lr=0.001"]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"model.latent_dim": [2, 0]}, r"^job 2 of 2 \(model\.latent_dim=0\): .*model\.latent_dim must be at least 1"),
        ({"model.latent_dim": [2, "4"]}, r"model\.latent_dim must be an integer of at most 64 bits, got '4'"),
        ({"model.latent_dims": [2]}, r"model\.latent_dims is not a key"),
        ({"colour": ["red"]}, r"colour is not a key"),
        ({"seed.x": [1]}, r"seed\.x is not a key"),
        ({"model": ["mlp"]}, r"model must be "),
        ({"seed": 3}, r"^seed must have a list of values, got 3"),
        ({"seed": "123"}, r"^seed must have a list of values, got '123'"),
        ({"seed": []}, r"^seed must have at least one value, got none"),
        ({"seed": [1, 1]}, r"two jobs of this sweep are the same experiment"),
        ({"trainer.batch_size": [10**6]}, r"trainer\.batch_size must be at most"),
    ],
)
def test_an_invalid_sweep_from_python_is_refused_before_anything_is_created(tmp_path, grid, message):
    with pytest.raises(UserError, match=message) as error:
        vae_exp.sweep(CONFIG, grid, tmp_path / "sweep")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jobs", [0, -1, True, "2"])
def test_the_number_of_jobs_at_once_is_checked(tmp_path, jobs):
    with pytest.raises(UserError, match=r"^jobs must be "):
        vae_exp.sweep(CONFIG, {}, tmp_path / "sweep", jobs=jobs)


def test_a_failing_job_stops_no_other_and_is_in_the_table(tmp_path):
    config = dataclasses.replace(CONFIG, optimizer=vae_exp.SgdConfig(lr=1e-3))
    sweep = vae_exp.sweep(config, {"optimizer.lr": [1e30, 1e-3]}, tmp_path / "sweep")
    assert [run.state for run in sweep.runs] == ["failed", "finished"]
    assert sweep.table["states"].tolist() == ["failed", "finished"]


def test_a_folder_that_is_not_a_sweep_is_refused_by_name(sweep, tmp_path):
    with pytest.raises(UserError, match="is a run, not a sweep; read it with load_run"):
        vae_exp.load_sweep(sweep.runs[0].folder)
    with pytest.raises(UserError, match=r"is not a sweep: it has no sweep\.json"):
        vae_exp.load_sweep(tmp_path)


def test_a_sweep_without_a_finished_run_has_no_best_and_says_why(sweep, tmp_path):
    jobs = [dataclasses.replace(job, at=None) for job in SweepFolder(sweep.folder).jobs()]
    SweepFolder(tmp_path / "sweep").write_plan(jobs, ["python"])
    with pytest.raises(UserError, match="has no best run: no run is finished"):
        _ = vae_exp.load_sweep(tmp_path / "sweep").best


def test_a_value_is_set_at_its_dotted_key():
    changed = with_values(CONFIG, {"model.latent_dim": 8, "seed": 3})
    expected = as_dict(CONFIG)
    expected["model"]["latent_dim"], expected["seed"] = 8, 3
    assert as_dict(changed) == expected


ENDLESS = dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, epochs=99_999, patience=None))


def sweep_without_end(folder, jobs):
    vae_exp.sweep(ENDLESS, {"seed": range(3)}, folder, jobs=jobs, progress=False)


def search_without_end(folder, jobs):
    space = {"model.latent_dim": range(2, 5)}
    vae_exp.search(ENDLESS, space, folder, trials=3, jobs=jobs, progress=False, first_epochs=99_999)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM")
@pytest.mark.parametrize(("call", "jobs"), [(sweep_without_end, 2), (search_without_end, 1)])
def test_sigterm_ends_a_whole_sweep_or_search_from_python(call, jobs, tmp_path):
    sweep = SweepFolder(tmp_path / "sweep")
    process = commands.fork(call, sweep.path, jobs)
    try:
        started = wait_for_epochs(process, sweep, jobs)
        os.kill(process.pid, signal.SIGTERM)
        process.join(60)
        assert process.exitcode not in (0, None)
    finally:
        process.kill()
    states = [sweep.folder(job).state() for job in sweep.jobs()]
    assert sorted(states) == ["interrupted"] * started + ["planned"] * (3 - started)
    assert (sweep.path / "report.html").exists()


def wait_for_epochs(process, sweep, number):
    """Wait until at least `number` runs have an epoch; return how many have one."""
    deadline = time.monotonic() + 120
    while (started := sum(file.stat().st_size > 0 for file in sweep.path.glob("*/metrics.jsonl"))) < number:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return started
