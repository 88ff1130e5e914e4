"""`trainer.keep`: which checkpoints a finished run keeps, and what is refused without the others."""

import dataclasses

import pytest

from vae_exp import experiment, loading
from vae_exp.comparison import reproduction
from vae_exp.config import (
    Config,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    MlpConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.config.identity import as_dict, identity_hash
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder

CONFIG = Config(
    model=MlpConfig(hidden=[4]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=3, checkpoint_every=2, batch_size=400, threads=1, device="cpu"),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=["samples"]),
    tracking=NoTrackingConfig(),
)
LEFT = {
    "all": ["best", "epoch_0002", "epoch_0003", "last"],
    "last": ["best", "last"],
    "none": [],
}


def kept(keep, **trainer):
    return dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, keep=keep, **trainer))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run for each value of `trainer.keep`."""
    folder = tmp_path_factory.mktemp("kept")
    for keep in LEFT:
        experiment.run(kept(keep), folder / keep)
    return {keep: RunFolder(folder / keep) for keep in LEFT}


@pytest.mark.parametrize("keep", LEFT)
def test_trainer_keep_decides_which_checkpoints_a_finished_run_keeps(runs, keep):
    assert sorted(file.stem for file in runs[keep].checkpoints.iterdir()) == LEFT[keep]
    assert runs[keep].state() == "finished"
    assert runs[keep].read_codes()[0]["mean"].shape == (360, 2)
    assert (runs[keep].figures / "samples.png").exists()


def test_trainer_keep_is_not_part_of_the_identity():
    assert len({identity_hash(as_dict(kept(keep))) for keep in LEFT}) == 1


@pytest.mark.parametrize("keep", ["last", "none"])
def test_more_epochs_are_refused_without_full_checkpoints_and_nothing_changes(runs, keep):
    before = {file: file.read_bytes() for file in runs[keep].path.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match=f"can't continue: with trainer.keep={keep} it has no full state"):
        experiment.run(kept(keep, epochs=4), runs[keep].path)
    assert {file: file.read_bytes() for file in runs[keep].path.rglob("*") if file.is_file()} == before


def test_a_run_without_weights_has_metrics_but_no_model(runs):
    run = loading.load_run(runs["none"].path)
    assert len(run.metrics) == 3
    with pytest.raises(UserError, match=r"has no weights: trainer.keep=none"):
        run.model  # noqa: B018
    assert loading.load_run(runs["last"].path).model.latent_dim == 2


def test_weights_that_were_not_kept_can_not_be_reproduced(runs):
    reproduction.require_weights(runs["last"])
    with pytest.raises(UserError, match=r"has no weights: trainer.keep=none"):
        reproduction.require_weights(runs["none"])


def test_an_unfinished_run_continues_whatever_trainer_keep_is(tmp_path):
    experiment.run(kept("none"), tmp_path, until=2)
    assert (tmp_path / "checkpoints" / "epoch_0002.safetensors").exists()
    experiment.run(kept("none"), tmp_path)
    assert [record["epoch"] for record in RunFolder(tmp_path).records()] == [1, 2, 3]
    assert not list((tmp_path / "checkpoints").iterdir())
