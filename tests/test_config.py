"""The schema and the YAML files: the same defaults, a docstring for every key, and a rule for every range."""

import dataclasses

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import ConfigCompositionException

from vae_exp import compose, config
from vae_exp.config import Config
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.field_docs import field_docs
from vae_exp.config.identity import as_dict, differences, flatten, identity, identity_hash
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError
from vae_exp.registry import schemas


def composed(*overrides):
    compose.register()
    with initialize_config_dir(str(compose.CONF), version_base="1.3"):
        return compose.to_config(hydra_compose("config", list(overrides)))


def options():
    return [(group, name, schema) for group, names in schemas().items() for name, schema in names.items()]


def test_yaml_and_dataclasses_have_the_same_defaults():
    assert composed() == Config()


@pytest.mark.parametrize(
    ("group", "name", "schema"), options(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_option_has_the_same_defaults_in_yaml_and_in_its_dataclass(group, name, schema):
    assert getattr(composed(f"{group}={name}"), group) == schema()


@pytest.mark.parametrize("file", sorted((compose.CONF / "experiment").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_experiment_composes(file):
    chosen = composed(f"experiment={file.stem}")
    assert chosen.data.name == "mnist"
    assert chosen.data.val_size == 0
    assert chosen.trainer.patience is None


def test_the_reference_experiment_is_fifty_epochs_of_all_digits_without_early_stopping():
    reference = composed("experiment=reference")
    assert reference == dataclasses.replace(
        Config(),
        data=config.MnistConfig(val_size=0),
        trainer=config.TrainerConfig(epochs=50, batch_size=100, patience=None, checkpoint_every=10),
    )


def test_the_iwae_paper_has_3280_epochs_in_eight_stages():
    assert fill_defaults(composed("experiment=iwae_paper")).trainer.epochs == 3280


def schema_classes():
    return [value for value in vars(config).values() if dataclasses.is_dataclass(value)]


@pytest.mark.parametrize("schema", schema_classes(), ids=lambda schema: schema.__name__)
def test_every_key_has_a_docstring_that_help_shows(schema):
    for field in dataclasses.fields(schema):
        assert field_docs(schema).get(field.name), f"{schema.__name__}.{field.name} has no docstring"
        assert f"\n    {field.name}: " in schema.__doc__


def test_yaml_files_hold_values_without_interpolations():
    files = [file for file in compose.CONF.rglob("*.yaml") if "hydra" not in file.parts and file.name != "config.yaml"]
    for file in files:
        assert "${" not in file.read_text(encoding="utf-8"), file
        assert yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.latent_dim=0", "model.latent_dim must be at least 1, got 0"),
        ("model.latent_dim=-3", "model.latent_dim must be at least 1, got -3"),
        ("model.channels=[]", "model.channels must be a list of at least two entries, got []"),
        ("model.channels=[1]", "model.channels must be a list of at least two entries, got [1]"),
        ("model.channels=[1,0]", "model.channels[1] must be at least 1, got 0"),
        ("model.kernel_size=0", "model.kernel_size must be at least 1, got 0"),
        (
            "model.stride=4",
            "model.stride must be at most model.kernel_size (3), since a larger one skips pixels, got 4",
        ),
        (
            "model.likelihood=poisson",
            "model.likelihood must be one of bernoulli, continuous_bernoulli, gaussian, discr",
        ),
        ("model.scale=0.1", "model.scale must be null unless model.likelihood is one of gaussian, discretized_logi"),
        ("model.optimal_scale=true", "model.optimal_scale must be false unless model.likelihood=gaussian and model.sc"),
        ("model.dequantize=true", "model.dequantize must be false unless model.likelihood is one of continuous_bernou"),
        ("data.binarize=maybe", "data.binarize must be one of none, static, dynamic, got 'maybe'"),
        ("data.threshold=0.5", "data.threshold must be null unless data.binarize=static, got 0.5"),
        ("optimizer.lr=-1", "optimizer.lr must be above 0, got -1.0"),
        ("optimizer.lr=nan", "optimizer.lr must be above 0, got nan"),
        ("objective.samples=0", "objective.samples must be at least 1, got 0"),
        ("objective.beta=-1", "objective.beta must be at least 0, got -1.0"),
        ("objective.free_bits=-1", "objective.free_bits must be at least 0, got -1.0"),
        ("objective.warmup_epochs=-1", "objective.warmup_epochs must be at least 0, got -1"),
        ("trainer.epochs=-1", "trainer.epochs must be at least 0, got -1"),
        ("trainer.epochs=null", "trainer.epochs must be a number unless optimizer.stages is given, got None"),
        ("optimizer.stages=2", "trainer.epochs must be null or 4, the length of optimizer.stages=2, got 50"),
        ("trainer.batch_size=0", "trainer.batch_size must be at least 1, got 0"),
        ("trainer.patience=0", "trainer.patience must be at least 1, got 0"),
        ("trainer.threads=0", "trainer.threads must be at least 1, got 0"),
        ("evaluation.every=0", "evaluation.every must be at least 1, got 0"),
        ("figures.which=[tsen]", "figures.which[0] must be one of loss_curves, latent, tsne"),
        ("figures.tsne_split=all", "figures.tsne_split must be one of train, val, test, got 'all'"),
        ("tracking.experiment=''", "tracking.experiment must be a name, got ''"),
        ("seed=-1", "seed must be at least 0 and below 2**63, got -1"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key_and_rule(composer, override, message):
    with pytest.raises(UserError) as error:
        composer.compose([override])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "override", ["model.latent_dims=2", "model.latent_dim=two", "trainer.epochs=1.5", "models=conv"]
)
def test_unknown_keys_and_wrong_types_are_refused_by_hydra(override):
    with pytest.raises(ConfigCompositionException):
        composed(override)


@pytest.mark.slow
def test_a_saved_configuration_loads_unchanged():
    for overrides in ([], ["model=mlp", "objective=iwae"], ["experiment=iwae_paper"], ["data=images", "tracking=none"]):
        chosen = composed(*overrides)
        assert load_config(yaml.safe_load(yaml.safe_dump(as_dict(chosen))), "config.yaml") == chosen


def test_an_unknown_saved_key_is_refused_by_name():
    saved = as_dict(Config())
    saved["model"]["latent_dims"] = 2
    with pytest.raises(UserError, match=r"latent_dims"):
        load_config(saved, "config.yaml")


def test_an_unknown_saved_option_is_refused_with_the_known_ones():
    saved = as_dict(Config())
    saved["model"]["name"] = "transformer"
    with pytest.raises(UserError, match=r"model\.name must be one of conv, mlp, got 'transformer'"):
        load_config(saved, "config.yaml")


def test_the_identity_leaves_out_keys_that_may_change_between_sessions():
    keys = set(identity(as_dict(Config())))
    assert {"model.latent_dim", "trainer.threads", "evaluation.every", "seed", "data.binarize"} <= keys
    free = {"data.root", "trainer.device", "trainer.epochs", "tracking.experiment", "figures.which"}
    assert keys & free == set()


def test_a_newer_key_has_its_default_in_the_identity_of_older_runs():
    saved = as_dict(Config())
    del saved["objective"]["free_bits"]
    assert identity_hash(saved) == identity_hash(as_dict(Config()))


def test_differences_list_each_key_with_both_values():
    old, new = flatten({"a": {"b": 1, "c": 2}}), flatten({"a": {"b": 3, "d": 4}})
    assert differences(old, new) == ["a.b: 1 → 3", "a.c: 2 → -", "a.d: - → 4"]


def test_every_schema_is_exported():
    assert {schema.__name__ for schema in schema_classes()} <= set(config.__all__)
