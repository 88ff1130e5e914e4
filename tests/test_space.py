"""A search space from Hydra's overrides: its points, how values are written, and what is refused in one line."""

import math
import re

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from vae_exp.errors import UserError
from vae_exp.searching import grammar
from vae_exp.searching.sampler import param, text
from vae_exp.searching.space import Choice, Interval, Range, Space


def read(*overrides):
    return grammar.read(OverridesParser.create().parse_overrides(list(overrides)), lambda key: key == "optimizer")


def test_hydra_overrides_become_a_space_seeds_and_fixed_keys():
    request = read(
        "model.latent_dim=range(2,5)",
        "optimizer.lr=tag(log,interval(1e-4,1e-2))",
        "model.channels=[1,32],[1,32,64]",
        "optimizer=adam,sgd",
        "trainer.batch_size=int(tag(log,interval(8,512)))",
        "seed=0,1",
        "data=digits",
    )
    assert request.space.dimensions == [
        Range("model.latent_dim", ["2", "3", "4"]),
        Interval("optimizer.lr", 1e-4, 1e-2, log=True),
        Choice("model.channels", ["[1,32]", "[1,32,64]"]),
        Choice("optimizer", ["adam", "sgd"], is_group=True),
        Interval("trainer.batch_size", 8, 512, log=True),
    ]
    assert (request.seeds, request.fixed) == (["0", "1"], ["data=digits"])
    assert request.space.size is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lr=interval(1e-2,1e-4)"], "optimizer.lr: an interval must start below its end"),
        (["optimizer.lr=interval(0.1,0.1)"], "optimizer.lr: an interval must start below its end"),
        (["optimizer.lr=tag(log,interval(0,1))"], "optimizer.lr: a log interval must start above 0"),
        (["optimizer.lr=interval(0,inf)"], "optimizer.lr: an interval must start below its end"),
        (["model.latent_dim=range(5,2)"], "model.latent_dim must have at least one value"),
        (["model.latent_dim=range(2,5,0)"], "model.latent_dim: "),
        (["model.latent_dim=range(0,1000000000)"], "model.latent_dim must have at most 10000 values"),
        (["model.latent_dim=2,4,2"], "model.latent_dim must have each value once, got '2' twice"),
        (["model.latent_dim=tag(log,range(2,5))"], "model.latent_dim: tag(log, …) has no meaning here"),
        (["optimizer.lr=tag(quick,interval(0,1))"], "optimizer.lr: tag(quick, …) has no meaning here"),
        (["model.latent_dim=shuffle(2,4)"], "model.latent_dim: shuffle has no meaning"),
        (["model.latent_dim=2,4", "model.latent_dim=3"], "model.latent_dim must be given once"),
        (["model.latent_dim=2,4", "+model.latent_dim=range(2,9)"], "model.latent_dim must be given once"),
        (["seed=interval(0,5)", "model.latent_dim=2,4"], "seed can't be searched"),
        (["hydra.job.chdir=true,false"], "hydra.job.chdir can't be searched"),
        (["model.latent_dim=2", "seed=0,1"], "hydra/sweeper=search needs a key to search"),
    ],
)
def test_an_invalid_space_is_refused_with_the_key(overrides, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}") as error:
        read(*overrides)
    assert "\n" not in str(error.value)


FINITE = Space([Range("a", ["2", "4", "6"]), Choice("b", ["x", "y"]), Interval("c", 1, 4)])


def test_the_points_of_a_finite_space_are_numbered_without_gaps():
    points = [FINITE.at(rank) for rank in range(FINITE.size)]
    assert len({tuple(point.items()) for point in points}) == FINITE.size == 24
    assert [FINITE.rank(point) for point in points] == list(range(24))
    assert all(FINITE.holds(point) for point in points)


def test_a_point_with_another_key_or_another_value_is_not_in_the_space():
    point = FINITE.at(0)
    assert not FINITE.holds(point | {"d": "1"})
    assert not FINITE.holds(point | {"a": "3"})
    assert not FINITE.holds(point | {"c": "5"})
    assert not FINITE.holds(point | {"c": "1.5"})


def test_each_end_of_an_interval_and_each_choice_is_in_a_corner():
    corners = list(FINITE.corners())
    assert [tuple(point.values()) for point in corners] == [
        ("2", "x", "1"),
        ("6", "x", "1"),
        ("2", "y", "1"),
        ("2", "x", "4"),
    ]


@given(st.floats(min_value=1e-12, max_value=1e12, exclude_max=True))
def test_a_float_is_written_so_that_hydra_reads_back_the_same_bits(value):
    dimension = Interval("optimizer.lr", 0.0, 1e12)
    written = text(dimension, value)
    (override,) = OverridesParser.create().parse_overrides([f"optimizer.lr={written}"])
    assert float(override.value()) == value == param(dimension, written)


def test_every_value_can_be_recovered_from_the_samplers_number():
    for rank in range(FINITE.size):
        point = FINITE.at(rank)
        for dimension in FINITE.dimensions:
            assert text(dimension, param(dimension, point[dimension.key])) == point[dimension.key]


def test_a_space_from_python_equals_that_of_the_command_line():
    space = {"model.latent_dim": range(2, 33), "model.channels": [[1, 32], [1, 32, 64]], "trainer.patience": (None, 5)}
    assert grammar.as_overrides(space | {"optimizer.lr": "interval(0.1,1)"}) == [
        "model.latent_dim=range(2,33,1)",
        "model.channels=choice([1,32],[1,32,64])",
        "trainer.patience=choice(null,5)",
        "optimizer.lr=interval(0.1,1)",
    ]
    with pytest.raises(UserError, match=r"optimizer.lr must be a range"):
        grammar.as_overrides({"optimizer.lr": 0.1})


def test_an_interval_of_floats_has_no_size_and_holds_only_numbers():
    dimension = Interval("optimizer.lr", 0.1, 1.0)
    assert dimension.size is None
    assert dimension.number("nan") is None
    assert dimension.number("quick") is None
    assert math.isclose(dimension.number("0.5"), 0.5)
