"""The model of a run in MLflow: loaded, registered and served, only by our own code."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import vae_exp
from tests.servers import free_port
from vae_exp import experiment
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    MlflowConfig,
    TrainerConfig,
)
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import connect, reconcile
from vae_exp.tracking.pyfunc import VaePyfunc

pytestmark = [
    pytest.mark.slow,  # importing mlflow.pyfunc takes seconds
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # of MLflow itself
]
CONFIG = Config(
    model=ConvConfig(channels=[1, 4], latent_dim=3),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=1, batch_size=200, device="cpu", threads=1),
    evaluation=EvaluationConfig(importance_samples=2),
    figures=FiguresConfig(which=[]),
    tracking=MlflowConfig(),
)
IMAGES = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def place(tmp_path, monkeypatch, empty_store):
    """A new folder with its own store."""
    shutil.copy(empty_store, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def train(config, folder):
    experiment.run(config, folder, connect(config.tracking, "a run", None))
    return vae_exp.load_run(folder)


def client_of(place):
    return MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


def models(place):
    """Return the models in the store."""
    client = client_of(place)
    experiment_id = client.get_experiment_by_name("vae_exp").experiment_id
    return client.search_logged_models([experiment_id])


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_store):
    """A trained and tracked run and the address of its model; tests only read them."""
    place = tmp_path_factory.mktemp("model")
    shutil.copy(empty_store, place)
    with contextlib.chdir(place):
        run = train(CONFIG, place / "run")
    [model] = models(place)
    mlflow.set_tracking_uri(f"sqlite:///{place / 'mlflow.db'}")
    yield place, run, f"runs:/{model.source_run_id}/model"
    mlflow.set_tracking_uri(None)


@pytest.mark.slow
def test_a_model_loaded_with_mlflow_predicts_what_torch_does(served):
    _, run, address = served
    loaded, vae = mlflow.pyfunc.load_model(address), run.model
    posterior = vae.encode(IMAGES)
    with torch.no_grad():
        np.testing.assert_array_equal(loaded.predict(IMAGES.numpy()), vae.decode(posterior.mean).mean)
        encoded = loaded.predict(IMAGES.numpy(), params={"output": "encode"})
        np.testing.assert_array_equal(encoded["mean"], posterior.mean)
        np.testing.assert_array_equal(encoded["log_variance"], posterior.log_variance)
        decoded = loaded.predict(posterior.mean.numpy(), params={"output": "decode"})
        np.testing.assert_array_equal(decoded, vae.decode(posterior.mean).mean)
        drawn = loaded.predict(None, params={"output": "sample", "n": 5, "seed": 7})
        np.testing.assert_array_equal(drawn, vae.sample(5, seed=7))


@pytest.mark.slow
def test_a_model_accepts_its_own_input_example(served):
    loaded = mlflow.pyfunc.load_model(served[2])
    example = loaded.metadata.load_input_example(mlflow.artifacts.download_artifacts(served[2]))
    assert loaded.predict(np.asarray(example)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "params", "rule"),
    [
        (np.zeros((2, 1, 9, 8)), {}, r"images must be of shape \(N, 1, 8, 8\), got \(2, 1, 9, 8\)"),
        (np.full((1, 1, 8, 8), 2.0), {}, r"images must be floats in \[0, 1\]"),
        (np.full((1, 1, 8, 8), np.nan), {}, "images must be finite numbers"),
        (np.zeros((2, 4)), {"output": "decode"}, r"z must be of shape \(N, 3\), got \(2, 4\)"),
        (None, {"output": "sample", "n": 10**9}, "params.n must be between 1 and 10000"),
        (None, {"output": "dream"}, "params.output must be one of reconstruct, encode, decode, sample, got 'dream'"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(served, given, params, rule):
    with pytest.raises(MlflowException, match=rule) as error:
        mlflow.pyfunc.load_model(served[2]).predict(given, params=params)
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_model_is_linked_to_its_run_its_measures_and_its_data(served):
    place, run, _ = served
    client, [model] = client_of(place), models(place)
    tracked = client.get_run(model.source_run_id)
    assert [output.model_id for output in tracked.outputs.model_outputs] == [model.model_id]
    losses = {metric.key: metric.value for metric in model.metrics}
    assert losses["measures/test_loss"] == run.final["test/loss"]
    assert model.params["model.latent_dim"] == "3"
    inputs = {each.tags[0].value: each.dataset for each in tracked.inputs.dataset_inputs}
    assert set(inputs) == {"train", "validation", "test"}
    assert {dataset.name for dataset in inputs.values()} == {"digits"}
    assert json.loads(inputs["train"].profile)["images"] == 1257
    filtered = client.search_runs([tracked.info.experiment_id], "dataset.name = 'digits'")
    assert [found.info.run_id for found in filtered] == [model.source_run_id]


@pytest.mark.slow
def test_a_model_is_sent_again_only_if_its_weights_changed(place):
    run = train(CONFIG, place / "run")
    train(CONFIG, place / "run")
    (place / "run" / "mlflow.json").write_text(
        (place / "run" / "mlflow.json").read_text().replace('"finished"', '"failed"')
    )
    reconcile(CONFIG.tracking, [RunFolder(run.folder)])
    assert len(models(place)) == 1
    longer = Config(**vars(CONFIG) | {"trainer": dataclasses.replace(CONFIG.trainer, epochs=2)})
    train(longer, place / "run")
    assert len(models(place)) == 2
    assert all(model.status == "READY" for model in models(place))


@pytest.mark.slow
def test_no_model_is_sent_if_tracking_model_is_false(place):
    train(Config(**vars(CONFIG) | {"tracking": MlflowConfig(model=False)}), place / "run")
    assert not models(place)


def test_a_logged_model_contains_no_pickle_and_names_our_loader(served):
    folder = Path(mlflow.artifacts.download_artifacts(served[2]))
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    assert "data/model.safetensors" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".bin", ".py"))]
    assert "loader_module: vae_exp.tracking.pyfunc" in (folder / "MLmodel").read_text()


def test_the_pyfunc_model_predicts_without_mlflows_wrapper(served, tmp_path):
    folder = Path(mlflow.artifacts.download_artifacts(served[2]))
    assert VaePyfunc(folder / "data").predict(IMAGES.numpy()).shape == (2, 1, 8, 8)


@pytest.mark.process
def test_a_served_model_answers_over_http_with_the_numbers_of_torch(served, tmp_path):
    place, run, address = served
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", address, "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow looks for uvicorn on the PATH
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{place / 'mlflow.db'}", "PATH": path}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        vae = run.model
        posterior = vae.encode(IMAGES)
        with torch.no_grad():
            encoded = ask(server, port, IMAGES.tolist(), {"output": "encode"})
            np.testing.assert_allclose(encoded["mean"], posterior.mean, rtol=1e-5, atol=1e-6)
            images = vae.decode(posterior.mean).mean
            np.testing.assert_allclose(ask(server, port, IMAGES.tolist(), {}), images, rtol=1e-5, atol=1e-6)
            decoded = ask(server, port, posterior.mean.tolist(), {"output": "decode"})
            np.testing.assert_allclose(decoded, images, rtol=1e-5, atol=1e-6)
            drawn = ask(server, port, [0], {"output": "sample", "n": 3, "seed": 1})
            np.testing.assert_allclose(drawn, vae.sample(3, seed=1), rtol=1e-5, atol=1e-6)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(server, port, [[0.0]], {})
        assert refused.value.code == 400
        assert "images must be of shape (N, 1, 8, 8)" in refused.value.read().decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def ask(server, port, inputs, params):
    """Wait until the model server listens; return its predictions."""
    body = json.dumps({"inputs": inputs, "params": params}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})
    for _ in range(600):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["predictions"]
        except urllib.error.HTTPError:
            raise
        except (ConnectionError, urllib.error.URLError):  # it does not listen yet
            time.sleep(0.2)
    raise AssertionError("the server does not listen")


@pytest.fixture
def registered(served, monkeypatch):
    """The store of the run, with its model registered as `digits`, version 1, alias `champion`."""
    place = served[0]
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = client_of(place)
    if not client.search_registered_models():
        client.create_registered_model("digits")
        [model] = models(place)
        client.create_model_version("digits", f"models:/{model.model_id}", model.source_run_id)
        client.set_registered_model_alias("digits", "champion", "1")
    return client


@pytest.mark.parametrize("name", ["digits@champion", "digits/1", "ID"])
def test_a_registered_model_is_loaded_by_our_code(served, registered, name):
    [model] = models(served[0])
    loaded = vae_exp.load_run(f"models:/{name.replace('ID', model.model_id)}")
    assert torch.equal(loaded.model.encode(IMAGES).mean, served[1].model.encode(IMAGES).mean)
    assert loaded.final == served[1].final


@pytest.mark.parametrize("address", ["models:/digits", "models:/../digits@x", "models:/digits/latest", "models:/m-1"])
def test_an_invalid_model_address_is_refused(registered, address):
    with pytest.raises(UserError, match="a model must be models:/NAME@ALIAS"):
        vae_exp.load_run(address)


def test_the_loader_that_a_registered_model_names_is_never_used(served, registered, tmp_path):
    """An untrusted model's description may name code to run."""
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{models(served[0])[0].model_id}"))
    mark = tmp_path / "mark"
    (tmp_path / "payload.py").write_text(f"open({str(mark)!r}, 'w')")
    described = (
        (folder / "MLmodel").read_text().replace("loader_module: vae_exp.tracking.pyfunc", "loader_module: payload")
    )
    described = described.replace("code: null", f"code: {tmp_path}")
    (folder / "MLmodel").write_text(described)
    vae_exp.load_run("models:/digits@champion")
    assert not mark.exists()
