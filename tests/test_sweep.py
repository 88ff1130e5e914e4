"""Sweeps that are killed, stopped, extended or have a failing job, run as commands with a real store."""

import itertools
import random
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from sweeps import QUICK, kill_group, require_history, run, start, states, sweep_of, table, tracked, weights

from vae_exp import compare, resume
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

pytestmark = pytest.mark.process

FOUR = ["-m", "model.latent_dim=2,4", "seed=0,1"]
TWO = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """An uninterrupted sweep of four jobs."""
    cwd = tmp_path_factory.mktemp("uninterrupted")
    done = run(cwd, "train", *FOUR, *QUICK)
    assert done.returncode == 0, done.stderr
    return sweep_of(cwd)


# --- killed ----------------------------------------------------------------------------------------------------------


def kill_and_resume(cwd, moments, kills, options):
    """Kill a sweep at random moments and resume it, `kills` times or until it has ended; return the number of kills."""
    process = start(cwd, "train", *FOUR, *options)
    for kill in range(kills):
        try:
            _, stderr = process.communicate(timeout=moments.uniform(1, 8))
            assert process.returncode == 0, stderr
            return kill
        except subprocess.TimeoutExpired:
            kill_group(process)
        is_planned = (cwd / "outputs").exists() and any((cwd / "outputs").glob("*/sweep.json"))
        process = start(cwd, *(["resume", sweep_of(cwd).path] if is_planned else ["train", *FOUR, *options]))
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return kills


def require_the_same_after_kills(cwd, uninterrupted, kills, seed, options):
    """Kill sweeps, `kills` times in all, and require that each ends like the uninterrupted one."""
    moments, names = random.Random(seed), itertools.count(1)
    while kills > 0:
        new = cwd / f"sweep {next(names)}"
        new.mkdir(parents=True)
        kills -= kill_and_resume(new, moments, kills, options)
        sweep = sweep_of(new)
        assert set(states(sweep).values()) == {"finished"}
        assert table(sweep).equals(table(uninterrupted))
        assert weights(sweep) == weights(uninterrupted)
        require_history(new, sweep)


@needs_kill
def test_a_sweep_killed_at_three_random_moments_ends_like_an_uninterrupted_one(tmp_path, uninterrupted):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    require_the_same_after_kills(tmp_path, uninterrupted, 3, seed, QUICK)


@needs_kill
@pytest.mark.faults
def test_a_sweep_killed_at_twenty_random_moments_ends_like_an_uninterrupted_one(tmp_path):
    options = [*QUICK, "trainer.epochs=60"]  # long enough for twenty kills
    (tmp_path / "alone").mkdir()
    assert run(tmp_path / "alone", "train", *FOUR, *options).returncode == 0
    for seed in range(3):
        require_the_same_after_kills(tmp_path / f"seed {seed}", sweep_of(tmp_path / "alone"), 20, seed, options)


def kill_worker(cwd, *launcher):
    """Run a sweep, kill the process of its first job, and return the sweep."""
    process = start(cwd, "train", *FOUR, *QUICK, *launcher)
    running_worker(cwd).kill()
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return sweep_of(cwd)


@pytest.fixture(scope="module")
def parallel(tmp_path_factory):
    """A sweep with two parallel jobs, one of which is killed."""
    cwd = tmp_path_factory.mktemp("parallel")
    return cwd, kill_worker(cwd, *TWO)


def require_run_again(cwd, sweep):
    """Require that all jobs are finished and that one continued in a second session."""
    assert set(states(sweep).values()) == {"finished"}
    require_history(cwd, sweep)
    assert any(len(sweep.folder(job).read_environment().sessions) > 1 for job in sweep.jobs())


@needs_kill
def test_a_killed_worker_stops_no_other_job_and_its_job_runs_again(parallel):
    require_run_again(*parallel)


@needs_kill
@pytest.mark.faults
def test_a_killed_submitit_job_stops_no_other_and_runs_again(tmp_path):
    require_run_again(tmp_path, kill_worker(tmp_path, "hydra/launcher=submitit_local", "trainer.threads=1"))


@needs_kill
@pytest.mark.faults
@pytest.mark.skipif(not find_spec("hydra_plugins.hydra_ray_launcher"), reason="hydra-ray-launcher is not installed")
def test_ray_runs_the_job_of_a_killed_worker_again(tmp_path):
    require_run_again(tmp_path, kill_worker(tmp_path, "hydra/launcher=ray", "trainer.threads=1"))


@needs_kill
@pytest.mark.faults
def test_a_killed_sweep_leaves_no_worker_behind(tmp_path):
    """The first job has two steps per epoch and the second a thousand: the first job's worker becomes idle."""
    long = [*QUICK, "trainer.epochs=40", "tracking=none", "hydra.sweep.dir=sweep", "trainer.batch_size=1000,1"]
    process = start(tmp_path, "train", "-m", *long, *TWO)
    sweep = SweepFolder(tmp_path / "sweep")
    while not sweep.plan_file.exists() or list(states(sweep).values()) != ["finished", "running"]:
        assert process.poll() is None
        time.sleep(0.1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert sum("loky" in " ".join(child.cmdline()) for child in family) >= 2
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(family, timeout=60)
    for worker in left:
        worker.kill()
    process.communicate()  # a worker that is left keeps the pipes open
    assert left == []
    assert list(states(sweep).values()) == ["finished", "interrupted"]


@needs_kill
def test_parallel_jobs_share_the_cores_and_record_the_users_command(parallel):
    _, sweep = parallel
    cores = psutil.cpu_count(logical=False) or 1
    for job in sweep.jobs():
        assert 1 <= job.config["trainer"]["threads"] <= max(1, cores // 2)
        for session in sweep.folder(job).read_environment().sessions:
            assert session.threads == job.config["trainer"]["threads"]
            assert session.command[:6] == ["python", "-m", "vae_exp.train", *FOUR]


def running_worker(cwd, jobs=1):
    """Wait until `jobs` jobs are running and have trained an epoch; return the process of one."""
    for _ in range(18000):
        trained = [RunFolder(file.parent).read_status() for file in Path(cwd).glob("outputs/*/*/metrics.jsonl")]
        running = [status.pid for status in trained if status.state == "running"]
        if len(running) >= jobs:
            return psutil.Process(running[0])
        time.sleep(0.01)
    raise AssertionError(f"in three minutes no {jobs} jobs have trained an epoch")


# --- stopped ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("launcher", "number", "code"),
    [
        pytest.param(TWO, signal.SIGTERM, 143, id="two-SIGTERM"),
        pytest.param([], signal.SIGINT, 130, id="one-SIGINT", marks=pytest.mark.faults),
        pytest.param([], signal.SIGTERM, 143, id="one-SIGTERM", marks=pytest.mark.faults),
        pytest.param(TWO, signal.SIGINT, 130, id="two-SIGINT", marks=pytest.mark.faults),
    ],
)
def test_a_stopped_sweep_leaves_no_process_and_can_be_resumed(tmp_path, number, code, launcher):
    long = [*QUICK, "trainer.epochs=20000"]
    process = start(tmp_path, "train", *FOUR, *long, "trainer.threads=1", *launcher)
    running_worker(tmp_path, jobs=2 if launcher else 1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2 if launcher else not family
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert not psutil.wait_procs(family, timeout=10)[1]
    sweep = sweep_of(tmp_path)
    found = list(states(sweep).values())
    assert set(found) == {"interrupted", "planned"}
    assert found.count("interrupted") == (2 if launcher else 1)
    _, runs = tracked(tmp_path)
    assert {tracked_run.info.status for tracked_run in runs.values()} == {"KILLED"}
    assert f"Resume with: python -m vae_exp.resume outputs/{sweep.path.name}" in stdout
    assert all(option in stdout for option in launcher)
    assert (sweep.path / "report.html").exists()
    assert "Traceback" not in stdout + stderr


# --- a failing job ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A sweep of four jobs, of which one diverges."""
    cwd = tmp_path_factory.mktemp("broken")
    done = run(cwd, "train", "-m", "optimizer=sgd", "optimizer.lr=1e-4,2e-4,1e30,3e-4", *QUICK)
    return cwd, done, sweep_of(cwd)


def test_one_failing_job_among_four_leaves_three_finished_ones_and_a_report(broken):
    cwd, done, sweep = broken
    assert done.returncode == 1
    assert list(states(sweep).values()) == ["finished", "finished", "failed", "finished"]
    log = sweep.folder(sweep.jobs()[2]).log_file
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("lr=1e+30"))
    assert "failed       the loss became NaN or infinite at epoch 1" in line
    assert line.endswith(f"see outputs/{sweep.path.name}/{log.parent.name}/run.log")
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert "Traceback" not in done.stdout + done.stderr
    assert list(table(sweep)["states"]) == ["finished", "finished", "failed", "finished"]
    report = (sweep.path / "report.html").read_text(encoding="utf-8")
    assert "1 of 4 runs is not finished" in report
    _, runs = tracked(cwd)
    assert [runs[job.label].info.status for job in sweep.jobs()] == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    assert "the loss became NaN" in runs["lr=1e+30"].data.tags["error"]


def test_a_sweep_has_its_own_mlflow_run_with_its_report_jobs_and_best(broken):
    cwd, _, sweep = broken
    client, runs = tracked(cwd, "vae_exp sweeps")
    (shown,) = runs.values()
    assert shown.info.status == "FAILED"
    assert shown.data.tags["jobs"] == "1 failed, 3 finished"
    names = {artifact.path for artifact in client.list_artifacts(shown.info.run_id)}
    assert {"report.html", "comparison.csv", "sweep.json"} <= names
    note = shown.data.tags["mlflow.note.content"]
    best = table(sweep).set_index("optimizer.lr")["best"].idxmax()
    assert f"Lowest validation loss: [lr={best}](#/experiments/" in note.replace("\\", "")
    assert note.replace("\\", "").startswith(f"**lr={best} ")


def test_resuming_keeps_finished_jobs_and_runs_failed_ones_again(broken):
    cwd, _, sweep = broken
    good = [sweep.folder(job).path for job in sweep.jobs() if sweep.folder(job).state() == "finished"]
    before = {file: file.stat().st_mtime_ns for path in good for file in path.rglob("*") if file.is_file()}
    done = run(cwd, "resume", sweep.path)
    assert done.returncode == 1
    assert "lr=1e+30: the loss became NaN or infinite at epoch 1" in done.stderr
    assert {file: file.stat().st_mtime_ns for path in good for file in path.rglob("*") if file.is_file()} == before
    assert len(sweep.folder(sweep.jobs()[2]).read_environment().sessions) == 2
    assert len(tracked(cwd)[1]) == 4


# --- extended --------------------------------------------------------------------------------------------------------


def test_the_same_command_with_more_values_extends_the_sweep_and_retrains_nothing(tmp_path):
    place = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    options = [*QUICK, "tracking=none", "figures.which=[]", place]
    assert run(tmp_path, "train", "-m", "seed=0,1", *options).returncode == 0
    files = {file: file.stat().st_mtime_ns for file in tmp_path.glob("sweep/seed=*/*") if file.is_file()}
    done = run(tmp_path, "train", "-m", "seed=0,1,2", *options)
    assert done.returncode == 0
    assert done.stdout.count("epoch 4/4") == 1
    kept = {file: file.stat().st_mtime_ns for file in files}
    assert kept == files
    assert [job.label for job in SweepFolder(tmp_path / "sweep").jobs()] == ["seed=0", "seed=1", "seed=2"]


def test_two_sweeps_started_at_once_have_different_folders(tmp_path):
    options = ["-m", "seed=0", *QUICK, "trainer.epochs=0", "figures.which=[]", "tracking=none"]
    processes = [start(tmp_path, "train", *options) for _ in range(2)]
    assert [process.communicate() and process.returncode for process in processes] == [0, 0]
    assert len(list((tmp_path / "outputs").iterdir())) == 2


def test_a_running_sweep_is_refused_to_another_process(tmp_path):
    place = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    process = start(tmp_path, "train", "-m", "seed=0", *QUICK, "trainer.epochs=20000", "tracking=none", place)
    while not list(tmp_path.glob("sweep/*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    done = run(tmp_path, "resume", tmp_path / "sweep")
    kill_group(process)
    assert done.returncode == 2
    rule = "wait for it or stop it first"
    assert (
        done.stderr
        == f"error: {tmp_path / 'sweep'} is in use by process {process.pid} on {socket.gethostname()}; {rule}\n"
    )


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "model.latent_dims=2,4"], "model.latent_dims is not a key of the configuration"),
        (["-m", "model.latent_dim=1,2,3,4,5,6,0,7"], "job 7 of 8 (model.latent_dim=0): model.latent_dim must be at"),
        (["-m", "data=digits,mnist_6k"], "mnist_6k"),
        (["-m", "optimizer.lr=0.1,quick"], "job 2 of 2 (optimizer.lr=quick): "),
    ],
)
def test_a_sweep_with_an_invalid_job_is_refused_before_anything_is_created(tmp_path, arguments, message):
    done = run(tmp_path, "train", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def complaint(monkeypatch, capsys):
    """Return a function that calls a command in this process, which is faster, and returns its one-line error."""

    def complaint(main, *arguments):
        monkeypatch.setattr("sys.argv", ["vae_exp", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        message = capsys.readouterr()
        assert (ended.value.code, message.out, message.err.count("\n")) == (2, "", 1)
        return message.err.removeprefix("error: ").rstrip("\n")

    return complaint


COMMANDS = pytest.mark.parametrize("main", [resume.main, compare.main], ids=["resume", "compare"])


@COMMANDS
def test_a_folder_that_holds_neither_a_run_nor_a_sweep_is_refused(tmp_path, complaint, main):
    for folder in (tmp_path / "missing", tmp_path):
        assert complaint(main, folder).startswith(f"{folder} is neither a run nor a sweep")
    assert list(tmp_path.iterdir()) == []


@COMMANDS
def test_a_sweep_of_another_version_is_refused(tmp_path, complaint, main):
    (tmp_path / "sweep.json").write_text('{"version": 0, "jobs": [], "command": []}')
    assert "sweep.json must be of version 2 or 1, got 0" in complaint(main, tmp_path)


def test_a_plan_without_jobs_is_refused(tmp_path, complaint):
    (tmp_path / "sweep.json").write_text('{"version": 1, "jobs": [], "command": []}')
    assert "has no jobs in its plan" in complaint(resume.main, tmp_path)


def test_a_resumed_sweep_refuses_overrides(broken, complaint):
    _, _, sweep = broken
    assert "give the sweep's own command again" in complaint(resume.main, sweep.path, "trainer.epochs=9")
