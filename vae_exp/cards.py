"""The card of a run in a notebook."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

from PIL import Image

from vae_exp.errors import printable

SIDE = 480
"""Largest side of a card's picture, in pixels. It is shown at half this size, for screens with a high resolution."""

_CARD = """\
<div style="display: inline-flex; gap: 1em; align-items: center; padding: 0.7em 1em; border: 1px solid #8885;\
 border-radius: 6px">
{picture}<div>
<div style="font-weight: 600">{name}</div>
{lines}
</div>
</div>"""


def card(folder: Path, summary: str, picture: Image.Image | None) -> str:
    """Return the HTML of a run: its folder's name, a line for each part of its summary, and a picture.

    Names and texts may be untrusted and are escaped.
    """
    lines = "\n".join(f"<div>{_escaped(part)}</div>" for part in summary.split(", "))
    return _CARD.format(picture=_embedded(picture) if picture else "", name=_escaped(str(folder)), lines=lines)


def _embedded(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    small.save(content, "PNG")
    source = base64.b64encode(content.getvalue()).decode()
    return f'<img width="{small.width // 2}" alt="" src="data:image/png;base64,{source}">\n'


def _escaped(text: str) -> str:
    return html.escape(printable(text))
