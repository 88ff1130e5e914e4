"""Results as Markdown tables, for the terminal and for `benchmarks/README.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured number and its target."""

    what: str
    measured: str
    target: str = ""
    is_met: bool | None = None
    """None where there is no target."""


def show(rows: Sequence[Row]) -> None:
    """Print the rows, and how many targets are met."""
    words = {True: "met", False: "**missed**", None: ""}
    table([(row.what, row.measured, row.target, words[row.is_met]) for row in rows], ("", "measured", "target", ""))
    checked = [row.is_met for row in rows if row.is_met is not None]
    print(f"\n{sum(checked)} of {len(checked)} targets met")


def table(rows: Sequence[Sequence[str]], heading: Sequence[str]) -> None:
    """Print a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


def below(what: str, value: float, limit: float, unit: str, detail: str = "") -> Row:
    """Return the row of a number that must be below a limit."""
    return Row(what, f"{_short(value)} {unit}{detail}", f"< {limit:g} {unit}", value < limit)


def at_least(what: str, value: float, limit: float, unit: str, detail: str = "") -> Row:
    """Return the row of a number that must reach a limit."""
    return Row(what, f"{_short(value)} {unit}{detail}", f"≥ {limit:g} {unit}", value >= limit)


def _short(value: float) -> str:
    """Format a number with three significant digits, or all digits before the decimal point."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
