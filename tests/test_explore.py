"""The interactive views of a report in a real browser: they share one selection, which the address keeps."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import needs_axe, needs_browser
from compared import compared, config, sweep, write
from decodable import decodable

from vae_exp.comparison import curve_data, report, run_data
from vae_exp.comparison.rendering import block
from vae_exp.config import AdamConfig, ElboConfig, IwaeConfig

STATUS = "document.querySelector('.choice [role=status]').textContent"
CHOSEN = "[...document.querySelectorAll('tr.chosen')].map(row => row.querySelector('th').innerText.trim())"


def losses(dim, seed, epochs=3):
    return [(30.0 - dim + seed + 8.0 / (epoch + 1), 31.0 - dim + seed) for epoch in range(epochs)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of three values of latent_dim with two seeds each; one run failed."""
    folder = tmp_path_factory.mktemp("explore")
    pairs = [(dim, seed) for dim in (2, 4, 8) for seed in (0, 1)]
    made = sweep(
        folder, [(config(dim, seed), {"losses": losses(dim, seed), "active_units": dim}) for dim, seed in pairs]
    )
    made.folder(made.jobs()[5]).write_status("failed", "out of memory")
    report.write(folder, compared(folder), ["python"])
    return (folder / "report.html").as_uri()


def axes(browser):
    found = browser.run(
        "return [...document.querySelectorAll('.lines .axis')].map(a => [parseInt(a.style.left), a.ariaLabel])"
    )
    return [name for _, name in sorted(found)]


@pytest.mark.process
@needs_browser
def test_a_brush_selects_runs_in_every_view_and_the_address_keeps_the_selection(page, browser):
    browser.open(page)
    assert browser.run(f"return {STATUS}") == "All 6 runs are shown"
    assert axes(browser)[:4] == ["latent_dim", "seed", "val loss", "test loss"]
    x, y, _, height = browser.middle(".strip", 0)
    browser.drag((x, y + height / 2 - 2), (x, y + height / 2 - height * 0.6))  # from 2 to beyond 4, of 2, 4 and 8
    browser.wait(f"{STATUS} === '4 of 6 runs are selected'")
    address = browser.wait("location.hash")
    assert address.startswith("#axis:model.latent_dim=2,4")
    runs = [f"latent_dim={dim}, seed={seed}" for dim in (2, 4) for seed in (0, 1)]
    browser.wait("document.querySelector('tr.chosen')")
    assert browser.run(f"return {CHOSEN}") == ["2", "4", *runs]
    browser.open("about:blank")
    browser.open(page + address)
    browser.wait(f"{STATUS} === '4 of 6 runs are selected'")
    browser.run("document.querySelector('.choice button').click()")
    browser.wait(f"{STATUS} === 'All 6 runs are shown'")
    assert browser.messages() == []


@pytest.mark.process
@needs_browser
def test_a_rectangle_in_the_scatter_plot_and_a_table_row_select_runs_too(page, browser):
    browser.open(page)
    x, y, width, height = browser.middle(".scatter .plane")
    browser.drag((x - width, y - height), (x, y + height))
    browser.drag((x - width / 4, y - height / 2 + 2), (x + width / 2 - 2, y + height / 2 - 2))
    browser.wait(f"{STATUS}.includes('selected')")
    assert browser.wait("document.querySelectorAll('.choice li').length") == 2
    browser.run("document.querySelector('tr[data-runs=\"0 1\"] input').click()")
    browser.wait("document.querySelectorAll('.choice li').length === 0")
    assert "axis:" not in browser.wait("location.hash.includes('runs=') && location.hash")


@pytest.mark.process
@needs_browser
def test_a_run_is_opened_by_keyboard_and_shows_how_it_differs_from_the_best(page, browser):
    browser.open(page)
    browser.press("ArrowRight", ".scatter .plane")
    label = browser.wait("document.querySelector('.hint strong')?.textContent")
    browser.press("Enter", ".scatter .plane")
    browser.wait("!document.querySelector('.details').hidden")
    assert browser.run("return document.querySelector('.details h3').textContent") == label
    assert browser.run(f"return {STATUS}") == f"All 6 runs are shown; the details of {label} are below"
    browser.run("[...document.querySelectorAll('tr[data-runs=\"3\"] .open')].pop().click()")
    browser.wait("document.querySelector('.details h3').textContent === 'latent_dim=4, seed=1'")
    differs = "return [...document.querySelectorAll('.details .differs')].map(cell => cell.textContent)"
    assert browser.run(differs) == ["latent_dim", "4", "8", "seed", "1", "0"]
    rows = "return [...document.querySelectorAll('.details tr')].map(row => row.innerText.replaceAll('\\t', ' '))"
    assert "test loss 28 23 +5" in browser.run(rows)
    browser.run("document.querySelector('tr[data-runs=\"5\"] .open').click()")
    browser.wait("document.querySelector('.details .error')?.textContent === 'out of memory'")


@pytest.mark.process
@needs_browser
def test_arrow_keys_move_axes_and_set_limits(page, browser):
    browser.open(page)
    browser.press("ArrowRight", ".axis-name", 0)
    assert axes(browser)[:2] == ["seed", "latent_dim"]
    assert browser.run("return document.activeElement.textContent") == "latent_dim"
    browser.press("ArrowUp", ".axis[aria-label=latent_dim] .lowest")
    browser.wait(f"{STATUS} === '4 of 6 runs are selected'")
    text = "document.querySelector('.axis[aria-label=latent_dim] .lowest').ariaValueText"
    assert browser.run(f"return {text}") == "4"
    browser.press("Escape", ".axis[aria-label=latent_dim] .lowest")
    browser.wait(f"{STATUS} === 'All 6 runs are shown'")


@pytest.mark.process
@needs_browser
def test_a_finger_opens_runs_sets_limits_points_at_curves_and_scrolls_without_selecting(page, browser):
    browser.open(page, 360, touch=True)
    calm = {"name": "prefers-reduced-motion", "value": "reduce"}  # nothing moves by an animation before the next touch
    browser.cdp("Emulation.setEmulatedMedia", features=[calm])
    lowest = last_value_of_the_lowest_curve(browser)
    browser.touch(lowest, lowest)
    browser.wait("document.querySelector('.details h3').textContent === 'latent_dim=8, seed=0'")
    assert browser.run("return document.querySelector('.hint').innerText") == ""
    x, y, _, height = browser.middle(".strip", 0)
    browser.touch((x, y + height / 2 - 2), (x, y - height * 0.1))
    opened = "the details of latent_dim=8, seed=0 are below"
    browser.wait(f"{STATUS} === '4 of 6 runs are selected; {opened}'")
    browser.press("Escape", ".axis[aria-label=latent_dim] .lowest")
    browser.wait(f"{STATUS} === 'All 6 runs are shown; {opened}'")
    x, y = last_value_of_the_lowest_curve(browser)
    browser.touch((x - 60, y), (x, y), lift=False)
    assert browser.wait("document.querySelector('.hint').innerText") == "latent_dim=8, seed=0\nepoch 3: 24.667"
    browser.lift()
    browser.wait("!document.querySelector('.hint').innerText")
    x, y, *_ = browser.middle(".scatter .plane")
    before = browser.run("return scrollY")
    browser.touch((x, y + 100), (x + 4, y - 100))
    browser.wait(f"scrollY > {before} + 50")
    assert browser.run(f"return {STATUS}") == f"All 6 runs are shown; {opened}"


def last_value_of_the_lowest_curve(browser):
    """Return the point where this value is drawn: the lower right corner of the chart."""
    x, y, width, height = browser.middle(".curves .plane")
    return x + width / 2 - 24, y + height / 2 - 50


@pytest.mark.process
@needs_browser
def test_each_control_changes_the_curves(page, browser):
    """The canvas is compared as a picture: each control changes it, and changes it back."""
    browser.open(page)
    browser.middle(".curves")
    seen = "document.querySelector('.curves canvas').toDataURL()"
    browser.wait("document.querySelector('.curves canvas').width > 300")
    before = browser.run(f"return {seen}")
    for number in (0, 1):  # a log scale, and seeds as a band
        toggle = f"document.querySelectorAll('.curves input')[{number}].click()"
        browser.run(toggle)
        assert browser.run(f"return {seen}") != before
        browser.run(toggle)
        assert browser.run(f"return {seen}") == before
    select = "document.querySelector('.curves select')"
    browser.run(f"{select}.selectedIndex = 1; {select}.dispatchEvent(new Event('change'))")
    assert browser.run(f"return {seen}") != before


@pytest.mark.process
@needs_browser
@needs_axe
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation_with_selected_and_open_runs_on_a_narrow_screen(page, browser, dark):
    first = re.search(r'"id":"([^"]+)"', Path(page.removeprefix("file://")).read_text(encoding="utf-8"))[1]
    browser.open("about:blank")
    browser.open(f"{page}#axis:model.latent_dim=2,4&open={quote(first)}", 360, dark)
    browser.wait("!document.querySelector('.details').hidden")
    browser.run("document.querySelector('.lines details').open = true")
    assert browser.violations() == []
    assert browser.run("return document.documentElement.scrollWidth") <= 360


@pytest.mark.process
@needs_browser
def test_without_javascript_and_in_print_the_page_shows_its_static_parts(page, browser):
    shown = "[...document.querySelectorAll('main > section')].filter(section => section.offsetHeight)"
    visible = f"return {shown}.map(section => section.querySelector('h2').textContent)"
    browser.open(page)
    everything = browser.run(visible)
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    printed = browser.run(visible)
    assert browser.run("return document.querySelector('th input').offsetHeight") == 0
    browser.cdp("Emulation.setEmulatedMedia", media="")
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
    for seen in (printed, browser.run(visible)):
        assert {"Configurations", "Charts", "Runs", "Ran on"} <= set(seen) <= set(everything) - {"Explore the runs"}


# --- the data --------------------------------------------------------------------------------------------------------


def written(text):
    """Return the data of a page as its script reads it."""
    (content,) = re.findall(r'<script type="application/json" id="runs-data">(.*?)</script>', text, re.DOTALL)
    return json.loads(content)


@pytest.mark.slow
def test_the_data_has_columns_for_differing_keys_and_measures_and_a_curve_for_each_run(tmp_path):
    pairs = [(2, 1e-4), (4, 1e-3), (2, 1e-2)]
    jobs = [(config(dim, optimizer=AdamConfig(lr=lr)), {"losses": losses(dim, 0)}) for dim, lr in pairs]
    sweep(tmp_path, jobs)
    data = written(report.page(tmp_path, compared(tmp_path), ["python"]))
    columns = {column["key"]: column for column in data["columns"]}
    assert [key for key, column in columns.items() if column["isKey"]] == ["model.latent_dim", "optimizer.lr"]
    assert columns["optimizer.lr"]["values"] == [1e-4, 1e-3, 1e-2]
    assert columns["optimizer.lr"]["isLog"]
    assert columns["val/loss"]["values"] == pytest.approx([30 - dim + 8 / 3 for dim, _ in pairs], rel=1e-6)
    curves = {curve["key"]: curve["values"] for curve in data["curves"]}
    assert list(curves)[:2] == ["val/loss", "test/loss"]
    assert curves["test/loss"] == [[29] * 3, [27] * 3, [29] * 3]
    assert data["epochs"] == {"3": [1, 2, 3]}
    assert data["foremost"] == [1, 0, 2]
    assert data["best"] == 1


def test_a_key_that_an_option_lacks_has_no_value_in_its_runs_and_stays_a_number_in_the_others(tmp_path):
    objectives = [ElboConfig(beta=1.0), ElboConfig(beta=4.0), IwaeConfig(samples=1)]
    for name, objective in zip("abc", objectives, strict=True):
        write(tmp_path / name, config(objective=objective), losses(2, 0))
    data = written(report.page(tmp_path, compared(*(tmp_path / name for name in "abc")), ["python"]))
    columns = {column["key"]: column["values"] for column in data["columns"]}
    assert columns["objective.beta"] == [1, 4, None]
    assert columns["objective.name"] == ["elbo", "elbo", "iwae"]


def test_a_long_curve_is_thinned_to_a_hundred_epochs_with_its_ends_and_a_note(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name, config(dim), losses(dim, 0, epochs=250))
    curves = curve_data.losses(compared(tmp_path / "a", tmp_path / "b"))
    kept = curves.data["epochs"]["250"]
    assert (len(kept), len(set(kept)), kept[0], kept[-1]) == (100, 100, 1, 250)
    assert [len(values) for values in curves.data["curves"][0]["values"]] == [100, 100]
    assert curves.notes == ["A curve shows 100 of up to 250 epochs."]


def test_losses_are_always_included_and_other_curves_only_if_they_fit(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name, config(dim), losses(dim, 0))
    both = compared(tmp_path / "a", tmp_path / "b")
    whole = curve_data.with_others(both, curve_data.losses(both), 10**6)
    assert [curve["key"] for curve in whole.data["curves"]] == [
        "val/loss",
        "test/loss",
        "test/reconstruction",
        "test/kl",
    ]
    least = curve_data.with_others(both, curve_data.losses(both), 0)
    assert [curve["key"] for curve in least.data["curves"]] == ["val/loss", "test/loss"]
    assert least.notes == ["Left out, so that the page stays small: the curves of test reconstruction, test kl."]


@pytest.mark.slow
def test_a_full_page_keeps_tables_and_losses_and_says_what_else_it_left_out(tmp_path, monkeypatch):
    folders = [decodable(tmp_path / str(dim), config(dim), losses(dim, 0)).path for dim in (2, 4)]
    both = compared(*folders)
    whole = report.page(tmp_path, both, ["python"])
    monkeypatch.setattr(report, "MOST_BYTES", 1000)
    text = report.page(tmp_path, both, ["python"])
    data, complete = written(text), written(whole)
    assert (data["runs"], data["columns"]) == (complete["runs"], complete["columns"])
    assert data["curves"] == [curve for curve in complete["curves"] if curve["key"] in ("val/loss", "test/loss")]
    assert ('id="latent-data"' in whole, 'id="latent-data"' in text) == (True, False)
    assert "the curves of test reconstruction, test kl." in text
    assert "No decoder of latent_dim=4 and latent_dim=2: the page has room for 0 MB of decoders and codes." in text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), True, None, "1", [1], 10**400], ids=lambda value: repr(value)[:9]
)
def test_values_that_are_not_finite_numbers_become_null(value):
    assert run_data.number(value) is None


def test_a_number_keeps_seven_digits():
    assert [run_data.number(value) for value in (138.571234567, 2.0, -1e-9)] == [138.5712, 2, -1e-9]


def test_no_text_can_close_a_block_of_data():
    text = "</script><script>alert(1)</script><!-- & \u2028"
    content = block("data", {text: [text]})
    assert re.findall("<[^>]*>", content) == ['<script type="application/json" id="data">', "</script>"]
    assert json.loads(content.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")) == {
        text: [text]
    }


def test_runs_with_the_same_name_get_different_ids(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name / "run", config(dim), losses(dim, 0))
    assert run_data.ids(compared(tmp_path / "a" / "run", tmp_path / "b" / "run")) == ["run", "run~2"]
