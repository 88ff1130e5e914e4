"""Files of version 0.1 can be read: a finished run and a sweep that were written by that version.

Their bits are those of version 0.1 on one machine; no test here compares them with new training.
"""

import json
import shutil
from pathlib import Path

import pytest
from sweeps import run, states

from vae_exp.comparison import compare, read_runs
from vae_exp.comparison.reproduction import environment_differences, metric_differences
from vae_exp.loading import load_run
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.tracking import receipts

FIXTURES = Path(__file__).parent / "fixtures"
SWEEP = [
    "data=digits",
    "model.channels=[1,4]",
    "trainer.epochs=2",
    "trainer.threads=1",
    "trainer.device=cpu",
    "figures.which=[samples,latent]",
    "tracking=none",
]


@pytest.fixture
def finished(tmp_path):
    return RunFolder(shutil.copytree(FIXTURES / "finished_run_0.1.0", tmp_path / "run"))


@pytest.fixture
def sweep(tmp_path):
    return SweepFolder(shutil.copytree(FIXTURES / "sweep_0.1.0", tmp_path / "sweep"))


def test_a_run_of_version_0_1_is_loaded_with_its_results(finished):
    loaded = load_run(finished.path)
    assert (loaded.config.model.name, loaded.config.model.latent_dim) == ("mlp", 2)
    assert loaded.final == json.loads(finished.final_file.read_text())
    assert loaded.metrics["epoch"].tolist() == [1, 2, 3]
    assert loaded.model.sample(1, seed=0).shape == (1, 1, 8, 8)
    session = finished.read_environment().sessions[0]
    assert (session.packages["vae_exp"], session.threads) == ("0.1.0", 1)


def test_runs_and_jobs_of_version_0_1_are_compared(finished, sweep):
    runs = read_runs([finished.path, sweep.path])
    assert [each.state for each in runs] == ["finished"] * 3
    assert len(compare(runs).rows) == 3
    assert "test/loss" in compare(runs).frame().to_csv()


def test_a_receipt_of_version_0_1_is_read(sweep):
    (receipt,) = receipts.read(sweep.path).values()
    assert receipt.experiment == "vae_exp sweeps"
    (receipt,) = receipts.read(sweep.folder(sweep.jobs()[0]).path).values()
    assert (receipt.epochs, receipt.ended[0]) == (2, "finished")


@pytest.mark.process
def test_a_run_of_version_0_1_continues_with_more_epochs(finished, tmp_path):
    before = finished.records()
    done = run(tmp_path, "resume", finished.path, "trainer.epochs=4")
    assert done.returncode == 0, done.stderr
    assert finished.records()[:3] == before
    assert [record["epoch"] for record in finished.records()] == [1, 2, 3, 4]
    assert "continuing after epoch 3" in finished.log_file.read_text()
    assert finished.read_final().epochs == 4
    assert len(finished.read_environment().sessions) == 2


@pytest.mark.process
def test_a_sweep_of_version_0_1_is_extended_and_keeps_its_finished_jobs(sweep, tmp_path):
    kept = {job.name: sweep.folder(job).weights_file("last").read_bytes() for job in sweep.jobs()}
    done = run(tmp_path, "train", "-m", *SWEEP, "model.latent_dim=2,4", f"hydra.sweep.dir={sweep.path}")
    assert done.returncode == 0, done.stderr
    assert states(sweep) == {f"latent_dim={dim}": "finished" for dim in (2, 3, 4)}
    assert {name: (sweep.path / name / "checkpoints" / "last.safetensors").read_bytes() for name in kept} == kept
    assert (sweep.path / "report.html").is_file()


@pytest.mark.process
def test_a_run_of_version_0_1_is_reproduced_with_its_differences_reported(finished, tmp_path):
    done = run(tmp_path, "reproduce", finished.path, "--tolerance", "0.5")
    (made,) = (tmp_path / "outputs").iterdir()
    again = RunFolder(made)
    assert again.state() == "finished"
    assert len(again.records()) == 3
    for old, new in zip(finished.records(), again.records(), strict=True):
        assert new["test/loss"] == pytest.approx(old["test/loss"], rel=0.05)
    named = metric_differences(finished, again, 0.5)
    assert done.returncode == (1 if named else 0)
    expected = (
        [*named, *(environment_differences(finished, again) or ["environment: the same"])] if named else ["equal"]
    )
    assert all(line in done.stdout for line in expected)
