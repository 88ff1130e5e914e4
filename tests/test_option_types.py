"""Every field of the configuration has its declared type, whatever value it is given."""

import dataclasses
import types
from pathlib import Path
from typing import get_args, get_origin

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import vae_exp
from vae_exp import config
from vae_exp.config import AdamConfig, Config, ConvConfig, ElboConfig, ImagesConfig, MlpConfig, ModelConfig
from vae_exp.config.identity import as_dict, identity_hash
from vae_exp.config.options import field_types
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError
from vae_exp.registry import schemas

OPTIONS = [cls for options in schemas().values() for cls in options.values()]
CLASSES = [*OPTIONS, config.TrainerConfig, config.EvaluationConfig, config.FiguresConfig, Config]
FIELDS = [(cls, name) for cls in CLASSES for name in field_types(cls)]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["4", "1e-3", "true", "null", "${seed}", "???", b"4", 1 + 0j, object(), Config, int])
    | st.builds(np.float32, st.floats(width=32))
    | st.builds(np.int64, st.integers(-(2**63), 2**63 - 1)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def is_of(value, declared):
    """Return whether a value has exactly the declared type, not a subclass such as bool for int."""
    if get_origin(declared) is types.UnionType:
        return any(is_of(value, kind) for kind in get_args(declared))
    if get_origin(declared) is list:
        return type(value) is list and all(is_of(item, get_args(declared)[0]) for item in value)
    if dataclasses.is_dataclass(declared):
        return isinstance(value, declared)
    return type(value) is declared


@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
@settings(max_examples=25)
@given(value=anything)
def test_a_field_converts_a_value_to_its_type_or_refuses_it_with_the_dotted_key(cls, name, value):
    made = refusal = None
    try:
        made = cls(**{name: value})
    except UserError as error:
        refusal = str(error)
    if made is None:
        key = name if cls is Config else f"{cls._group}.{name}"
        assert refusal.startswith((key, "data.val_fraction + data.test_fraction"))
        assert "\n" not in refusal
    else:
        taken = getattr(made, name)
        assert is_of(taken, field_types(cls)[name])
        assert taken == value if not isinstance(value, tuple) else taken == list(value)  # not truncated or rounded


@given(value=anything)
def test_a_value_is_also_checked_on_assignment(value):
    made = ConvConfig()
    assume(not isinstance(value, int | float | np.number) or isinstance(value, bool) or value != int(value))
    with pytest.raises(UserError, match=r"^model\.latent_dim must be an integer"):
        made.latent_dim = value
    assert made == ConvConfig()


def test_numpy_numbers_whole_floats_and_tuples_are_converted():
    model = ConvConfig(latent_dim=np.int64(4), channels=(1, 8.0, np.uint8(16)), kernel_size=np.float32(3))
    assert (model.latent_dim, model.channels, model.kernel_size) == (4, [1, 8, 16], 3)
    assert {type(number) for number in [model.latent_dim, model.kernel_size, *model.channels]} == {int}
    optimizer = AdamConfig(lr=np.float32(1e-3), betas=(0, np.float64(0.5)))
    assert (optimizer.lr, optimizer.betas) == (float(np.float32(1e-3)), [0.0, 0.5])
    assert {type(number) for number in [optimizer.lr, *optimizer.betas]} == {float}
    assert ImagesConfig(root=Path("pictures")).root == "pictures"


@pytest.mark.parametrize("value", ["4", True, 4.5, None, [4], np.float64(4.5), np.nan, np.inf])
def test_values_that_are_not_integers_are_refused(value):
    with pytest.raises(UserError, match=r"^model\.latent_dim must be an integer of at most 64 bits, got "):
        MlpConfig(latent_dim=value)


@pytest.mark.parametrize("value", ["1", 1, 0.0, None])
def test_values_that_are_not_booleans_are_refused(value):
    with pytest.raises(UserError, match=r"^optimizer\.amsgrad must be true or false, got "):
        AdamConfig(amsgrad=value)


def test_a_list_is_checked_item_by_item_and_copied():
    with pytest.raises(UserError, match=r"^model\.channels\[1\] must be an integer"):
        ConvConfig(channels=[1, "8"])
    with pytest.raises(UserError, match=r"^model\.channels must be a list, got '18'"):
        ConvConfig(channels="18")
    mine = [1, 8]
    made = ConvConfig(channels=mine)
    mine.append(0)
    assert made.channels == [1, 8]


@pytest.mark.parametrize("base", [ModelConfig, config.DataConfig, config.OptimizerConfig, config.ObjectiveConfig])
def test_the_base_class_of_a_group_can_not_be_instantiated(base):
    with pytest.raises(UserError, match=rf"^{base._group}\.name must be .*, got '' \({base.__name__}\)"):
        base()


def test_the_name_of_another_option_is_refused():
    with pytest.raises(UserError, match=r"^model\.name must be .* got 'mlp' \(ConvConfig\)"):
        ConvConfig(name="mlp")


@pytest.mark.parametrize("value", ["conv", None, {"name": "conv"}, ConvConfig, ElboConfig()])
def test_a_group_must_be_an_instance_of_its_options(value):
    with pytest.raises(UserError, match=r"^model must be an instance of ModelConfig, got "):
        Config(model=value)


def test_a_misspelt_attribute_is_refused():
    made = Config()
    with pytest.raises(UserError, match=r"^model\.latentdim is not a key of ConvConfig; it has name, latent_dim"):
        made.model.latentdim = 4


def test_tuples_and_lists_have_the_same_identity():
    tuples, lists = Config(model=ConvConfig(channels=(1, 8))), Config(model=ConvConfig(channels=[1, 8]))
    assert tuples == lists
    assert identity_hash(as_dict(tuples)) == identity_hash(as_dict(lists))


@pytest.mark.parametrize("cls", OPTIONS, ids=lambda cls: cls.__name__)
def test_an_option_survives_omegaconf_and_plain_data_unchanged(cls):
    made = Config(**{cls._group: cls()})
    assert OmegaConf.to_object(OmegaConf.structured(made)) == made
    assert load_config(as_dict(made), "config.yaml") == made


def test_a_dataclass_defined_without_source_is_documented_and_checked():
    namespace = {"dataclass": dataclasses.dataclass, "ModelConfig": ModelConfig, "__name__": "elsewhere"}
    exec('@dataclass\nclass Mine(ModelConfig):\n    """A model of mine."""\n    width: int = 3\n', namespace)
    assert namespace["Mine"].__doc__.startswith("A model of mine.\n\nAttributes:\n    name: ")
    with pytest.raises(UserError, match=r"^model\.width must be an integer"):
        namespace["Mine"](width="3")
    assert vae_exp.Config is Config
