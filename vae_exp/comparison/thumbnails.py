"""Thumbnails of figures for a page: read as untrusted files, cropped, resized, and kept in the user's cache."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vae_exp.errors import UserError, printable
from vae_exp.figures import heading
from vae_exp.storage import files
from vae_exp.storage.cache import cache_folder
from vae_exp.storage.pictures import LARGEST, read_png

WIDEST, TALLEST = 1000, 3000
"""Pixels of a picture in the report."""
MOST_KEPT = 5000
"""Thumbnails in the user's cache, of 10 to 80 KB each; the oldest are deleted."""


@dataclass(frozen=True)
class Thumbnail:
    """A figure without its heading."""

    detail: str
    """The detail of its heading; empty for a figure of version 0.1, whose heading is part of the picture."""
    width: int
    height: int
    data: str
    """A data URI."""


def thumbnail(file: Path) -> Thumbnail | None:
    """Return a thumbnail of at most WIDEST × TALLEST pixels; None if the file is missing or can't be shown.

    The file may be untrusted: it is decoded and encoded again, so that only its pixels and its detail get into the
    page. A picture without a noted heading is not cropped. Thumbnails are cached by the digest of the file's content,
    in the user's cache and not in the run folder.
    """
    try:
        content = files.read_bytes(file, LARGEST)
        kept = _kept(hashlib.sha256(content).hexdigest())
        small = kept.read_bytes() if kept.is_file() else _made(file, kept)
        with Image.open(io.BytesIO(small), formats=["WEBP"]) as image, _opened(content) as original:
            note, (width, height) = heading.read(original), image.size
    except (UserError, OSError):
        return None
    data = f"data:image/webp;base64,{base64.b64encode(small).decode()}"
    return Thumbnail(printable(note.detail) if note else "", width, height, data)


def _opened(content: bytes) -> Image.Image:
    """Open a picture without decoding its pixels."""
    return Image.open(io.BytesIO(content), formats=["PNG"])


def _kept(digest: str) -> Path:
    return cache_folder() / f"pictures-{WIDEST}x{TALLEST}" / f"{digest}.webp"


def _made(file: Path, kept: Path) -> bytes:
    """Return the thumbnail of a picture, and cache it if possible."""
    _, small = read_png(file)
    if (note := heading.read(small)) is not None:
        small = small.crop((0, note.band, small.width, small.height))
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
