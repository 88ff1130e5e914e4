"""Figures of runs side by side in the report: as many as fit, one seed of each configuration first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison
from vae_exp.comparison.thumbnails import Thumbnail, thumbnail

TITLES = {
    "latent": "Latent space",
    "reconstructions": "Reconstructions",
    "samples": "Draws from the prior",
    "traversals": "Traversals",
    "manifold": "Manifold",
    "interpolations": "Interpolations",
    "aggregate_posterior": "Aggregate posterior",
    "kl_per_dimension": "KL per dimension",
}
"""The figures on the page of a single run, in this order."""
COMPARED = ("latent", "samples", "reconstructions")
"""The figures that a comparison shows side by side."""
MOST_PICTURES = 5 * 2**20
"""Bytes of all pictures of a report, in base64."""


class Shown(NamedTuple):
    """A picture in a gallery."""

    run: int
    """The number of its run in the comparison."""
    label: str
    picture: Thumbnail


@dataclass(frozen=True)
class Gallery:
    """One figure of several runs."""

    title: str
    detail: str
    """The detail that all of them share; empty if they differ."""
    shown: Sequence[Shown]
    folded: Sequence[Shown]
    """The pictures of further seeds."""


@dataclass(frozen=True)
class Galleries:
    """All galleries of a report that hold a picture."""

    found: Sequence[Gallery]
    left_out: int
    """Number of finished runs whose pictures don't fit."""

    @property
    def note(self) -> str:
        """Return a sentence about the missing pictures, or the empty string."""
        if not self.left_out:
            return ""
        what = "The pictures of 1 run are" if self.left_out == 1 else f"The pictures of {self.left_out} runs are"
        return f"{what} left out. The best configurations are shown, one seed of each first."


def galleries(comparison: Comparison, most: int = MOST_PICTURES) -> Galleries:
    """Return the pictures of finished runs, the best first, up to `most` bytes."""
    finished = [run for run in comparison.foremost if run.is_finished]
    names = COMPARED if len(comparison.runs) > 1 else tuple(TITLES)
    chosen: dict[int, dict[str, Thumbnail]] = {}
    for run in finished:
        pictures = {name: picture for name in names if (picture := _picture(run, name))}
        most -= sum(len(picture.data) for picture in pictures.values())
        if most < 0:
            break
        chosen[id(run)] = pictures
    found = (_gallery(comparison, name, chosen) for name in names)
    return Galleries([gallery for gallery in found if gallery.shown], len(finished) - len(chosen))


def _gallery(comparison: Comparison, name: str, chosen: dict[int, dict[str, Thumbnail]]) -> Gallery:
    shown, folded = list[Shown](), list[Shown]()
    for row in comparison.rows:
        runs = [run for run in row.finished if name in chosen.get(id(run), {})]
        found = [Shown(comparison.number(run), comparison.run_label(run), chosen[id(run)][name]) for run in runs]
        shown += found[:1]
        folded += found[1:]
    details = {each.picture.detail for each in (*shown, *folded)}
    return Gallery(TITLES[name], details.pop() if len(details) == 1 else "", shown, folded)


def _picture(run: Run, name: str) -> Thumbnail | None:
    """Return a run's figure of this name; for more than two latent dimensions, t-SNE in place of `latent`."""
    dims = run.config.get("model.latent_dim")
    names = ["tsne", "latent"] if name == "latent" and isinstance(dims, int) and dims > 2 else [name]
    return next((found for each in names if (found := thumbnail(run.folder.figures / f"{each}.png"))), None)
