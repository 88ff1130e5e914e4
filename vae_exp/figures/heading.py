"""The heading of a figure, and the note of it in the PNG file, from which a page can write it as text."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

LONGEST = 1000
"""Largest number of characters of a title or a detail."""


@dataclass(frozen=True)
class Heading:
    """The text above a figure, and the width of the figure."""

    title: str
    detail: str
    width: float | None = None
    """Inches; None is the figure's default width."""


@dataclass(frozen=True)
class Note:
    """The heading of a figure, as text in its PNG file."""

    title: str
    detail: str
    band: int
    """Height of the heading, in pixels from the top; 0 if it isn't drawn."""

    def chunks(self) -> PngInfo:
        """Return the note as chunks of a PNG file."""
        info = PngInfo()
        for key, value in (("title", self.title), ("detail", self.detail), ("band", str(self.band))):
            info.add_itxt(key, value)
        return info


def read(image: Image) -> Note | None:
    """Return the note of an untrusted PNG; None unless it is complete and its band is within the picture."""
    found = [image.info.get(key) for key in ("title", "detail", "band")]
    title, detail, band = (str(value) if isinstance(value, str) else None for value in found)
    if title is None or detail is None or band is None or max(len(title), len(detail)) > LONGEST:
        return None
    if not (band.isascii() and band.isdigit() and len(band) < 6 and int(band) < image.height):
        return None
    return Note(title, detail, int(band))
