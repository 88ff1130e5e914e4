"""`vae-exp VERB …`: list the verbs, or run one as `python -m vae_exp.VERB …` does."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

from vae_exp.errors import complain, short
from vae_exp.printing import print_line

VERBS = ("train", "resume", "compare", "reproduce", "status", "stop", "export")
"""The modules that are commands, in the order in which they are used."""


def main() -> None:
    """Run the verb that is the first argument; without one, list the verbs."""
    verb, *arguments = sys.argv[1:] or ["--help"]
    if verb in ("-h", "--help"):
        for line in overview().split("\n"):
            print_line(line)
        return
    if verb not in VERBS:
        complain(f"the verb must be one of {', '.join(VERBS)}, got {short(verb)}")
        raise SystemExit(2)
    sys.argv = [verb, *arguments]
    runpy.run_module(f"vae_exp.{verb}", run_name="__main__", alter_sys=True)


def overview() -> str:
    """Return each verb with its first sentence."""
    lines = [f"  vae-exp {verb.ljust(11)}{sentence(verb)}" for verb in VERBS]
    return "\n".join(["usage: vae-exp VERB …, or python -m vae_exp.VERB …", "", *lines, "", "  vae-exp VERB --help"])


def sentence(verb: str) -> str:
    """Return the first sentence of a verb's module without importing it, since imports take seconds."""
    source = (Path(__file__).parent / f"{verb}.py").read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return first.partition(": ")[2].strip()


if __name__ == "__main__":
    main()
