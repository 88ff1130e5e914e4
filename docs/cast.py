"""`python docs/cast.py`: record a small sweep in a terminal and write `docs/cast.svg`, which a browser plays.

What is seen is what the command printed. Waits are shortened, and the folder has another name. Needs tmux.
"""

import html
import re
import subprocess
import sys
import tempfile
import time
from itertools import groupby, pairwise
from pathlib import Path

COMMAND = "python -m vae_exp.train -m data=digits model=mlp model.latent_dim=2,4 trainer.epochs=20"
WIDTH, ROWS = 96, 24
COLUMN, LINE = 8.0, 18
LONGEST_WAIT, LAST = 0.25, 6.0
"""Seconds that a picture stays, and the last one."""
TMUX = ["tmux", "-u", "-L", "vae_exp_cast"]
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
font-family="ui-monospace,DejaVu Sans Mono,monospace" font-size="13">
<title>{title}</title><rect width="100%" height="100%" rx="6" fill="#14181c"/>
<g fill="#e8e8e8" >"""

Screen = tuple[str, ...]


def record(command: str) -> list[tuple[float, Screen]]:
    """Run a command in a terminal; return each different screen with the second of its beginning."""
    command = command.replace("python", sys.executable, 1)
    with tempfile.TemporaryDirectory() as folder:
        start = ["new-session", "-d", "-x", str(WIDTH), "-y", str(ROWS - 1), "-c", folder, f"sleep 1; {command}"]
        subprocess.run([*TMUX, *start, ";", "set", "remain-on-exit", "on"], check=True)
        began, screens = time.monotonic(), list[tuple[float, Screen]]()
        while True:
            dead = _ask("display", "-p", "#{pane_dead}") == "1\n"
            screen = tuple(_ask("capture-pane", "-p", "-e").split("\n"))
            screen = tuple(_clean(row, folder) for row in screen)
            if not screens or screens[-1][1] != screen:
                screens.append((time.monotonic() - began, screen))
            if dead:
                break
            time.sleep(0.2)
    subprocess.run([*TMUX, "kill-server"], check=True)
    return screens


def _clean(row: str, folder: str) -> str:
    """Return a row of the screen without links and without the name of the folder."""
    row = re.sub(r"\x1b\]8;.*?\x1b\\", "", row).replace(folder, "/home/ada/vae")
    return "" if "Pane is dead" in row else row


def _ask(*command: str) -> str:
    return subprocess.run([*TMUX, *command], check=True, capture_output=True, text=True).stdout


def draw(screens: list[tuple[float, Screen]]) -> str:
    """Return the screens as an SVG image: each row's text is there as long as it stays the same."""
    waits = [min(later - earlier, LONGEST_WAIT) for (earlier, _), (later, _) in pairwise(screens)] + [LAST]
    ends = [sum(waits[: i + 1]) for i in range(len(waits))]
    size = {"width": WIDTH * COLUMN + 24, "height": (ROWS + 1) * LINE, "title": html.escape(COMMAND)}
    lines = [HEAD.format(**size), _text(0, f"\x1b[1m$ {COMMAND}", 0, 1)]
    for row in range(ROWS - 1):
        texts = [screen[row].rstrip() if row < len(screen) else "" for _, screen in screens]
        for text, places in groupby(range(len(texts)), key=texts.__getitem__):
            if text:
                first, *others = places
                last = others[-1] if others else first
                begin = ends[first] - waits[first]
                lines.append(_text(row + 1, text, begin / ends[-1], ends[last] / ends[-1], ends[-1]))
    return "\n".join([*lines, "</g></svg>\n"])


def _text(row: int, text: str, begin: float, end: float, seconds: float = 0.0) -> str:
    """Return a row that is seen from one part of the time to another."""
    times, values = [0.0, begin, end], [0, 1, 0]
    shown = [
        (at, value) for at, value in zip(times, values, strict=True) if at < 1 and not (at == begin == 0 and not value)
    ]
    keys = {"values": ";".join(str(value) for _, value in shown), "keyTimes": ";".join(f"{at:.4f}" for at, _ in shown)}
    moves = (
        f'<animate attributeName="opacity" calcMode="discrete" dur="{seconds:.1f}s" repeatCount="indefinite" '
        + " ".join(f'{key}="{value}"' for key, value in keys.items())
    )
    opacity = 1 if end >= 1 else 0
    animation = f"{moves}/>" if len(shown) > 1 else ""
    place = f'x="12" y="{(row + 1) * LINE + 4}" opacity="{opacity}"'
    return f'<text xml:space="preserve" {place}>' + f"{''.join(_spans(text))}{animation}</text>"


def _spans(text: str) -> list[str]:
    """Return the parts of a row, each with its colour and weight."""
    spans, style = [], ""
    for codes, part in re.findall(r"(?:\x1b\[([\d;]*)m)|([^\x1b]+)", text):
        style = style if part else _style(codes, style)
        if part:
            escaped = html.escape(part)
            spans.append(f"<tspan {style}>{escaped}</tspan>" if style else escaped)
    return spans


def _style(codes: str, style: str) -> str:
    """Return the style after an escape sequence: of 256 colours and bold, which is all that is printed."""
    if codes in ("", "0", "39", "39;49"):
        return ""
    colour = re.search(r"38;5;(\d+)", codes)
    if colour:
        place = int(colour[1]) - 16
        red, green, blue = place // 36, place // 6 % 6, place % 6
        levels = [0, 95, 135, 175, 215, 255]
        rgb = [levels[each] for each in (red, green, blue)] if 0 <= place < 216 else [max(0, 10 * place - 2152)] * 3
        return f'fill="#{bytes(rgb).hex()}"'
    return 'font-weight="bold"' if codes.startswith("1") else style


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(record(COMMAND)), encoding="utf-8")
