"""Printing: control characters are escaped, and a stream that fails does not stop a command."""

import ast
import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sweeps import QUICK

import vae_exp
from vae_exp.printing import ERR, OUT, Door, print_line
from vae_exp.storage.run_folder import RunFolder
from vae_exp.terminal import draw, new_console, safe, say
from vae_exp.tracking import messages

HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202e\r\x08x"
SOURCES = [  # a template is a program of its own
    file for file in sorted(Path(vae_exp.__file__).parent.rglob("*.py")) if file.parent.name != "templates"
]


def printing_calls(tree):
    """Return the calls in a module that print."""
    names = {"print", "sys.stdout.write", "sys.stderr.write", "console.print", "self.console.print", "console.log"}
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and is_one(node, names)]


def is_one(node, names):
    name = ast.unparse(node.func)
    return name in names or name.endswith((".print_json", ".print_exception")) or name.split(".")[-1] == "Console"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_everything_is_printed_through_printing_py(file):
    allowed = {"printing.py": set(), "terminal.py": {"Console", "console.print"}, "conclusion.py": {"Console"}}
    allowed |= {
        name: {"Console"} for name in ("grid.py", "from_python.py")
    }  # consoles that keep the output of a sweep out of a notebook
    calls = set(printing_calls(ast.parse(file.read_text(encoding="utf-8"))))
    assert calls <= allowed.get(file.name, set())


@pytest.mark.parametrize("line", ["print(1)", "sys.stderr.write('x')", "console.print(x)", "rich.console.Console()"])
def test_the_source_check_detects_calls_that_print(line):
    assert printing_calls(ast.parse(line))


def test_a_line_printed_while_a_bar_is_drawn_appears_above_it(capsys, monkeypatch):
    """Meanwhile rich replaces standard output with its own stream, and draws the bar below each line."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, for rich
    console = new_console(width=60)
    with Live("the bar", console=console, auto_refresh=False):
        print_line("a line")
        print_line("an error", ERR)
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = [line.rpartition("\x1b[2K")[2].removeprefix("\x1b[?25l") for line in shown.out.splitlines()]
    assert list(filter(str.isprintable, lines)) == ["the bar", "a line", "the bar", "an error", "the bar", "the bar"]


def test_closing_the_printing_stream_leaves_standard_output_open(capsys):
    """Python flushes and closes all open files at exit, after it has removed the modules."""
    door = Door("stdout")
    door.close()
    assert not door.closed
    print_line("still here", door)
    assert capsys.readouterr().out == "still here\n"


def test_lines_and_tables_escape_control_characters():
    file = io.StringIO()
    console = safe(Console(file=file, width=200, force_terminal=True, color_system="truecolor"))
    say(console, f"a {HOSTILE}")
    table = Table(box=None)
    table.add_column(Text(HOSTILE))
    table.add_row(Text(HOSTILE), style="bold")
    draw(console, table)
    shown = file.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")  # rich's own codes for bold
    assert all(line.isprintable() for line in shown.split("\n"))
    assert shown.count("\\x1b]0;owned") == 3


def test_an_address_is_a_link_in_a_terminal_and_plain_text_elsewhere():
    address, link = "http://127.0.0.1:5000/#/experiments/1?a=b", r"\x1b\]8;id=\d+;(.*?)\x1b\\(.*?)\x1b\]8;;\x1b\\"
    shown = {}
    for is_terminal, colours in ((True, "standard"), (False, "auto")):
        console = safe(Console(file=io.StringIO(), width=20, force_terminal=is_terminal, color_system=colours))
        say(console, f"\x07 {address} http://a\x1b]8;;b")
        shown[is_terminal] = console.file.getvalue()
    assert re.findall(link, shown[True]) == [(address, address), ("http://a", "http://a")]
    assert shown[False] == f" {address} http://a\\x1b]8;;b\n"


def test_a_sentence_is_broken_between_words_in_a_terminal_alone_and_a_command_nowhere():
    text = "latent_dim=4 has the lowest validation loss"
    printed = {}
    for kind in ("terminal", "file"):
        console = Console(file=io.StringIO(), width=20, force_terminal=kind == "terminal", no_color=True)
        say(console, text)
        say(console, text, wrap=True)
        printed[kind] = console.file.getvalue()
    assert printed["file"] == f"{text}\n{text}\n"
    lines = [line.rstrip() for line in printed["terminal"].splitlines()]
    assert lines == [text, "latent_dim=4 has the", "lowest validation", "loss"]


def test_a_warning_without_a_handler_is_one_printable_line(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logging.getLogger("vae_exp.somewhere").warning("a %s", HOSTILE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert line.startswith("a \\x1b]0;owned")


def test_a_message_of_tracking_is_logged_and_printed_once(capsys, monkeypatch, caplog):
    messages.say("no answer")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    messages.say("no answer")
    assert capsys.readouterr().err == "tracking: no answer\n" * 2
    assert caplog.messages == ["no answer"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_characters_that_the_encoding_lacks_are_replaced(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    print_line("Δ = 1 ± 2, 데이터")
    assert raw.getvalue().decode(encoding).startswith(("? = 1 ? 2", "? = 1 ± 2", "Δ = 1 ± 2"))


def test_printing_to_a_missing_or_closed_stream_is_no_error(monkeypatch):
    for stream in (None, io.TextIOWrapper(io.BytesIO())):
        if stream:
            stream.close()
        monkeypatch.setattr(sys, "stdout", stream)
        print_line("no stream")
        assert not OUT.isatty()
    assert isinstance(ERR, Door)


# Whole commands


def command(*arguments):
    return [sys.executable, "-m", "vae_exp.train", *arguments, *QUICK, "tracking=none"]


@pytest.mark.process
def test_a_closed_pipe_does_not_stop_a_run(tmp_path):
    process = subprocess.Popen(
        command("hydra.run.dir=run"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    assert (process.wait(300), errors) == (0, "")
    assert RunFolder(tmp_path / "run").state() == "finished"


@pytest.mark.process
def test_a_sweep_with_ascii_output_ends_with_its_table_and_report(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LANG": "C"}
    two = command("-m", "model.latent_dim=2,3", "hydra.sweep.dir=sweep")
    done = subprocess.run(two, cwd=tmp_path, env=environment, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sweep" / "report.html").is_file()
    assert b"Report: sweep/report.html" in done.stdout


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
@pytest.mark.parametrize(("ignored", "code", "state"), [(False, 129, "interrupted"), (True, 0, "finished")])
def test_sighup_stops_a_run_unless_it_was_started_with_nohup(tmp_path, ignored, code, state):
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        process = subprocess.Popen(command("hydra.run.dir=run"), cwd=tmp_path)
    finally:
        signal.signal(signal.SIGHUP, handler)
    folder = RunFolder(tmp_path / "run")
    while not folder.metrics_file.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait(300) == code
    assert folder.state() == state
