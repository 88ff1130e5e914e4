"""Read the meaning of each field, the string below its declaration, from the source."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from functools import cache
from pathlib import Path


def field_docs(cls: type) -> dict[str, str]:
    """Return the meaning of each documented field of a dataclass, base classes first, in one line each."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        docs |= _declared(base.__module__).get(base.__qualname__, {})
    return docs


def with_fields(cls: type) -> str:
    """Return the docstring of a dataclass with a section that lists its fields."""
    summary = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    lines = [
        textwrap.fill(f"{name}: {doc}", 116, initial_indent="    ", subsequent_indent="        ")
        for name, doc in field_docs(cls).items()
    ]
    return "\n".join([summary, "", "Attributes:", *lines]) if lines else summary


@cache
def _declared(module: str) -> dict[str, dict[str, str]]:
    """Return the strings below the fields of each class of a module; empty when its source can't be read."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or not file.endswith(".py"):
        return {}
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name: _strings(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _strings(declaration: ast.ClassDef) -> dict[str, str]:
    found = {}
    for line, following in zip(declaration.body, declaration.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            match following:
                case ast.Expr(ast.Constant(str(text))):
                    found[line.target.id] = " ".join(text.split())
    return found
