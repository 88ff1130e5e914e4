"""The import rule: a module imports only from its own level or a lower one, and never in a cycle."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vae_exp

ROOT = Path(vae_exp.__file__).parent
LEVELS = {
    0: "printing config errors registry randomness distributions eight_bit geometry machine",
    1: "storage data models objectives cards optimizers devices",
    2: "observers training evaluation measures figures preparation restoring loaded_model loaded_run progress_text",
    3: "experiment",
    4: "first_line help compose overrides loading tracking comparison terminal notebook progress loaded_sweep",
    5: "sweeping searching watching exporting",
    6: "api __main__ train resume reproduce compare status stop export",
}
LEVEL = {package: level for level, packages in LEVELS.items() for package in packages.split()}
ONLY_IN = {
    "mlflow": {"tracking"},
    "hydra": {"compose", "searching", "sweeping", "train", "resume"},
    "omegaconf": {"compose", "help", "searching", "sweeping", "train"},
    "rich": {"terminal", "progress", "sweeping", "searching", "compare", "status", "watching"},
    "torchvision": {"data"},
    "optuna": {"searching"},
    "pickle": set(),
}


def files():
    return sorted(ROOT.rglob("*.py"), key=lambda file: (len(file.parts), file.name != "__init__.py", file))


def name_of(file):
    return ".".join(["vae_exp", *file.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def top_level(module):
    """Return `data` for `vae_exp.data.idx`, and the empty string for `vae_exp` itself."""
    return module.split(".")[1] if "." in module else ""


MODULES = {name_of(file): file for file in files()}


@cache
def imports(file, anywhere=True):
    """Return the modules that a file imports, anywhere or only at the top level."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if anywhere else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


@pytest.mark.parametrize("file", files()[1:], ids=name_of)  # all but vae_exp/__init__.py
def test_a_module_imports_only_from_its_own_level_or_below(file):
    package = top_level(name_of(file))
    assert package in LEVEL, f"{package} has no level yet"
    higher = [name for name in imports(file) if name.startswith("vae_exp.") and LEVEL[top_level(name)] > LEVEL[package]]
    assert not higher


@pytest.mark.parametrize("file", files(), ids=name_of)
def test_a_library_is_imported_only_in_its_packages(file):
    package = top_level(name_of(file))
    roots = {name.split(".")[0] for name in imports(file)}
    misplaced = {library for library, packages in ONLY_IN.items() if library in roots and package not in packages}
    assert not misplaced


def test_no_modules_import_each_other_in_a_cycle():
    graph = {name: {n for n in imports(file, anywhere=False) if n in MODULES} for name, file in MODULES.items()}
    list(TopologicalSorter(graph).static_order())


def test_every_level_lists_packages_that_exist():
    packages = {top_level(name) for name in MODULES} - {""}
    assert packages == set(LEVEL)
