"""The page with the report: what is drawn, what is shown, and what a stranger's files can do to it."""

import base64
import hashlib
import html
import io
import re
import shutil
import subprocess
import zlib

import pytest
from commands import run
from compared import compared, config, sweep, write
from PIL import Image

from vae_exp.comparison import gallery, report
from vae_exp.comparison.charts.curves import learning_curves
from vae_exp.machine.environment import Session
from vae_exp.storage.records import Data, Final

PAYLOAD = "<img src=x onerror=\"document.title='own'+'ed'\">"
SCRIPT = "<script>document.title='own'+'ed'</script>"
chromium = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(chromium is None, reason="Chromium is not installed")


def page(folder, command=("python", "-m", "vae_exp.compare")):
    report.write(folder, compared(folder), command)
    return (folder / "report.html").read_text(encoding="utf-8")


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_needs_no_network_and_lets_only_its_own_script_run(tmp_path):
    sweep(tmp_path, [(config(dim), {"losses": [(1.0, 1.0)]}) for dim in (2, 4)])
    text = page(tmp_path)
    assert not re.search(r"https?:|//[\w-]+\.", re.sub(r"base64,[\w+/=]+", "", text))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def hostile(path):
    """Make a sweep that holds a payload wherever a stranger can put one."""
    folder = path / PAYLOAD
    made = sweep(folder, [(config(dim), {"losses": [(float(dim), 1.0)]}) for dim in (2, 10, 4)])
    first, second = (made.folder(job) for job in made.jobs()[:2])
    first.write_status("failed", PAYLOAD + SCRIPT)
    second.write_environment(Session(cpu=SCRIPT, device=PAYLOAD, packages={"torch": SCRIPT}), Data("d"), None)
    second.write_final(Final(1, 1, False, 60.0, {f"test/nll_iw{PAYLOAD}": 1.0}))
    return folder, ["python", PAYLOAD, SCRIPT]


def test_what_strangers_wrote_is_text_in_the_page(tmp_path):
    folder, command = hostile(tmp_path)
    text = page(folder, command)
    assert "<img src=x" not in text
    assert text.count("<script") == 1
    assert text.count(html.escape(PAYLOAD, quote=False)[:20]) >= 5


def browse(file):
    """Open a page in Chromium; return its document after a second, and what its console said."""
    user = file.parent / "browser"
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={user}"]
    offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    tell = ["--enable-logging=stderr", "--virtual-time-budget=1000", "--dump-dom"]
    done = subprocess.run(
        [chromium, *quiet, *offline, *tell, file.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.process
@needs_chromium
def test_in_chromium_the_page_has_no_error_sorts_by_a_click_and_runs_no_payload(tmp_path):
    folder, command = hostile(tmp_path)
    text = page(folder, command)
    document, said = browse(folder / "report.html")
    assert said == []
    assert "<title>owned" not in document
    assert order(document) == ["2", "10", "4"]
    click = "document.querySelector('th button').click()"
    digest = base64.b64encode(hashlib.sha256(click.encode()).digest()).decode()
    clicked = text.replace("script-src ", f"script-src 'sha256-{digest}' ").replace(
        "</body>", f"<script>{click}</script></body>"
    )
    (tmp_path / "clicked.html").write_text(clicked, encoding="utf-8")
    document, said = browse(tmp_path / "clicked.html")
    assert said == []
    assert order(document) == ["2", "4", "10"]


def order(document):
    rows = document.split("<tbody>")[1].split("</tbody>")[0]
    return re.findall(r"<tr[^>]*><td[^>]*>(\d+)</td>", rows)


@pytest.mark.process
@needs_chromium
def test_the_payload_runs_in_chromium_where_it_is_let(tmp_path):
    (tmp_path / "page.html").write_text(f"<!doctype html><title>mine</title><body>{PAYLOAD}</body>")
    assert "<title>owned" in browse(tmp_path / "page.html")[0]


# --- pictures --------------------------------------------------------------------------------------------------------


def picture(size=(900, 300)):
    content = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(content, "PNG")
    return content.getvalue()


def bomb(width, height):
    """Return a small file that claims to be a picture of so many pixels."""
    content = bytearray(picture((8, 8)))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def shown(path, content):
    folder = write(path, config(), [(1.0, 1.0)])
    folder.write_figure("samples", content)
    return re.findall(r"data:image/webp;base64,([\w+/=]+)", page(path))


def test_a_runs_picture_is_shown_no_wider_than_needed(tmp_path):
    (found,) = shown(tmp_path, picture())
    image = Image.open(io.BytesIO(base64.b64decode(found)))
    assert image.size == (gallery.WIDEST, 213)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload=alert(1)>", picture()[:2000], bomb(50_000, 50_000), bomb(9_000, 9_000), bomb(9_000, 11_000)],
    ids=["empty", "svg", "torn", "bomb", "many pixels", "more than Pillow's limit"],
)
def test_a_picture_that_is_damaged_or_too_large_is_not_shown(tmp_path, content):
    assert shown(tmp_path, content) == []


def test_no_flipped_bit_of_a_picture_stops_the_report(tmp_path):
    content = picture((20, 20))
    file = tmp_path / "flipped.png"
    for place in range(0, len(content), 7):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = gallery._picture(file)
        assert found is None or found.startswith("data:image/webp")


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
def test_single_runs_are_compared_by_a_command_in_a_new_folder_below_outputs(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name / "run", config(dim), [(10.0 * dim, 1.0)])
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    done = run(tmp_path, "compare", "a/run", "b/run")
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "outputs").iterdir()
    assert {file.name for file in made.iterdir()} == {"comparison.csv", "report.html"}
    assert "latent_dim=2 has the lowest validation loss: 1.0 nats per image, one seed;" in done.stdout
    assert f"Report: outputs/{made.name}/report.html" in done.stdout
    assert {file: file.read_bytes() for file in before} == before
    assert "python -m vae_exp.compare a/run b/run" in (made / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "\t=1"])
def test_a_measure_that_a_spreadsheet_would_run_is_text_in_the_csv(tmp_path, start):
    folder = write(tmp_path / "run", config(2), [(2.0, 1.0)], **{start: 1.0})
    report.write(tmp_path, compared(folder.path), ["python"])
    header, row = (tmp_path / "comparison.csv").read_text().splitlines()
    assert not any(cell.strip('"').startswith(("=", "@", "+", "\t")) for cell in header.split(","))
    assert f"'{start}" in header
    assert "1.0" in row


# --- many runs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictured(tmp_path, monkeypatch):
    """Three configurations with two seeds each, the last configuration the best, and a picture in every run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    jobs = [(config(dim, seed), {"losses": [(9.0 - dim, 1.0)]}) for dim in (2, 3, 4) for seed in (0, 1)]
    made = sweep(tmp_path / "sweep", jobs)
    for number, job in enumerate(made.jobs()):
        made.folder(job).write_figure("samples", png(Image.new("RGB", (8, 8), (40 * number, 0, 0))))
    return made


def png(image):
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def labels(galleries):
    return [label for label, _ in galleries.pictures["Draws from the prior"]]


def test_pictures_that_do_not_fit_are_left_out_the_best_configurations_and_one_seed_first(pictured):
    comparison = compared(pictured.path)
    whole = gallery.galleries(comparison)
    assert (len(labels(whole)), whole.note) == (6, "")
    fitting = ["latent_dim=2, seed=0", "latent_dim=3, seed=0", "latent_dim=4, seed=0", "latent_dim=4, seed=1"]
    sizes = {label: len(picture) for label, picture in whole.pictures["Draws from the prior"]}
    shown = gallery.galleries(comparison, most=sum(sizes[label] for label in fitting))
    assert labels(shown) == fitting
    assert shown.note.startswith("The pictures of 2 runs are left out")


def test_a_thumbnail_is_made_once(pictured, tmp_path, monkeypatch):
    comparison = compared(pictured.path)
    before = gallery.galleries(comparison)
    assert len(list((tmp_path / "cache").rglob("*.webp"))) == 6
    monkeypatch.setattr(gallery, "read_png", lambda _file: pytest.fail("a picture was decoded again"))
    assert gallery.galleries(comparison) == before


def test_at_most_a_hundred_learning_curves_are_drawn_and_the_chart_says_which(tmp_path):
    made = sweep(tmp_path, [(config(2, seed), {"losses": [(1.0, 1.0), (0.5, 0.5)]}) for seed in range(101)])
    chart = learning_curves(compared(made.path))
    assert len(chart.figure.axes[0].lines) == 100
    assert "100 of 101 runs, the best configurations first" in chart.detail
