"""The progress line shows epoch, validation loss and time left at every width of the terminal."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from vae_exp.notebook import NotebookBar
from vae_exp.observers import NoProgress
from vae_exp.printing import OUT
from vae_exp.progress import Bar, Lines, interactive_progress, show_progress
from vae_exp.progress_text import ProgressText, duration, fit
from vae_exp.terminal import say

RECORD = {"epoch": 12, "train/loss": 171.204, "val/loss": 170.834, "test/loss": 171.041, "seconds": 3.2}
LABEL = "latent_dim=2, kernel_size=5, likelihood=continuous_bernoulli, seed=0"


def texts(epochs=50):
    return ProgressText(LABEL, epochs=epochs, epoch=12, record=RECORD).variants("0:01:12")


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("epochs", [50, 3280])
def test_at_80_columns_a_line_has_label_bar_epoch_validation_loss_and_time_left(width, epochs):
    label, bar, text = fit(width, LABEL, texts(epochs))
    assert bar >= 8
    assert LABEL.startswith(label.rstrip("…"))
    assert len(label) >= 12
    assert f"epoch 12/{epochs}" in text
    assert "val 170.83" in text
    assert "0:01:12 left" in text


def test_at_40_columns_a_line_still_has_epoch_validation_loss_and_time_left():
    assert fit(40, LABEL, texts()) == ("", 0, "epoch 12/50  val 170.83  0:01:12 left")


def test_at_200_columns_a_line_has_the_losses_of_all_splits():
    assert "train 171.20  val 170.83  test 171.04" in fit(200, LABEL, texts())[2]


@given(width=st.integers(1, 300), label=st.text(max_size=100), epochs=st.integers(0, 10**6))
def test_a_line_is_never_wider_than_the_terminal(width, label, epochs):
    label, bar, text = fit(width, label, texts(epochs))
    assert sum(len(part) + 2 for part in (label, "x" * bar) if part) + len(text) <= width


def test_without_validation_images_the_training_loss_is_shown():
    text = ProgressText("run", epochs=50, epoch=1, record={"epoch": 1, "train/loss": 200.0})
    assert "train 200.00" in fit(80, "run", text.variants("0:01:12"))[2]


def test_a_duration_is_hours_minutes_and_seconds():
    assert [duration(seconds) for seconds in (None, 0, 72.9, 3_725, 360_000)] == [
        "-:--:--", "0:00:00", "0:01:12", "1:02:05", "100:00:00",
    ]  # fmt: skip


def test_the_bar_uses_box_characters_in_a_utf_8_terminal(capsys):
    bar = Bar(LABEL, Console(file=OUT, force_terminal=True, width=80))
    bar.start(10, 1, 3)
    bar.stop()
    assert "━" in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_bar_draws_one_line_without_cutting_the_time(width):
    terminal = io.StringIO()
    bar = Bar(LABEL, Console(file=terminal, force_terminal=True, width=width, no_color=True))
    bar.start(epochs=50, steps=35, done=11)
    for _ in range(35):
        bar.step()
    bar.epoch(RECORD)
    bar.stop()
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    last = [line for line in re.split(r"[\r\n]", drawn) if line.strip()][-1]
    assert "12/50" in last
    assert "val 170.83" in last
    assert re.search(r"\d:\d\d:\d\d left", last)
    assert len(last) <= width


def test_work_outside_the_epochs_is_shown_instead_of_the_losses():
    text = ProgressText("run", epochs=50, epoch=50, record=RECORD, doing="drawing tsne")
    assert fit(80, "run", text.variants("0:00:00"))[2] == "drawing tsne"


def test_a_file_gets_one_line_per_epoch_and_a_python_call_prints_nothing():
    file = io.StringIO()
    lines = show_progress("run", Console(file=file))
    assert isinstance(lines, Lines)
    lines.start(epochs=50, steps=35, done=11)
    lines.epoch(RECORD)
    expected = "run  continuing after epoch 11\nrun  epoch 12/50  train 171.20  val 170.83  test 171.04 nats  3.2 s\n"
    assert file.getvalue() == expected
    assert isinstance(interactive_progress("run"), NoProgress)  # the output of a test is no terminal


def test_a_printed_path_keeps_every_character():
    file = io.StringIO()
    path = "outputs/:bomb: [bold]x[/bold] https://example.org " + "x" * 200
    say(Console(file=file, width=40), path)
    assert file.getvalue() == path + "\n"


def test_a_notebook_cell_shows_the_epoch_and_escapes_the_label():
    bar = NotebookBar("<b>run")
    bar.text.epochs = 50
    bar.epoch(RECORD)
    assert "&lt;b&gt;run  epoch 12/50  train 171.20  val 170.83" in bar._repr_html_()
    assert repr(bar).startswith("<b>run  epoch 12/50")
