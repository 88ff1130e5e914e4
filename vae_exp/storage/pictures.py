"""Read untrusted PNG files. No other format is tried, whatever a file contains."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image

from vae_exp.errors import UserError, one_line
from vae_exp.storage import files

LARGEST = 8 * 2**20
"""Bytes of a picture above which it is refused. No run draws one this large."""
MOST_PIXELS = 40_000_000


def read_png(file: Path) -> tuple[bytes, Image.Image]:
    """Return a picture's bytes and its pixels; raise UserError, naming the file, unless it is a PNG within the limits.

    Without this restriction, Pillow would start Ghostscript for a PostScript file.
    """
    content = files.read_bytes(file, LARGEST)
    try:
        with warnings.catch_warnings(action="error"):
            image = Image.open(io.BytesIO(content), formats=["PNG"])
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"it has more than {MOST_PIXELS} pixels")
            return content, image.convert("RGB")
    except Exception as error:  # what Pillow raises for damaged files is not documented
        raise UserError(f"{file} can't be read as PNG: {one_line(error) or type(error).__name__}") from None
