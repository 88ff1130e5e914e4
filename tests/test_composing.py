"""Jobs are composed with the same result as by Hydra, in a fraction of the time."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_exp import compose
from vae_exp.config import Config, FiguresConfig, MlpConfig, TrainerConfig
from vae_exp.config.identity import key_of
from vae_exp.errors import UserError
from vae_exp.sweeping import naming
from vae_exp.sweeping.composing import combinations


def jobs_of(hydra, *given):
    return combinations(OverridesParser.create(config_loader=hydra[0]), given)


GROUPS = ["model=conv", "model=mlp", "data=digits", "data=mnist", "objective=iwae", "optimizer=sgd", "tracking=none"]
GROUPS += ["experiment=iwae_paper", "experiment=reference", "model=nonsense"]
VALUES = [
    "seed=3",
    "seed=-1",
    "seed='3'",
    "seed=x",
    "model.latent_dim=7",
    "model.latent_dim=null",
    "model.latent_dim=2.0",
]
VALUES += ["model.channels=[1,4]", "model.hidden=[64]", "optimizer.lr=1e-4", "optimizer.lr=1", "trainer.epochs=null"]
VALUES += [
    "trainer.epochs=3",
    "optimizer.stages=2",
    "trainer.patience=null",
    "evaluation.final=false",
    "figures.which=[]",
]
VALUES += ["tracking.experiment='a, b=c'", "+seed=4", "++seed=5", "++model.latnt_dim=8", "+foo=1", "model.latnt_dim=3"]
VALUES += ["seed=${trainer.batch_size}", "data.root=/x/v1.2/data", "data.root=${oc.env:HOME}", "model={latent_dim:5}"]
VALUES += [
    "model.latent_dim=2.0",
    "figures.which=[]",
    "trainer={epochs:7}",
    "~trainer.patience",
    "objective.beta=4",
    "objective.beta=inf",
    "trainer=null",
]


def outcome(compose_it):
    try:
        return compose_it()
    except UserError as error:
        return str(error)


command_lines = st.lists(st.sampled_from(GROUPS + VALUES + VALUES), max_size=6, unique_by=key_of)


def require_hydras_outcome(hydra, composer, overrides):
    loader, master = hydra

    def hydras():
        try:
            composed = loader.load_sweep_config(master, overrides)
        except ValueError:
            raise UserError(compose.explain_choice(overrides, loader)) from None
        except Exception as error:
            raise UserError(compose.explain(error)) from None
        compose.refuse_unknown(composed)
        return compose.to_config(composed)

    assert outcome(lambda: composer.compose(overrides)) == outcome(hydras)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(overrides=command_lines)
def test_a_job_is_composed_as_hydra_composes_it(hydra, composer, overrides):
    require_hydras_outcome(hydra, composer, overrides)


@pytest.mark.faults
@settings(max_examples=1000, deadline=None)
@given(overrides=command_lines)
def test_many_jobs_are_composed_as_hydra_composes_them(hydra, composer, overrides):
    require_hydras_outcome(hydra, composer, overrides)


@pytest.mark.slow
def test_the_base_digest_depends_on_the_groups_and_not_on_the_values(composer):
    assert composer.base_digest(["model=mlp", "seed=1"]) == composer.base_digest(["seed=2", "model=mlp"])
    assert (
        composer.base_digest(["seed=1"]) == composer.base_digest(["model=conv"]) != composer.base_digest(["model=mlp"])
    )


def test_a_configuration_that_depends_on_the_environment_has_no_digest(composer):
    assert composer.base_digest(["data.root=${oc.env:HOME}"]) is None


def test_the_jobs_are_all_combinations_of_values_with_the_last_key_varying_fastest(hydra):
    jobs, swept = jobs_of(hydra, "model.latent_dim=2,4", "trainer.epochs=3", "++seed=range(0,2)")
    assert jobs[:2] == [["model.latent_dim=2", "trainer.epochs=3", f"++seed={seed}"] for seed in (0, 1)]
    assert len(jobs) == 4
    assert swept == ["model.latent_dim", "seed"]
    assert [naming.label(job, swept) for job in jobs[1:3]] == ["latent_dim=2, seed=1", "latent_dim=4, seed=0"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["seed=range(0,0)"], "a sweep must have at least one job"),
        (["optimizer.lr=interval(0,1)"], "optimizer.lr must have a list of values in a sweep"),
        (["seed=(1"], "Error parsing override 'seed=(1'"),
    ],
)
def test_a_command_line_without_jobs_is_refused(hydra, given, message):
    with pytest.raises(UserError) as error:
        jobs_of(hydra, *given)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["optimizer.lr=0.0005", "data.root=/x/v1.2/data"], "lr=0.0005, root=/x/v1.2/data"),
        (["++seed=1", "+experiment=reference"], "seed=1, experiment=reference"),
        (["~trainer.patience"], "patience"),
        ([], ""),
    ],
)
def test_a_run_is_named_after_its_overrides(overrides, name):
    assert naming.label(overrides) == name


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["aevb_paper", "iwae_paper", "reference"])
def test_an_experiment_over_the_defaults_equals_what_hydra_composes(experiment):
    given = [f"experiment={experiment}", "model.latent_dim=7"]
    assert compose.override(compose.defaults([]), given, "overrides") == compose.defaults(given)


def test_an_experiment_changes_only_the_keys_that_it_sets():
    saved = Config(
        model=MlpConfig(), trainer=TrainerConfig(batch_size=7, device="cpu"), figures=FiguresConfig(which=[]), seed=5
    )
    new = compose.override(saved, ["experiment=aevb_paper", "objective=iwae", "trainer.epochs=9"], "overrides")
    assert (new.model.hidden, new.objective.name, new.data.val_size) == ([500], "iwae", 0)
    assert (new.trainer.batch_size, new.trainer.epochs, new.trainer.device) == (100, 9, "cpu")
    assert (new.figures.which, new.seed) == ([], 5)


def test_an_unknown_experiment_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"experiment must be one of aevb_paper, .*, reference, got 'none'"):
        compose.override(Config(), ["experiment=none"], "overrides")
