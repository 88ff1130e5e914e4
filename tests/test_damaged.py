"""Files damaged by a bad disk, a crash or an editor: each is reported in one line, none causes a traceback."""

import json
import logging
import shutil

import msgspec
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vae_exp import experiment
from vae_exp.config import (
    Config,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    MlpConfig,
    NoTrackingConfig,
    TrainerConfig,
)
from vae_exp.config.identity import as_dict
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError
from vae_exp.storage import checkpoint, metrics, records
from vae_exp.storage.checkpoint import Damaged
from vae_exp.storage.files import read_json
from vae_exp.storage.plain_yaml import read_yaml
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.tracking import receipts


def config(epochs=2):
    return Config(
        model=MlpConfig(hidden=[3]),
        data=DigitsConfig(),
        trainer=TrainerConfig(epochs=epochs, batch_size=500, device="cpu", threads=1),
        evaluation=EvaluationConfig(final=False),
        figures=FiguresConfig(which=[]),
        tracking=NoTrackingConfig(),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs; tests only read it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    experiment.run(config(), folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of it, to be damaged."""
    return RunFolder(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="module")
def scratch(finished, tmp_path_factory):
    """A copy that a test with many examples damages and restores."""
    return RunFolder(shutil.copytree(finished, tmp_path_factory.mktemp("scratch") / "run"))


def series(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def refusal(read, *arguments):
    """Return the error, one printable line, if a reader refuses its file; otherwise None."""
    try:
        read(*arguments)
    except UserError as error:
        message = str(error)
        assert message.isprintable(), message
        return message
    return None


# Checkpoints


def newest(folder):
    return folder.checkpoints / "epoch_0002.safetensors"


@st.composite
def damage(draw):
    """Draw a function that damages bytes: truncates them, flips a bit, overwrites or inserts some."""
    kind, where = draw(st.sampled_from(["flip", "cut", "insert", "overwrite"])), draw(st.floats(0, 1))
    header = draw(st.booleans())  # the header is in a checkpoint's first 2,000 bytes
    noise, bit = draw(st.binary(min_size=1, max_size=8)), draw(st.integers(0, 7))

    def apply(content):
        at = int(where * (min(len(content), 2000 if header else len(content)) - 1))
        if kind == "flip":
            return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
        if kind == "cut":
            return content[:at]
        return content[:at] + noise + content[at + (0 if kind == "insert" else len(noise)) :]

    return apply


def check_damaged_checkpoint(finished, tmp_path_factory, apply):
    content = newest(RunFolder(finished)).read_bytes()
    path = tmp_path_factory.mktemp("checkpoint") / "epoch_0002.safetensors"
    path.write_bytes(apply(content))
    try:
        tensors, state = checkpoint.read(path, records.Training)
    except Damaged as error:
        message = str(error)
        assert message.startswith(str(path))
        assert message.isprintable()
    else:
        whole, whole_state = checkpoint.read(newest(RunFolder(finished)), records.Training)
        assert checkpoint.digest(tensors) == checkpoint.digest(whole)
        assert state == whole_state


@pytest.mark.slow
@series(100)
@given(apply=damage())
def test_a_damaged_checkpoint_is_reported_or_reads_as_written(finished, tmp_path_factory, apply):
    check_damaged_checkpoint(finished, tmp_path_factory, apply)


@pytest.mark.faults
@series(20_000)
@given(apply=damage())
def test_many_damaged_checkpoints_are_reported_or_read_as_written(finished, tmp_path_factory, apply):
    check_damaged_checkpoint(finished, tmp_path_factory, apply)


def test_flipped_bits_in_tensors_and_truncated_checkpoints_are_detected(finished, tmp_path):
    content = newest(RunFolder(finished)).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    path = tmp_path / "damaged.safetensors"
    for at in range(start, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        with pytest.raises(Damaged, match="its content does not match its digest"):
            checkpoint.read(path, records.Training)
    for length in [*range(12), start - 1, start, start + 1, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(Damaged, match="is damaged"):
            checkpoint.read(path, records.Training)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, s: s.pop("record"), "must have record"),
        (lambda t, s: s.update(epoch="2"), "epoch must be int, got str"),
        (lambda t, s: s.update(epoch=True), "epoch must be int, got bool"),
        (lambda t, s: s.update(epoch=3), "must be of epoch 2, got 3"),
        (lambda t, s: s.update(best_epoch=9), "must be of epoch 2, got 2, with the best at 9"),
        (lambda t, s: s["record"].update(epoch=1), "its record must be of epoch 2, got 1"),
        (lambda t, s: s["record"].update(seconds="long"), "record[...] must be int | float, got str"),
        (lambda t, s: t.pop("model/encoder.1.weight"), "'model/encoder.1.weight' must be [3, 64] of torch.float32"),
        (lambda t, s: t.update(more=torch.zeros(1)), "'more' must be absent, got [1] of torch.float32"),
        (
            lambda t, s: t.update({"optimizer/0/exp_avg": torch.zeros(1)}),
            "'optimizer/0/exp_avg' must be [3, 64] of torch.float32, got [1] of torch.float32",
        ),
        (
            lambda t, s: t.update({"model/encoder.1.bias": torch.zeros(3, dtype=torch.float64)}),
            "'model/encoder.1.bias' must be [3] of torch.float32, got [3] of torch.float64",
        ),
    ],
)
def test_an_intact_checkpoint_that_does_not_fit_the_run_is_reported_and_skipped(folder, change, message):
    tensors, state = checkpoint.read(newest(folder), dict)
    change(tensors, state)
    checkpoint.write(newest(folder), tensors, state)
    records_before = folder.records()
    experiment.run(config(epochs=3), folder.path)
    log = folder.log_file.read_text()
    assert f"WARNING {newest(folder)}" in log
    assert message in log
    assert "continuing after epoch 1" in log
    assert [without_times(record) for record in folder.records()[:2]] == [
        without_times(record) for record in records_before
    ]


def without_times(record):
    return {key: value for key, value in record.items() if key not in ("seconds", "timestamp")}


@pytest.mark.parametrize("victims", [["epoch_0002"], ["epoch_0002", "epoch_0001"], ["best"]])
def test_a_run_with_damaged_checkpoints_continues_to_the_same_bits(folder, tmp_path, victims):
    whole = tmp_path / "whole"
    experiment.run(config(epochs=3), whole)
    for name in victims:
        path = folder.checkpoints / f"{name}.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    experiment.run(config(epochs=3), folder.path)
    for which in ("best", "last"):
        ours, theirs = (RunFolder(path).read_weights(which)[0] for path in (folder.path, whole))
        assert checkpoint.digest(ours) == checkpoint.digest(theirs)
    assert list(map(without_times, folder.records())) == list(map(without_times, RunFolder(whole).records()))
    for name in victims:
        assert f"{name}.safetensors is damaged: its content does not match its digest" in folder.log_file.read_text()


def test_damaged_best_weights_of_a_finished_run_are_reported(folder):
    path = folder.weights_file("best")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match=f"^{path} is damaged: "):
        folder.read_weights("best")


# Metrics


def test_an_incomplete_last_line_is_dropped_and_written_again(folder, caplog):
    content = folder.metrics_file.read_bytes()
    whole = folder.records()
    second = content.index(b"\n") + 1
    for length in range(second + 1, len(content)):
        folder.metrics_file.write_bytes(content[:length])
        assert folder.records() == whole[:1]
        assert metrics.last_epoch(folder.metrics_file) == 1
    with caplog.at_level(logging.WARNING):
        metrics.drop_torn_line(folder.metrics_file)
    assert folder.metrics_file.read_bytes() == content[:second]
    assert f"{folder.metrics_file}: the last line is incomplete" in caplog.text
    experiment.run(config(epochs=3), folder.path)
    assert [record["epoch"] for record in folder.records()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{}", "must have epoch, timestamp, seconds"),
        (b"", "is not valid JSON"),
        (b"{" * 100_000, "is not valid JSON"),
        (b"[1]", "must hold an object, got list"),
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "val/loss": "low"}', "must be int | float, got str"),
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "val/loss": NaN}', "is not valid JSON"),
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "val/loss": 1e999}', "is not valid JSON"),
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "val/loss": -1e39}', "is not valid JSON"),  # over float32
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "val/loss": 1' + b"0" * 5000 + b"}", "is not valid JSON"),
        (b'{"epoch": 3, "timestamp": 1, "seconds": 1}', "must be of epoch 2, got 3"),
        (b'{"epoch": 2.0, "timestamp": 1, "seconds": 1}', "must be of epoch 2, got 2.0"),
        (b'{"epoch": 2, "timestamp": 1, "seconds": 1, "epoch": 2}', "is not valid JSON: a key appears twice"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_an_invalid_line_of_metrics_is_reported_before_anything_is_changed(folder, line, message):
    lines = folder.metrics_file.read_bytes().splitlines()
    folder.metrics_file.write_bytes(b"\n".join([lines[0], line, lines[1]]) + b"\n")
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as error:
        experiment.run(config(epochs=3), folder.path)
    assert str(error.value).startswith(f"{folder.metrics_file}:2")
    assert message in str(error.value)
    assert "delete this line and all after it" in str(error.value)
    assert str(error.value).isprintable()
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before


def check_damaged_metrics(finished, scratch, apply):
    scratch.metrics_file.write_bytes(apply(RunFolder(finished).metrics_file.read_bytes()))
    for read in (scratch.records, lambda: metrics.last_epoch(scratch.metrics_file)):
        message = refusal(read)
        assert message is None or message.startswith(str(scratch.metrics_file))


@series(100)
@given(apply=damage())
def test_damaged_metrics_are_reported_or_read(finished, scratch, apply):
    check_damaged_metrics(finished, scratch, apply)


@pytest.mark.faults
@series(20_000)
@given(apply=damage())
def test_many_damaged_metrics_are_reported_or_read(finished, scratch, apply):
    check_damaged_metrics(finished, scratch, apply)


# JSON and YAML


@pytest.mark.parametrize("path", [("optimizer", "betas", 0), ("model", "scale"), ("seed",)])
@pytest.mark.parametrize("number", [10**400, -(2**63)])
def test_a_saved_number_that_overflows_is_refused_by_its_key(path, number):
    saved = changed(as_dict(config()), path, number)
    message = refusal(load_config, saved, "config.yaml")
    assert message.startswith(f"config.yaml: {'.'.join(path[:2])}")
    assert len(message) < 200


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(nested, prefix=()):
    """Return the path to every value in nested data."""
    items = nested.items() if isinstance(nested, dict) else enumerate(nested) if isinstance(nested, list) else ()
    return [prefix, *(path for key, value in items for path in paths(value, (*prefix, key)))]


def changed(nested, path, value):
    """Return nested data with another value at a path, or without the entry if the value is `...`."""
    if not path:
        return value
    copy = dict(nested) if isinstance(nested, dict) else list(nested)
    if len(path) == 1 and value is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def jobs_and_state(sweep):
    for job in sweep.jobs():
        load_config(job.config, str(sweep.plan_file))
        sweep.needs_run(job)


FILES = ["config.yaml", "status.json", "environment.json", "final.json"]


def plan_files(sweep):
    return [sweep.plan_file, sweep.path / "jobs.jsonl"]


@pytest.fixture(scope="module")
def sweep(scratch):
    """A sweep whose only job is the scratch run."""
    plan = SweepFolder(scratch.path.parent)
    plan.write_plan([Job(scratch.path.name, "run", [], as_dict(config()))], ["python"])
    return plan


def use(scratch, sweep):
    """Read a run folder and a plan as commands do before they train."""
    saved = scratch.read_config()
    if saved is not None:
        loaded = load_config(saved, str(scratch.config_file))
        if as_dict(loaded) == as_dict(config()):
            experiment.run(loaded, scratch.path)
    experiment.run(config(), scratch.path) if scratch.state() == "finished" else None
    scratch.read_environment()
    scratch.read_final()
    jobs_and_state(sweep)


def check_changed_file(finished, scratch, sweep, draws):
    shutil.rmtree(scratch.path)
    shutil.copytree(finished, scratch.path)  # a run that continued with a changed file has changed others
    file = draws.draw(st.sampled_from([*(scratch.path / name for name in FILES), *plan_files(sweep)]))
    before = file.read_bytes()
    try:
        if draws.draw(st.booleans()):
            file.write_bytes(draws.draw(damage())(before))
        else:
            data = (read_yaml if file.suffix == ".yaml" else read_json)(file)
            path = draws.draw(st.sampled_from(paths(data)[1:]))
            data = changed(data, path, draws.draw(anything | st.just(...)))
            text = yaml.safe_dump(data) if file.suffix == ".yaml" else json.dumps(data)
            file.write_bytes(text.encode(errors="surrogatepass"))
        refusal(use, scratch, sweep)
    finally:
        file.write_bytes(before)


@pytest.mark.slow
@series(60)
@given(draws=st.data())
def test_a_changed_file_of_a_run_or_plan_is_refused_in_one_line_or_usable(finished, scratch, sweep, draws):
    check_changed_file(finished, scratch, sweep, draws)


@pytest.mark.faults
@series(10_000)
@given(draws=st.data())
def test_many_changed_files_of_runs_are_refused_in_one_line_or_usable(finished, scratch, sweep, draws):
    check_changed_file(finished, scratch, sweep, draws)


# Receipts


def check_changed_receipt(tmp_path_factory, draws):
    folder = tmp_path_factory.mktemp("receipt")
    receipt = msgspec.structs.replace(receipts.new("vae_exp", "run", None), files={"a.png": [1, 2]})
    receipts.write(folder, "sqlite:///mlflow.db", receipt)
    file = folder / "mlflow.json"
    if draws.draw(st.booleans()):
        file.write_bytes(draws.draw(damage())(file.read_bytes()))
    else:
        data = read_json(file)
        data = changed(data, draws.draw(st.sampled_from(paths(data)[1:])), draws.draw(anything | st.just(...)))
        file.write_text(json.dumps(data))
    message = refusal(receipts.read, folder)
    assert message is None or message.startswith(str(file))
    if message is None:
        for receipt in receipts.read(folder).values():
            assert receipt.epochs >= 0
            receipts.write(folder, "sqlite:///mlflow.db", receipt)


@pytest.mark.parametrize(("key", "value"), [("epochs", -1), ("epochs", "2"), ("token", "x" * 1000), ("files", [])])
def test_a_receipt_with_an_invalid_value_is_refused_by_its_key(tmp_path, key, value):
    receipts.write(tmp_path, "sqlite:///mlflow.db", receipts.new("vae_exp", "run", None))
    data = read_json(tmp_path / "mlflow.json")
    (tmp_path / "mlflow.json").write_text(json.dumps(changed(data, ("shown", "sqlite:///mlflow.db", key), value)))
    message = refusal(receipts.read, tmp_path)
    assert message.startswith(f"{tmp_path / 'mlflow.json'}: shown[...].{key} must be ")
    assert len(message) < 300


@series(100)
@given(draws=st.data())
def test_a_changed_receipt_is_reported_or_read(tmp_path_factory, draws):
    check_changed_receipt(tmp_path_factory, draws)


@pytest.mark.faults
@series(10_000)
@given(draws=st.data())
def test_many_changed_receipts_are_reported_or_read(tmp_path_factory, draws):
    check_changed_receipt(tmp_path_factory, draws)
