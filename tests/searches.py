"""Searches on digits whose trials take half a second, run in the process of the test."""

import contextlib
import dataclasses

import msgspec
from hydra.core.override_parser.overrides_parser import OverridesParser

from vae_exp import compose, experiment
from vae_exp.config import (
    Config,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    MlpConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.config.saved import load_config
from vae_exp.errors import Diverged
from vae_exp.searching import grammar
from vae_exp.searching.options import Options
from vae_exp.searching.preparation import prepare
from vae_exp.searching.search import Search
from vae_exp.storage.sweep_folder import SweepFolder

CONFIG = Config(
    model=MlpConfig(hidden=[16], latent_dim=2),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=6, batch_size=200, patience=None, device="cpu"),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
    tracking=NoTrackingConfig(),
)
SPACE = ("model.latent_dim=range(2,9)", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.hidden=[16],[8,8]")
OPTIONS = {"trials": 6, "batch": 4, "first_epochs": 1, "factor": 2}


def make_record(*space, config=CONFIG, **options):
    """Return the record of a search over a space."""
    overrides = OverridesParser.create().parse_overrides(list(space or SPACE))
    request = grammar.read(overrides, is_group=lambda key: key in ("model", "optimizer", "objective"))
    return prepare(request, Options(**OPTIONS | options), lambda given: compose.override(config, list(given), "test"))


def train(sweep, killed=()):
    """Return a function that trains runs one after the other; those of `killed` trials fail as if killed twice."""

    def launch(jobs, until):
        for job in jobs:
            if job.trial in killed:
                sweep.folder(job).path.mkdir(exist_ok=True)
                sweep.folder(job).write_status("failed", "its process was killed, twice (out of memory?)")
                continue
            with contextlib.suppress(Diverged):
                experiment.run(load_config(job.config, job.name), sweep.folder(job).path, until=until)

    return launch


def run_search(folder, record, **how):
    """Run a search until it ends or is blocked by a killed trial; return it."""
    search = Search(SweepFolder(folder), record, ["python"])
    search.run(train(search.sweep, **how))
    return search


def decisions(search):
    """Return all decisions and results of a search: the points of its trials and the values in each rung."""
    points = {trial.number: trial.point for trial in search.trials}
    return points, [(rung.epoch, rung.values) for rung in search.rungs()]


def replaced(record, **options):
    """Return the record with other options."""
    return msgspec.structs.replace(record, options=dataclasses.replace(record.options, **options))


def changed(config=CONFIG, **groups):
    """Return the configuration with `trainer={"epochs": 9}` changed."""
    return dataclasses.replace(
        config, **{group: dataclasses.replace(getattr(config, group), **keys) for group, keys in groups.items()}
    )
