"""Write `docs/configuration.md` from the dataclasses of the configuration: `python docs/configuration.py`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vae_exp.config import Config
from vae_exp.config.field_docs import field_docs
from vae_exp.config.identity import format_value
from vae_exp.registry import schemas

BAR = "\\|"
"""A bar inside a cell of a table."""
PAGE = Path(__file__).with_suffix(".md")
HEAD = """\
# Configuration

Every key with its type, default and meaning. On the command line a key is `model.latent_dim=4`, and an option of a
group is `model=mlp`; in Python they are `ConvConfig(latent_dim=4)` and `MlpConfig()`. `python docs/configuration.py`
writes this page from the dataclasses in `vae_exp/config/`.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *sections()])


def sections() -> Iterator[str]:
    """Yield a section for each group; keys that all options of a group share are in its first table."""
    docs = field_docs(Config)
    for field in dataclasses.fields(Config):
        yield f"## {field.name}\n\n{docs[field.name]}\n"
        default = getattr(Config(), field.name)
        options = schemas().get(field.name, {})
        if options:
            yield from _options(field.name, type(default), options)
        elif dataclasses.is_dataclass(default):
            yield _table(type(default), _names(type(default)))
        else:
            yield f"`{field.name}` is `{field.type}`, by default `{format_value(default)}`.\n"


def _options(group: str, default: type, options: dict[str, type]) -> Iterator[str]:
    shared = set.intersection(*(set(_names(cls)) for cls in options.values()))
    shared = {name for name in shared if len({_row(cls, name) for cls in options.values()}) == 1}
    if shared:
        yield _table(default, [name for name in _names(default) if name in shared])
    for name, cls in sorted(options.items()):
        mark = ", the default" if cls is default else ""
        summary = (cls.__doc__ or "").partition("\n\nAttributes:")[0].strip()
        yield f"### {group}={name}\n\n`{cls.__name__}`{mark}. {summary}\n"
        if own := [key for key in _names(cls) if key not in shared]:
            yield _table(cls, own)


def _names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.name != "name"]  # type: ignore[arg-type]


def _table(cls: type, names: list[str]) -> str:
    rows = [_row(cls, name) for name in names]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def _row(cls: type, name: str) -> str:
    fields: dict[str, Any] = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    key, kind = f"{cls._group}.{name}", fields[name].type  # type: ignore[attr-defined]
    default, meaning = format_value(getattr(cls(), name)), field_docs(cls)[name]
    cells = [f"`{key}`", f"`{kind}`", f"`{default}`", meaning]
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
