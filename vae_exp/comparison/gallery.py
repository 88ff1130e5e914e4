"""Pictures of runs side by side in the report: as many as fit, as thumbnails that are made once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison
from vae_exp.errors import UserError
from vae_exp.storage import files
from vae_exp.storage.cache import cache_folder
from vae_exp.storage.pictures import LARGEST, read_png

SHOWN = {"samples": "Draws from the prior", "reconstructions": "Reconstructions", "tsne": "t-SNE of the test images"}
"""The figures of a run that are laid side by side."""
WIDEST, TALLEST = 640, 1920
"""Pixels of a picture in the report."""
MOST_BYTES = 5 * 2**20
"""Bytes of all pictures of a report as the page holds them, in base64."""
MOST_KEPT = 5000
"""Thumbnails in the user's cache, of 10 to 40 KB each; the oldest go."""


@dataclass(frozen=True)
class Galleries:
    """Pictures of runs, by the title of their gallery."""

    pictures: dict[str, list[tuple[str, str]]]
    """Label of the run and the picture as a data URI, in the comparison's order."""
    left_out: int
    """Finished runs whose pictures don't fit any more."""

    @property
    def note(self) -> str:
        """Return what is missing, in a sentence; the empty string where nothing is."""
        if not self.left_out:
            return ""
        what = "The pictures of 1 run are" if self.left_out == 1 else f"The pictures of {self.left_out} runs are"
        return f"{what} left out: shown are the best configurations, one seed of each first."


def galleries(comparison: Comparison, most: int = MOST_BYTES) -> Galleries:
    """Return the pictures of finished runs, the foremost as far as `most` bytes go."""
    finished = [run for run in comparison.foremost if run.is_finished]
    chosen: dict[int, dict[str, str]] = {}
    for run in finished:
        pictures = {name: picture for name in SHOWN if (picture := _picture(run.folder.figures / f"{name}.png"))}
        most -= sum(map(len, pictures.values()))
        if most < 0:
            break
        chosen[id(run)] = pictures
    shown = [run for run in comparison.runs if id(run) in chosen]
    found = {title: _gallery(comparison, name, shown, chosen) for name, title in SHOWN.items()}
    return Galleries(found, len(finished) - len(shown))


def _gallery(
    comparison: Comparison, name: str, shown: list[Run], chosen: dict[int, dict[str, str]]
) -> list[tuple[str, str]]:
    return [(comparison.run_label(run), chosen[id(run)][name]) for run in shown if name in chosen[id(run)]]


def _picture(file: Path) -> str | None:
    """Return a picture as a data URI, not larger than WIDEST × TALLEST; None where there is none that can be shown.

    It is read as an untrusted file and written anew, so that nothing but its pixels gets into the page. What was
    written is kept in the user's cache, by the content that it was made of, and not in a folder of others.
    """
    try:
        content = files.read_bytes(file, LARGEST)
        kept = _kept(hashlib.sha256(content).hexdigest())
        thumbnail = kept.read_bytes() if kept.is_file() else _made(file, kept)
    except (UserError, OSError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(thumbnail).decode()}"


def _kept(digest: str) -> Path:
    return cache_folder() / f"thumbnails-{WIDEST}x{TALLEST}" / f"{digest}.webp"


def _made(file: Path, kept: Path) -> bytes:
    """Return the thumbnail of a picture, and keep it where that is possible."""
    _, small = read_png(file)
    small.thumbnail((WIDEST, TALLEST), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, "WEBP", quality=80)
    with contextlib.suppress(OSError, UserError):
        files.make_folder(kept.parent)
        _make_room(kept.parent)
        files.write(kept, content.getvalue())
    return content.getvalue()


def _make_room(folder: Path) -> None:
    kept = list(folder.glob("*.webp"))
    if len(kept) >= MOST_KEPT:
        for old in sorted(kept, key=lambda path: path.stat().st_mtime)[: MOST_KEPT // 5]:
            old.unlink(missing_ok=True)
