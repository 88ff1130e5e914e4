"""Each purpose has its own random stream: doing more or less of one thing changes nothing else."""

import dataclasses

import pytest

from vae_exp import experiment
from vae_exp.config import Config, ConvConfig, DigitsConfig, EvaluationConfig, FiguresConfig, TrainerConfig
from vae_exp.storage.run_folder import RunFolder

CONFIG = Config(
    model=ConvConfig(channels=[1, 4]),
    data=DigitsConfig(binarize="dynamic"),
    trainer=TrainerConfig(epochs=4, batch_size=100, patience=None, device="cpu", threads=1),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=["samples", "reconstructions", "latent"], width=3.5),
)


def run(folder, **groups):
    """Run with `evaluation={"every": 2}` changed; return the run's folder."""
    changed = {group: dataclasses.replace(getattr(CONFIG, group), **keys) for group, keys in groups.items()}
    experiment.run(dataclasses.replace(CONFIG, **changed), folder)
    return RunFolder(folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run(tmp_path_factory.mktemp("plain") / "run")


def metrics(folder, *prefixes):
    return [{key: value for key, value in record.items() if key.startswith(prefixes)} for record in folder.records()]


def trained(folder):
    """Return the results that depend on training alone."""
    return folder.weights_file("last").read_bytes(), metrics(folder, "train/")


def without_times(folder):
    return {key: value for key, value in folder.read_final().flat().items() if key != "seconds"}


def pictures(folder):
    return {path.stem: path.read_bytes() for path in folder.figures.rglob("*.png")}


@pytest.mark.slow
@pytest.mark.parametrize("which", [[], ["latent"], ["latent", "samples"]])
def test_turning_figures_off_changes_nothing_else(plain, tmp_path, which):
    other = run(tmp_path / "run", figures={"which": which})
    assert trained(other) == trained(plain)
    assert metrics(other, "val/", "test/") == metrics(plain, "val/", "test/")
    assert without_times(other) == without_times(plain)
    assert pictures(other).items() <= pictures(plain).items()
    assert set(which) <= pictures(other).keys() < pictures(plain).keys()


@pytest.mark.slow
def test_evaluating_less_often_changes_nothing_else(plain, tmp_path):
    other = run(tmp_path / "run", evaluation={"every": 2})
    assert trained(other) == trained(plain)
    both = zip(metrics(other, "val/", "test/"), metrics(plain, "val/", "test/"), strict=True)
    assert [(mine == theirs, mine == {}) for mine, theirs in both] == [(False, True), (True, False)] * 2


@pytest.mark.slow
def test_the_evaluation_batch_size_does_not_change_training(plain, tmp_path):
    assert trained(run(tmp_path / "run", evaluation={"batch_size": 70})) == trained(plain)


def test_the_seed_changes_metrics_and_samples(plain, tmp_path):
    figures = dataclasses.replace(CONFIG.figures, which=["samples"])
    experiment.run(dataclasses.replace(CONFIG, seed=1, figures=figures), tmp_path / "run")
    other = RunFolder(tmp_path / "run")
    for one, two in zip(plain.records(), other.records(), strict=True):
        assert all(one[key] != two[key] for key in one if "/" in key)
    assert pictures(other)["samples"] != pictures(plain)["samples"]
