"""The words above a figure, and how its PNG notes them for a page that writes them in its own letters."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

LONGEST = 1000
"""Characters of a title or a detail."""


@dataclass(frozen=True)
class Heading:
    """What stands above a figure, and how wide the figure is."""

    title: str
    detail: str
    width: float | None = None
    """Inches; None: the figure's own width."""


@dataclass(frozen=True)
class Note:
    """The heading of a picture, which a PNG file keeps as text."""

    title: str
    detail: str
    band: int
    """Height of the heading in the picture, in pixels from its top; 0 where it isn't drawn."""

    def chunks(self) -> PngInfo:
        """Return the note as a PNG file holds it."""
        info = PngInfo()
        for key, value in (("title", self.title), ("detail", self.detail), ("band", str(self.band))):
            info.add_itxt(key, value)
        return info


def read(image: Image) -> Note | None:
    """Return the note of an untrusted PNG; None unless it is whole and its band lies within the picture."""
    found = [image.info.get(key) for key in ("title", "detail", "band")]
    title, detail, band = (str(value) if isinstance(value, str) else None for value in found)
    if title is None or detail is None or band is None or max(len(title), len(detail)) > LONGEST:
        return None
    if not (band.isascii() and band.isdigit() and len(band) < 6 and int(band) < image.height):
        return None
    return Note(title, detail, int(band))
