"""The first line of `train`, printed before torch is imported: the overrides, the data set and the folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from vae_exp.config.identity import key_of
from vae_exp.printing import print_line
from vae_exp.progress_text import cut
from vae_exp.terminal import shown

LONGEST = 40
"""Characters of an override; the rest is cut off."""


def say_run(overrides: Sequence[str], data: str, folder: Path) -> None:
    """Print the overrides of a single run, its data set and its folder."""
    print_line(_line(overrides, data, folder))


def say_jobs(count: int, unit: str, overrides: Sequence[str], swept: Collection[str], data: str, folder: Path) -> None:
    """Print the number of jobs or trials, the overrides with several values, the data set and the folder.

    Where none has several values all overrides are printed.
    """
    given = [text for text in overrides if not swept or key_of(text) in swept]
    line = _line(given, None if "data" in swept else data, folder)
    print_line(f"{count} {unit}{'s' * (count != 1)}: {line}")


def _line(overrides: Sequence[str], data: str | None, folder: Path) -> str:
    """Return the overrides, the data set and the folder; a data set of None is already among the overrides.

    >>> _line(["data=digits", "model.latent_dim=2,4"], "digits", Path("outputs/one"))
    'model.latent_dim=2,4 on digits → outputs/one'
    """
    given = [cut(text, LONGEST) for text in overrides if data is None or key_of(text) != "data"]
    return f"{' '.join(given) or 'defaults'}{f' on {data}' if data else ''} → {shown(folder)}"
