"""Disks that are full or read-only, and folders with unusual names."""

import logging
import random
import shutil
import signal
import sys

import pytest
from commands import run
from disks import small_disk
from processes import results_of, start

import vae_exp
from vae_exp import experiment, observers
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.errors import UserError
from vae_exp.storage import checkpoint, files, metrics, records
from vae_exp.storage.run_folder import RunFolder

CONFIG = Config(
    model=ConvConfig(channels=[1, 8]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=10, checkpoint_every=1, device="cpu", threads=1),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
    tracking=NoTrackingConfig(),
)
OVERRIDES = ["data=digits", "model.channels=[1,8]", "trainer.epochs=10", "trainer.checkpoint_every=1"]
OVERRIDES += ["trainer.device=cpu", "trainer.threads=1", "evaluation.final=false", "figures.which=[]", "tracking=none"]


def train(folder):
    """Run the command that trains CONFIG in a folder of any name."""
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return run(folder.parent, "train", *OVERRIDES, f"hydra.run.dir='{quoted}'")


def without_hydra(found):
    """Leave out files that only the command writes: Hydra's record and the report."""
    return found | {"files": [name for name in found["files"] if not name.startswith((".hydra", "report.html"))]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run on a disk with enough space; tests only read it."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    experiment.run(CONFIG, folder)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(whole):
    return results_of(whole)


# Full


def require_good_checkpoint(folder):
    """Require that the newest checkpoint is intact and that there is no partly written file; return its epoch."""
    assert not list(folder.path.rglob("*.tmp"))
    newest = max(folder.checkpoints.glob("epoch_*"))
    return checkpoint.read(newest, records.Training)[1]["epoch"]


@pytest.mark.process
def test_a_run_reports_a_full_disk_and_continues_to_the_same_bits_once_there_is_space(tmp_path, uninterrupted):
    with small_disk(tmp_path / "disk", "200k") as disk:
        folder = RunFolder(disk.folder / "run")
        failed = train(folder.path)
        assert failed.returncode == 1
        newest = require_good_checkpoint(folder)
        (line,) = failed.stderr.splitlines()
        assert line.startswith(
            f"error: {folder.checkpoints}/epoch_{newest + 1:04d}.safetensors: No space left on device"
        )
        assert line.endswith("run.log")
        assert (folder.state(), len(folder.records())) == ("failed", newest)
        assert "No space left on device" in folder.read_status().error
        disk.resize("2m")
        finished = train(folder.path)
        assert finished.returncode == 0, finished.stderr
        assert without_hydra(results_of(folder.path)) == uninterrupted


class Filling(observers.NoTracker):
    """A tracker that fills the disk to the last byte after three epochs."""

    def __init__(self, disk):
        self.disk, self.epochs = disk, 0

    def update(self):
        self.epochs += 1
        if self.epochs == 3:
            self.disk.fill()
            logging.getLogger("vae_exp.tests").warning("a line that is longer than a block %s", "." * 10_000)


@pytest.mark.slow
def test_a_disk_too_full_for_the_state_and_the_log_does_not_hide_the_first_error(tmp_path, uninterrupted, capfd):
    with small_disk(tmp_path / "disk", "1m") as disk:
        folder = RunFolder(disk.folder / "run")
        with pytest.raises(OSError, match="No space left on device") as error:
            experiment.run(CONFIG, folder.path, Filling(disk))
        assert error.value.filename in (
            str(folder.weights_file("best")),
            f"{folder.checkpoints}/epoch_0004.safetensors",
        )
        assert folder.read_status().state == "running"  # until this process has ended
        assert require_good_checkpoint(folder) == 3
        assert capfd.readouterr().err == ""
        (disk.folder / "filler").unlink()
        experiment.run(CONFIG, folder.path)
        assert results_of(folder.path) == uninterrupted


@pytest.mark.process
@pytest.mark.faults
def test_a_run_survives_a_disk_that_is_full_at_any_block(tmp_path, uninterrupted):
    """The disk grows by one block from run to run, so that it is full in every file that a run writes."""
    rooms = range(132, 280, 4)
    for room in rooms:
        with small_disk(tmp_path / f"{room}", f"{room}k") as disk:
            folder = RunFolder(disk.folder / "run")
            first = start(folder.path, CONFIG)
            first.join()
            assert first.exitcode == 1
            assert folder.state() in ("failed", "interrupted")
            require_good_checkpoint(folder)
            disk.resize("4m")
            second = start(folder.path, CONFIG)
            second.join()
            assert second.exitcode == 0
            assert results_of(folder.path) == uninterrupted, f"{room} KiB"
    print(f"{len(rooms)} disks of different sizes were full")


@pytest.mark.process
@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3))
def test_a_run_survives_a_disk_that_fills_up_again_and_again(tmp_path, uninterrupted, seed):
    moments = random.Random(seed)
    with small_disk(tmp_path / "disk", "4m") as disk:
        folder = RunFolder(disk.folder / "run")
        failures = 0
        while folder.state() != "finished":
            known = len(folder.records())
            process = start(folder.path, CONFIG)
            while process.is_alive() and len(folder.records()) == known:
                process.join(moments.uniform(0, 0.1))
            filler = disk.fill(leave=4096 * moments.randrange(8))
            process.join()
            assert process.exitcode in (0, 1)
            failures += process.exitcode
            filler.unlink()
        print(f"the disk was too full {failures} times")
        assert results_of(folder.path) == uninterrupted


def test_a_failed_write_is_reported_and_keeps_the_old_file(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk.folder / "config.yaml"
        files.write_text(path, "old")
        disk.fill(leave=4096)
        with pytest.raises(OSError, match="No space left on device") as error:
            files.write(path, bytes(10_000))
        assert str(error.value) == f"[Errno 28] No space left on device: '{path}'"
        assert path.read_text() == "old"
        assert sorted(file.name for file in disk.folder.iterdir()) == ["config.yaml", "filler"]


def append_all(path, record, epochs):
    for epoch in range(1, epochs + 1):
        metrics.append(path, record | {"epoch": epoch})


def test_a_record_cut_off_by_a_full_disk_is_removed_and_written_again(tmp_path):
    record = {"epoch": 0, "timestamp": 1, "seconds": 0.1, "train/loss": 1 / 3}
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk.folder / "metrics.jsonl"
        filler = disk.fill(leave=4096)
        with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
            append_all(path, record, 1000)
        epochs = metrics.last_epoch(path)
        assert 1 < epochs < 1000
        assert [line["epoch"] for line in metrics.read(path)] == list(range(1, epochs + 1))
        assert not path.read_bytes().endswith(b"\n")
        filler.unlink()
        metrics.drop_torn_line(path)
        metrics.append(path, record | {"epoch": epochs + 1})
        assert metrics.last_epoch(path) == epochs + 1 == len(metrics.read(path))


# Read-only, or full from the start


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.process
def test_a_read_only_folder_is_refused_for_training_but_can_be_loaded(tmp_path, whole):
    with small_disk(tmp_path / "disk", "1m") as disk:
        folder = shutil.copytree(whole, disk.folder / "run")
        disk.forbid_writing()
        refused = train(folder)
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line == f"error: {folder} can't be written to: {folder} is read-only here; choose another folder"
        with pytest.raises(UserError, match=f"new can't be written to: {disk.folder} is read-only here"):
            experiment.run(CONFIG, disk.folder / "new")
        assert vae_exp.load_run(folder).model.sample(2, seed=0).shape == (2, 1, 8, 8)
        assert results_of(folder) == results_of(whole)


@pytest.mark.slow
def test_on_a_full_disk_a_new_run_is_refused_and_a_finished_one_is_returned(tmp_path, whole):
    with small_disk(tmp_path / "disk", "1m") as disk:
        folder = shutil.copytree(whole, disk.folder / "run")
        disk.fill()
        with pytest.raises(UserError, match=r"its disk is full \(0 bytes are free\); make room there"):
            experiment.run(CONFIG, disk.folder / "new" / "run")
        assert experiment.run(CONFIG, folder).state == "finished"
        assert results_of(folder) == results_of(whole)
        assert not (disk.folder / "new").exists()


# Names


@pytest.mark.process
def test_a_run_works_in_a_linked_folder_with_spaces_quotes_and_korean_letters(tmp_path, uninterrupted):
    place = tmp_path / "a place, with 100 %" / "실험 하나 = 'z'"
    place.mkdir(parents=True)
    link = tmp_path / "연결 된 폴더"
    link.symlink_to(place)
    done = train(link)
    assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert without_hydra(results_of(place)) == uninterrupted
    assert results_of(link) == results_of(place)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_killed_in_a_linked_folder_continues_there(tmp_path, uninterrupted):
    (tmp_path / "폴더 둘").mkdir()
    link = RunFolder(tmp_path / "link")
    link.path.symlink_to(tmp_path / "폴더 둘")
    process = start(link.path, CONFIG, die_at=20)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert link.state() == "interrupted"
    experiment.run(CONFIG, link.path)
    assert results_of(tmp_path / "폴더 둘") == uninterrupted
