"""Searches as commands: killed, with one and two workers, refused, extended, and shown in MLflow."""

import random
import shlex
import signal
import subprocess
import sys

import pytest
from sweeps import kill_group, run, start, sweep_of, tracked

from vae_exp import resume
from vae_exp.errors import UserError
from vae_exp.searching import record
from vae_exp.searching.findings import Findings
from vae_exp.searching.search import Search
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

pytestmark = pytest.mark.process
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
TWO = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
SEARCH = ["-m", "hydra/sweeper=search", "hydra.sweeper.first_epochs=1", "hydra.sweeper.factor=2"]
SPACE = ["model.latent_dim=range(2,9)", "optimizer.lr=tag(log,interval(1e-4,1e-1))"]
SMALL = ["data=digits", "model=mlp", "model.hidden=[16]", "trainer.epochs=4", "trainer.batch_size=200"]
QUICK = [*SMALL, "evaluation.final=false", "figures.which=[]", "trainer.patience=null"]
EIGHT = [*SEARCH, *SPACE, *QUICK, "hydra.sweeper.trials=8", "hydra.sweeper.batch=4", "tracking=none"]


def decisions(sweep):
    """Return all decisions and results of a search: the points of its trials and the values in each rung."""
    search = Search(sweep, record.read(sweep.path), [])
    points = {trial.number: trial.point for trial in search.trials}
    return points, [(rung.epoch, rung.values) for rung in search.rungs()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """An uninterrupted search, and what it printed."""
    cwd = tmp_path_factory.mktemp("uninterrupted")
    done = run(cwd, "train", *EIGHT)
    assert done.returncode == 0, done.stderr
    return sweep_of(cwd), done.stdout


def test_a_search_ends_by_printing_its_table_cost_and_best_command(uninterrupted):
    sweep, message = uninterrupted
    assert "8 trials: 6 paused, 2 finished." in message
    assert "Trained 8 to epoch 1, 4 to epoch 2, 2 to epoch 4: 16 epochs, 50 % of the 32 of training all." in message
    (command,) = (line for line in message.splitlines() if line.startswith("  python -m vae_exp.train"))
    assert "trainer.threads=1" in command
    page = (sweep.path / "report.html").read_text(encoding="utf-8")
    for name in ("search_course", "search_key_0", "search_key_1"):
        assert f'<figure class="plot" id="{name}">' in page


def test_the_printed_command_trains_the_best_trials_weights_byte_for_byte(uninterrupted, tmp_path):
    sweep, message = uninterrupted
    (command,) = (line for line in message.splitlines() if line.startswith("  python -m vae_exp.train"))
    python, *arguments = shlex.split(command)
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    (fresh,) = (tmp_path / "outputs").iterdir()
    best = Findings(Search(sweep, record.read(sweep.path), [])).best
    found = sweep.folder(best.jobs[0]).path
    assert python == "python"
    for which in ("best", "last"):
        (one, epoch), (other, same_epoch) = (RunFolder(path).read_weights(which) for path in (fresh, found))
        assert epoch == same_epoch
        assert {key: value.numpy().tobytes() for key, value in one.items()} == {
            key: value.numpy().tobytes() for key, value in other.items()
        }


def test_two_workers_give_the_same_search_as_one(uninterrupted, tmp_path):
    done = run(tmp_path, "train", *EIGHT, *TWO)
    assert done.returncode == 0, done.stderr
    assert decisions(sweep_of(tmp_path)) == decisions(uninterrupted[0])


def kill_and_resume(cwd, kills, seed):
    """Kill a search with all its processes at random moments, `kills` times or until it has ended; return it."""
    moments = random.Random(seed)
    folder = cwd / "search"
    again = ["train", *EIGHT, f"hydra.sweep.dir={folder}"]
    process = start(cwd, *again)
    for _ in range(kills):
        try:
            _, stderr = process.communicate(timeout=moments.uniform(0.5, 3))
            assert process.returncode == 0, stderr
            return SweepFolder(folder)
        except subprocess.TimeoutExpired:
            kill_group(process)
        process = start(cwd, *(["resume", folder] if record.record_file(folder).exists() else again))
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return SweepFolder(folder)


@needs_kill
def test_a_search_killed_at_three_random_moments_ends_like_an_uninterrupted_one(uninterrupted, tmp_path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    assert decisions(kill_and_resume(tmp_path, 3, seed)) == decisions(uninterrupted[0])


@needs_kill
@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3))
def test_a_search_killed_at_twenty_random_moments_ends_like_an_uninterrupted_one(uninterrupted, tmp_path, seed):
    assert decisions(kill_and_resume(tmp_path, 20, seed)) == decisions(uninterrupted[0])


def test_the_runs_of_an_earlier_sweep_in_the_folder_are_its_first_trials(tmp_path):
    place = f"hydra.sweep.dir={tmp_path / 'both'}"
    grid = ["-m", "model.latent_dim=2,4", "trainer.threads=1", "tracking=none", place]
    assert run(tmp_path, "train", *grid, *QUICK).returncode == 0
    done = run(tmp_path, "train", *SEARCH, SPACE[0], *QUICK, *grid[2:], "hydra.sweeper.trials=4")
    assert done.returncode == 0, done.stderr
    points, rungs = decisions(SweepFolder(tmp_path / "both"))
    assert [points[number]["model.latent_dim"] for number in (1, 2)] == ["2", "4"]
    assert len(points) == len({point["model.latent_dim"] for point in points.values()}) == 4
    assert rungs[-1][0] == 4


def test_a_trial_that_crashes_ends_the_search_with_exit_code_1_and_can_be_skipped(tmp_path):
    place = f"hydra.sweep.dir={tmp_path / 'search'}"
    assert run(tmp_path, "train", *EIGHT, place, "hydra.sweeper.trials=2").returncode == 0
    sweep = SweepFolder(tmp_path / "search")
    broken = next(sweep.folder(job) for job in sweep.jobs() if sweep.folder(job).state() == "paused")
    broken.write_status("failed", "its process was killed, twice (out of memory?)")
    broken.write_config((broken.read_config() or {}) | {"seed": 7})  # so that it can't run
    number = next(job.trial for job in sweep.jobs() if job.name == broken.path.name)
    done = run(tmp_path, "resume", sweep.path)
    assert done.returncode == 1
    assert f"hydra.sweeper.leave_out=[{number}]" in done.stdout
    done = run(tmp_path, "resume", sweep.path, f"hydra.sweeper.leave_out=[{number}]")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record.read(sweep.path).options.leave_out == [number]


def test_a_search_is_shown_in_mlflow_with_its_trials_and_rungs(tmp_path):
    tracking = [option for option in EIGHT if option != "tracking=none"]
    assert run(tmp_path, "train", *tracking, "hydra.sweeper.trials=2").returncode == 0
    sweep = sweep_of(tmp_path)
    _, runs = tracked(tmp_path)
    shown = {run.data.tags["trial"]: (run.info.status, run.data.tags["rung"]) for run in runs.values()}
    assert sorted(shown.values()) == [("FINISHED", "4"), ("KILLED", "1")]
    assert {run.data.tags["sweep"] for run in runs.values()} == {sweep.path.name}
    _, searches = tracked(tmp_path, "vae_exp sweeps")
    assert [run.info.status for run in searches.values()] == ["FINISHED"]


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "optimizer.lr=interval(1e-4,1e-2)"], "hydra/sweeper=search"),
        ([*SEARCH, *SPACE], "hydra.sweeper.trials must be a number of configurations"),
        ([*EIGHT, "optimizer.lr=0.1"], "optimizer.lr must be given once"),
        (
            [*EIGHT, "hydra.sweeper.jobs_per_task=2"],
            "hydra.sweeper.jobs_per_task=2 needs hydra/launcher=submitit_slurm",
        ),
        ([*SEARCH, "hydra.sweeper.trials=4", "model=conv,mlp", "model.hidden=[8],[16]", "data=digits"], "model=conv"),
    ],
)
def test_an_invalid_search_command_is_refused_before_anything_is_created(tmp_path, arguments, message):
    done = run(tmp_path, "train", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_search_refuses_keys_that_are_fixed(uninterrupted):
    with pytest.raises(UserError, match="can be given for a search"):
        resume.resume(uninterrupted[0].path, ["hydra.sweeper.factor=4"])
