"""A run that is killed, damaged or continued for more epochs ends with the bits of an uninterrupted run."""

import dataclasses
import random
import shutil
import signal
import sys
import time

import pytest
import torch
from processes import results_of, start

from vae_exp import experiment
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.errors import Diverged, UserError
from vae_exp.storage import files
from vae_exp.storage.run_folder import RunFolder

CONFIG = Config(
    model=ConvConfig(channels=[1, 4]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=6, batch_size=200, patience=3, checkpoint_every=4, device="cpu", threads=1),
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
    tracking=NoTrackingConfig(),
)
SLOWER = dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, batch_size=40))
"""The same with five times the steps, for runs that are killed during training."""
needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGKILL nor fork")


def changed(config=CONFIG, **groups):
    """Return the configuration with `trainer={"epochs": 9}` changed."""
    return dataclasses.replace(
        config, **{group: dataclasses.replace(getattr(config, group), **keys) for group, keys in groups.items()}
    )


def run(folder, config=CONFIG):
    experiment.run(config, folder)
    return results_of(folder)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The results of an uninterrupted run."""
    return run(tmp_path_factory.mktemp("uninterrupted") / "run")


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    """The folder of a run of half the epochs, which tests copy."""
    folder = tmp_path_factory.mktemp("three epochs") / "run"
    experiment.run(changed(trainer={"epochs": 3}), folder)
    return folder


@pytest.fixture(scope="module")
def slower(tmp_path_factory):
    """The results of an uninterrupted run of SLOWER."""
    return run(tmp_path_factory.mktemp("slower") / "run", SLOWER)


def test_a_paused_and_continued_run_ends_with_the_same_bits(tmp_path, uninterrupted):
    folder = RunFolder(tmp_path / "run")
    for until in (2, 5):
        assert experiment.run(CONFIG, folder.path, until=until).final == {}
        assert (folder.state(), len(folder.records()), folder.read_final()) == ("paused", until, None)
    assert run(folder.path) == uninterrupted


def test_a_run_that_stops_early_before_its_pause_is_paused_and_finishes_when_continued(tmp_path):
    config = changed(optimizer={"lr": 0.3}, trainer={"patience": 1, "epochs": 90})
    folder = RunFolder(tmp_path / "run")
    experiment.run(config, folder.path, until=80)
    epochs = len(folder.records())
    assert folder.state() == "paused"
    assert epochs < 80
    final = experiment.run(config, folder.path).final
    assert (folder.state(), final["epochs"], final["stopped_early"]) == ("finished", epochs, True)


def test_until_does_not_pause_at_the_last_epoch_or_in_a_finished_run(tmp_path, uninterrupted):
    experiment.run(CONFIG, tmp_path / "run", until=6)
    assert experiment.run(CONFIG, tmp_path / "run", until=2).final["epochs"] == 6
    assert results_of(tmp_path / "run") == uninterrupted


def kill_at_random_moments(folder, kills, seed):
    """Kill a run `kills` times, each time some milliseconds after it started or continued, then let it end."""
    moments = random.Random(seed)
    for _ in range(kills):
        before = RunFolder(folder).read_status()
        process = start(folder, SLOWER)
        while process.is_alive() and RunFolder(folder).read_status() == before:
            time.sleep(0.001)
        process.join(moments.uniform(0, 0.25))
        process.kill()
        process.join()
    process = start(folder, SLOWER)
    process.join()
    assert process.exitcode == 0
    return results_of(folder)


@pytest.mark.process
@needs_sigkill
def test_a_run_killed_at_three_random_moments_ends_with_the_same_bits(tmp_path, slower):
    seed = random.randrange(10**6)
    assert kill_at_random_moments(tmp_path / "run", 3, seed) == slower, f"seed {seed}"


@pytest.mark.process
@needs_sigkill
@pytest.mark.faults
@pytest.mark.parametrize("seed", range(10))
def test_a_run_killed_at_twenty_random_moments_ends_with_the_same_bits(tmp_path, slower, seed):
    assert kill_at_random_moments(tmp_path / "run", 20, seed) == slower


def kill_at_flush(folder, number):
    """Kill a run at flush `number` to the disk, then let it end; return whether it had so many flushes."""
    process = start(folder, SLOWER, die_at=number)
    process.join()
    was_killed = process.exitcode == -signal.SIGKILL
    process = start(folder, SLOWER)
    process.join()
    assert process.exitcode == 0
    return was_killed


@pytest.mark.process
@needs_sigkill
@pytest.mark.parametrize("number", [8, 12, 13, 14])
def test_a_run_killed_while_writing_ends_with_the_same_bits(tmp_path, slower, number):
    assert kill_at_flush(tmp_path / "run", number)
    assert results_of(tmp_path / "run") == slower


@pytest.mark.process
@needs_sigkill
@pytest.mark.faults
def test_a_run_killed_at_any_flush_ends_with_the_same_bits(tmp_path, slower):
    number = 1
    while kill_at_flush(tmp_path / f"{number}", number):
        assert results_of(tmp_path / f"{number}") == slower, f"flush {number}"
        number += 1
    assert number > 40


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_truncated_checkpoint_is_reported_and_the_one_before_it_used(
    tmp_path, three_epochs, uninterrupted, caplog, keep
):
    shutil.copytree(three_epochs, tmp_path / "run")
    newest = RunFolder(tmp_path / "run").checkpoints / "epoch_0003.safetensors"
    newest.write_bytes(newest.read_bytes()[: int(newest.stat().st_size * keep)])
    assert run(tmp_path / "run") == uninterrupted
    assert f"{newest} is damaged" in caplog.text
    assert "continuing after epoch 2" in caplog.text


@pytest.mark.parametrize("place", [9, 3000, -1])
def test_a_checkpoint_with_a_flipped_bit_is_reported_and_the_one_before_it_used(
    tmp_path, three_epochs, uninterrupted, caplog, place
):
    shutil.copytree(three_epochs, tmp_path / "run")
    newest = RunFolder(tmp_path / "run").checkpoints / "epoch_0003.safetensors"
    content = bytearray(newest.read_bytes())
    content[place] ^= 4
    newest.write_bytes(content)
    assert run(tmp_path / "run") == uninterrupted
    assert f"{newest} is damaged" in caplog.text


def test_damaged_best_weights_are_trained_again(tmp_path, three_epochs, uninterrupted, caplog):
    shutil.copytree(three_epochs, tmp_path / "run")
    best = RunFolder(tmp_path / "run").weights_file("best")
    best.write_bytes(best.read_bytes()[:-1])
    assert run(tmp_path / "run") == uninterrupted
    assert f"{best} is damaged" in caplog.text


def test_a_run_without_an_intact_checkpoint_starts_again(tmp_path, three_epochs, uninterrupted):
    shutil.copytree(three_epochs, tmp_path / "run")
    for state in RunFolder(tmp_path / "run").checkpoints.glob("epoch_*"):
        state.write_bytes(b"")
    assert run(tmp_path / "run") == uninterrupted


def test_a_new_checkpoint_is_kept_although_a_damaged_later_one_exists(tmp_path):
    folder = RunFolder(tmp_path)
    for epoch in (5, 6, 1, 2, 3):
        folder.write_checkpoint(epoch, {}, {"epoch": epoch}, keep_every=10)
    assert sorted(path.name[:10] for path in folder.checkpoints.iterdir()) == [f"epoch_000{i}" for i in (2, 3, 5, 6)]


@pytest.mark.parametrize("lines", [0, 1])
def test_lost_records_are_trained_again(tmp_path, three_epochs, uninterrupted, lines):
    shutil.copytree(three_epochs, tmp_path / "run")
    metrics = RunFolder(tmp_path / "run").metrics_file
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:lines]))
    assert run(tmp_path / "run") == uninterrupted


def test_an_incomplete_last_record_is_written_again(tmp_path, three_epochs, uninterrupted):
    shutil.copytree(three_epochs, tmp_path / "run")
    metrics = RunFolder(tmp_path / "run").metrics_file
    metrics.write_bytes(metrics.read_bytes()[:-20])
    assert run(tmp_path / "run") == uninterrupted


@pytest.mark.slow
def test_more_epochs_end_like_the_longer_run(tmp_path, uninterrupted):
    for epochs in (0, 1, 4):
        run(tmp_path / "run", changed(trainer={"epochs": epochs}))
    assert run(tmp_path / "run") == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 4])
def test_more_epochs_end_like_the_longer_run_if_only_some_are_evaluated(tmp_path, every):
    config = changed(evaluation={"every": every}, trainer={"patience": None})
    for epochs in (1, 3):
        run(tmp_path / "run", changed(config, trainer={"epochs": epochs}))
    assert run(tmp_path / "run", config) == run(tmp_path / "alone", config)


EARLY = changed(optimizer={"lr": 0.3}, trainer={"patience": 2, "epochs": 40})
"""At this learning rate the validation objective soon increases."""


@pytest.mark.slow
def test_more_epochs_stop_early_where_the_longer_run_does(tmp_path):
    longer = run(tmp_path / "alone", EARLY)
    assert longer["final"]["stopped_early"]
    for epochs in range(1, longer["final"]["epochs"]):
        run(tmp_path / "run", changed(EARLY, trainer={"epochs": epochs}))
    assert run(tmp_path / "run", EARLY) == longer


@pytest.mark.slow
def test_a_run_that_stopped_early_does_not_continue_with_more_epochs(tmp_path, caplog):
    before = run(tmp_path / "run", EARLY)
    final = experiment.run(changed(EARLY, trainer={"epochs": 80}), tmp_path / "run").final
    assert final["epochs"] == before["final"]["epochs"]
    assert "stopped early after epoch" in caplog.text
    assert results_of(tmp_path / "run") == before


def test_a_finished_run_is_returned_and_nothing_is_written(tmp_path):
    first = experiment.run(changed(trainer={"epochs": 1}), tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"}
    assert experiment.run(changed(trainer={"epochs": 1}), tmp_path / "run") == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"} == before


def test_deleted_final_measures_are_computed_again(tmp_path, uninterrupted):
    run(tmp_path / "run")
    RunFolder(tmp_path / "run").final_file.unlink()
    assert run(tmp_path / "run") == uninterrupted


def test_a_continued_run_has_no_final_measures_until_it_ends(tmp_path, monkeypatch):
    experiment.run(changed(trainer={"epochs": 1}), tmp_path / "run")
    seen = []
    monkeypatch.setattr(experiment.Experiment, "train", lambda self, training: seen.append(self.folder.read_final()))
    experiment.run(changed(trainer={"epochs": 2}), tmp_path / "run")
    assert seen == [None]


def test_a_diverged_run_fails_in_the_same_way_when_started_again(tmp_path):
    config = changed(optimizer={"lr": 1e30})
    errors = []
    for _ in range(2):
        with pytest.raises(Diverged) as raised:
            experiment.run(config, tmp_path / "run")
        folder = RunFolder(tmp_path / "run")
        errors.append((str(raised.value), folder.state(), folder.read_status().error, folder.records()))
    assert errors[0] == errors[1]
    assert errors[0][1] == "failed"
    assert "optimizer.lr" in errors[0][2]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": {"latent_dim": 3}}, "model.latent_dim: 2 → 3"),
        ({"trainer": {"threads": 2}}, "trainer.threads: 1 → 2"),
        (
            {"optimizer": {"lr": 0.1}, "trainer": {"batch_size": 7}},
            "optimizer.lr: 0.001 → 0.1, trainer.batch_size: 20",
        ),
        ({"trainer": {"epochs": 0}}, "trainer.epochs must be at least 1"),
    ],
)
def test_another_configuration_is_refused_with_the_differing_keys_and_changes_nothing(tmp_path, change, named):
    config = changed(trainer={"epochs": 1})
    before = run(tmp_path / "run", config)
    with pytest.raises(UserError, match=named.replace(".", r"\.")):
        experiment.run(changed(config, **change), tmp_path / "run")
    assert results_of(tmp_path / "run") == before


def test_the_number_of_threads_of_the_first_session_is_used_again(tmp_path):
    config = changed(trainer={"epochs": 0, "threads": 2, "batch_size": 1257})
    experiment.run(config, tmp_path / "run")
    torch.set_num_threads(1)
    experiment.run(changed(config, trainer={"epochs": 1, "threads": None}), tmp_path / "run")
    assert torch.get_num_threads() == 1
    assert [session.threads for session in RunFolder(tmp_path / "run").read_environment().sessions] == [2, 2]
    assert RunFolder(tmp_path / "run").read_config()["trainer"]["threads"] == 2
    torch.set_num_threads(1)


@pytest.mark.parametrize("trainer", ["{}", "3", "{epochs: x, threads: 1}", "{epochs: 1}"])
def test_a_saved_configuration_without_valid_epochs_and_threads_is_refused(tmp_path, trainer):
    run(tmp_path / "run", changed(trainer={"epochs": 1}))
    files.write_text(RunFolder(tmp_path / "run").config_file, f"trainer: {trainer}\n")
    with pytest.raises(UserError, match=r"config\.yaml: trainer(\.\w+)? must (be|have) "):
        experiment.run(CONFIG, tmp_path / "run")
