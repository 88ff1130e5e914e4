"""How jobs become arrays, and which options Slurm is never asked for: no Slurm is needed."""

import pytest

from vae_exp.errors import UserError
from vae_exp.sweeping.submission import Cluster, arrays

LAUNCHER = {"timeout_min": 60, "signal_delay_s": 120, "array_parallelism": 256}


def cluster(path, jobs_per_task=1, **options):
    return Cluster(LAUNCHER | options, {}, jobs_per_task, path, path / "new")


@pytest.mark.parametrize("count", [1, 3, 10, 11, 64])
@pytest.mark.parametrize("largest", [1, 3, 10, 1000])
@pytest.mark.parametrize("at_once", [1, 2, 5, 256])
def test_arrays_hold_every_task_once_and_never_run_more_at_once_than_allowed(count, largest, at_once):
    tasks = [[number] for number in range(count)]
    found = arrays(tasks, largest, at_once)
    assert [task for array in found for task in array.tasks] == tasks
    assert max(len(array.tasks) for array in found) <= largest
    assert all(array.after is None or array.after < i for i, array in enumerate(found))
    chains = {}  # of arrays that run one after another, by the first: only one of each runs at a time
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
def test_an_option_that_slurm_would_misunderstand_is_refused(tmp_path, options, rule):
    with pytest.raises(UserError, match=rule):
        cluster(tmp_path, **options)


def test_the_signal_may_come_at_any_time_before_the_end(tmp_path):
    cluster(tmp_path, timeout_min=2, signal_delay_s=119)
