"""Convert between Hydra's configurations and the typed schema."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import re
import secrets
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from vae_exp.config import Config, EvaluationConfig, FiguresConfig, TrainerConfig
from vae_exp.errors import UserError, complain, one_line, short
from vae_exp.first_line import say_run
from vae_exp.help import chosen_keys
from vae_exp.registry import schemas
from vae_exp.storage.paths import require_path

CONF = next(path for path in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf") if path.is_dir())
"""The YAML files: inside the package when it was installed as a wheel, next to it in a checkout."""

SCHEMAS = "hydra/schema"
"""Where the schemas are among Hydra's groups: below `hydra/`, so that --help lists the YAML files alone."""

_GROUPS_WITHOUT_OPTIONS = {"trainer": TrainerConfig, "evaluation": EvaluationConfig, "figures": FiguresConfig}


@cache
def register() -> None:
    """Register the schemas with Hydra, so that a misspelled key is refused when the configuration is composed."""
    store = ConfigStore.instance()
    root = OmegaConf.structured(Config)
    for group, options in schemas().items():
        root[group] = MISSING  # the chosen option has its own type
        for name, config_class in options.items():
            store.store(group=f"{SCHEMAS}/{group}", name=name, node=config_class)
    for group, config_class in _GROUPS_WITHOUT_OPTIONS.items():
        store.store(group=f"{SCHEMAS}/{group}", name="default", node=config_class)
    store.store(name="config_schema", node=root)
    OmegaConf.register_new_resolver("unique_name", unique_name, use_cache=True)
    OmegaConf.register_new_resolver("chosen_keys", lambda *, _root_: chosen_keys(_root_).replace("$", "$$"))


def unique_name() -> str:
    """Return a unique folder name that sorts by time."""
    return f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(4)}"


def to_config(composed: DictConfig) -> Config:
    """Convert Hydra's configuration to the typed one; raise UserError if a value breaks its rule."""
    task = copy.deepcopy(composed)
    with read_write(task), open_dict(task):
        task.pop("hydra", None)
    try:
        config = OmegaConf.to_object(task)
    except OmegaConfBaseException as error:
        raise UserError(_explain(error)) from None
    assert isinstance(config, Config)
    return config


def current_run() -> tuple[Path, list[str]]:
    """Return the folder and the overrides of the run that Hydra started. Call it only inside a Hydra task."""
    hydra = HydraConfig.get()
    return Path(hydra.runtime.output_dir), list(hydra.overrides.task)


class CheckFirst(Callback):
    """Refuses a single run before Hydra makes its folder: Hydra writes `.hydra/` before it calls the task.

    An exception in a callback becomes a warning; SystemExit gets through.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Check configuration, data and folder; exit with code 2 and one line when the run can't start."""
        try:
            refuse_unsupported(config.hydra, is_sweep=False)
            refuse_unknown(config)
            typed = to_config(config)
            path = require_path(config.hydra.run.dir, "hydra.run.dir")
            say_run(config.hydra.overrides.task, typed.data.name, path)
            from vae_exp.preparation import prepare  # imports torch, which the schema does not need
            from vae_exp.storage import room
            from vae_exp.storage.run_folder import RunFolder

            folder = RunFolder(path)
            prepare(typed, folder)
            room.require_room(folder.path)  # Hydra writes its own record, also for a finished run
        except UserError as error:
            complain(str(error))
            raise SystemExit(2) from None


SUPPORTED = {"job.chdir": (None, False), "output_subdir": (".hydra", None)}
"""Supported values of Hydra's own keys. Any other would break what a run writes."""
SUPPORTED_IN_SWEEP = {"job.chdir": (None, False), "output_subdir": (".hydra",), "sweep.subdir": ("${hydra.job.num}",)}


def refuse_unsupported(hydra: DictConfig, is_sweep: bool) -> None:
    """Raise UserError, naming the key, when one of Hydra's own keys has an unsupported value."""
    given: Any = OmegaConf.to_container(hydra, resolve=False)
    for key, allowed in (SUPPORTED_IN_SWEEP if is_sweep else SUPPORTED).items():
        value = given
        for part in key.split("."):
            value = value.get(part)
        if value not in allowed:
            raise UserError(f"hydra.{key} must be left as it is, got {short(value)}")


def refuse_unknown(composed: DictConfig) -> None:
    """Raise UserError for a key that the schema doesn't have: Hydra adds any key that follows a `+`."""
    for key in composed:
        if key != "hydra":
            _refuse_unknown(composed, str(key), "")


def _refuse_unknown(node: DictConfig, key: str, prefix: str) -> None:
    schema = OmegaConf.get_type(node)
    if dataclasses.is_dataclass(schema) and key not in {field.name for field in dataclasses.fields(schema)}:
        raise UserError(f"{prefix}{key} is not a key of the configuration; see: python -m vae_exp.train --help")
    child = node._get_node(key)
    if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
        for below in child:
            _refuse_unknown(child, str(below), f"{prefix}{key}.")


def defaults(options: list[str]) -> Config:
    """Return the configuration that `conf/` composes with these options of its groups, such as `tracking=none`."""
    return copy.deepcopy(_defaults(tuple(options)))


@cache
def _defaults(options: tuple[str, ...]) -> Config:  # a search asks for the same ones at each corner of its space
    register()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return to_config(hydra.compose("config", list(options)))
    except HydraException as error:
        raise UserError(explain(error)) from None


def override(config: Config, overrides: list[str], where: str) -> Config:
    """Return the configuration with overrides applied: `key=value`, `group=option`, or `experiment=name`.

    An option replaces its whole group. An experiment replaces the groups that it overrides and the values that it
    sets; everything else stays. Values on the command line come last, as in Hydra.
    """
    for text in overrides:
        if "=" not in text:
            raise UserError(f"an override must be key=value, got {text!r}")
    given = [text.split("=", 1) for text in overrides]
    groups = [field.name for field in dataclasses.fields(Config) if field.name != "seed"]
    presets = [_preset(key, option) for key, option in given if key not in groups and _is_group(key)]
    options = {key: option for preset, _ in presets for key, option in preset.items()}
    options |= {key: option for key, option in given if key in groups}
    if options:
        chosen = defaults([f"{key}={option}" for key, option in options.items()])
        config = dataclasses.replace(config, **{key: getattr(chosen, key) for key in options})
    values = [text for text, (key, _) in zip(overrides, given, strict=True) if key not in groups and not _is_group(key)]
    try:
        merged = OmegaConf.merge(
            OmegaConf.structured(config), *(preset for _, preset in presets), OmegaConf.from_dotlist(values)
        )
        changed = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise UserError(f"{where}: {_explain(error)}") from None
    assert isinstance(changed, Config)
    return changed


def _is_group(key: str) -> bool:
    return "." not in key and bool(_loader().get_group_options(key))


def _preset(group: str, option: str) -> tuple[dict[str, str], Any]:
    """Return what a preset such as `experiment=reference` selects: options of our groups, and values."""
    path = f"{group}/{option}"
    source = next((each for each in _loader().get_sources() if each.is_config(path)), None)
    if source is None:
        raise UserError(f"{group} must be one of {', '.join(_loader().get_group_options(group))}, got {option!r}")
    values: Any = OmegaConf.to_container(source.load_config(path).config, resolve=False)
    choices = [item for entry in values.pop("defaults", []) if isinstance(entry, dict) for item in entry.items()]
    return {key.removeprefix("override /"): str(choice) for key, choice in choices}, values


@cache
def _loader() -> ConfigLoader:
    """Return Hydra's loader of `conf/`, to compose outside a Hydra command."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return GlobalHydra.instance().config_loader()


def explain(error: Exception) -> str:
    """Return Hydra's error in one line, with the key and without its advice to add unknown keys."""
    if isinstance(cause := error.__cause__, OmegaConfBaseException) and (key := getattr(cause, "full_key", None)):
        return explain_value(cause, key)
    if unknown := re.search(r"Could not override '([^']*)'", str(error)):
        return f"{unknown[1]} is not a key of the configuration; see: python -m vae_exp.train --help"
    return one_line(str(error).partition("Config search path")[0].partition("\nSee https://hydra.cc")[0])


def explain_choice(overrides: Iterable[str], loader: ConfigLoader | None = None) -> str | None:
    """Return, in one line, which group is set to something else than an option, as by `trainer=null`; None for none.

    Hydra raises a ValueError for it that names neither the group nor its options.
    """
    loader, parser = loader or _loader(), OverridesParser.create()
    for text in overrides:
        with contextlib.suppress(HydraException):
            override = parser.parse_override(text)
            options = loader.get_group_options(override.key_or_group)
            if options and not override.is_sweep_override() and not isinstance(override.value(), str | list | dict):
                rule = f"must be one of {', '.join(options)}"
                return f"{override.key_or_group} {rule}, got {override.get_value_string()}"
    return None


def explain_value(error: OmegaConfBaseException, key: str) -> str:
    """Return `key: reason` for an invalid value, or that there is no such key."""
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        return f"{key} is not a key of the configuration; see: python -m vae_exp.train --help"
    return f"{key}: {one_line(str(error).partition(chr(10))[0])}"


def _explain(error: OmegaConfBaseException) -> str:
    """Return `key: reason` from OmegaConf's message of several lines."""
    message = one_line(str(error).split("\n")[0])
    return f"{error.full_key}: {message}" if error.full_key else message
