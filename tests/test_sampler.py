"""Proposals of Optuna's samplers: reproducible and without repetition."""

import pytest

from vae_exp.searching.options import SAMPLERS
from vae_exp.searching.sampler import Observation, propose
from vae_exp.searching.space import Choice, Interval, Range, Space

MIXED = Space([Interval("lr", 1e-4, 1e-2, log=True), Choice("b", ["x", "y"]), Range("n", ["2", "4", "8"])])
SMALL = Space([Range("n", [str(n) for n in range(5)]), Choice("b", ["x", "y"])])


def searched(space, trials, sampler, seed=0, batch=8, value=lambda point: (len(str(point)) / 7,)):
    """Return the observations of a search, batch by batch."""
    observations = []
    while count := min(batch, trials - len(observations)):
        points = propose(space, observations, count, sampler, seed)
        if not points:
            break
        observations += [Observation(point, value(point)) for point in points]
    return observations


def distance(point):
    """Return a loss with its minimum at lr = 1e-3, y and 8."""
    return (abs(float(point["lr"]) - 1e-3) * 1e3 + (point["b"] != "y") + 8 / float(point["n"]),)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_depend_only_on_the_seed_and_the_results(sampler):
    first = searched(MIXED, 16, sampler, value=distance)
    assert searched(MIXED, 16, sampler, value=distance) == first
    assert searched(MIXED, 16, sampler, seed=1, value=distance) != first
    assert all(MIXED.holds(trial.point) for trial in first)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_point_of_a_finite_space_is_proposed_once(sampler):
    observations = searched(SMALL, 100, sampler)
    assert sorted(SMALL.rank(trial.point) for trial in observations) == list(range(10))
    assert propose(SMALL, observations, 8, sampler, 0) == []


def test_results_change_the_next_proposals():
    observations = searched(MIXED, 16, "tpe", value=distance)
    worse = [*observations[:-1], Observation(observations[-1].point, (0.0,))]
    assert propose(MIXED, observations, 8, "tpe", 0) != propose(MIXED, worse, 8, "tpe", 0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("measures", [1, 2])
def test_a_search_with_diverged_trials_is_reproducible(sampler, measures):
    def value(point):
        return None if point["b"] == "x" else distance(point) * measures

    observations = searched(MIXED, 16, sampler, value=value)
    assert len(observations) == 16
    assert searched(MIXED, 16, sampler, value=value) == observations


def test_a_search_continues_if_all_trials_diverge():
    observations = searched(SMALL, 100, "tpe", value=lambda point: None)
    assert len(observations) == 10


def test_tpe_proposes_points_where_the_loss_is_low():
    later = searched(MIXED, 64, "tpe", value=distance)[32:]
    drawn = searched(MIXED, 64, "random", value=distance)[32:]
    assert sum(trial.value[0] for trial in later) < sum(trial.value[0] for trial in drawn)
