"""The page of the report: charts, pictures and tables, and its safety against untrusted files."""

import base64
import hashlib
import html
import io
import os
import re
import zlib

import pytest
from browser import needs_axe, needs_browser
from commands import run
from compared import compared, config, sweep, write
from PIL import Image

from vae_exp.comparison import gallery, report, thumbnails
from vae_exp.comparison.charts.curves import learning_curves
from vae_exp.figures.heading import Note
from vae_exp.figures.tiles import png
from vae_exp.machine.environment import Session
from vae_exp.storage.records import BOUNDS, Data, Final

PAYLOAD = "<img src=x onerror=\"document.title='own'+'ed'\">"
SCRIPT = "<script>document.title='own'+'ed'</script>"


def page(folder, command=("python", "-m", "vae_exp.compare")):
    report.write(folder, compared(folder), command)
    return (folder / "report.html").read_text(encoding="utf-8")


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_needs_no_network_and_allows_only_its_own_script(tmp_path):
    sweep(tmp_path, [(config(dim), {"losses": [(1.0, 1.0)]}) for dim in (2, 4)])
    text = page(tmp_path)
    assert not re.search(r"https?:|//[\w-]+\.", re.sub(r"base64,[\w+/=]+", "", text))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def hostile(path):
    """Write a sweep with a payload wherever an untrusted folder can hold one."""
    folder = path / PAYLOAD
    made = sweep(folder, [(config(dim), {"losses": [(float(dim), 1.0)]}) for dim in (2, 10, 4)])
    first, second = (made.folder(job) for job in made.jobs()[:2])
    first.write_status("failed", PAYLOAD + SCRIPT)
    second.write_environment(Session(cpu=SCRIPT, device=PAYLOAD, packages={"torch": SCRIPT}), Data("d"), None)
    second.write_final(Final(1, 1, False, 60.0, {f"test/nll_iw{PAYLOAD}": 1.0}))
    return folder, ["python", PAYLOAD, SCRIPT]


@pytest.mark.slow
def test_untrusted_text_is_shown_as_text(tmp_path):
    folder, command = hostile(tmp_path)
    text = page(folder, command)
    assert "<img src=x" not in text
    assert re.findall("<script[^>]*>", text) == ['<script type="application/json" id="runs-data">', "<script>"]
    assert text.count(html.escape(PAYLOAD, quote=False)[:20]) >= 5


@pytest.mark.process
@needs_browser
def test_in_chromium_the_page_sorts_by_a_click_and_runs_no_payload(tmp_path, browser):
    folder, command = hostile(tmp_path)
    page(folder, command)
    browser.open((folder / "report.html").as_uri())
    first_cells = "[...document.querySelectorAll('.sortable tbody tr')].map(row => row.cells[0].textContent)"
    assert browser.run(f"return {first_cells}") == ["2", "10", "★ 4"]
    browser.run("document.querySelector('thead tr:last-child button').click()")
    assert [int(text.strip("★ ")) for text in browser.run(f"return {first_cells}")] == [2, 4, 10]
    browser.run("document.querySelectorAll('#explore input, button.open').forEach(each => each.click())")
    named = f"runs={PAYLOAD}&open={PAYLOAD}"
    for address in (named, "axis:val%2Floss=%,1&axis:__proto__=1,2&open=%zz", f"axis:{PAYLOAD}=0,9"):
        browser.run("location.hash = arguments[0]; return new Promise(done => setTimeout(done, 400))", address)
    browser.run("document.querySelector('tr[data-runs=\"0\"] .open').click()")
    browser.wait("document.querySelector('.details .error')")
    assert browser.run("return document.querySelector('.details .error').textContent") == PAYLOAD + SCRIPT
    assert browser.run("return document.querySelectorAll('[src=x], script:not([type])').length") == 1
    assert "owned" not in browser.run("return document.title")
    assert browser.messages() == []


@pytest.mark.process
@needs_browser
def test_the_payload_works_in_a_page_without_protection(tmp_path, browser):
    (tmp_path / "page.html").write_text(f"<!doctype html><title>mine</title><body>{PAYLOAD}</body>")
    browser.open((tmp_path / "page.html").as_uri())
    browser.wait("document.title === 'owned'")
    browser.messages()  # the error for src=x


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of a sweep with seeds, in which one run failed, and of a single run."""
    folder = tmp_path_factory.mktemp("pages")
    made = sweep(folder / "sweep", [(config(dim, seed), finished(dim)) for dim in (2, 4) for seed in (0, 1)])
    made.folder(made.jobs()[3]).write_status("failed", "out of memory")
    single = write(folder / "single", config(), **finished(2))
    for each in (*map(made.folder, made.jobs()), single):
        for name in ("latent", "samples", "reconstructions"):
            each.write_figure(name, noted(name))
    page(made.path)
    return made.path / "report.html", report.write_run(single.path, ["python"])


def finished(dim):
    measures = {"active_units": dim, "knn_accuracy": 0.5, "sample_confidence": 0.9, "sample_class_coverage": 0.9}
    return {"losses": [(30.0, 30.0), (20.0 - dim, 20.5 - dim)], "test/loss_se": 0.5, **measures}


def noted(name, band=60):
    """Return a picture with a stored heading: its band is red, the rest green."""
    image = Image.new("RGB", (400, 300), "green")
    image.paste("red", (0, 0, 400, band))
    return png(image, Note(f"{name}: digits", f"what {name} shows", band))


@pytest.mark.process
@needs_browser
@needs_axe
@pytest.mark.parametrize("which", [0, 1], ids=["sweep", "run"])
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, False), (1440, True)])
def test_axe_finds_no_violation_on_the_page_and_nothing_overflows(pages, browser, which, width, dark):
    browser.open(pages[which].as_uri(), width, dark)
    assert browser.violations() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    dark_paper = "rgb(21, 24, 29)"
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (paper == dark_paper) is dark
    line = "getComputedStyle(document.querySelector('.chart path[style*=stroke][style*=var]')).stroke"
    assert browser.run(f"return {line}") not in ("", "none")


@pytest.mark.process
@needs_browser
def test_the_table_of_two_default_runs_fits_into_1440_pixels(tmp_path, browser):
    shares = ("knn_accuracy", "linear_probe_accuracy", "silhouette", "sample_confidence", "real_confidence")
    coverages = ("sample_label_coverage", "real_label_coverage")
    measures = dict.fromkeys(shares, 0.123) | dict.fromkeys(coverages, 1.0) | dict.fromkeys(BOUNDS, 7.65)
    measures |= {f"{name}_is_bound": True for name in BOUNDS}
    losses = {"losses": [(161.59, 162.74)]}
    made = sweep(tmp_path, [(config(dim), losses | measures | {"active_units": dim}) for dim in (2, 4)])
    for job in made.jobs():
        made.folder(job).write_environment(Session(), Data("d", [1, 28, 28], {}, classes=10), None)
    assert "10 of 10" in page(tmp_path)
    browser.open((tmp_path / "report.html").as_uri(), 1440)
    widths = "const table = document.querySelector('.scroll.tall'); return [table.clientWidth, table.scrollWidth]"
    room, needed = browser.run(widths)
    assert needed <= room


@pytest.mark.process
@needs_browser
def test_column_groups_fold_and_pictures_open_enlarged(pages, browser):
    browser.open(pages[0].as_uri())
    heads = "[...document.querySelectorAll('.sortable thead tr:last-child th')]"
    visible = f"{heads}.filter(th => th.offsetWidth && th.innerText.trim())"
    before = browser.run(f"return {visible}.length")
    browser.run("document.querySelector('button.fold').click()")
    assert browser.run(f"return {visible}.length") == before - 2  # active units and kNN accuracy
    browser.run("document.querySelector('button.fold').click()")
    assert browser.run(f"return {visible}.length") == before
    browser.run("document.querySelector('button.enlarge').click()")
    assert browser.run("return document.querySelector('dialog').open")
    assert browser.run("return document.querySelector('dialog img').naturalHeight") == 240
    browser.run("document.querySelector('dialog img').click()")
    assert not browser.run("return document.querySelector('dialog').open")


def test_the_page_and_its_title_begin_with_the_answer(pages):
    text = pages[0].read_text(encoding="utf-8")
    answer = "latent_dim=4 is best: 16.5 ± 0.5 nats per image, 2.0 below latent_dim=2, one seed"
    assert f"<title>{answer}" in text
    assert f"<h1>{answer}" in text
    assert "<h1>Test loss 18.5 ± 0.5 nats per image</h1>" in pages[1].read_text(encoding="utf-8")


def test_the_page_gives_a_meaning_for_each_column(pages):
    table = pages[0].read_text(encoding="utf-8").split('<table class="sortable">')[1].split("</section>")[0]
    names = re.findall(r'<th scope="col"[^>]*><button type="button">(.*?)</button>', table)
    assert ("latent_dim", "The key model.latent_dim.") in re.findall("<dt>(.*?)</dt><dd>(.+?)</dd>", table)
    assert names == re.findall("<dt>(.*?)</dt><dd>.+?</dd>", table)


def test_the_heading_of_a_picture_is_cropped_and_its_caption_written_once(pages):
    text = pages[0].read_text(encoding="utf-8")
    for name in ("latent", "samples", "reconstructions"):
        assert len(re.findall(f">what {name} shows<", text)) == 1
    for data in re.findall(r"data:image/webp;base64,([\w+/=]+)", text):
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.size == (400, 240)
        assert image.getpixel((200, 0))[0] < 40 < image.getpixel((200, 0))[1]


def test_one_seed_of_each_configuration_is_shown_and_the_others_are_folded(pages):
    text = pages[0].read_text(encoding="utf-8")
    gallery = text.split("<h2>Draws from the prior</h2>")[1].split("</section>")[0]
    shown, folded = gallery.split("<details>")
    assert re.findall("<figcaption>(.*?)</figcaption>", shown) == ["latent_dim=2, seed=0", "latent_dim=4, seed=0"]
    assert re.findall("<figcaption>(.*?)</figcaption>", folded) == ["latent_dim=2, seed=1"]


def test_more_than_two_dimensions_are_shown_by_tsne_if_it_was_drawn(tmp_path):
    for dim in (2, 3):
        folder = write(tmp_path / str(dim), config(dim), [(1.0, 1.0)])
        for name in ("latent", "tsne"):
            folder.write_figure(name, noted(name))
    report.write(tmp_path, compared(tmp_path / "2", tmp_path / "3"), ["python"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [
        text.count(f'alt="Latent space, latent_dim={dim}: what {name} shows"')
        for dim, name in ((2, "latent"), (3, "tsne"))
    ] == [1, 1]


def test_the_page_of_a_run_explains_each_measure(pages):
    text = pages[1].read_text(encoding="utf-8")
    assert '<th scope="row">test loss</th><td>18.50 ± 0.50</td>' in text
    assert "Latent dimensions whose posterior mean varies" in text
    assert re.findall('<figure class="plot" id="(.*?)"', text) == ["loss", "reconstruction", "kl"]


# --- pictures --------------------------------------------------------------------------------------------------------


def picture(size=(1200, 400)):
    content = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(content, "PNG")
    return content.getvalue()


def bomb(width, height):
    """Return a small PNG file that claims this size."""
    content = bytearray(picture((8, 8)))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def shown(path, content):
    folder = write(path, config(), [(1.0, 1.0)])
    folder.write_figure("samples", content)
    return re.findall(r"data:image/webp;base64,([\w+/=]+)", page(path))


@pytest.mark.slow
def test_a_runs_picture_is_shown_no_wider_than_needed(tmp_path):
    (found,) = shown(tmp_path, picture())
    image = Image.open(io.BytesIO(base64.b64decode(found)))
    assert image.size == (thumbnails.WIDEST, 333)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload=alert(1)>", picture()[:2000], bomb(50_000, 50_000), bomb(9_000, 9_000), bomb(9_000, 11_000)],
    ids=["empty", "svg", "torn", "bomb", "many pixels", "more than Pillow's limit"],
)
def test_a_picture_that_is_damaged_or_too_large_is_not_shown(tmp_path, content):
    assert shown(tmp_path, content) == []


def test_a_picture_with_a_flipped_bit_does_not_stop_the_report(tmp_path):
    content = picture((20, 20))
    file = tmp_path / "flipped.png"
    for place in range(0, len(content), 7):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = thumbnails.thumbnail(file)
        assert found is None or found.data.startswith("data:image/webp")


@pytest.mark.slow
def test_a_linked_picture_is_not_shown(tmp_path):
    (tmp_path / "mine.png").write_bytes(picture())
    folder = write(tmp_path / "run", config(), [(1.0, 1.0)])
    folder.figures.mkdir()
    (folder.figures / "samples.png").symlink_to(tmp_path / "mine.png")
    assert "image/webp" not in page(tmp_path / "run")


def test_a_very_tall_picture_does_not_stop_the_report(tmp_path):
    assert len(shown(tmp_path, picture((2, 20_000)))) == 1


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.process
def test_compare_writes_the_report_of_a_run_into_its_folder_or_below_outputs(tmp_path):
    folder = write(tmp_path / "run", config(2), [(2.0, 1.0)])
    assert "Report: run/report.html" in run(tmp_path, "compare", "run").stdout
    (folder.path / "report.html").unlink()
    (folder.path / "report.html").mkdir()  # even root can't replace a folder by a file
    done = run(tmp_path, "compare", "run")
    (made,) = (tmp_path / "outputs").iterdir()
    assert f"Report: outputs/{made.name}/report.html" in done.stdout
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "outputs").write_text("no folder")
    done = run(tmp_path / "again", "compare", "../run")
    assert done.returncode == 0
    assert "There is no report: neither its folder nor outputs/ can be written." in done.stdout


@pytest.mark.process
def test_compare_writes_the_report_of_several_runs_below_outputs_and_opens_it(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name / "run", config(dim), [(10.0 * dim, 1.0)])
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with_browser = dict(os.environ) | {"BROWSER": f"{browser} %s"}
    done = run(tmp_path, "compare", "--open", "a/run", "b/run", environment=with_browser)
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "outputs").iterdir()
    assert {file.name for file in made.iterdir()} == {"comparison.csv", "report.html"}
    assert (tmp_path / "opened").read_text() == f"file://{made}/report.html\n"
    assert "latent_dim=2 has the lowest validation loss: 1.0 nats per image, one seed;" in done.stdout
    assert f"Report: outputs/{made.name}/report.html" in done.stdout
    assert {file: file.read_bytes() for file in before} == before
    assert "python -m vae_exp.compare --open a/run b/run" in (made / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "\t=1"])
def test_a_measure_name_that_looks_like_a_formula_is_text_in_the_csv(tmp_path, start):
    folder = write(tmp_path / "run", config(2), [(2.0, 1.0)], **{start: 1.0})
    report.write(tmp_path, compared(folder.path), ["python"])
    header, row = (tmp_path / "comparison.csv").read_text().splitlines()
    assert not any(cell.strip('"').startswith(("=", "@", "+", "\t")) for cell in header.split(","))
    assert f"'{start}" in header
    assert "1.0" in row


# --- many runs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictured(tmp_path, monkeypatch):
    """Three configurations with two seeds each and a picture in every run; the last configuration is the best."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    jobs = [(config(dim, seed), {"losses": [(9.0 - dim, 1.0)]}) for dim in (2, 3, 4) for seed in (0, 1)]
    made = sweep(tmp_path / "sweep", jobs)
    for number, job in enumerate(made.jobs()):
        made.folder(job).write_figure("samples", png(Image.new("RGB", (8, 8), (40 * number, 0, 0))))
    return made


def labels(galleries):
    (samples,) = galleries.found
    return [each.label for each in (*samples.shown, *samples.folded)]


def test_pictures_beyond_the_size_limit_are_left_out_worst_configurations_first(pictured):
    comparison = compared(pictured.path)
    whole = gallery.galleries(comparison)
    assert (len(labels(whole)), whole.note) == (6, "")
    fitting = ["latent_dim=2, seed=0", "latent_dim=3, seed=0", "latent_dim=4, seed=0", "latent_dim=4, seed=1"]
    pictures = (*whole.found[0].shown, *whole.found[0].folded)
    sizes = {each.label: len(each.picture.data) for each in pictures}
    shown = gallery.galleries(comparison, most=sum(sizes[label] for label in fitting))
    assert labels(shown) == fitting
    assert shown.note.startswith("The pictures of 2 runs are left out")


def test_a_thumbnail_is_made_once(pictured, tmp_path, monkeypatch):
    comparison = compared(pictured.path)
    before = gallery.galleries(comparison)
    assert len(list((tmp_path / "cache").rglob("*.webp"))) == 6
    monkeypatch.setattr(thumbnails, "read_png", lambda _file: pytest.fail("a picture was decoded again"))
    assert gallery.galleries(comparison) == before


@pytest.mark.slow
def test_at_most_a_hundred_learning_curves_are_drawn_with_a_note(tmp_path):
    made = sweep(tmp_path, [(config(2, seed), {"losses": [(1.0, 1.0), (0.5, 0.5)]}) for seed in range(101)])
    chart = learning_curves(compared(made.path))
    assert len(chart.figure.axes[0].lines) == 100
    assert "100 of 101 runs, the best configurations first" in chart.detail
