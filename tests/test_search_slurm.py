"""Searches handed over to Slurm: their steps without Slurm, and on a real one."""

import itertools
import subprocess

import pytest
from clusters import LAUNCHER, cluster, jobs_of, start_sweep, wait_until
from searches import decisions, make_record, replaced, run_search, train
from sweeps import run, sweep_of

from vae_exp.errors import UserError
from vae_exp.searching import record
from vae_exp.searching.search import Search
from vae_exp.storage import files
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.slurm_record import Tasks, fill

__all__ = ["start_sweep", "cluster"]

SPACE = ["model.latent_dim=range(2,9)", "optimizer.lr=tag(log,interval(1e-4,1e-1))"]
QUICK = ["data=digits", "model=mlp", "model.hidden=[16]", "trainer.epochs=4", "trainer.batch_size=200"]
QUICK += ["evaluation.final=false", "figures.which=[]", "trainer.patience=null", "tracking=none"]
OPTIONS = ["trials=4", "batch=2", "first_epochs=2", "factor=2"]
FOUR = ["-m", "hydra/sweeper=search", *(f"hydra.sweeper.{option}" for option in OPTIONS), *SPACE, *QUICK]


@pytest.fixture(scope="module")
def small():
    return make_record()


def steps(search):
    """Run every step as Slurm would; return the sizes reserved at the start, and the actual ones."""
    runs = search.next_runs()
    reserved = [(runs[0].until, len(runs)), *search.later_steps(runs[0].until)]
    taken = []
    for number, (epoch, _) in enumerate(reserved):
        runs = runs if number == 0 else Search(search.sweep, search.record, ["python"]).runs_to(epoch)
        train(search.sweep)(runs, epoch)
        taken.append((epoch, len(runs)))
    return reserved, taken


@pytest.mark.slow
def test_steps_that_know_only_their_epoch_give_the_same_search(tmp_path, small):
    uninterrupted = run_search(tmp_path / "alone", small)
    reserved, taken = steps(Search(SweepFolder(tmp_path / "steps"), small, ["python"]))
    assert reserved == taken == [(1, 4), (1, 2), (2, 3), (4, 1), (6, 1)]
    assert decisions(Search(SweepFolder(tmp_path / "steps"), small, ["python"])) == decisions(uninterrupted)


def test_steps_reserved_for_missing_trials_do_nothing(tmp_path):
    little = make_record("model.latent_dim=2,3,4", trials=50)
    reserved, taken = steps(Search(SweepFolder(tmp_path), little, ["python"]))
    assert reserved == taken == [(1, 3), (2, 1), (4, 1), (6, 1)]


def test_no_step_starts_before_earlier_trials_have_their_values(tmp_path, small):
    search = Search(SweepFolder(tmp_path), small, ["python"])
    with pytest.raises(UserError, match="no trial continues to epoch 2: 6 trials were not proposed yet"):
        search.runs_to(2)
    train(search.sweep)(search.next_runs()[:3], 1)
    for epoch in (1, 2):
        with pytest.raises(UserError, match=f"no trial continues to epoch {epoch}: trials 4 have not reached epoch 1"):
            Search(search.sweep, small, ["python"]).runs_to(epoch)


@pytest.mark.slow
def test_a_search_with_more_trials_goes_back_to_its_first_rung(tmp_path, small):
    run_search(tmp_path, small)
    more = Search(SweepFolder(tmp_path), replaced(small, trials=10), ["python"])
    assert [(rung.epoch, len(rung.trials)) for rung in more.rungs()] == [(1, 6)]
    assert {job.until for job in more.next_runs()} == {1}
    assert more.later_steps(1) == [(2, 5), (4, 2), (6, 1)]


@pytest.mark.parametrize("count", range(8))
def test_runs_are_distributed_in_order_over_the_tasks_of_arrays(tmp_path, count):
    records = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, size in zip(records, (1, 2), strict=True):
        files.write_json(file, Tasks([[]] * size, 10))
    fill(records, [Job(f"job{i}", "", [], {}, at=i, until=9) for i in range(count)])
    found = [files.read_record(file, Tasks) for file in records]
    assert [len(each.tasks) for each in found] == [1, 2]
    tasks = [task for each in found for task in each.tasks]
    assert list(itertools.chain(*tasks)) == [(f"job{i}", i) for i in range(count)]
    assert max(map(len, tasks)) <= -(-count // 3)
    assert {each.until for each in found} == {9 if count else None}


# --- on a real Slurm -------------------------------------------------------------------------------------------------


def found_in(cwd):
    sweep = sweep_of(cwd)
    return Search(sweep, record.read(sweep.path), [])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, cluster):
    """The same search on this machine."""
    cwd = tmp_path_factory.mktemp("uninterrupted")
    assert run(cwd, "train", *FOUR).returncode == 0
    return decisions(found_in(cwd))


def queue(sweep):
    return slurm.queued(sweep.path / slurm.HOME)


def concluded(cwd):
    """Wait until Slurm has no job of the search; return what the last jobs printed."""
    sweep = sweep_of(cwd)
    wait_until(lambda: not queue(sweep), "Slurm still had jobs")
    return "".join(log.read_text(encoding="utf-8") for log in sweep.path.glob(".submitit/*/conclusion/*.out"))


def is_begun(cwd):
    """Return whether the search is in Slurm's queue and no longer held."""
    tasks = queue(sweep_of(cwd)) if list(cwd.glob("outputs/*/.submitit")) else []
    return any(task.concludes for task in tasks) and not any(task.is_held for task in tasks)


@pytest.mark.process
@pytest.mark.parametrize("together", [1, 2])
def test_a_search_on_slurm_ends_although_its_command_was_killed(tmp_path, start_sweep, uninterrupted, together):
    process = start_sweep(*FOUR, *LAUNCHER, f"hydra.sweeper.jobs_per_task={together}")
    wait_until(lambda: is_begun(tmp_path), "the search did not begin")
    process.kill()
    assert "Train it alone, to the same weights" in concluded(tmp_path)
    assert decisions(found_in(tmp_path)) == uninterrupted
    assert (sweep_of(tmp_path).path / "report.html").is_file()


@pytest.mark.process
@pytest.mark.faults
def test_tasks_after_a_cancelled_trial_end_and_resume_continues_the_search(tmp_path, start_sweep, uninterrupted):
    _, stderr = start_sweep(*FOUR, *LAUNCHER).communicate(timeout=120)
    assert not stderr
    sweep = sweep_of(tmp_path)
    subprocess.run(["scancel", jobs_of(sweep)["0"].number], check=True)
    printed = concluded(tmp_path)
    assert f"Resume with: python -m vae_exp.resume outputs/{sweep.path.name} {' '.join(LAUNCHER)}" in printed
    assert len(found_in(tmp_path).trials) == 2
    errors = "".join(log.read_text() for log in sweep.path.glob(".submitit/*/step_*/*.err"))
    assert "no trial continues to epoch 2: trials 1 have not reached epoch 2" in errors
    assert run(tmp_path, "resume", sweep.path, *LAUNCHER).returncode == 0
    assert run(tmp_path, "resume", sweep.path, *LAUNCHER).returncode == 2  # it is already queued
    concluded(tmp_path)
    assert decisions(found_in(tmp_path)) == uninterrupted


@pytest.mark.process
@pytest.mark.faults
def test_a_search_killed_during_submission_never_starts_and_can_be_resubmitted(tmp_path, start_sweep, uninterrupted):
    process = start_sweep(*FOUR, *LAUNCHER)
    wait_until(lambda: list(tmp_path.glob("outputs/*/.submitit/*/step_1")), "no step was submitted")
    process.kill()
    process.communicate()
    sweep = sweep_of(tmp_path)
    assert all(task.state == "PENDING" for task in queue(sweep))
    assert run(tmp_path, "resume", sweep.path, *LAUNCHER).returncode == 0
    concluded(tmp_path)
    assert decisions(found_in(tmp_path)) == uninterrupted
    assert {len(sweep.folder(job).read_environment().sessions) for job in sweep.jobs()} == {1, 2}


@pytest.mark.process
@pytest.mark.faults
def test_a_stopped_search_is_concluded_and_can_be_resumed(tmp_path, start_sweep, uninterrupted):
    start_sweep(*FOUR, *LAUNCHER).communicate(timeout=120)
    sweep = sweep_of(tmp_path)
    wait_until(lambda: any(task.state == "RUNNING" for task in jobs_of(sweep).values()), "no task ran")
    assert run(tmp_path, "stop", sweep.path).returncode == 0
    assert "Resume with: " in concluded(tmp_path)
    assert run(tmp_path, "resume", sweep.path, *LAUNCHER, "hydra.sweeper.wait=true").returncode == 0
    assert decisions(found_in(tmp_path)) == uninterrupted
