"""`python -m vae_exp.reproduce`: the same bits again, or the differences in metrics, weights and machine."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from commands import run
from PIL import Image

from vae_exp import experiment
from vae_exp.comparison import reproduction
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    ImagesConfig,
    MlflowConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.errors import UserError
from vae_exp.reproduce import _ours, main, reproduce
from vae_exp.storage.run_folder import RunFolder

FIXTURE = Path(__file__).parent / "fixtures" / "run_0.1.0"
"""A run as version 0.1.0 saved it, without its weights."""
CONFIG = Config(
    model=ConvConfig(channels=[1, 4]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=2, batch_size=200, device="cpu", threads=1),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
    tracking=NoTrackingConfig(),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("origin") / "run"
    experiment.run(CONFIG, path)
    return path


@pytest.fixture
def origin(trained, tmp_path, monkeypatch):
    """A finished run that a test may change, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return RunFolder(shutil.copytree(trained, tmp_path / "origin"))


def command(*arguments, cwd):
    done = run(cwd, "reproduce", *arguments)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def made(folder):
    """Return the new run below outputs/."""
    [path] = (folder / "outputs").iterdir()
    return RunFolder(path)


@pytest.mark.process
def test_a_run_reproduces_to_the_bit_in_a_new_process(origin, tmp_path):
    code, printed, errors = command("origin", "tracking=none", cwd=tmp_path)
    assert (code, errors) == (0, [])
    assert printed[-1].startswith("equal: 2 epochs")
    assert printed[-1].endswith("bit for bit")
    again = made(tmp_path)
    assert again.weights_file("best").read_bytes() == origin.weights_file("best").read_bytes()
    assert again.read_environment().origin == str(tmp_path / "origin")


@pytest.mark.process
def test_the_run_that_version_0_1_0_saved_reproduces_on_any_machine(tmp_path):
    code, printed, errors = command(FIXTURE, "--tolerance", "1e-4", "tracking=none", cwd=tmp_path)
    assert (code, errors) == (0, [])
    assert printed[-1].startswith("equal within 0.0001: 3 epochs")
    assert printed[-1].endswith("weights are not compared")


@pytest.mark.slow
def test_a_difference_is_reported_with_its_first_epoch_weights_and_machine(origin, tmp_path, capsys):
    lines = origin.metrics_file.read_text().splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps(first | {"val/kl": first["val/kl"] * 1.5})
    origin.metrics_file.write_text("\n".join(lines) + "\n")
    weights, epoch = origin.read_weights("best")
    weights["encoder.0.bias"][2] += 0.5
    origin.write_weights("best", weights, epoch)
    environment = json.loads(origin.environment_file.read_text())
    environment["sessions"][0]["packages"]["torch"] = "1.0"
    origin.environment_file.write_text(json.dumps(environment))
    assert reproduce("origin", ["tracking=none"], None) == 1
    printed = capsys.readouterr().out
    assert f"\nepoch 1: val/kl {first['val/kl'] * 1.5} → {first['val/kl']}, by " in printed
    assert "(relative 0.33)\n" in printed
    assert "epoch 2" not in printed.split("different from origin:")[1]
    assert "\nbest weights: encoder.0.bias by up to 0.5\n" in printed
    assert "last weights" not in printed
    assert f"\npackages.torch: 1.0 → {torch.__version__.partition('+')[0]}" in printed


@pytest.mark.parametrize(("tolerance", "same"), [(0, False), (1e-7, False), (1e-5, True)])
def test_the_tolerance_is_relative(origin, tmp_path, tolerance, same):
    lines = origin.metrics_file.read_text().splitlines()
    record = json.loads(lines[1])
    other = RunFolder(shutil.copytree(origin.path, tmp_path / "other"))
    other.metrics_file.write_text(f"{lines[0]}\n{json.dumps(record | {'val/loss': record['val/loss'] * (1 + 1e-6)})}\n")
    differences = reproduction.metric_differences(origin, other, tolerance)
    assert differences == [] if same else differences[0].startswith("epoch 2: val/loss")


def test_a_missing_epoch_is_a_difference_but_a_measure_of_one_version_is_only_reported(origin, tmp_path):
    other = RunFolder(shutil.copytree(origin.path, tmp_path / "other"))
    lines = origin.metrics_file.read_text().splitlines(keepends=True)
    other.metrics_file.write_text(lines[0])
    final = origin.read_final()
    other.write_final(msgspec.structs.replace(final, measures=final.measures | {"more": {"active_units": 2}}))
    assert reproduction.metric_differences(origin, other) == ["epoch 2: epoch 2 → -"]
    assert reproduction.measured_by_one(origin, other) == [
        "only the new run has, among its measures: more.active_units"
    ]
    assert reproduction.measured_by_one(origin, origin) == []


def test_a_metric_of_one_version_is_reported_and_the_others_are_compared(origin, tmp_path):
    other = RunFolder(shutil.copytree(origin.path, tmp_path / "other"))
    records = [record | {"val/new": 1.0} for record in origin.records()]
    other.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert reproduction.metric_differences(origin, other) == []
    assert reproduction.measured_by_one(other, origin) == ["only the origin has, among its epochs' metrics: val/new"]
    records[1]["test/kl"] += 1
    other.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert reproduction.metric_differences(origin, other)[0].startswith("epoch 2: test/kl")


def test_differing_times_are_not_a_difference(origin, tmp_path):
    other = RunFolder(shutil.copytree(origin.path, tmp_path / "other"))
    records = [record | {"seconds": 9.0, "timestamp": 1} for record in origin.records()]
    other.metrics_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    other.write_final(msgspec.structs.replace(origin.read_final(), seconds=99.0))
    assert reproduction.metric_differences(origin, other) == []


def test_the_sign_of_a_zero_weight_is_a_difference(origin, tmp_path):
    other = RunFolder(shutil.copytree(origin.path, tmp_path / "other"))
    for folder, zero in ((origin, 0.0), (other, -0.0)):
        folder.write_weights("last", {"w": torch.tensor([zero, 1.0])}, 2)
    assert reproduction.weight_differences(origin, other) == ["last weights: w by up to 0"]


@pytest.mark.slow
@pytest.mark.parametrize("override", ["model.latent_dim=3", "trainer.epochs=1", "model=mlp", "trainer.threads=2"])
def test_an_override_of_the_identity_makes_a_new_run_that_names_its_origin(origin, tmp_path, capsys, override):
    if override == "trainer.threads=2":  # two threads train slowly while the cores are busy
        assert reproduce("origin", [override, "tracking=none", "trainer.epochs=0"], None) == 0
    else:
        assert reproduce("origin", [override, "tracking=none"], None) == 0
    assert "equal" not in capsys.readouterr().out
    assert made(tmp_path).read_environment().origin == str(tmp_path / "origin")


@pytest.mark.slow
@pytest.mark.parametrize("override", ["trainer.device=cpu", "figures.which=[loss_curves]", "tracking=none"])
def test_an_override_outside_the_identity_is_compared(origin, capsys, override):
    assert reproduce("origin", [override, "tracking=none"], None) == 0
    assert "bit for bit" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["interrupted", "failed", "planned"])
def test_reproducing_an_unfinished_run_is_refused_and_creates_nothing(origin, tmp_path, state):
    origin.write_status(state)
    with pytest.raises(UserError, match=f"must be a finished run, got one that is {state}; resume it first"):
        reproduce("origin", ["tracking=none"], None)
    assert not (tmp_path / "outputs").exists()


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "overrides", "message"),
    [
        ("seed: 0", "seed: 0", ["model.colour=red"], r"overrides: model\.colour: Key 'colour' not in"),
        ("seed: 0", "seed: 0", ["model.latent_dim=0"], r"model\.latent_dim must be at least 1, got 0"),
        ("seed: 0", "seed: 0", ["colour"], "must be key=value, got 'colour'"),
        ("seed: 0", "seed: 0", ["tracking=paper"], "Could not find 'tracking/paper'"),
        ("seed: 0", "seed: 0\ncolour: red", [], r"config\.yaml: colour is not a key of this version"),
        ("threads: 1", "threads: 1\n  colour: red", [], r"config\.yaml: trainer\.colour is not a key of this version"),
        ("device: cpu", "device: cuda:99", [], r"trainer\.device must be a device of this machine"),
    ],
)
def test_a_reproduction_that_can_not_run_is_refused_and_creates_nothing(origin, tmp_path, old, new, overrides, message):
    edit(origin.config_file, old, new)
    with pytest.raises(UserError, match=message):
        reproduce("origin", overrides, None)
    assert not (tmp_path / "outputs").exists()


def test_damaged_weights_of_the_origin_are_reported_before_training(origin, tmp_path):
    origin.weights_file("last").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"last\.safetensors is damaged"):
        reproduce("origin", [], None)
    assert not (tmp_path / "outputs").exists()


def test_reproducing_with_other_data_is_refused(origin, tmp_path):
    environment = json.loads(origin.environment_file.read_text())
    environment["data"]["digest"] = "ab" * 32
    origin.environment_file.write_text(json.dumps(environment))
    with pytest.raises(UserError, match=r"was trained on other data \(digest abababababab, here [0-9a-f]{12}\)"):
        reproduce("origin", ["model.latent_dim=3"], None)
    assert not (tmp_path / "outputs").exists()


def test_the_tracking_store_and_data_folder_are_the_callers():
    untrusted = MlflowConfig(experiment="another user's")
    saved = dataclasses.replace(CONFIG, tracking=untrusted, data=DigitsConfig(root="/another/users/folder"))
    ours = _ours(saved, [])
    assert ours.tracking == MlflowConfig(experiment="vae_exp")
    assert ours.data.root is None
    ours = _ours(saved, ["tracking.experiment=mine", "data.root=/my/folder"])
    assert (ours.tracking.experiment, ours.data.root) == ("mine", "/my/folder")


@pytest.mark.slow
def test_the_folder_of_images_must_be_given_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for i in range(20):
        Image.fromarray(np.full((6, 6), 10 * i, np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    images = ImagesConfig(root=str(tmp_path / "pictures"), size=6)
    trainer = dataclasses.replace(CONFIG.trainer, batch_size=5)
    experiment.run(dataclasses.replace(CONFIG, data=images, trainer=trainer), tmp_path / "origin")
    with pytest.raises(UserError, match=r"the run's own data\.root is not used: give yours as data\.root=FOLDER"):
        reproduce("origin", ["tracking=none"], None)
    assert reproduce("origin", ["tracking=none", "data.root=pictures"], None) == 0
    Image.fromarray(np.full((6, 6), 255, np.uint8)).save(tmp_path / "pictures" / "0.png")
    from vae_exp import data

    data._load.cache_clear()
    with pytest.raises(UserError, match="was trained on other data"):
        reproduce("origin", ["tracking=none", "data.root=pictures"], None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "error: nowhere is not a run: it has no config.yaml\n"),
        (["nowhere", "--tolerance", "-1"], "argument --tolerance: must be a number of at least 0, got -1\n"),
        (["nowhere", "--tolerance", "some"], "argument --tolerance: must be a number of at least 0, got some\n"),
    ],
)
def test_the_command_refuses_with_exit_code_2_and_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reproduce", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.endswith(message)
