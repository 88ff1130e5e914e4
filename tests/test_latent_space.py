"""The latent space in the page of the report, in Chromium: mouse, keyboard, sliders, and untrusted files."""

import numpy as np
import pytest
import torch
from browser import needs_axe, needs_browser
from compared import compared, config
from decodable import bright, decodable

from vae_exp.comparison import report

PAYLOAD = "<img src=x onerror=\"document.title='own'+'ed'\">"
SCRIPT = "</script><script>document.title='own'+'ed'</script>"


CLASSES = ["shirt", "bag", "coat"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs on images of 8×8 with three named labels, the page of both, and the page of the second."""
    folder = tmp_path_factory.mktemp("latent")
    runs = [decodable(folder / str(dim), config(dim), [(9.0 - dim, 1.0)], classes=CLASSES) for dim in (2, 3)]
    report.write(folder, compared(*(run.path for run in runs)), ["python"])
    return folder / "report.html", report.write_run(runs[1].path, ["python"])


def opened(browser, page, width=1440, **theme):
    """Open a page and wait until its latent space is drawn."""
    browser.open(page.as_uri(), width, **theme)
    browser.run("document.getElementById('latent-space').scrollIntoView()")
    browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
    return browser


def pixels(browser, view=0):
    """Return the grey levels of a view's image: (8, 8)."""
    script = """const read = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        read.drawImage(document.querySelectorAll('.latent canvas')[arguments[0]], 0, 0);
        return [...read.getImageData(0, 0, 8, 8).data]"""
    return np.array(browser.run(script, view)).reshape(8, 8, 4)[..., 0]


def frame(browser):
    """Wait for the next frame."""
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")


def expected(z):
    """Return the grey levels that torch decodes a point to."""
    with torch.no_grad():
        vae = bright(config(len(z)).model, (1, 8, 8))
        return 255 * vae.decode(torch.tensor([z])).mean[0, 0].numpy()


COORDINATES = """const view = document.querySelectorAll('.latent')[arguments[0]];
    const labels = view.querySelectorAll('label:has(output)');
    const named = [...labels].map((label) => [label.firstChild.textContent, +label.querySelector('input').value]);
    return named.sort().map(([_, value]) => value)"""
MARKER = """const find = (name) => document.querySelector(`.cloud ${name}`).getBoundingClientRect();
    const marker = find('.marker'), plot = find('svg');
    return [marker.x + marker.width / 2, marker.y + marker.height / 2, plot.x, plot.y, plot.width]"""


@pytest.mark.process
@needs_browser
def test_sliders_set_the_point_and_the_image_equals_what_torch_decodes(made, browser):
    opened(browser, made[0])
    for values in ([0.5, -1.0, 2.0], [-3.0, 3.0, 0.0]):
        script = """[...document.querySelectorAll('.latent .dimensions input')].slice(0, 3).forEach((input, i) => {
            input.value = arguments[0][i]; input.dispatchEvent(new Event('input')); })"""
        browser.run(script, values)
        frame(browser)
        assert np.abs(pixels(browser) - expected(browser.run(COORDINATES, 0))).max() <= 1
    assert browser.messages() == []


@pytest.mark.process
@needs_browser
def test_dragging_and_arrow_keys_move_the_point_and_the_image_follows(made, browser):
    opened(browser, made[0])
    _, _, left, top, width = browser.run(MARKER)
    before = pixels(browser)
    other = pixels(browser, view=1)
    for kind, place in (("mousePressed", 0.5), ("mouseMoved", 0.6), ("mouseMoved", 0.75), ("mouseReleased", 0.75)):
        at = {"x": left + place * width, "y": top + 0.25 * width, "button": "left", "buttons": 1, "clickCount": 1}
        browser.cdp("Input.dispatchMouseEvent", type=kind, **at)
    frame(browser)
    x, y, *_ = browser.run(MARKER)
    assert (x, y) == pytest.approx((left + 0.75 * width, top + 0.25 * width), abs=1)
    assert np.abs(pixels(browser).astype(int) - before).max() > 20
    assert (pixels(browser, view=1) == other).all()
    browser.run("document.querySelector('.cloud').focus()")
    browser.cdp("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight")
    frame(browser)
    moved, _, *_ = browser.run(MARKER)
    assert moved == pytest.approx(x + width / 100, abs=1)
    browser.cdp("Input.dispatchKeyEvent", type="keyDown", key="Enter")
    frame(browser)
    number = np.abs(codes(3) - browser.run(COORDINATES, 0)).max(1).argmin()
    assert browser.run(COORDINATES, 0) == pytest.approx(codes(3)[number], abs=0.01)
    status = f"Nearest: “{CLASSES[number % 3]}”, test image {number + 1}"
    browser.wait(f"document.querySelector('.latent [role=status]').textContent === '{status}'")


@pytest.mark.process
@needs_browser
def test_two_runs_interpolate_between_the_codes_of_the_same_images(made, browser):
    opened(browser, made[0])
    script = """const [from, to, part] = document.querySelectorAll('.walk input');
        [from.value, to.value, part.value] = arguments; part.dispatchEvent(new Event('input'))"""
    for part in (0, 0.5, 1):
        browser.run(script, 4, 9, part)
        frame(browser)
        for view, dim in enumerate((3, 2)):
            way = codes(dim)[3] + part * (codes(dim)[8] - codes(dim)[3])
            assert browser.run(COORDINATES, view) == pytest.approx(way, abs=0.01)
    assert browser.run("return [...document.querySelectorAll('.walk output')].map((each) => each.textContent)") == [
        CLASSES[0],
        CLASSES[2],
    ]
    browser.run(script, 4, 9, 0.8)
    browser.run("document.querySelector('.walk .moving').click()")
    assert browser.run("return document.querySelector('.walk .moving').textContent") == "Stop"
    browser.wait("document.querySelector('.walk .moving').textContent === 'Walk'")
    assert browser.run("return document.querySelectorAll('.walk input')[2].value") == "1"


@pytest.mark.process
@needs_browser
@needs_axe
@pytest.mark.parametrize("which", [0, 1], ids=["two runs", "one run"])
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_axe_finds_no_violation_in_the_latent_space_and_nothing_overflows(made, browser, which, width, dark):
    opened(browser, made[which], width, dark=dark)
    assert browser.violations() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return document.querySelectorAll('.latent').length") == 2 - which


def codes(dim):
    """Return the codes that `decodable` writes."""
    return (torch.arange(30.0 * dim).view(30, -1) % 7).numpy()


@pytest.mark.process
@needs_browser
def test_untrusted_class_names_and_splits_in_codes_are_shown_as_text(tmp_path, browser):
    names = [PAYLOAD, SCRIPT, "\u202e" + PAYLOAD]
    folder = decodable(tmp_path / "run", config(2), classes=names, split=PAYLOAD + SCRIPT)
    page = report.write_run(folder.path, ["python"])
    assert SCRIPT not in page.read_text(encoding="utf-8")
    opened(browser, page)
    found = browser.run("return [...document.querySelectorAll('.latent .legend li')].map((each) => each.textContent)")
    assert found == [PAYLOAD[:40], SCRIPT[:40], ("\\u202e" + PAYLOAD)[:40]]
    browser.wait("document.querySelector('.latent [role=status]').textContent.includes('<img')")
    assert "owned" not in browser.run("return document.title")
    assert browser.messages() == []


@pytest.mark.process
@needs_browser
def test_the_run_that_is_opened_or_selected_is_decoded_first(made, browser):
    runs = ".latent .controls label:first-child option:checked"
    shown = f"[...document.querySelectorAll('{runs}')].map((each) => each.label)"
    opened(browser, made[0])
    assert browser.run(f"return {shown}") == ["latent_dim=3", "latent_dim=2"]
    browser.run("location.hash = '#runs=2'")
    browser.wait(f"{shown}[0] === 'latent_dim=2'")
    assert browser.run(f"return {shown}") == ["latent_dim=2", "latent_dim=3"]


@pytest.mark.process
@needs_browser
def test_with_reduced_motion_the_walk_has_a_slider_and_no_animation(made, browser):
    opened(browser, made[0])
    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    shown = "return [...document.querySelectorAll('.walk button, .walk input')].map((each) => each.offsetWidth > 0)"
    assert browser.run(shown) == [True, True, True, False, True]
