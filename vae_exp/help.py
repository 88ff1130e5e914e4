"""The text of `--help` for the chosen options: each key with its value and its meaning in one sentence."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vae_exp.config.field_docs import field_docs
from vae_exp.config.identity import format_value

KEY = 32
"""Width of the column of keys, in characters."""
NARROWEST, WIDEST = 40, 120
"""Characters of a line."""


def chosen_keys(root: DictConfig) -> str:
    """Return a paragraph for each group of a composed configuration, as wide as the terminal."""
    groups = [str(key) for key in root if isinstance(root._get_node(str(key)), DictConfig) and key != "hydra"]
    return "\n\n".join(_paragraph(root, group) for group in groups)


def _paragraph(root: DictConfig, group: str) -> str:
    node = root[group]
    cls: Any = OmegaConf.get_type(node)
    docs: dict[str, str] = field_docs(cls)
    values: Any = OmegaConf.to_container(node, resolve=False)
    head = f"{group}={values['name']}" if "name" in values else group
    lines = [_line(head, (cls.__doc__ or "").partition("\n")[0])]
    lines += [
        _line(f"  {group}.{key}={format_value(value)}", first_sentence(docs.get(key, "")))
        for key, value in values.items()
        if key != "name"
    ]
    return "\n".join(lines)


def _line(key: str, meaning: str) -> str:
    """Return key and meaning in two columns; a long key has its own line."""
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    indent = " " * (KEY if width >= 2 * KEY else 6)
    start = key.ljust(len(indent)) if len(key) < len(indent) else ""
    text = textwrap.fill(meaning, width, initial_indent=start or indent, subsequent_indent=indent)
    return text if start else f"{key}\n{text}".rstrip()


def first_sentence(text: str) -> str:
    """Return the first sentence of a text; a full stop inside brackets, as in `(Burda et al. 2015)`, doesn't end it.

    >>> first_sentence("K of the bound (Burda et al. 2015, eq. 8), at least 1. The papers take 5,000.")
    'K of the bound (Burda et al. 2015, eq. 8), at least 1.'
    >>> first_sentence("Stages of the schedule of Burda et al. 2015, 1 to 8: stage i lasts 3 epochs. null keeps lr.")
    'Stages of the schedule of Burda et al. 2015, 1 to 8: stage i lasts 3 epochs.'
    """
    found = re.match(r"(?:\([^()]*\)|[^(])*?(?<!et al)\.(?= |$)", text)
    return found[0] if found else text
