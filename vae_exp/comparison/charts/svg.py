"""Convert a figure to SVG inside a page: text stays text, ids are unique, colours follow the page's theme."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from vae_exp.comparison.charts.chart import Chart
from vae_exp.figures.colours import AXES, BARS, GRID, INK, PAPER, SOFT_INK, SPLITS, Shade

NAMED = {"paper": PAPER, "ink": INK, "soft": SOFT_INK, "axis": AXES, "grid": GRID, "bar": BARS, **SPLITS}
"""Variables of the page's theme that charts use."""


def variable(shade: Shade) -> str:
    """Return the CSS variable of a colour: `--test`, or for an unnamed colour its hexadecimal digits."""
    found = next((name for name, known in NAMED.items() if known == shade), None)
    return f"--{found or 'c' + shade.light.removeprefix('#')}"


def theme(shades: Sequence[Shade]) -> dict[str, Shade]:
    """Return every variable that charts with these colours use."""
    return {variable(shade): shade for shade in (*NAMED.values(), *shades)}


def inline(chart: Chart, name: str) -> str:
    """Return the chart's SVG as an element of a page; `name` is the prefix of its ids."""
    file = io.StringIO()
    chart.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(file.getvalue())
    variables = {shade.light.lower(): f"var({key})" for key, shade in theme(chart.shades).items()}
    for element in root.iter():
        for child in [child for child in element if _local(child.tag) in ("metadata", "style")]:
            element.remove(child)
        element.tag = _local(element.tag)
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            element.set(_local(key), _attribute(_local(key), value, name, variables))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": f"{chart.title}: {chart.seen}"}
    return ElementTree.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    """Return a name without its namespace, since HTML has none."""
    return name.rpartition("}")[2]


def _attribute(key: str, value: str, name: str, variables: Mapping[str, str]) -> str:
    """Return an attribute's value with the page's ids, its colours and its font."""
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return value.replace("#", f"#{name}-", 1)
    value = re.sub(r"url\(#", f"url(#{name}-", value)
    if key in ("style", "fill", "stroke"):
        value = re.sub(r"#[0-9a-fA-F]{6}\b", lambda found: variables.get(found[0].lower(), found[0]), value)
        value = re.sub(r"font: ([\d.]+)px '[^;]*", r"font-size: \1px", value)
    return value
