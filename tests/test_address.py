"""The address of a report: it keeps the selection and the settings of each view, and a hostile one does no harm."""

import pytest
from browser import needs_browser
from compared import compared, config
from decodable import decodable
from test_explore import STATUS, axes

from vae_exp.comparison import report

CONTROLS = """[...document.querySelectorAll('#explore .controls :is(select, input)')]
    .map(each => each.type === 'checkbox' ? each.checked : each.value)"""
LATENT = """[...document.querySelectorAll('.latent')]
    .map(view => [...view.querySelectorAll('select, .dimensions input')].map(each => each.value))"""
AT_FIRST = ["val/loss", False, "test/kl", "test/reconstruction", False]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of two runs, both with decoders."""
    folder = tmp_path_factory.mktemp("address")
    runs = [decodable(folder / f"run{dim}", config(dim), [(9.0 - dim, 1.0)] * 3) for dim in (2, 3)]
    report.write(folder, compared(*(run.path for run in runs)), ["python"])
    return (folder / "report.html").as_uri()


def opened(browser, address):
    browser.open("about:blank")
    browser.open(address)
    browser.wait("document.querySelector('#explore').offsetHeight")
    return browser


@pytest.mark.process
@needs_browser
def test_an_address_restores_the_selection_and_settings_of_every_view(page, browser):
    opened(browser, page)
    assert browser.run(f"return {CONTROLS}") == AT_FIRST
    browser.run("""const change = (control, value) => {
            control.value = value;
            control.dispatchEvent(new Event('change'));
        };
        change(document.querySelector('.curves select'), 'test/kl');
        change(document.querySelectorAll('.scatter select')[0], 'model.latent_dim');
        document.querySelectorAll('.curves input, .scatter input').forEach((box) => box.click());
        document.querySelectorAll('.lines fieldset input')[1].click()""")
    browser.press("ArrowRight", ".axis-name", 0)
    browser.run("document.querySelector('#latent-space').scrollIntoView()")  # it is drawn where it is seen
    browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
    browser.run("""const change = (element, value, name) => {
            element.value = value;
            element.dispatchEvent(new Event(name));
        };
        document.querySelectorAll('.latent').forEach((view, i) => {
          change(view.querySelectorAll('select')[1], view.querySelectorAll('select')[1].options[1].value, 'change');
          change(view.querySelector('.dimensions input'), i ? 1.25 : -0.5, 'input');
        });""")
    shown = [browser.run(f"return {what}") for what in (CONTROLS, LATENT)], axes(browser)
    assert shown[0][0] == ["test/kl", True, "model.latent_dim", "test/reconstruction", True]
    browser.wait("location.hash.includes('latent2=')")
    address = browser.run("return location.href")
    opened(browser, address)
    browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
    again = [browser.run(f"return {what}") for what in (CONTROLS, LATENT)], axes(browser)
    assert again == shown
    assert browser.run("return document.querySelectorAll('.lines fieldset input')[1].checked") is False
    opened(browser, page)
    browser.run("location.hash = arguments[0]", address.partition("#")[2])  # of a page that is open
    browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
    browser.wait(f"{CONTROLS}[0] === 'test/kl'")
    assert [browser.run(f"return {what}") for what in (CONTROLS, LATENT)] == shown[0]
    browser.run("location.hash = ''")
    browser.wait(f"{CONTROLS}.join() === '{','.join(map(str, AT_FIRST)).lower()}'")
    assert browser.messages() == []


HOSTILE = [
    "curve=<img src=x onerror=document.title='owned'>&log=%E0%A4%A&across=constructor&up=__proto__&front=yes",
    "axes=__proto__,toString&search=front&band=1&__proto__=1&constructor=2&=3&&&=",
    "latent=nobody,1,2,0,0&latent2=run2,9,1e9,NaN,Infinity&walk=-1,1e99,NaN",
    "latent=run3,1,2,1e9,0,0&latent=run2,1,2&walk=1,1.5,0&walk=1,2,3",
    "axis:model.latent_dim=9&axis:nothing=1,2&runs=nobody&open=nobody&axes=",
    "%" * 50 + "&" * 500 + "=" * 500,
]


@pytest.mark.process
@needs_browser
def test_invalid_parts_of_an_address_are_ignored(page, browser):
    opened(browser, page)
    known = axes(browser)
    for text in HOSTILE:
        opened(browser, f"{page}#{text}")
        assert browser.run(f"return {CONTROLS}") == AT_FIRST, text
        assert axes(browser) == known, text
        assert browser.run(f"return {STATUS}") == "All 2 runs are shown"
        browser.run("document.querySelector('#latent-space').scrollIntoView()")
        browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
        numbers = browser.run(f"return {LATENT}.flat().map(Number)")
        assert all(abs(number) < 10 for number in numbers), text
        assert "owned" not in browser.run("return document.title")
    assert browser.messages() == []
