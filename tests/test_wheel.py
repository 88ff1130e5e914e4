"""The wheel contains everything that the package needs without its checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Build a wheel without a package index, and unpack it as an installation would."""
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(built)]
    subprocess.run([*pip, *offline, str(ROOT)], check=True, capture_output=True, text=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    return site


def test_the_wheel_holds_the_package_the_sweeper_and_the_configurations_and_nothing_else(unpacked):
    names = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"vae_exp", "hydra_plugins"}
    conf = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {path.relative_to(unpacked / "vae_exp/conf") for path in unpacked.glob("vae_exp/conf/**/*.yaml")} == conf
    for place in ("vae_exp/comparison/page", "vae_exp/exporting/templates"):
        files = {path.relative_to(ROOT) for path in (ROOT / place).rglob("*.*")}
        assert {path.relative_to(unpacked) for path in (unpacked / place).rglob("*.*")} == files


def test_a_sweep_runs_from_the_wheel_in_any_folder(unpacked, tmp_path):
    quick = ["data=digits", "trainer.epochs=0", "figures.which=[]", "evaluation.final=false", "tracking=none"]
    script = "import vae_exp.train, vae_exp.compose as c; print(c.CONF); vae_exp.train.main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "-m", "seed=0", *quick],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(unpacked / "vae_exp" / "conf")
    (report,) = tmp_path.glob("outputs/*/report.html")
    assert "seed" in report.read_text(encoding="utf-8")
