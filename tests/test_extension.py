"""Installed extensions add models, objectives and data sets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

pytestmark = pytest.mark.process

EXAMPLE = Path(__file__).parents[1] / "examples" / "extension"
QUICK = ["trainer.epochs=2", "trainer.threads=1", "figures.which=[]", "tracking=none"]

BARS = """
from dataclasses import dataclass
import numpy as np
from vae_exp.config import DataConfig
from vae_exp.data import assemble, deal
from vae_exp.registry import implements, schema

@schema("data", "bars")
@dataclass
class BarsConfig(DataConfig):
    name: str = "bars"
    images: int = 100

@implements(BarsConfig)
def bars(config):
    lit = np.random.default_rng(0).random((config.images, 1, 8, 1)) < 0.3
    images = np.repeat(lit.astype(np.uint8) * 255, 8, axis=3)
    return assemble(*deal(images, None, config.images // 2, config.images // 4), None)
"""
"""A data set of eight rows that are black or white, without labels."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the example as a user would, but into a separate folder and without a package index."""
    source, site = tmp_path_factory.mktemp("source") / "extension", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source)  # the build writes into its source
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    subprocess.run([*pip, *offline, str(source)], check=True, capture_output=True, text=True)
    return site


def python(site, *arguments, cwd):
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True
    )


def train(site, conf, *arguments, cwd):
    return python(site, "-m", "vae_exp.train", "--config-dir", conf, *arguments, *QUICK, cwd=cwd)


@pytest.fixture(scope="module")
def sweep(installed, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("sweep")
    options = ["-m", "data=digits", "model=linear", "objective=capacity", "objective.nats=0,2", "model.latent_dim=3"]
    done = train(installed, EXAMPLE / "conf", *options, cwd=cwd)
    assert done.returncode == 0, done.stderr
    (folder,) = (cwd / "outputs").iterdir()
    return SweepFolder(folder)


def test_the_example_is_short():
    (module,) = EXAMPLE.glob("*.py")
    assert len(module.read_text(encoding="utf-8").splitlines()) < 60


def test_a_model_and_an_objective_of_an_extension_are_swept(sweep):
    runs = [sweep.folder(job) for job in sweep.jobs()]
    assert [run.state() for run in runs] == ["finished", "finished"]
    for run, nats in zip(runs, (0.0, 2.0), strict=True):
        config = run.read_config()
        assert config["model"]["name"] == "linear"
        assert config["objective"] == {"name": "capacity", "samples": 1, "nats": nats}
        final = run.read_final().measures
        assert len(final["kl_per_dimension"]) == 3
        assert final["test/loss"] == pytest.approx(final["test/reconstruction"] + final["test/kl"])
        least = final["test/reconstruction"] + 10 * abs(final["test/kl"] - nats)  # |·| of the mean, a lower bound
        assert final["test/objective"] >= least - 1e-6
        if nats == 0:
            assert final["test/objective"] == pytest.approx(least)


def test_a_run_of_an_extension_loads_only_where_the_extension_is_installed(sweep, installed, tmp_path):
    folder = sweep.folder(sweep.jobs()[0]).path
    script = f"import vae_exp; print(vae_exp.load_run({str(folder)!r}).model.decoder[0])"
    assert "Linear(in_features=3, out_features=64" in python(installed, "-c", script, cwd=tmp_path).stdout
    refused = python(tmp_path, "-c", script, cwd=tmp_path)
    assert "model.name must be one of conv, mlp, got 'linear'" in refused.stderr


def test_the_options_of_an_extension_are_type_checked(installed, tmp_path):
    done = train(installed, EXAMPLE / "conf", "data=digits", "objective=capacity", "objective.nats=much", cwd=tmp_path)
    assert done.returncode != 0
    assert "much" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_of_an_extension_can_be_trained_on(tmp_path):
    """An installed package is a module and a folder of metadata with its entry points, written here by hand."""
    site, conf, cwd = tmp_path / "site", tmp_path / "conf", tmp_path / "cwd"
    for folder in (site / "bars-1.0.dist-info", conf / "data", cwd):
        folder.mkdir(parents=True)
    (site / "bars.py").write_text(BARS, encoding="utf-8")
    (site / "bars-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: bars\nVersion: 1.0\n")
    (site / "bars-1.0.dist-info" / "entry_points.txt").write_text("[vae_exp.extensions]\nbars = bars\n")
    yaml = "defaults:\n  - /hydra/schema/data@_here_: bars\n  - _self_\nname: bars\nimages: 80\n"
    (conf / "data" / "bars.yaml").write_text(yaml, encoding="utf-8")
    done = train(site, conf, "data=bars", "model=mlp", "trainer.batch_size=20", cwd=cwd)
    assert done.returncode == 0, done.stderr
    (folder,) = (cwd / "outputs").iterdir()
    run = RunFolder(folder)
    assert json.loads(run.environment_file.read_text(encoding="utf-8"))["data"]["image_shape"] == [1, 8, 8]
    assert run.read_final().measures["index_code_images"] == 40
    assert "test/nll_iw100" in run.read_final().measures  # its pixels are black or white
