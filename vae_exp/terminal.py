"""Print the output of the commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from vae_exp.machine.environment import working_folder
from vae_exp.printing import OUT, printable


def new_console(width: int | None = None) -> Console:
    """Return a console on standard output that escapes control characters."""
    return safe(Console(file=cast(IO[str], OUT), width=width))


def safe(console: Console) -> Console:
    """Make a console escape control characters; return it."""
    console.push_render_hook(_Escaping())
    return console


class _Escaping(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return the renderables with their texts escaped."""
        return [Escaped(each) for each in renderables]


class Escaped:
    """Something to print, with the control characters of its texts escaped."""

    def __init__(self, renderable: Any) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.renderable, options):
            if segment.control:  # rich's own control codes, which move the cursor
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)


def draw(console: Console, renderable: RenderableType = "") -> None:
    """Print a table, or an empty line."""
    console.print(renderable)


def shown(path: Path) -> str:
    """Return a path as typed in this folder, quoted for the shell if necessary."""
    here = working_folder()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


ADDRESS = r"https?://[!-~]+"


def say(console: Console, text: str, wrap: bool = False) -> None:
    """Print a line without markup, emoji, colours or line breaks, so that it can be copied.

    In a terminal an address is a link (OSC 8), so that it opens as a whole even if it is wrapped. With `wrap` a line
    that is too long for a terminal is broken between words: for sentences, never for commands.
    """
    line = Text(text)
    for address in re.finditer(ADDRESS, line.plain):
        line.stylize(Style(link=address[0]), *address.span())
    console.print(line, soft_wrap=not (wrap and console.is_terminal))
