"""The page with the report: what is drawn, what is shown, and what a stranger's files can do to it."""

import base64
import dataclasses
import hashlib
import html
import io
import re
import shutil
import subprocess
import sys
import zlib

import pytest
from compared import config, sweep, write
from PIL import Image

from vae_exp.comparison import charts, compare, read_runs, report
from vae_exp.config import ElboConfig, TrainerConfig
from vae_exp.figures.sheet import style

PAYLOAD = "<img src=x onerror=\"document.title='own'+'ed'\">"
SCRIPT = "<script>document.title='own'+'ed'</script>"
chromium = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(chromium is None, reason="Chromium is not installed")


def compared(*paths):
    return compare(read_runs(paths))


def page(folder, command=("python", "-m", "vae_exp.compare")):
    report.write(folder, compared(folder), command)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A sweep of two keys, with losses that name their place; the values are planned out of order."""
    path = tmp_path_factory.mktemp("crossed")
    values = [(dim, beta) for dim in (8, 2, 4) for beta in (4.0, 0.5)]
    pairs = [(config(dim, objective=ElboConfig(beta=beta)), 10 * dim + beta) for dim, beta in values]
    sweep(path, [(each, {"losses": [(loss + 9, loss + 9), (loss, loss + 1)]}) for each, loss in pairs])
    return compared(path)


def figure(chart, comparison):
    with style():
        return chart(comparison)


# --- charts ----------------------------------------------------------------------------------------------------------


def test_two_swept_keys_give_a_heat_map_with_each_number_at_its_place(crossed):
    axes = figure(charts.heat_map, crossed).axes[0]
    xs, ys = ([label.get_text() for label in labels] for labels in (axes.get_xticklabels(), axes.get_yticklabels()))
    assert (xs, ys) == (["2", "4", "8"], ["0.5", "4.0"]) or (xs, ys) == (["0.5", "4.0"], ["2", "4", "8"])
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        dim, beta = (xs[column], ys[row]) if len(xs) == 3 else (ys[row], xs[column])
        assert float(text.get_text()) == 10 * int(dim) + float(beta) + 1
    assert len(axes.texts) == 6


def test_the_loss_is_drawn_against_the_value_in_its_order_with_a_line_for_each_other_value(crossed):
    axes = figure(charts.loss_by_value, crossed).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8"]
    lines = {name: handle[0] for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    assert list(lines) == ["beta=0.5, val", "beta=0.5, test", "beta=4.0, val", "beta=4.0, test"]
    assert lines["beta=0.5, test"].get_xdata().tolist() == [0, 1, 2]
    assert lines["beta=0.5, test"].get_ydata().tolist() == [21.5, 41.5, 81.5]


def test_three_swept_keys_give_a_chart_with_the_best_configuration_on_top_and_two_keys_do_not(tmp_path, crossed):
    models = [config(dim, objective=ElboConfig(beta=beta)) for dim in (2, 4) for beta in (0.5, 1.0)]
    configs = [
        dataclasses.replace(each, trainer=TrainerConfig(batch_size=size)) for each in models for size in (10, 20)
    ]
    sweep(tmp_path, [(each, {"losses": [(9.0 - i, 19.0 - i)]}) for i, each in enumerate(configs)])
    axes = figure(charts.loss_by_configuration, compared(tmp_path)).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (names[0], names[-1]) == (
        "latent_dim=4, beta=1.0, batch_size=20",
        "latent_dim=2, beta=0.5, batch_size=10",
    )
    lines = {name: handle[0] for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    assert lines["val"].get_xdata().tolist() == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert lines["test"].get_xdata().tolist() == [12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    assert axes.yaxis_inverted()
    assert figure(charts.loss_by_configuration, crossed) is None


def test_the_learning_curves_hold_every_epoch_and_those_of_unfinished_runs_are_dotted(tmp_path):
    write(tmp_path / "a", config(2), [(9.0, 9.0), (8.0, 8.0)])
    write(tmp_path / "b", config(4), [(7.0, 7.0), (6.0, 6.0)], state="failed")
    axes = figure(charts.learning_curves, compared(tmp_path / "a", tmp_path / "b")).axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[9.0, 8.0], [7.0, 6.0]]
    assert [line.get_linestyle() for line in axes.lines] == ["-", ":"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["latent_dim=2", "latent_dim=4"]


def test_reconstruction_and_kl_of_each_run_are_a_point(tmp_path):
    write(tmp_path / "a", config(2), [(9.0, 9.0)], kl=4.0)
    axes = figure(charts.reconstruction_against_kl, compared(tmp_path / "a")).axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[4.0, 5.0]]


def test_the_training_time_is_drawn_in_minutes(tmp_path):
    write(tmp_path / "a", config(2), [(9.0, 9.0)], seconds=90.0)
    axes = figure(charts.training_time, compared(tmp_path / "a")).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [1.5]


def test_a_single_run_has_a_report_without_a_chart_against_values(tmp_path):
    write(tmp_path, config(), [(9.0, 9.0), (8.0, 8.0)])
    assert list(charts.draw(compared(tmp_path))) == ["learning_curves", "reconstruction_against_kl", "training_time"]
    assert re.findall('<img class="(.*?)"', page(tmp_path)) == list(charts.draw(compared(tmp_path)))


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_needs_no_network_and_lets_only_its_own_script_run(tmp_path):
    sweep(tmp_path, [(config(dim), {"losses": [(1.0, 1.0)]}) for dim in (2, 4)])
    text = page(tmp_path)
    assert not re.search(r"https?:|//[\w-]+\.", re.sub(r"base64,[\w+/=]+", "", text))
    for picture in re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", text):
        assert not re.search(r"(href|src)=.(https?:|//)", base64.b64decode(picture).decode())
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
    environment = {"cpu": SCRIPT, "device": PAYLOAD, "packages": {"torch": SCRIPT}}
    second.write_environment(environment, {"digest": "d"}, None)
    second.write_final(second.read_final() | {f"test/nll_iw{PAYLOAD}": 1.0})
    return folder, ["python", PAYLOAD, SCRIPT]


def test_what_strangers_wrote_is_text_in_the_page(tmp_path):
    folder, command = hostile(tmp_path)
    text = page(folder, command)
    assert "<img src=x" not in text
    assert text.count("<script") == 1
    assert text.count(html.escape(PAYLOAD, quote=False)[:20]) >= 6


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
    assert image.size == (report.WIDEST, 213)


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
        found = report._picture(file)
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


def test_single_runs_are_compared_by_a_command_in_a_new_folder_below_outputs(tmp_path):
    for name, dim in (("a", 2), ("b", 4)):
        write(tmp_path / name / "run", config(dim), [(10.0 * dim, 1.0)])
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    command = [sys.executable, "-m", "vae_exp.compare", "a/run", "b/run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "outputs").iterdir()
    assert {file.name for file in made.iterdir()} == {"comparison.csv", "report.html"}
    assert "Best by validation: latent_dim=2." in done.stdout
    assert f"Report: outputs/{made.name}/report.html" in done.stdout
    assert {file: file.read_bytes() for file in before} == before
    assert "python -m vae_exp.compare a/run b/run" in (made / "report.html").read_text(encoding="utf-8")
