"""Read untrusted configurations in YAML: plain mappings, lists and values only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from vae_exp.errors import UserError, one_line, short
from vae_exp.storage import files

LARGEST = 2**18
"""Bytes of a file above which it is refused. A configuration has 2,000."""
DEEPEST = 20
"""Nesting levels of a file above which it is refused."""
LONGEST_VALUE = 5000
"""Characters of a value: longer than any path."""
NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9]*)",
    "tag:yaml.org,2002:float": r"[-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?|\.inf)|\.nan",
}
"""How a number is written. YAML 1.1 would read `02`, `0x1f`, `1_000` and `3:20` (minutes!) as numbers, too."""


class _PlainLoader(yaml.SafeLoader):
    """A loader of YAML as `yaml.safe_dump` writes it: no tags, anchors, aliases, repeated keys or deep nesting.

    A few aliases of aliases can expand to a billion entries (the "billion laughs" attack).
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # yaml has no types here
        self._refuse_unless(getattr(event, "anchor", None) is None, "must have no anchors and aliases", event)
        self._refuse_unless(getattr(event, "tag", None) is None, "must have no tags", event)
        self._refuse_unless(len(getattr(event, "value", "")) <= LONGEST_VALUE, "has a value that is too long", event)
        self._refuse_unless(self.depth < DEEPEST, "is nested too deeply", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return a node's value; refuse repeated keys, and numbers that other YAML readers would read differently."""
        written = NUMBERS.get(node.tag)
        is_plain = written is None or re.fullmatch(written, node.value, re.IGNORECASE)
        self._refuse_unless(is_plain, "has a number that is not written in plain digits", node)
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            self._refuse_unless(len(keys) == len(set(keys)), "has a key twice", node)
        return super().construct_object(node, deep)

    def _refuse_unless(self, holds: object, rule: str, event: Any) -> None:
        if not holds:
            raise yaml.composer.ComposerError(None, None, rule, event.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a file's mapping as plain data; raise UserError, naming the file, when it is anything else."""
    content = _read(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a mapping, got {type(content).__name__}")
    return content


def read_texts(path: Path) -> list[str]:
    """Return a file's list of texts; raise UserError, naming the file, when it is anything else."""
    content = _read(path)
    if not isinstance(content, list) or not all(isinstance(each, str) for each in content):
        raise UserError(f"{path} must hold a list of texts, got {short(content)}")
    return content


def _read(path: Path) -> Any:
    try:
        return yaml.load(files.read_text(path, LARGEST), _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2001-99-99, which is no date
        raise UserError(f"{path} is not plain YAML: {one_line(error)}") from None


def text(content: object) -> str:
    """Return plain data as YAML, keys in their order."""
    written: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return written
