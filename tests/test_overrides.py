"""Overrides that compose to a given configuration, for the command that trains it again."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_exp import compose
from vae_exp.config import (
    Config,
    DigitsConfig,
    ElboConfig,
    EvaluationConfig,
    FiguresConfig,
    IwaeConfig,
    MlflowConfig,
    MlpConfig,
    NoTrackingConfig,
    SgdConfig,
    TrainerConfig,
)
from vae_exp.overrides import overrides_of, quote, quote_value

CONFIGS = {
    "defaults": Config(),
    "every group": Config(
        model=MlpConfig(latent_dim=7, hidden=[3, 4], likelihood="gaussian", scale=0.1),
        data=DigitsConfig(),
        optimizer=SgdConfig(lr=3e-4, momentum=0.9),
        objective=IwaeConfig(samples=3, dreg=True),
        trainer=TrainerConfig(epochs=3, threads=1, patience=None),
        evaluation=EvaluationConfig(every=2, final=False),
        figures=FiguresConfig(which=["samples"]),
        tracking=NoTrackingConfig(),
        seed=3,
    ),
    "values of the default options": Config(objective=ElboConfig(beta=1e-7), figures=FiguresConfig(which=[])),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_overrides_of_a_configuration_compose_to_it_again(config):
    assert compose.defaults(overrides_of(config)) == config


def test_the_defaults_need_no_override():
    assert overrides_of(Config()) == []


def test_options_come_before_their_values():
    overrides = overrides_of(CONFIGS["every group"])
    assert set(overrides[:5]) == {"model=mlp", "data=digits", "optimizer=sgd", "objective=iwae", "tracking=none"}


def test_keys_that_are_left_out_keep_their_defaults():
    config = Config(data=DigitsConfig(root="/home/ada/pictures"), tracking=MlflowConfig(experiment="ada's"))
    assert overrides_of(config, ("data.root", "tracking.")) == ["data=digits"]
    assert overrides_of(Config(tracking=NoTrackingConfig()), ("tracking.",)) == []


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(min_size=1).filter(str.strip).filter(lambda text: "${" not in text and text != "???"))
def test_any_name_is_quoted_so_that_hydra_reads_it_back(composer, name):
    assert composer.compose([f"tracking.experiment={quote_value(name)}"]).tracking.experiment == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-07, "1e-07"),
        ("null", "'null'"),
        ("12", "'12'"),
        ([1, [2, "a b"]], "[1,[2,'a b']]"),
    ],
)
def test_a_value_is_quoted_according_to_its_type(value, text):
    assert quote_value(value) == text


@given(st.text(alphabet="\\'\"a \n"))
def test_quotes_and_backslashes_are_read_back_by_hydra(value):
    assert OverridesParser.create().parse_override(f"key={quote(value)}").value() == value
