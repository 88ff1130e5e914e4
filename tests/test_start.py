"""What a command imports before it says something: torch takes seconds, and help and a wrong key need none of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

FIXTURES = Path(__file__).parent / "fixtures"
DRAWS = {"matplotlib", "numpy", "pandas", "scipy", "seaborn"}
"""What a table and the charts of a report need."""
HEAVY = DRAWS | {"torch", "torchvision", "sklearn", "mlflow", "optuna", "sympy", "triton"}
COMMANDS = """
import importlib, json, sys

def code_of(arguments):
    sys.argv = [f"vae_exp.{verb}", *arguments]
    try:
        importlib.import_module(f"vae_exp.{verb}").main()
        return 0
    except SystemExit as end:
        return end.code

verb, heavy, lines = json.loads(sys.argv[1])
codes = [code_of(line) for line in lines]
print(json.dumps([codes, sorted(set(heavy) & set(sys.modules))]))
"""


def called(cwd, verb, *lines):
    """Call a verb with each command line in one new process; return the exit codes, and what all of them imported."""
    given = json.dumps([verb, sorted(HEAVY), lines])
    done = subprocess.run([sys.executable, "-c", COMMANDS, given], cwd=cwd, capture_output=True, text=True, check=True)
    codes, imported = json.loads(done.stdout.splitlines()[-1])
    return codes, set(imported)


def test_help_and_what_the_schema_alone_refuses_import_nothing_heavy(tmp_path):
    refused = [["model.latent_dim=0"], ["model.latnt_dim=3"], ["+foo=1"]]
    assert called(tmp_path, "train", ["--help"], ["--cfg", "job"], *refused) == ([0, 0, 2, 2, 2], set())


@pytest.mark.parametrize(
    ("verb", "end", "allowed"), [("status", 0, set()), ("stop", 2, set()), ("compare", 0, DRAWS)], ids=lambda verb: verb
)
def test_who_looks_at_a_sweep_imports_no_torch(tmp_path, verb, end, allowed):
    shutil.copytree(FIXTURES / "sweep_0.1.0", tmp_path / "sweep")
    codes, imported = called(tmp_path, verb, ["--help"], ["sweep"])
    assert codes == [0, end]
    assert imported <= allowed
