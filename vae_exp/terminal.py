"""What the commands print."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console


def shown(path: Path) -> str:
    """Return a path as a person would type it here, quoted where a shell needs it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no emoji, no colours, not broken, so that it can be copied."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
