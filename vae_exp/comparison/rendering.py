"""Templates, style sheet and scripts of a page, joined into one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vae_exp.comparison.charts.svg import theme, variable
from vae_exp.figures.colours import Shade

SCRIPTS = (
    *("elements", "data", "choice", "sort", "fold", "enlarge"),
    *("numbers", "scale", "brushes", "settings", "address", "colours", "canvas", "frame", "turns", "hint", "steering"),
    *("handles", "lines", "scatter", "curves", "trials", "search", "details", "rows", "summary"),
    *("packing", "decoder", "codes", "cloud", "sliders", "picture", "latent", "walk", "latents", "explore"),
)
"""Files of `page/scripts`, joined in this order into one script, of which each sees what the earlier ones declare."""


def render(template: str, shades: Iterable[Shade], **values: Any) -> str:
    """Return a page: a template with these values, in the colours of the theme and of its charts.

    Only the page's own script runs in it, which the content security policy names by its hash.
    """
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = _theme(shades) + _part("report.css")
    return (
        _environment()
        .get_template(template)
        .render(style=style, script=script, script_hash=digest, variable=variable, **values)
    )


def block(name: str, value: Any) -> str:
    """Return a block of data that the page's script reads: JSON in which no text can end the element.

    `name` is its id. Raises ValueError for a number that is not finite.
    """
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        content = content.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{name}">{content}</script>'


def _script() -> str:
    parts = "\n".join(_part(f"scripts/{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();'


def _theme(shades: Iterable[Shade]) -> str:
    """Return the variables of the style sheet, in the light and in the dark theme; print is light."""
    colours = theme(list(shades))
    light, dark = (" ".join(f"{name}: {shade[i]};" for name, shade in colours.items()) for i in (0, 1))
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


@cache
def _environment() -> Environment:
    loader = PackageLoader("vae_exp.comparison", "page")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _part(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
