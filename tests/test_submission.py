"""How jobs become arrays, and which launcher options are refused; no Slurm is needed."""

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from vae_exp import compose
from vae_exp.errors import UserError
from vae_exp.sweeping.command import Command
from vae_exp.sweeping.submission import Cluster, arrays

LAUNCHER = {"timeout_min": 60, "signal_delay_s": 120, "array_parallelism": 256}


def cluster(path, jobs_per_task=1, **options):
    return Cluster(LAUNCHER | options, {}, jobs_per_task, path, path / "new")


@pytest.mark.parametrize("count", [1, 3, 10, 11, 64])
@pytest.mark.parametrize("largest", [1, 3, 10, 1000])
@pytest.mark.parametrize("at_once", [1, 2, 5, 256])
def test_arrays_hold_every_task_once_and_respect_the_limit_of_parallel_tasks(count, largest, at_once):
    tasks = [[number] for number in range(count)]
    found = arrays(tasks, largest, at_once)
    assert [task for array in found for task in array.tasks] == tasks
    assert max(len(array.tasks) for array in found) <= largest
    assert all(array.after is None or array.after < i for i, array in enumerate(found))
    chains = {}  # arrays that wait for each other, by the first one: only one of a chain runs at a time
    for i, array in enumerate(found):
        first = i if array.after is None else chains[array.after][0]
        chains[i] = (first, array.at_once)
    limits = {first: max(limit for start, limit in chains.values() if start == first) for first, _ in chains.values()}
    assert sum(limits.values()) <= max(at_once, 1)
    assert min(array.at_once for array in found) >= 1


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"jobs_per_task": 0}, "hydra.sweeper.jobs_per_task must be at least 1, got 0"),
        ({"array_parallelism": 0}, "hydra.launcher.array_parallelism must be at least 1, got 0"),
        ({"timeout_min": 2}, r"hydra.launcher.signal_delay_s must be below the time limit of 120 s .*, got 120"),
    ],
)
def test_a_launcher_option_that_slurm_would_misread_is_refused(tmp_path, options, rule):
    with pytest.raises(UserError, match=rule):
        cluster(tmp_path, **options)


def test_a_signal_delay_below_the_time_limit_is_accepted(tmp_path):
    cluster(tmp_path, timeout_min=2, signal_delay_s=119)


def command(path, *given, most=None):
    compose.register()
    overrides = ["hydra/sweeper=vae_exp", f"hydra.sweep.dir={path / 'sweep'}", "hydra.job.name=train", *given]
    with initialize_config_dir(str(compose.CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return Command(loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN), None, most)


SLURM = "hydra/launcher=submitit_slurm"


@pytest.mark.parametrize(
    ("given", "most", "rule"),
    [
        (["hydra.sweeper.wait=false"], None, "hydra.sweeper.wait=False needs hydra/launcher=submitit_slurm"),
        (["hydra.sweeper.jobs_per_task=2"], None, "hydra.sweeper.jobs_per_task=2 needs hydra/launcher=submitit_slurm"),
        ([SLURM, "hydra.sweeper.jobs_per_task=0"], None, "hydra.sweeper.jobs_per_task must be at least 1, got 0"),
        ([SLURM, "hydra.launcher.timeout_min=1"], None, "hydra.launcher.signal_delay_s must be below the time limit"),
        ([SLURM, "hydra.launcher.submitit_folder=/elsewhere"], None, "submitit_folder must be left as it is"),
        ([SLURM], 3, "hydra.sweeper.max_batch_size needs hydra.sweeper.wait=true"),
    ],
)
def test_a_command_that_contradicts_its_launcher_is_refused_before_anything_is_made(tmp_path, given, most, rule):
    with pytest.raises(UserError, match=rule):
        command(tmp_path, *given, most=most)
    assert list(tmp_path.iterdir()) == []


def test_slurm_jobs_are_named_after_their_sweep_by_default(tmp_path):
    assert command(tmp_path, SLURM).cluster.options["name"] == "sweep"
    assert command(tmp_path, SLURM, "hydra.launcher.name=mine").cluster.options["name"] == "mine"


def test_submitit_gets_a_new_folder_without_planted_pickles_each_time(tmp_path):
    """submitit unpickles the file in its folder that has the name of a job's result."""
    planted = tmp_path / "sweep" / ".submitit" / "7" / "7_0_result.pkl"
    planted.parent.mkdir(parents=True)
    planted.touch()
    local = "hydra/launcher=submitit_local"
    folders = [Path(command(tmp_path, local).config.hydra.launcher.submitit_folder) for _ in range(2)]
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.name == "%j"
        assert folder.parents[1] == tmp_path / "sweep" / ".submitit"
        assert not folder.parent.exists()


def test_a_sweep_is_resumed_with_the_launcher_options_of_its_submission(tmp_path):
    given = [SLURM, "hydra.sweeper.jobs_per_task=20", "hydra.sweeper.conclusion.timeout_min=5"]
    made = command(tmp_path, *given)
    made.config.hydra.overrides.hydra = given
    assert made.resume_command.endswith(" ".join(given))
    assert made.cluster.conclusion["timeout_min"] == 5
