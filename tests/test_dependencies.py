"""Every import of the package is declared in pyproject.toml: on a developer's machine an undeclared one never fails."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import vae_exp

ROOT = Path(vae_exp.__file__).parent
PROJECT = ROOT.parent / "pyproject.toml"
FILES = [file for file in ROOT.rglob("*.py") if "templates" not in file.parts]


def imported():
    """Return the top-level modules that the package imports, without the standard library and itself."""
    trees = (
        ast.parse(file.read_text(encoding="utf-8")) for file in ROOT.rglob("*.py") if "templates" not in file.parts
    )
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"vae_exp", "hydra_plugins"}


def declared():
    """Return the normalised names of all dependencies, including those of the extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = (each for name, group in project["optional-dependencies"].items() if name != "dev" for each in group)
    return {normalised(re.match(r"[\w.-]+", each)[0]) for each in [*project["dependencies"], *extras]}


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
def test_every_imported_package_is_a_declared_dependency():
    distributions = packages_distributions()
    needed = {module: {normalised(name) for name in distributions.get(module, [module])} for module in imported()}
    brought = {"submitit": "hydra-submitit-launcher", "pyarrow": "datasets"}  # installed by the dependency of an extra
    missing = [name for name, found in needed.items() if not (found | {brought.get(name)}) & declared()]
    assert not missing
