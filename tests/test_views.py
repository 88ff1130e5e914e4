"""The charts that MLflow opens with: saved views, checked in the store and in a real browser."""

import base64
import json
import secrets
import shutil
import zlib

import pytest
from browser import needs_browser
from mlflow import MlflowClient
from servers import Server
from tracked import TRACKING, Run, runs, whole_run

from vae_exp.config import Config, DigitsConfig, MlpConfig
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import Outcome, charts, receipts, renew_view, show_sweep, view_commands, views

OPEN = ["loss", "reconstruction and KL", "final measures", "what was swept", "samples"]
LOSSES = ["loss/val", "loss/test", "loss/train"]
ANSWER = ("latent_dim=2 is best", "digits · conv")


def experiment(name):
    return type(TRACKING)(experiment=name)


@pytest.fixture(scope="module")
def place(tmp_path_factory, empty_store):
    """One folder with one store for all tests of this file."""
    folder = tmp_path_factory.mktemp("views")
    shutil.copy(empty_store, folder)
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def store(place):
    return MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


@pytest.fixture(scope="module")
def sweep(place, store):
    """A sweep of two tracked runs, and their folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        jobs = []
        for dim in (2, 4):
            label, config = f"latent_dim={dim}", Config(model=MlpConfig(latent_dim=dim), data=DigitsConfig())
            tracked = {"tracking": experiment("one"), "label": label, "sweep": "it's a sweep", "config": config}
            jobs.append((label, whole_run(place / "it's a sweep" / label, **tracked)))
        outcome = Outcome(ANSWER, [], None, ["model.latent_dim", "evaluation.every"])
        show_sweep(experiment("one"), place / "it's a sweep", jobs, outcome)
    return place / "it's a sweep", [folder for _, folder in jobs]


def saved(store, name):
    """Return the saved views of an experiment, by key."""
    tags = store.get_experiment_by_name(name).tags
    return {tag.removeprefix(views.TAG): json.loads(text) for tag, text in tags.items() if tag.startswith(views.TAG)}


def page(view):
    return json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))


def test_the_sweep_and_its_experiment_each_have_a_view_that_the_links_open(sweep, place, store):
    folder, jobs = sweep
    both = saved(store, "one")
    of_experiment, of_sweep = views.OF_EXPERIMENT, next(key for key in both if key != views.OF_EXPERIMENT)
    assert both.keys() == {of_experiment, of_sweep}
    command, link = view_commands(experiment("one"), [RunFolder(place / "no"), *jobs], folder)
    assert command == f"mlflow ui --backend-store-uri sqlite:///{place / 'mlflow.db'} --port 5000"
    assert link.endswith(f"/runs?workflowType=machine_learning&compareRunsMode=CHART&viewStateShareKey={of_sweep}")
    assert view_commands(experiment("one"), jobs, None)[1].endswith(f"&viewStateShareKey={of_experiment}")
    found = page(both[of_sweep])
    assert found["searchFilter"] == """tags.sweep = "it's a sweep\""""
    (across,) = (chart for chart in found["compareRunCharts"] if chart["type"] == "PARALLEL")
    assert (across["selectedParams"], across["selectedMetrics"]) == (["model.latent_dim"], ["measures/test_loss"])
    assert page(both[of_experiment])["searchFilter"] == ""


def test_a_sweep_without_a_view_is_found_by_its_name(sweep, tmp_path):
    _, jobs = sweep
    link = view_commands(experiment("one"), jobs, tmp_path / "another")[1]
    assert "/runs?searchFilter=tags.sweep%20%3D%20%27another%27&workflowType=machine_learning" in link
    assert "viewStateShareKey" not in link


def test_a_users_views_are_unchanged_and_those_of_the_newest_twenty_sweeps_kept(store):
    number = store.create_experiment("twenty")
    own = {"theirs": "[]", "vae_exp_sweep_broken": "{", "other": '{"name": "n", "createdAt": 1, "state": "{}"}'}
    for key, text in own.items():
        store.set_experiment_tag(number, views.TAG + key, text)
    written = [receipts.new("twenty", f"sweep {count}", None) for count in range(22)]
    for receipt in written[:2]:
        views.keep_sweep(store, number, receipt, charts.state(sweep=receipt.label))
    changed = views.TAG + views.OF_SWEEP + written[0].token
    theirs = json.loads(store.get_experiment(number).tags[changed]) | {"updatedAt": 2**42, "name": "mine"}
    store.set_experiment_tag(number, changed, json.dumps(theirs))
    for receipt in [*written, written[0]]:
        views.keep_sweep(store, number, receipt, charts.state(sweep=f"{receipt.label}, again"))
    tags = store.get_experiment(number).tags
    assert {key: tags[views.TAG + key] for key in own} == own
    assert json.loads(tags[changed]) == theirs
    kept = [tag for tag in tags if tag.startswith(views.TAG + views.OF_SWEEP)]
    assert len(kept) == 20 + len(["changed", "broken"])
    assert all(views.TAG + views.OF_SWEEP + receipt.token in tags for receipt in written[-20:])


def test_a_view_that_mlflow_refuses_does_not_affect_the_sweep(place, store, caplog):
    folder = whole_run(place / "refused" / "a", tracking=experiment("refused"))
    swept = [f"model.{secrets.token_hex(16)}" for _ in range(2000)]  # longer than a tag may be
    show_sweep(experiment("refused"), place / "refused", [("a", folder)], Outcome(ANSWER, [], folder, swept))
    assert runs(store, "refused sweeps")["refused"].info.status == "FINISHED"
    assert saved(store, "refused").keys() == {views.OF_EXPERIMENT}
    assert "MLflow has no view of the charts" in caplog.text
    assert "searchFilter=" in view_commands(experiment("refused"), [folder], place / "refused")[1]


def test_a_deleted_view_is_written_again_and_without_a_view_the_link_filters_for_the_sweep(place, store):
    own, folder = experiment("renewed"), place / "renewed"
    jobs = [whole_run(folder / "a", tracking=own)]
    show_sweep(own, folder, [("a", jobs[0])], Outcome(ANSWER, [], None, ["model.latent_dim"]))
    number, before = store.get_experiment_by_name("renewed").experiment_id, saved(store, "renewed")
    (ours,) = before.keys() - {views.OF_EXPERIMENT}
    store.delete_experiment_tag(number, views.TAG + ours)
    renew_view(own, folder, jobs, ["model.latent_dim"], "test/loss")
    assert page(saved(store, "renewed")[ours]) == page(before[ours])
    assert view_commands(own, jobs, folder)[1].endswith(ours)
    store.delete_experiment_tag(number, views.TAG + ours)
    too_long = [f"model.{secrets.token_hex(16)}" for _ in range(2000)]  # no tag is so long
    renew_view(own, folder, jobs, too_long, "test/loss")
    assert ours not in saved(store, "renewed")
    assert "searchFilter=" in view_commands(own, jobs, folder)[1]


def test_a_run_of_version_0_1_keeps_its_metric_names(place, store):
    run = Run(place / "old" / "a", tracking=experiment("old")).start()
    run.train(2)
    run.finish("interrupted")
    note = run.folder.path / "mlflow.json"
    receipt = json.loads(note.read_text())
    for server in receipt["shown"].values():
        del server["names"], server["view"], server["folder"]  # version 0.1 did not write them
    note.write_text(json.dumps(receipt))
    again = Run(run.folder.path, tracking=experiment("old")).start()
    again.train(2)
    again.finish()
    number = runs(store, "old")["latent_dim=2"].info.run_id
    history = {key: store.get_metric_history(number, key) for key in ("val/loss", "loss/val", "final/test/loss")}
    assert {key: [point.step for point in points] for key, points in history.items()} == {
        "val/loss": [3, 4],
        "loss/val": [1, 2],
        "final/test/loss": [4],
    }
    show_sweep(experiment("old"), place / "old", [("a", run.folder)], Outcome(ANSWER, [], None))
    view = next(view for key, view in saved(store, "old").items() if key != views.OF_EXPERIMENT)
    assert page(view)["compareRunCharts"][0]["metricKey"] == "val/loss"


# --- in a browser ----------------------------------------------------------------------------------------------------

TEXTS = """[...document.querySelectorAll('[data-testid="experiment-view-compare-runs-%s"]')]
    .map((each) => each.innerText.trim().split("\\n")[0])"""
SECTIONS, CARDS = TEXTS % "section-header", TEXTS % "card"


@pytest.mark.process
@needs_browser
def test_the_link_opens_the_losses_first_with_and_without_a_view(sweep, place, browser):
    folder, jobs = sweep
    server = Server(place, f"sqlite:///{place / 'mlflow.db'}").start()
    try:
        server.wait()
        link = view_commands(experiment("one"), jobs, folder)[1].replace("http://127.0.0.1:5000", server.uri)
        browser.open(link)
        browser.wait(f"({CARDS}).length > 3")  # the page creates only the visible charts
        assert browser.run(f"return {SECTIONS}") == [*OPEN, "measures", "objective", "Model metrics"]
        assert browser.run(f"return {CARDS}")[:5] == [*LOSSES, "loss_reconstruction/val", "loss_kl/val"]
        browser.open("about:blank")  # changing only the part after # would not reload the page
        browser.open(link.partition("&viewStateShareKey")[0])
        browser.wait(f"({CARDS}).length > 2")
        assert browser.run(f"return {CARDS}")[:3] == sorted(LOSSES)
    finally:
        server.kill()
