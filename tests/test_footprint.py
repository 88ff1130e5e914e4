"""The disk space that a sweep will need: estimated before it starts, and refused if it does not fit."""

import dataclasses
from pathlib import Path

import pytest
from commands import run
from disks import small_disk

import vae_exp
from vae_exp import data, experiment
from vae_exp.config import (
    AdamConfig,
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    MlpConfig,
    NoTrackingConfig,
    SgdConfig,
    TrainerConfig,
)
from vae_exp.config.identity import as_dict
from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import footprint

CONFIG = Config(
    model=MlpConfig(hidden=[256]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=5, checkpoint_every=2, batch_size=400, threads=1, device="cpu", patience=None),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
    tracking=NoTrackingConfig(),
)
WIDE = ["data=digits", "model=mlp", "model.hidden=[500]", "evaluation.final=false"]
WIDE += ["tracking=none", "trainer.threads=1"]
"""Runs with full states of 800 KB."""


def changed(**groups):
    """Return CONFIG with other values: a whole group, or some keys of one."""
    values = {
        name: dataclasses.replace(getattr(CONFIG, name), **value) if isinstance(value, dict) else value
        for name, value in groups.items()
    }
    return dataclasses.replace(CONFIG, **values)


def size(config, until=None):
    return footprint.size(config, data.load(config.data), until)


def on_disk(folder):
    """Return the bytes that a folder and its files take on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in [folder, *folder.rglob("*")])


@pytest.mark.parametrize(
    ("config", "until"),
    [
        (CONFIG, None),
        (CONFIG, 3),
        (changed(trainer={"epochs": 0}), None),
        (changed(trainer={"keep": "last"}), None),
        (changed(trainer={"keep": "none"}), None),
        (changed(trainer={"checkpoint_every": 1}), None),
        (changed(optimizer=SgdConfig(momentum=0.0)), None),
        (changed(optimizer=AdamConfig(amsgrad=True)), None),
        (changed(model=ConvConfig(channels=[1, 16], likelihood="gaussian", latent_dim=20)), None),
    ],
)
def test_the_estimated_size_of_a_run_is_within_a_tenth(tmp_path, config, until):
    experiment.run(config, tmp_path / "run", until=until)
    assert size(config, until).left == pytest.approx(on_disk(tmp_path / "run"), rel=0.1, abs=5 * footprint.BLOCK)


@pytest.mark.slow
def test_the_estimated_size_of_figures_is_within_a_factor_of_two(tmp_path):
    config = changed(figures={"which": ["loss_curves", "latent", "reconstructions", "samples", "kl_per_dimension"]})
    experiment.run(config, tmp_path / "run")
    assert on_disk(tmp_path / "run") / 2 < size(config).left < 2 * on_disk(tmp_path / "run")


def test_during_training_a_run_needs_space_for_checkpoints_that_are_not_kept():
    none, everything = (size(changed(trainer={"keep": keep})) for keep in ("none", "all"))
    assert none.most == everything.most
    weights, state = footprint._checkpoint_bytes(CONFIG, (1, 8, 8))
    assert none.most - none.left == 4 * state + 2 * weights  # epochs 2, 4 and 5, and one that is being written
    assert everything.most - everything.left == state


@pytest.mark.slow
def test_a_sweep_stays_below_its_estimate_and_a_finished_one_needs_nothing_more(tmp_path):
    sweep = vae_exp.sweep(CONFIG, {"model.latent_dim": [2, 3]}, tmp_path / "sweep")
    folder = SweepFolder(sweep.folder)
    estimated = footprint.bytes_of(SweepFolder(tmp_path / "new"), folder.jobs())
    assert on_disk(folder.path) < estimated < 1.5 * on_disk(folder.path)
    assert footprint.require_room(folder, folder.jobs()) == ""


def test_the_size_of_jobs_with_the_same_shapes_is_computed_once(tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(footprint, "size", lambda *given: counted.append(given) or footprint.Size(1000, 1000))
    shapes = [as_dict(dataclasses.replace(CONFIG, model=MlpConfig(hidden=[width]))) for width in (8, 16)]
    jobs = [Job(f"{n}_12345678", str(n), [], shapes[n % 2] | {"seed": n}) for n in range(1000)]
    assert footprint.bytes_of(SweepFolder(tmp_path), jobs) > 1000 * 1000
    assert len(counted) == 2


@pytest.mark.process
@pytest.mark.parametrize(
    "command",
    [
        ["seed=0,1,2"],
        ["hydra/sweeper=search", "optimizer.lr=interval(1e-4,1e-2)", "hydra.sweeper.trials=20"],
    ],
)
def test_a_sweep_that_will_not_fit_is_refused_in_one_line_and_creates_nothing(tmp_path, command):
    with small_disk(tmp_path / "disk", "4m") as disk:
        done = run(tmp_path, "train", "-m", *command, *WIDE, "hydra.sweep.dir=disk/sweep")
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert "jobs will write about" in line
        assert "and its disk has 4.2 MB free" in line
        assert "trainer.keep=last" in line
        assert list(disk.folder.iterdir()) == []


@pytest.mark.process
def test_a_sweep_that_keeps_fewer_files_fits_and_prints_its_estimate(tmp_path):
    with small_disk(tmp_path / "disk", "8m"):
        few = ["trainer.keep=none", "trainer.epochs=1", "figures.which=[]", "hydra.sweep.dir=disk/sweep"]
        done = run(tmp_path, "train", "-m", "seed=0,1", *WIDE, *few)
        assert done.returncode == 0, done.stderr
        assert "2 jobs will write about" in done.stdout
        assert on_disk(Path(tmp_path / "disk" / "sweep")) < 8e6


def test_a_sweep_from_python_that_will_not_fit_is_refused(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(UserError, match=r"2 jobs will write about .* and its disk has 1\.0 MB free"):
            vae_exp.sweep(changed(model=MlpConfig(hidden=[500])), {"seed": [0, 1]}, disk.folder / "sweep")
        assert list(disk.folder.iterdir()) == []
