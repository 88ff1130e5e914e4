"""What MLflow has of a run: everything, once and correct, and nothing that an untrusted folder names."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tracked import TRACKING, Run, assert_complete, runs, whole_run

from vae_exp.config import Config, ElboConfig, MlpConfig, NoTrackingConfig, TrainerConfig
from vae_exp.config.identity import as_dict
from vae_exp.errors import UserError
from vae_exp.figures.colours import CATEGORIES
from vae_exp.storage.hydra_record import write_hydra
from vae_exp.storage.records import Final
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import Outcome, connect, fetch_run, receipts, reconcile, show_sweep
from vae_exp.tracking.content import final_points, parameters, points
from vae_exp.tracking.run_colours import COLOUR
from vae_exp.tracking.store import Store, open_experiment
from vae_exp.tracking.sweep_run import escape

TESTS = str(Path(__file__).parent)
ANSWER = ("latent_dim=2 is best", "digits · conv")


@pytest.fixture(scope="module")
def place(tmp_path_factory, empty_store):
    """One folder with one store for all tests of this file."""
    folder = tmp_path_factory.mktemp("a place with 한글, spaces and 100 %")
    shutil.copy(empty_store, folder)
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def store(place):
    return MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


def experiment(name):
    return type(TRACKING)(experiment=name)


# --- one run ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("MLFLOW_RUN_ID", "0123456789abcdef0123456789abcdef")  # another run, which must not be written to
        return whole_run(place / "finished", tracking=experiment("one"))


def test_every_point_is_in_the_store_once_with_its_own_time(finished, store):
    run = runs(store, "one")["latent_dim=2"]
    assert run.info.status == "FINISHED"
    assert_complete(store, run, finished)


def test_the_store_and_the_artifacts_are_in_the_working_folder(finished, store, place):
    run = runs(store, "one")["latent_dim=2"]
    assert (place / "mlflow.db").is_file()
    artifacts = place / "mlartifacts" / run.info.run_id / "artifacts"
    for name in ("config.yaml", "environment.json", "metrics.jsonl", "final.json", "checkpoints/best.safetensors"):
        assert (artifacts / name).read_bytes() == (finished.path / name).read_bytes()
    assert (artifacts / "samples.png").read_bytes() == (finished.figures / "samples.png").read_bytes()


def test_a_run_is_tagged_with_its_sweep_command_and_commit(finished, store):
    tags = runs(store, "one")["latent_dim=2"].data.tags
    assert tags["sweep"] == "a_sweep"
    assert tags["command"] == "python -m vae_exp.train"
    assert tags["mlflow.source.git.commit"] == "c0ffee"
    assert tags["folder"] == str(finished.path)


def test_parameters_are_the_main_keys_and_those_that_differ_from_their_defaults():
    core = parameters(as_dict(Config()))
    assert list(core) == [
        *("model.name", "model.latent_dim", "model.channels", "data.name", "objective.name"),
        *("optimizer.name", "optimizer.lr", "trainer.batch_size", "seed"),
    ]
    assert core["model.channels"] == "[1,32,64]"
    beta = parameters(as_dict(Config(model=MlpConfig(), objective=ElboConfig(beta=4.0), trainer=TrainerConfig(9, 9))))
    assert beta.keys() - core.keys() == {"model.hidden", "objective.beta"}
    assert (beta["objective.beta"], beta["trainer.batch_size"]) == ("4.0", "9")


def test_an_override_is_a_parameter_even_at_its_default(place, store):
    run = Run(place / "swept", tracking=experiment("swept"))
    write_hydra(run.folder, as_dict(run.config), ["objective.beta=1", "trainer.epochs=9", "figures.titles=false"])
    run.start().finish()
    parameters_there = runs(store, "swept")["latent_dim=2"].data.params
    assert parameters_there["objective.beta"] == "1.0"
    assert not {"trainer.epochs", "figures.titles"} & parameters_there.keys()


def test_the_first_metric_of_a_comparison_is_a_loss():
    record = {"epoch": 3, "timestamp": 5, "seconds": 0.5, "train/objective": 7.0, "train/loss": 9.0, "val/kl": 8.0}
    expected = {"loss/train": 9.0, "objective/train": 7.0, "loss_kl/val": 8.0, "seconds": 0.5}
    assert points([record]) == [(key, value, 5, 3) for key, value in expected.items()]


def test_final_metrics_are_measures_and_not_their_settings(tmp_path):
    folder = RunFolder(tmp_path)
    measures = {"knn_accuracy": 0.5, "knn_accuracy_se": 0.1}
    measures |= {"test/nll_iw100": 90.0, "importance_images": 1000, "measured_on": "test"}
    measures |= {"index_code_mutual_information": 8.0, "index_code_mutual_information_is_bound": True}
    measures |= {
        "marginal_kl_to_prior": 2.0,
        "marginal_kl_to_prior_is_bound": True,
        "knn_accuracy_interval": [0.4, 0.6],
    }
    folder.write_final(Final(9, 7, True, 3.5, measures))
    folder.write_status("finished")
    shown = {key: (value, step) for key, value, _, step in final_points(folder)}
    expected = {"best_epoch": 7, "knn_accuracy": 0.5, "test_nll_iw100": 90, "seconds": 3.5}
    expected |= {"marginal_kl_to_prior_at_most": 2, "index_code_mutual_information_at_least": 8}
    assert shown == {f"measures/{key}": (value, 0) for key, value in expected.items()}


def test_without_tracking_no_store_is_created(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = whole_run(tmp_path / "run", tracking=NoTrackingConfig())
    show_sweep(NoTrackingConfig(), tmp_path, [("a", folder)], Outcome(ANSWER, [], None))
    reconcile(NoTrackingConfig(), [folder])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert not (folder.path / "mlflow.json").exists()


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "ftp://host", "C:\\mlruns"])
def test_an_address_that_mlflow_can_not_use_is_refused(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI must be"):
        connect(TRACKING, "label", None)


def test_a_password_in_the_address_is_never_shown():
    assert Store("https://me:secret@host:1/x").shown == "https://host:1/x"
    assert Store("postgresql://me:secret@host/db").shown == "postgresql://host/db"


# --- continued and ended runs ----------------------------------------------------------------------------------------


def test_an_interrupted_run_continues_as_the_same_mlflow_run(place, store):
    run = Run(place / "stopped", tracking=experiment("stopped")).start()
    run.train(2)
    run.finish("interrupted", "stopped by a signal")
    before = runs(store, "stopped")["latent_dim=2"]
    assert (before.info.status, before.data.tags["error"]) == ("KILLED", "stopped by a signal")
    again = Run(place / "stopped", tracking=experiment("stopped")).start()
    again.train(2)
    again.finish()
    after = runs(store, "stopped")["latent_dim=2"]
    assert (after.info.run_id, after.info.status) == (before.info.run_id, "FINISHED")
    assert "error" not in after.data.tags
    assert_complete(store, after, run.folder)


def test_a_failed_run_has_its_error_as_a_tag(place, store):
    run = Run(place / "failed", tracking=experiment("failed")).start()
    run.train(1)
    run.finish("failed", "the loss became NaN")
    shown = runs(store, "failed")["latent_dim=2"]
    assert (shown.info.status, shown.data.tags["error"]) == ("FAILED", "the loss became NaN")
    assert_complete(store, shown, run.folder)


@pytest.mark.slow
def test_points_sent_but_not_yet_in_the_receipt_are_not_duplicated(place, store):
    """A process can end between the server's answer and the write of the receipt: then everything is sent again."""
    folder = whole_run(place / "twice", tracking=experiment("twice"))
    note = folder.path / "mlflow.json"
    receipt = json.loads(note.read_text())
    for forgotten in ({"epochs": 0, "files": {}, "ended": []}, {"run_id": None, "epochs": 0, "files": {}, "ended": []}):
        for server in receipt["shown"].values():
            server |= forgotten
        note.write_text(json.dumps(receipt))
        reconcile(experiment("twice"), [folder])
        assert_complete(store, runs(store, "twice")["latent_dim=2"], folder)


def test_runs_that_were_sent_to_another_store_are_named_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'here.db'}")
    folders = [RunFolder(tmp_path / name) for name in "abc"]
    for folder, where in zip(folders, ("one.db", "two.db", "two.db"), strict=True):
        folder.path.mkdir()
        receipts.write(folder.path, f"sqlite:///{where}", receipts.new("one", "label", None))
    assert reconcile(experiment("one"), folders)
    said = capsys.readouterr().err
    ends = f"not to sqlite:///{tmp_path / 'here.db'}; unchanged\n"
    assert (
        said
        == f"tracking: a was sent to sqlite:///one.db, {ends}tracking: 2 runs were sent to sqlite:///two.db, {ends}"
    )


KILLED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from tracked import TRACKING, Run
run = Run(sys.argv[2], tracking=type(TRACKING)(experiment="gone")).start()
run.train(2)
while '"epochs": 2' not in (run.folder.path / "mlflow.json").read_text():
    time.sleep(0.05)
os.kill(os.getpid(), 9)
"""


@pytest.mark.process
def test_a_run_without_a_process_is_marked_killed_by_the_next_command(place, store):
    folder = RunFolder(place / "gone")
    done = subprocess.run([sys.executable, "-c", KILLED, TESTS, str(folder.path)], check=False)
    assert done.returncode == -9
    assert runs(store, "gone")["latent_dim=2"].info.status == "RUNNING"
    reconcile(experiment("gone"), [folder])
    shown = runs(store, "gone")["latent_dim=2"]
    assert shown.info.status == "KILLED"
    assert shown.info.end_time >= folder.records()[-1]["timestamp"]
    assert_complete(store, shown, folder)


@pytest.mark.slow
def test_a_run_that_was_deleted_in_mlflow_is_sent_again(place, store):
    folder = whole_run(place / "deleted", tracking=experiment("deleted"))
    store.delete_run(runs(store, "deleted")["latent_dim=2"].info.run_id)
    again = Run(folder.path, tracking=experiment("deleted")).start()
    again.train(1)
    again.finish()
    assert_complete(store, runs(store, "deleted")["latent_dim=2"], folder)


# --- several at once -------------------------------------------------------------------------------------------------

EIGHT = """
import multiprocessing, sys, time
sys.path.insert(0, sys.argv[1])
from vae_exp.tracking.store import import_client
import_client()
import mlflow.store.tracking.sqlalchemy_store
from tracked import whole_run
if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    names = [f"sweep{number % 2}/run{number}" for number in range(8)]
    jobs = [fork.Process(target=whole_run, args=[name], kwargs={"label": name}) for name in names]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    sys.exit(max(job.exitcode for job in jobs))
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="eight processes are started by fork, which Windows lacks")
def test_eight_jobs_of_two_sweeps_open_one_new_store_at_once(tmp_path):
    script = tmp_path / "eight.py"
    script.write_text(EIGHT)
    command = [sys.executable, str(script), TESTS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    shown = runs(client)
    assert len(shown) == 8
    for label, run in shown.items():
        assert run.info.status == "FINISHED"
        assert_complete(client, run, RunFolder(tmp_path / label))


# --- the sweep -------------------------------------------------------------------------------------------------------


def test_a_sweep_is_one_mlflow_run_that_links_its_jobs(place, store):
    tracking = experiment("whole")
    first = whole_run(place / "sweep" / "a", label="latent_dim=2", tracking=tracking)
    second = Run(place / "sweep" / "b", label="beta=<b>|x|", tracking=tracking).start()
    second.finish("failed", "no memory")
    (place / "sweep" / "report.html").write_text("<p>report</p>")
    jobs = [("latent_dim=2", first), ("beta=<b>|x|", second.folder)]
    outcome = Outcome(ANSWER, [["run", "val/loss"], ["latent_dim=2", "99.5"]], first)
    for _ in ("at the end", "after a resume"):
        show_sweep(tracking, place / "sweep", jobs, outcome)
    (shown,) = runs(store, "whole sweeps").values()
    note = shown.data.tags["mlflow.note.content"]
    best = runs(store, "whole")["latent_dim=2"].info
    assert note.startswith("**latent\\_dim=2 is best**\n\ndigits · conv\n")
    assert (
        f"Lowest validation loss: [latent\\_dim=2](#/experiments/{best.experiment_id}/runs/{best.run_id})"
        in note.splitlines()
    )
    assert "| latent\\_dim=2 | 99.5 |" in note.splitlines()
    assert "beta=&lt;b&gt;&#124;x&#124;" in note
    assert "<b>" not in note
    assert shown.data.tags["jobs"] == "1 failed, 1 finished"
    assert shown.info.status == "FAILED"
    assert "report.html" in {info.path for info in store.list_artifacts(shown.info.run_id)}


def test_the_runs_of_a_sweep_get_different_colours_unless_one_was_chosen(place, store):
    tracking = experiment("coloured")
    jobs = [
        (f"seed={seed}", whole_run(place / "coloured" / str(seed), label=f"seed={seed}", tracking=tracking))
        for seed in range(3)
    ]
    chosen = runs(store, "coloured")["seed=1"].info.run_id
    store.set_tag(chosen, COLOUR, "#123456")
    show_sweep(tracking, place / "coloured", jobs, Outcome(ANSWER, [], None))
    shown = [runs(store, "coloured")[label].data.tags[COLOUR] for label, _ in jobs]
    assert shown == [CATEGORIES[0].light, "#123456", CATEGORIES[2].light]


def test_a_run_that_only_a_planted_receipt_names_gets_no_colour(place, store):
    tracking = experiment("foreign")
    folder = whole_run(place / "foreign" / "a", tracking=tracking)
    other = store.create_run(runs(store, "foreign")["latent_dim=2"].info.experiment_id).info.run_id
    receipt = receipts.read(folder.path)
    (uri,) = receipt
    receipt[uri].run_id = other
    receipts.write(folder.path, uri, receipt[uri])
    show_sweep(tracking, place / "foreign", [("a", folder)], Outcome(ANSWER, [], None))
    assert COLOUR not in store.get_run(other).data.tags


def test_a_sweep_is_shown_although_one_of_its_runs_was_deleted_in_mlflow(place, store):
    tracking = experiment("one of two")
    jobs = [(name, whole_run(place / "one of two" / name, label=name, tracking=tracking)) for name in "ab"]
    store.delete_run(runs(store, "one of two")["a"].info.run_id)
    show_sweep(tracking, place / "one of two", jobs, Outcome(ANSWER, [], None))
    assert len(runs(store, "one of two sweeps")) == 1
    assert runs(store, "one of two")["b"].data.tags[COLOUR] == CATEGORIES[1].light


def test_a_description_stays_below_the_limit_of_mlflow(place, store):
    rows = [["run", "loss"], *([f"latent_dim={number}", "x" * 50] for number in range(500))]
    folder = whole_run(place / "long" / "a", tracking=experiment("long"))
    show_sweep(experiment("long"), place / "long", [("a", folder)], Outcome(ANSWER, rows, None))
    (shown,) = runs(store, "long sweeps").values()
    assert "more lines: see report.html" in shown.data.tags["mlflow.note.content"]


def test_markup_in_a_name_is_escaped():
    payload = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `x` *y* | z\n# title"
    escaped = escape(payload)
    assert "<" not in escaped
    assert "\n" not in escaped
    assert r"\[a\]\(javascript:alert\(1\)\)" in escaped


# --- untrusted folders and runs --------------------------------------------------------------------------------------


def test_a_server_that_only_the_folder_names_is_reported_and_never_called(place, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        other_server = f"http://127.0.0.1:{listener.getsockname()[1]}"
        folder = whole_run(place / "untrusted", tracking=experiment("untrusted"))
        note = folder.path / "mlflow.json"
        receipt = json.loads(note.read_text())
        receipt["shown"] = {other_server: receipt["shown"].popitem()[1]}
        note.write_text(json.dumps(receipt))
        reconcile(experiment("untrusted"), [folder])
        Run(folder.path, label="again", tracking=experiment("untrusted")).start().finish()
        with pytest.raises(TimeoutError):
            listener.accept()
    assert other_server in capsys.readouterr().err
    assert set(runs(MlflowClient(f"sqlite:///{place / 'mlflow.db'}"), "untrusted")) == {"latent_dim=2", "again"}


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"version": 1, "shown": {"x": {"token": "y"}}}'])
def test_a_damaged_receipt_is_reported_and_the_run_sent_again(place, text, capsys, store, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mlflow.json").write_text(text)
    folder = whole_run(tmp_path / "run", tracking=experiment("damaged"))
    assert "mlflow.json" in capsys.readouterr().err
    (run,) = runs(store, "damaged").values()
    assert_complete(store, run, folder)
    store.delete_run(run.info.run_id)


def test_a_link_in_the_folder_is_not_sent(place, store):
    secret = place / "secret.txt"
    secret.write_text("secret")
    run = Run(place / "linked", tracking=experiment("linked")).start()
    (run.folder.figures / "stolen.png").symlink_to(secret)
    run.finish()
    shown = runs(store, "linked")["latent_dim=2"]
    assert "stolen.png" not in {info.path for info in store.list_artifacts(shown.info.run_id)}


def test_a_run_is_downloaded_as_a_folder(finished, store, tmp_path):
    fetched = RunFolder(fetch_run(runs(store, "one")["latent_dim=2"].info.run_id, tmp_path / "fetched"))
    assert fetched.state() == "finished"
    assert fetched.records() == finished.records()
    assert fetched.read_config() == finished.read_config()
    assert fetched.weights_file("best").read_bytes() == finished.weights_file("best").read_bytes()
    names = {str(path.relative_to(fetched.path)) for path in fetched.path.rglob("*") if path.is_file()}
    assert "run.log" not in names


@pytest.fixture
def untrusted_run(store, tmp_path):
    """A function that creates an untrusted run and returns its id and the folder of its artifacts."""

    def make(location=None):
        number = store.create_experiment(f"untrusted {tmp_path.name}", location or (tmp_path / "art").as_uri())
        run = store.create_run(number)
        artifacts = tmp_path / "art" / run.info.run_id / "artifacts"
        artifacts.mkdir(parents=True)
        return run.info.run_id, artifacts

    return make


def test_a_link_among_the_artifacts_is_refused(untrusted_run, tmp_path):
    run_id, artifacts = untrusted_run()
    (tmp_path / "secret").write_text("secret: 1")
    (artifacts / "config.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="must not be a link"):
        fetch_run(run_id, tmp_path / "fetched")
    assert not list((tmp_path / "fetched").iterdir())


def test_a_linked_folder_among_the_artifacts_is_refused(untrusted_run, tmp_path):
    run_id, artifacts = untrusted_run()
    (artifacts / "config.yaml").write_text("a: 1")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "best.safetensors").write_text("secret")
    (artifacts / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"must not be a link|outside the artifact directory"):
        fetch_run(run_id, tmp_path / "fetched")


def test_an_artifact_that_is_too_large_is_refused_before_anything_is_copied(untrusted_run, tmp_path):
    run_id, artifacts = untrusted_run()
    (artifacts / "config.yaml").write_text("a: 1")
    with (artifacts / "metrics.jsonl").open("wb") as file:
        file.truncate(2**40)  # a sparse file
    with pytest.raises(UserError, match=r"metrics\.jsonl must have at most \d+ bytes, got 1099511627776"):
        fetch_run(run_id, tmp_path / "fetched")
    assert not list((tmp_path / "fetched").iterdir())


def test_artifacts_at_an_address_that_the_run_names_are_not_fetched(untrusted_run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        run_id, _ = untrusted_run(f"http://127.0.0.1:{listener.getsockname()[1]}/x")
        with pytest.raises(UserError, match="artifacts must be in one of"):
            fetch_run(run_id, tmp_path / "fetched")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_run_of_another_program_or_that_does_not_exist_is_refused(untrusted_run, tmp_path, monkeypatch):
    run_id, _ = untrusted_run()
    with pytest.raises(UserError, match=r"must have config\.yaml"):
        fetch_run(run_id, tmp_path / "fetched")
    with pytest.raises(UserError, match="can't be read from"):
        fetch_run("0" * 32, tmp_path / "fetched")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        fetch_run(run_id, tmp_path / "fetched")
    assert not (tmp_path / "mlflow.db").exists()


OPEN = """
import os, signal, sys, threading
from vae_exp.tracking.store import Store, import_client, open_experiment
import_client()
threading.Timer(float(sys.argv[2]), os.kill, [os.getpid(), signal.SIGKILL]).start()
open_experiment(Store(f"sqlite:///{sys.argv[1]}"), "vae_exp")
os._exit(0)
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_a_process_killed_while_creating_the_store_leaves_no_broken_one(tmp_path, seconds):
    database = tmp_path / "mlflow.db"
    subprocess.run([sys.executable, "-c", OPEN, str(database), str(seconds)], check=False, capture_output=True)
    client, number = open_experiment(Store(f"sqlite:///{database}"), "vae_exp")
    assert client.get_experiment(number).name == "vae_exp"
