"""Loading a run into Python: model, configuration and metrics, from its folder or from MLflow."""

import base64
import dataclasses
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import vae_exp
from vae_exp import data, experiment, reproduce
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    ImagesConfig,
    MlflowConfig,
    TrainerConfig,
)
from vae_exp.errors import UserError
from vae_exp.registry import schemas
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import connect

CONFIG = Config(
    model=ConvConfig(channels=[1, 4], latent_dim=3),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=2, batch_size=200, device="cpu", threads=1),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("load") / "run"
    experiment.run(CONFIG, path)
    return vae_exp.load_run(path)


@pytest.fixture
def folder(tmp_path, run):
    """A copy of the run, which a test may change."""
    return RunFolder(shutil.copytree(run.folder, tmp_path / "run"))


def test_a_loaded_run_has_its_configuration_metrics_and_final_measures(folder):
    run = vae_exp.load_run(str(folder.path))
    assert run.config == CONFIG
    assert run.metrics.to_dict("records") == folder.records()
    assert run.metrics["epoch"].tolist() == [1, 2]
    assert run.final == folder.read_final().flat()


def test_a_loaded_model_has_the_best_weights_and_is_ready_for_use(folder):
    folder.write_weights("last", {"other": torch.zeros(1)}, 2)
    model = vae_exp.load_run(folder.path).model
    best, _ = folder.read_weights("best")
    assert all(torch.equal(model.state_dict()[name], best[name]) for name in best)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_loaded_model_reproduces_the_recorded_validation_loss(folder):
    from vae_exp.evaluation import evaluate
    from vae_exp.objectives import build_objective

    run, val = vae_exp.load_run(folder.path), data.load(CONFIG.data).val
    means = evaluate(
        run.model, build_objective(CONFIG.objective), val.images, seed=0, stream="evaluation/val", batch_size=500
    )
    assert means["loss"] == run.metrics["val/loss"][run.final["best_epoch"] - 1]


def test_bytes_and_floats_encode_to_the_same_posterior(run):
    images = data.load(CONFIG.data).test.images[:5]
    posterior = run.model.encode(images)
    assert posterior.mean.shape == (5, 3)
    assert torch.equal(posterior.mean, run.model.encode(images / 255).mean)


def test_decoding_returns_a_likelihood_with_a_mean_between_0_and_1(run):
    images = data.load(CONFIG.data).test.images[:5] / 255
    likelihood = run.model.decode(run.model.encode(images).mean)
    assert likelihood.mean.shape == (5, 1, 8, 8)
    assert 0 <= likelihood.mean.min() <= likelihood.mean.max() <= 1
    by_hand = images * likelihood.mean.log() + (1 - images) * (1 - likelihood.mean).log()
    torch.testing.assert_close(likelihood.log_prob(images), by_hand.sum((1, 2, 3)))


def test_calling_the_model_returns_the_posterior_and_the_likelihood_at_its_mean(run):
    images = data.load(CONFIG.data).test.images[:5]
    posterior, likelihood = run.model(images)
    assert torch.equal(posterior.mean, run.model.encode(images).mean)
    assert torch.equal(likelihood.mean, run.model.decode(posterior.mean).mean)


def test_samples_are_fixed_by_their_seed(run):
    assert run.model.sample(4).shape == (4, 1, 8, 8)
    assert torch.equal(run.model.sample(4), run.model.sample(4, seed=0))
    assert not torch.equal(run.model.sample(4), run.model.sample(4, seed=1))


def test_a_run_is_loaded_without_its_data(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(20):
        Image.fromarray(np.full((6, 6), 10 * i, np.uint8)).save(pictures / f"{i}.png")
    config = dataclasses.replace(
        CONFIG,
        data=ImagesConfig(root=str(pictures), size=6),
        trainer=dataclasses.replace(CONFIG.trainer, batch_size=5),
    )
    experiment.run(config, tmp_path / "run")
    for file in pictures.iterdir():
        file.unlink()
    assert vae_exp.load_run(tmp_path / "run").model.sample(1).shape == (1, 1, 6, 6)


@pytest.mark.parametrize("state", ["interrupted", "failed", "planned"])
def test_an_unfinished_run_loads_only_with_allow_unfinished(folder, state):
    folder.write_status(state)
    folder.remove_final()
    with pytest.raises(UserError, match=f"must be a finished run, got one that is {state}; give allow_unfinished=True"):
        vae_exp.load_run(folder.path)
    run = vae_exp.load_run(folder.path, allow_unfinished=True)
    assert run.final == {}
    assert run.model.sample(1).shape == (1, 1, 8, 8)


def test_each_part_of_a_run_is_read_when_it_is_used(folder):
    run = vae_exp.load_run(folder.path)
    folder.final_file.write_text(json.dumps(run.final | {"seconds": 7.0}))
    folder.weights_file("best").unlink()
    assert run.final["seconds"] == 7.0
    with pytest.raises(UserError, match=r"best\.safetensors"):
        _ = run.model


def test_a_run_is_shown_in_one_line(run, folder):
    assert repr(run).startswith(f"LoadedRun({run.folder}: finished, best epoch ")
    assert f"val/loss {run.metrics['val/loss'][run.final['best_epoch'] - 1]:.2f}" in repr(run)
    folder.write_status("interrupted")
    folder.remove_final()
    assert "interrupted, after epoch 2, train/loss " in repr(vae_exp.load_run(folder.path, allow_unfinished=True))
    folder.status_file.write_text("\x1b[31m")
    assert repr(vae_exp.LoadedRun(folder.path)).isprintable()


PICTURE = Image.fromarray(np.arange(600 * 400, dtype=np.uint32).astype(np.uint8).reshape(400, 600))


def test_a_figure_is_read_as_a_picture_and_shown_small_on_the_card(folder):
    run = vae_exp.load_run(folder.path)
    with pytest.raises(UserError, match="the name of a figure must be one of none, got 'latent'"):
        run.figure("latent")
    assert "<img" not in run._repr_html_()
    png = io.BytesIO()
    PICTURE.save(png, "PNG")
    folder.write_figure("latent", png.getvalue())
    folder.write_figure("tsne", b"no picture")
    assert np.array_equal(np.asarray(run.figure("latent")), np.asarray(PICTURE.convert("RGB")))
    with pytest.raises(UserError, match=r"tsne\.png can.t be read as PNG"):
        run.figure("tsne")
    with pytest.raises(UserError, match=r"must be one of latent, tsne, got '\.\./run'"):
        run.figure("../run")
    embedded = re.search(r"data:image/png;base64,([^\"]+)", run._repr_html_())[1]
    assert Image.open(io.BytesIO(base64.b64decode(embedded))).size == (480, 320)


def test_a_card_shows_names_as_text(tmp_path, run):
    shutil.copytree(run.folder, tmp_path / "<b>run")
    assert "&lt;b&gt;run" in vae_exp.load_run(tmp_path / "<b>run")._repr_html_()
    assert "<b>" not in vae_exp.load_run(tmp_path / "<b>run")._repr_html_()


def test_python_sends_nothing_to_mlflow_without_tracking_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = dataclasses.replace(CONFIG, tracking=MlflowConfig())
    run = vae_exp.run(config, "quiet")
    assert run.config.tracking.name == "none"
    assert not (tmp_path / "mlflow.db").exists()
    with pytest.raises(UserError, match=r"config\.tracking must be MlflowConfig"):
        vae_exp.run(run.config, "other", tracking=True)
    assert not (tmp_path / "other").exists()


def test_a_configuration_that_was_changed_is_checked_again(tmp_path):
    config = vae_exp.Config()
    config.model.latent_dim = 0
    with pytest.raises(UserError, match=r"model\.latent_dim must be at least 1, got 0"):
        vae_exp.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_started_again_with_tuples_is_the_same_run(tmp_path):
    model = dataclasses.replace(CONFIG.model, channels=(1, 4))
    first = vae_exp.run(CONFIG, tmp_path / "run")
    again = vae_exp.run(dataclasses.replace(CONFIG, model=model), tmp_path / "run")
    assert again.final == first.final


def test_a_folder_that_is_not_a_run_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"nowhere is not a run: it has no config\.yaml"):
        vae_exp.load_run(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"is not a run: it has no config\.yaml"):
        vae_exp.load_run(tmp_path, allow_unfinished=True)


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latent_dim: 3", "latent_dim: 4", r"best\.safetensors does not fit the configuration"),
        ("latent_dim: 3", "latent_dim: 1000000000", r"best\.safetensors does not fit the configuration"),
        ("latent_dim: 3", f"latent_dim: {2**62}", r"config\.yaml: model\.\* must have sizes that torch can hold"),
        ("latent_dim: 3", "latent_dim: 3\n  colour: red", r"config\.yaml: model\.colour is not a key of this version"),
        ("seed: 0", "seed: 0\ncolour: red", r"config\.yaml: colour is not a key of this version"),
        ("latent_dim: 3", "latent_dim: ${oc.env:HOME}", r"model\.latent_dim must be .*, got .\${oc\.env:HOME}"),
        ("name: conv", "name: torch.nn.Linear", r"model\.name must be one of conv, mlp"),
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(folder, old, new, message):
    edit(folder.config_file, old, new)
    with pytest.raises(UserError, match=message):
        _ = vae_exp.load_run(folder.path).model


@pytest.mark.parametrize("shape", [None, [1, 8], [1, 8, "8"], [1, 0, 8], 8])
def test_an_invalid_image_shape_is_refused(folder, shape):
    content = json.loads(folder.environment_file.read_text())
    content["data"]["image_shape"] = shape
    folder.environment_file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"environment\.json: data\.image_shape"):
        _ = vae_exp.load_run(folder.path).model


def test_an_image_shape_that_does_not_fit_the_weights_is_refused(folder):
    edit(
        folder.environment_file, '"image_shape": [\n      1,\n      8,\n      8', '"image_shape": [\n1,\n32000,\n32000'
    )
    with pytest.raises(UserError, match=r"best\.safetensors does not fit the configuration"):
        _ = vae_exp.load_run(folder.path).model


@pytest.mark.slow
def test_a_run_of_mlflow_is_loaded_and_reproduced_like_its_folder(tmp_path, monkeypatch, capsys, empty_store):
    shutil.copy(empty_store, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = dataclasses.replace(CONFIG, tracking=MlflowConfig())
    experiment.run(config, tmp_path / "run", connect(config.tracking, "a run", None))
    [receipt] = json.loads((tmp_path / "run" / "mlflow.json").read_text())["shown"].values()
    run_id = receipt["run_id"]
    folder, run = vae_exp.load_run("run"), vae_exp.load_run(f"runs:/{run_id}")
    assert (run.config, run.final) == (folder.config, folder.final)
    assert run.metrics.equals(folder.metrics)
    assert torch.equal(run.model.sample(2), folder.model.sample(2))
    assert reproduce.reproduce(run_id, ["tracking=none"], None) == 0
    assert "bit for bit" in capsys.readouterr().out
    [again] = (tmp_path / "outputs").iterdir()
    assert RunFolder(again).read_environment().origin == f"runs:/{run_id}"


def test_an_mlflow_run_that_does_not_exist_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"mlflow\.db does not exist"):
        vae_exp.load_run("runs:/" + "0" * 32)


@pytest.mark.process
def test_importing_is_light_and_training_needs_neither_hydra_nor_mlflow(tmp_path):
    program = f"""
import sys
import vae_exp
assert not {{"torch", "hydra", "mlflow", "matplotlib", "pandas"}} & sys.modules.keys(), "import"
from vae_exp.config import *
config = vae_exp.Config(
    model=MlpConfig(hidden=[8]), data=DigitsConfig(), trainer=TrainerConfig(epochs=1, threads=1, device="cpu"),
    evaluation=EvaluationConfig(final=False), figures=FiguresConfig(which=[]),
)
run = vae_exp.run(config, {str(tmp_path / "run")!r})
assert run.final["epochs"] == 1
assert not {{"hydra", "omegaconf", "mlflow"}} & sys.modules.keys(), "run"
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=tmp_path)


def test_dir_lists_what_is_public_and_nothing_else():
    assert set(dir(vae_exp)) == set(vae_exp.__all__)
    assert all(getattr(vae_exp, name) is not None for name in dir(vae_exp))
    options = {cls.__name__ for group in schemas().values() for cls in group.values()}
    assert options | {"Config", "TrainerConfig", "UserError", "Diverged", "run", "load_run"} <= set(dir(vae_exp))


def test_an_unknown_name_raises_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = vae_exp.colour
    assert re.match(r"\d+\.\d+\.\d+", vae_exp.__version__)
