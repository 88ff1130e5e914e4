"""Successive halving, computed by hand: the rungs, the promotions, and the ranking by two measures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_exp.searching.rungs import crowding, front, members, promoted, ranked, rung_epochs


@pytest.mark.parametrize(
    ("first", "factor", "last", "epochs"),
    [
        (3, 3, 50, [3, 9, 27, 50]),
        (3, 3, 27, [3, 9, 27]),
        (1, 2, 8, [1, 2, 4, 8]),
        (5, 3, 5, [5]),
        (3, None, 50, [50]),
    ],
)
def test_the_rungs_grow_by_the_factor_up_to_the_last_epoch(first, factor, last, epochs):
    assert rung_epochs(first, factor, last) == epochs


def test_the_best_third_of_a_rung_is_promoted_and_ties_go_to_the_earlier():
    values = {1: (3.0,), 2: (2.0,), 3: (2.0,), 4: (1.0,), 5: (9.0,), 6: (8.0,), 7: (7.0,)}
    assert promoted(values, 3) == [2, 4]


def test_a_diverged_trial_counts_towards_its_rung_and_is_never_promoted():
    assert promoted({1: None, 2: None, 3: None, 4: (5.0,), 5: (4.0,), 6: None}, 2) == [4, 5]
    assert promoted({1: None, 2: None}, 2) == []


def test_at_least_one_trial_is_promoted():
    assert promoted({1: (2.0,), 2: (1.0,)}, 3) == [2]


def test_a_rung_is_decided_only_when_the_one_before_it_is_complete():
    first = {1: (1.0,), 2: (2.0,), 3: (3.0,), 4: (4.0,)}
    assert members([1, 2, 3, 4], [{1: (1.0,)}, {}, {}], 2) == [[1, 2, 3, 4]]
    assert members([1, 2, 3, 4], [first, {2: (1.0,)}, {}], 2) == [[1, 2, 3, 4], [1, 2]]
    assert members([1, 2, 3, 4], [first, {1: (5.0,), 2: (1.0,)}, {}], 2) == [[1, 2, 3, 4], [1, 2], [2]]


def test_a_value_of_a_trial_outside_the_rung_is_ignored():
    first = {1: (1.0,), 2: (2.0,), 3: (3.0,), 4: (4.0,)}
    assert members([1, 2, 3, 4], [first, {1: (5.0,), 2: (6.0,), 4: (0.0,)}, {}], 2)[2] == [1]


TWO = {1: (1.0, 9.0), 2: (2.0, 4.0), 3: (3.0, 3.0), 4: (9.0, 1.0), 5: (5.0, 5.0), 6: (4.0, 9.0), 7: (6.0, 5.0)}
"""Front 1, 2, 3, 4; then 5 and 6; then 7, which 5 dominates."""


def test_the_front_contains_the_trials_that_no_other_dominates():
    assert front(TWO) == [1, 2, 3, 4]


def test_crowding_is_the_distance_between_neighbours_and_infinite_at_the_ends():
    found = crowding({number: TWO[number] for number in (1, 2, 3, 4)})
    assert found == {1: math.inf, 2: 2 / 8 + 6 / 8, 3: 7 / 8 + 3 / 8, 4: math.inf}


def test_two_measures_rank_by_front_and_then_by_crowding():
    assert ranked(TWO) == [1, 4, 3, 2, 5, 6, 7]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_dominating_trial_is_ranked_before_the_dominated_one(pairs):
    values = {number: (float(a), float(b)) for number, (a, b) in enumerate(pairs)}
    order = ranked(values)
    assert sorted(order) == list(values)
    place = {number: position for position, number in enumerate(order)}
    for one, (a, b) in values.items():
        for other, (c, d) in values.items():
            if a <= c and b <= d and (a, b) != (c, d):
                assert place[one] < place[other]
