"""Between Hydra and the typed schema: the only file of the library that imports Hydra or OmegaConf."""

from __future__ import annotations

import copy
import dataclasses
import re
import secrets
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from vae_exp.config import Config, EvaluationConfig, FiguresConfig, TrainerConfig
from vae_exp.errors import UserError, complain, one_line
from vae_exp.preparation import prepare
from vae_exp.registry import schemas
from vae_exp.storage.run_folder import RunFolder

CONF = next(path for path in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf") if path.is_dir())
"""The YAML files: inside the package when it was installed as a wheel, beside it in a checkout."""

SCHEMAS = "hydra/schema"
"""Where the schemas are among Hydra's groups: below `hydra/`, so that --help lists the YAML files alone."""

_GROUPS_WITHOUT_OPTIONS = {"trainer": TrainerConfig, "evaluation": EvaluationConfig, "figures": FiguresConfig}


@cache
def register() -> None:
    """Tell Hydra the schemas, so that a typing error fails when the configuration is composed."""
    store = ConfigStore.instance()
    root = OmegaConf.structured(Config)
    for group, options in schemas().items():
        root[group] = MISSING  # the option that is chosen brings its own type
        for name, config_class in options.items():
            store.store(group=f"{SCHEMAS}/{group}", name=name, node=config_class)
    for group, config_class in _GROUPS_WITHOUT_OPTIONS.items():
        store.store(group=f"{SCHEMAS}/{group}", name="default", node=config_class)
    store.store(name="config_schema", node=root)
    OmegaConf.register_new_resolver("unique_name", unique_name, use_cache=True)


def unique_name() -> str:
    """Return a folder's name that sorts by time and that no two processes share."""
    return f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(4)}"


def to_config(composed: DictConfig) -> Config:
    """Return what Hydra composed as the typed configuration; raise UserError where a value breaks its rule."""
    task = copy.deepcopy(composed)
    with read_write(task), open_dict(task):
        task.pop("hydra", None)
    try:
        config = OmegaConf.to_object(task)
    except OmegaConfBaseException as error:
        raise UserError(_explain(error)) from None
    assert isinstance(config, Config)
    return config


@dataclass(frozen=True)
class Context:
    """Where Hydra put the job that is running."""

    folder: Path
    """The run folder."""
    in_sweep: bool
    """Whether a sweeper launched it."""
    overrides: list[str]
    """What was given on the command line."""


def context() -> Context:
    """Return where the job that is running stands; only inside a task of Hydra's."""
    return _context(HydraConfig.get())


def _context(hydra: Any) -> Context:
    in_sweep = hydra.mode == RunMode.MULTIRUN
    return Context(Path(hydra.runtime.output_dir), in_sweep, list(hydra.overrides.task))


class CheckFirst(Callback):
    """Refuses a single run before Hydra makes its folder: Hydra writes `.hydra/` before it calls the task.

    An exception in a callback becomes a warning; SystemExit gets through.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Check configuration, data and folder; exit with code 2 and one line when the run can't start."""
        try:
            typed, folder = to_config(config), RunFolder(Path(config.hydra.run.dir))
            prepare(typed, folder)
        except UserError as error:
            complain(str(error))
            raise SystemExit(2) from None


def defaults(options: list[str]) -> Config:
    """Return what `conf/` says with these options of its groups (`tracking=none`), as the caller has it here."""
    register()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return to_config(hydra.compose("config", options))
    except HydraException as error:
        raise UserError(one_line(error)) from None


def override(config: Config, overrides: list[str], where: str) -> Config:
    """Return the configuration with overrides applied: `key=value`, or `group=option` for all that an option brings."""
    for text in overrides:
        if "=" not in text:
            raise UserError(f"an override must be key=value, got {text!r}")
    groups = [field.name for field in dataclasses.fields(Config) if field.name != "seed"]
    options = [text for text, key in zip(overrides, _keys(overrides), strict=True) if key in groups]
    if options:
        chosen = defaults(options)
        config = dataclasses.replace(config, **{name: getattr(chosen, name) for name in _keys(options)})
    try:
        changes = OmegaConf.from_dotlist([text for text in overrides if text not in options])
        merged = OmegaConf.merge(OmegaConf.structured(config), changes)
        changed = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise UserError(f"{where}: {_explain(error)}") from None
    assert isinstance(changed, Config)
    return changed


def _keys(overrides: list[str]) -> list[str]:
    return [text.split("=")[0] for text in overrides]


def _explain(error: OmegaConfBaseException) -> str:
    """Return `key: what is wrong` from OmegaConf's message of several lines."""
    message = one_line(str(error).split("\n")[0])
    return f"{error.full_key}: {message}" if error.full_key else message


def label(overrides: list[str]) -> str:
    """Return what a run is called: `latent_dim=2, seed=0`, or `defaults` where nothing was given."""
    return ", ".join(override.lstrip("+").split(".")[-1] for override in overrides) or "defaults"


def quote(value: str) -> str:
    """Return a value as Hydra's grammar reads it back, whatever is in it.

    A backslash is doubled only where it stands before a quote: elsewhere the grammar takes it as it is.
    """
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"
