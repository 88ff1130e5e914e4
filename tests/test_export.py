"""A trained model exported for others: ONNX files that equal torch, and no private names."""

import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from PIL import Image

import vae_exp
from vae_exp.config import ConvConfig, MlpConfig
from vae_exp.errors import UserError
from vae_exp.export import export
from vae_exp.exporting import onnx_files
from vae_exp.exporting.networks import Network, networks
from vae_exp.models import build_model

FIXTURES = Path(__file__).parent / "fixtures"
RUN, SWEEP = FIXTURES / "finished_run_0.1.0", FIXTURES / "sweep_0.1.0"
MODELS = {
    "conv, 1×20×20, learned scale": (ConvConfig(channels=[1, 8], latent_dim=3, likelihood="gaussian"), (1, 20, 20)),
    "conv, 3×11×11, density": (
        ConvConfig(channels=[3, 8, 8], latent_dim=2, likelihood="continuous_bernoulli"),
        (3, 11, 11),
    ),
    "mlp, 1×4×6, 8-bit pixels": (MlpConfig(hidden=[8], latent_dim=2, likelihood="discretized_logistic"), (1, 4, 6)),
}


@pytest.fixture(scope="module", autouse=True)
def _one_registry():
    """Let torch read its table of operators once: it would do so for each file, in half of the time of an export."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry  # takes two seconds: only where it is used

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export of the finished run of version 0.1; tests only read it."""
    folder = tmp_path_factory.mktemp("export") / "out"
    assert export(str(RUN), folder, "mit") == 0
    return folder


def session(file):
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


@pytest.mark.slow
@pytest.mark.parametrize(("config", "shape"), MODELS.values(), ids=MODELS)
def test_each_onnx_file_equals_torch_for_any_number_of_rows(config, shape, tmp_path):
    model = build_model(config, shape, seed=0).eval().requires_grad_(False)
    for name, network in networks(model, shape).items():
        onnx_files.write(network, tmp_path / f"{name}.onnx", {"run": "a run"})
        running = session(tmp_path / f"{name}.onnx")
        require_torchs_results(network, running)
        assert running.get_modelmeta().custom_metadata_map["run"] == "a run"


def require_torchs_results(network, running):
    for rows in (1, 7):
        given = torch.rand(rows, *network.example.shape[1:], generator=torch.Generator().manual_seed(rows))
        wanted = network.module(given)
        found = running.run(None, {network.inputs[0]: given.numpy()})
        for one, other in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-4, atol=1e-5)
    assert [output.name for output in running.get_outputs()] == list(network.outputs)


@pytest.mark.slow
def test_each_onnx_file_of_an_export_equals_the_loaded_run(exported):
    model = vae_exp.load_run(RUN).model.requires_grad_(False)
    for name, network in networks(model, (1, 8, 8)).items():
        require_torchs_results(network, session(exported / f"{name}.onnx"))


@pytest.mark.slow
def test_an_export_contains_weights_onnx_files_figures_a_card_and_an_example(exported):
    assert sorted(file.name for file in exported.iterdir()) == [
        "README.md",
        "config.json",
        "decode.onnx",
        "encode.onnx",
        "example.py",
        "model.safetensors",
        "reconstruct.onnx",
        "samples.png",
        "traversals.png",
    ]


@pytest.mark.slow
def test_a_loaded_export_has_the_model_configuration_and_final_measures_of_the_run(exported):
    run, loaded = vae_exp.load_run(RUN), vae_exp.load_export(exported)
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.model.encode(images).mean, run.model.encode(images).mean)
    assert loaded.config.model == run.config.model
    assert loaded.final == run.final


@pytest.mark.slow
def test_the_card_states_measures_data_and_the_training_command(exported):
    card = (exported / "README.md").read_text(encoding="utf-8")
    front_matter = yaml.safe_load(card.split("---\n")[1])
    final = json.loads((RUN / "final.json").read_text())
    assert front_matter["license"] == "mit"
    metrics = {row["type"]: row["value"] for row in front_matter["model-index"][0]["results"][0]["metrics"]}
    assert metrics["test loss"] == pytest.approx(final["test/loss"], abs=1e-4)
    assert json.loads((RUN / "environment.json").read_text())["data"]["digest"] in card
    assert "| test loss | 35.88 ± 0.28 | Negative ELBO of the test images" in card
    command = card.split("## Train it again")[1].split("```")[1]
    assert command.split()[:3] == ["python", "-m", "vae_exp.train"]
    assert {"data=digits", "model=mlp", "model.hidden=[16]", "trainer.epochs=3"} <= set(command.split())
    for cells in re.findall(r"^\|.*\|$", card, re.MULTILINE):
        assert len(re.split(r"(?<!\\)\|", cells)) in (4, 5), cells


@pytest.mark.slow
def test_exporting_a_sweep_exports_its_best_run_without_private_names(tmp_path):
    sweep = shutil.copytree(SWEEP, tmp_path / "babbage's secret folder")
    run = vae_exp.load_sweep(sweep).best.folder
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["root"] = "/home/babbage/secret"
    config["tracking"] = {"name": "mlflow", "experiment": "secret experiment"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    environment = json.loads((run / "environment.json").read_text())
    environment["sessions"][0]["command"] += ["data.root=/home/babbage/secret", "hydra.run.dir=secret"]
    (run / "environment.json").write_text(json.dumps(environment))
    export(str(sweep), tmp_path / "out")
    assert vae_exp.load_export(tmp_path / "out").config.model.latent_dim == 2
    host = json.loads((run / "status.json").read_text())["host"]
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert not [
            word for word in ("babbage", "secret", host, str(Path(vae_exp.__file__).parent)) if word.encode() in content
        ], file


@pytest.mark.process
def test_the_exported_example_runs_without_torch_and_vae_exp(exported, tmp_path):
    place = shutil.copytree(exported, tmp_path / "sent")
    blocked = "import sys; sys.modules.update(torch=None, vae_exp=None); import runpy; runpy.run_path(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", blocked, place / "example.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "drawn.png") as picture:
        assert picture.size == (4 * 8 * 8, 4 * 8 * 8)
        assert len(set(picture.get_flattened_data())) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_export_is_refused_with_the_name_of_the_file(exported, tmp_path, name):
    place = shutil.copytree(exported, tmp_path / "sent")
    (place / name).write_bytes((place / name).read_bytes()[:-20])
    with pytest.raises(UserError, match=re.escape(str(place / name))):
        _ = vae_exp.load_export(place).model


@pytest.mark.slow
def test_an_export_whose_weights_do_not_fit_its_configuration_is_refused(exported, tmp_path):
    place = shutil.copytree(exported, tmp_path / "sent")
    content = json.loads((place / "config.json").read_text())
    content["config"]["model"]["latent_dim"] = 10**6
    (place / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"model\.safetensors"):
        _ = vae_exp.load_export(place).model


def test_exporting_an_unfinished_run_is_refused_and_creates_nothing(tmp_path):
    run = shutil.copytree(RUN, tmp_path / "run")
    (run / "status.json").write_text((run / "status.json").read_text().replace('"finished"', '"failed"'))
    with pytest.raises(UserError, match="must be a finished run, got one that is failed"):
        export(str(run), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_exporting_to_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(UserError, match="must be a new or empty folder"):
        export(str(RUN), tmp_path / "out")


@pytest.mark.slow
def test_a_network_that_torch_cannot_export_is_refused_in_one_line(tmp_path):
    class LooksAtItsInput(torch.nn.Module):
        def forward(self, z):
            return z if float(z.sum()) > 0 else -z

    network = Network(LooksAtItsInput(), torch.zeros(2, 2), ("z",), ("images",))
    with pytest.raises(UserError, match=r"^decode\.onnx can't be written: torch can't export this model") as error:
        onnx_files.write(network, tmp_path / "decode.onnx", {})
    assert "\n" not in str(error.value)
