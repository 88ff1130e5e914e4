"""A search in the page of the report, in a real browser: each trial is drawn at each rung that it reached."""

import dataclasses

import pytest
from browser import needs_axe, needs_browser
from compared import compared, config, sweep
from test_explore import CHOSEN, STATUS, losses, written

from vae_exp.comparison import report, search_answer, search_data
from vae_exp.comparison.searched import Searched, Tried

NOTE = "document.querySelector('.search .note').textContent"
SELECT = "document.querySelector('.search select')"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three trials, trained to 1, 3 and 1 epochs."""
    folder = tmp_path_factory.mktemp("search")
    sweep(folder, [(config(dim), {"losses": losses(dim, 0, epochs)}) for dim, epochs in ((2, 1), (4, 3), (8, 1))])
    return folder, compared(folder)


def searched(runs, measures=("val/loss",)):
    """Return a search of three trials with rungs at 1 and 3 epochs: the first diverges, the second goes further."""
    one = [[9.0], [8.0]] if len(measures) == 1 else [[9.0, 1.0], [8.0, 2.0]]
    values = [[None], one, one[:1]]
    spent = [[1], [2, 5], [3]]
    trials = [Tried(i, [run.name], {"model.latent_dim": i}, values[i], spent[i]) for i, run in enumerate(runs)]
    return Searched(list(measures), ["model.latent_dim"], [], [1, 3], trials, [(2, 9.0), (5, 8.0)], [3, 5], {}, [1])


@pytest.mark.slow
def test_a_search_has_columns_for_its_rungs_and_a_point_for_each_rung_of_a_trial(runs):
    folder, comparison = runs
    data = written(report.page(folder, comparison, ["python"], searched(comparison.runs)))
    columns = {column["name"]: column["values"] for column in data["columns"]}
    assert columns["trial"] == [0, 1, 2]
    assert columns["rung"] == [1, 3, 1]
    assert columns["val/loss, last rung"] == [None, 8, 9]
    assert columns["val/loss, epoch 1"] == [None, 9, 9]
    assert columns["val/loss, epoch 3"] == [None, 8, None]
    assert data["starts"] == ["model.latent_dim", "search.val/loss"]
    assert data["axes"][:4] == ["model.latent_dim", "search.trial", "search.rung", "search.val/loss"]
    points = [(point["trial"], point["runs"], point["rung"], point["spent"]) for point in data["search"]["points"]]
    assert points == [(1, [1], 0, 2), (2, [2], 0, 3), (1, [1], 1, 5)]  # one epoch each, then two more of one trial
    assert [point["values"] for point in data["search"]["points"]] == [[9], [9], [8]]


@pytest.mark.slow
def test_the_page_of_a_search_begins_with_its_lowest_trial_and_its_cost(tmp_path):
    jobs = [(config(dim), {"losses": losses(dim, 0, epochs)}) for dim, epochs in ((2, 1), (4, 3), (8, 1))]
    sweep(tmp_path, jobs)
    comparison = compared(tmp_path)
    found = dataclasses.replace(searched(comparison.runs), summary=["3 trials: 1 finished.", "Trained <3> to epoch 1"])
    text = report.page(tmp_path, comparison, ["python"], found)
    sentence = "latent_dim=4 has the lowest val/loss of 3 trials: 8.00 nats per image, test loss 27.0"
    assert f"<h1>{sentence}</h1>" in text
    assert f"<title>{sentence}</title>" in text
    assert '<p class="small">Trained &lt;3&gt; to epoch 1</p>' in text
    table = search_data.shown(comparison, found)
    assert [column.name for column in table] == ["trial", "rung", "val/loss, last rung"]
    rows = [[column.cell(row).text for column in table] for row in comparison.rows]
    assert rows == [["0", "1", "–"], ["1", "3", "8.00"], ["2", "1", "9.00"]]
    assert ">search</th>" in text


def test_the_lowest_trial_is_named_with_its_epoch_if_it_is_not_finished(tmp_path):
    jobs = [(config(dim), {"losses": losses(dim, 0), "state": "paused"}) for dim in (2, 4, 8)]
    sweep(tmp_path, jobs)
    comparison = compared(tmp_path)
    sentence = search_answer.sentence(comparison, searched(comparison.runs))
    assert sentence == "latent_dim=4 has the lowest val/loss of 3 trials: 8.00 nats per image at epoch 3"
    two = searched(comparison.runs, ("val/reconstruction", "val/kl"))
    sentence = "1 of 3 trials is on the Pareto front of val/reconstruction and val/kl at epoch 3"
    assert search_answer.sentence(comparison, two) == sentence
    nothing = dataclasses.replace(two, trials=[dataclasses.replace(each, values=[None]) for each in two.trials])
    assert search_answer.sentence(comparison, nothing) == "No trial has a value yet"


@pytest.fixture
def opened(runs, browser):
    """Return a function that opens the page of a search for these measures."""

    def open_page(*measures, width=1280, **theme):
        folder, comparison = runs
        report.write(folder, comparison, ["python"], searched(comparison.runs, measures))
        browser.open("about:blank")
        browser.open((folder / "report.html").as_uri(), width, **theme)
        return browser

    return open_page


def corner(browser):
    """Return the lower right corner of the chart, where x is largest and y lowest."""
    x, y, width, height = browser.middle(".search .plane")
    return x + width / 2 - 24, y + height / 2 - 50


@pytest.mark.process
@needs_browser
def test_a_trial_is_drawn_at_its_cost_and_value_and_can_be_opened_and_selected(opened):
    browser = opened("val/loss")
    assert browser.run(f"return {NOTE}") == (
        "joined: the lowest value so far; dotted: the next rung begins; rungs at epoch 1, 3, "
        "a larger point at a later one; 1 of 3 trials have no value"
    )
    x, y = corner(browser)
    browser.point(x, y)  # the last of 5 epochs, and 8 nats
    hint = browser.wait("document.querySelector('.hint').innerText")
    assert hint == "latent_dim=4\ntrial 1 · epoch 1: 9 · epoch 3: 8"
    browser.drag((x - 30, y - 30), (x + 4, y + 4))
    browser.wait(f"{STATUS} === '1 of 3 runs are selected'")
    browser.wait("document.querySelector('tr.chosen')")
    assert browser.run(f"return {CHOSEN}")[0] == "★ 4"
    browser.drag((x, y), (x, y))
    browser.wait("document.querySelector('.details h3').textContent === 'latent_dim=4'")
    browser.run(f"{SELECT}.selectedIndex = 1; {SELECT}.dispatchEvent(new Event('change'))")
    browser.wait(f"{NOTE}.startsWith('joined: each trial')")
    assert browser.wait("location.hash.includes('search=') && location.hash").endswith("&search=rungs%3Aval%2Floss")
    assert browser.messages() == []


@pytest.mark.process
@needs_browser
def test_the_front_of_two_measures_is_that_of_the_last_rung(opened):
    browser = opened("val/reconstruction", "val/kl")
    assert browser.run(f"return {NOTE}").startswith("joined: the front at epoch 3, of trial 1;")
    names = browser.run(f"return [...{SELECT}.options].map(option => option.textContent)")
    kinds = [f"{kind}: {name}" for name in ("val/reconstruction", "val/kl") for kind in ("course", "rungs")]
    assert names == ["Pareto front", *kinds]
    browser.press("ArrowRight", ".search .plane")
    hint = browser.wait("document.querySelector('.hint').innerText")
    assert hint == "latent_dim=4\ntrial 1 · epoch 1: 9, 1 · epoch 3: 8, 2"


@pytest.mark.process
@needs_browser
@needs_axe
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation_in_a_search_on_a_narrow_screen(opened, dark):
    browser = opened("val/loss", width=360, dark=dark)
    assert browser.violations() == []
    assert browser.run("return document.documentElement.scrollWidth") <= 360
