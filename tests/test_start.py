"""What a command imports before it prints: torch takes seconds, and help and errors of the schema don't need it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import Command

pytestmark = pytest.mark.process

FIXTURES = Path(__file__).parent / "fixtures"
PLOTS = {"matplotlib", "numpy", "pandas", "scipy", "seaborn"}
"""What the table and the charts of a report need."""
HEAVY = PLOTS | {"torch", "torchvision", "sklearn", "mlflow", "optuna", "sympy", "triton"}
COMMANDS = """
import importlib, json, sys, traceback

def code_of(arguments):
    sys.argv = [f"vae_exp.{verb}", *arguments]
    try:
        importlib.import_module(f"vae_exp.{verb}").main()
        return 0
    except SystemExit as end:
        return end.code
    except ImportError:
        return "ImportError"

verb, heavy, absent, lines = json.loads(sys.argv[1])
sys.modules |= dict.fromkeys(absent)  # importing them raises ImportError
codes = [code_of(line) for line in lines]
print(json.dumps([codes, sorted(set(heavy) & set(sys.modules))]))
"""


def process(cwd, verb, *lines, absent=()):
    """Call a command with each list of arguments in one new process, in which `absent` modules can't be imported."""
    given = json.dumps([verb, sorted(HEAVY - set(absent)), sorted(absent), lines])
    return subprocess.run([sys.executable, "-c", COMMANDS, given], cwd=cwd, capture_output=True, text=True, check=True)


def called(cwd, verb, *lines):
    """Return the exit code of each call, and the heavy modules that they imported."""
    codes, imported = json.loads(process(cwd, verb, *lines).stdout.splitlines()[-1])
    return codes, set(imported)


SEARCH = ["-m", "hydra/sweeper=search", "hydra.sweeper.trials=5", "model.latent_dim=range(2,9)"]
REFUSED = [
    ["model.latent_dim=0"],
    ["model.latnt_dim=3"],
    ["+foo=1"],
    ["trainer=null"],
    ["-m", "seed=0,1", "trainer.epochs=-1"],
    ["-m", "model.latent_dim=2,4,0"],
    ["-m", "model=conv,null"],
    [*SEARCH, "trainer.epochs=-1"],
    [*SEARCH, "optimizer.lr=0.1,-1"],
]


def test_help_and_refusals_by_the_schema_import_no_heavy_library(tmp_path):
    codes, imported = called(tmp_path, "train", ["--help"], ["--cfg", "job"], *REFUSED)
    assert codes == [0, 0, *(2 for _ in REFUSED)]
    assert imported == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["resume", "reproduce"])
def test_a_saved_run_is_refused_by_the_schema_without_importing_torch(tmp_path, verb):
    shutil.copytree(FIXTURES / "run_0.1.0", tmp_path / "run")
    codes, imported = called(tmp_path, verb, ["--help"], ["missing"], ["run", "model.latent_dim=0"])
    assert codes == [0, 2, 2]
    assert imported == set()


def test_the_help_of_export_imports_no_heavy_library(tmp_path):
    assert called(tmp_path, "export", ["--help"]) == ([0], set())


def test_the_first_line_is_printed_before_torch_is_imported(tmp_path):
    place = "hydra.sweep.dir=outputs/many"
    done = process(
        tmp_path,
        "train",
        ["-m", "model.latent_dim=2,4", "trainer.epochs=0", place],
        ["-m", "data=digits,mnist_5k", place],
        [*SEARCH, "data=digits", place],
        ["data=digits", "model.latent_dim=4", "hydra.run.dir=outputs/one"],
        ["-m", place],
        absent=["torch"],
    )
    assert done.stdout.splitlines()[:-1] == [
        "2 jobs: model.latent_dim=2,4 on mnist_5k → outputs/many",
        "2 jobs: data=digits,mnist_5k → outputs/many",
        "5 trials: model.latent_dim=range(2,9) on digits → outputs/many",
        "model.latent_dim=4 on digits → outputs/one",
        "1 job: defaults on mnist_5k → outputs/many",
    ]


@pytest.mark.parametrize(
    ("verb", "end", "allowed"),
    [("status", 0, set()), ("stop", 2, set()), ("compare", 0, PLOTS)],
    ids=lambda verb: verb,
)
def test_watching_a_sweep_imports_no_torch(tmp_path, verb, end, allowed):
    shutil.copytree(FIXTURES / "sweep_0.1.0", tmp_path / "sweep")
    codes, imported = called(tmp_path, verb, ["--help"], ["sweep"])
    assert codes == [0, end]
    assert imported <= allowed


@pytest.mark.skipif(os.name != "posix", reason="Windows has no Ctrl-C for another process")
def test_ctrl_c_during_planning_leaves_nothing_behind(tmp_path):
    command = Command(tmp_path, "train", "-m", "seed=range(1000)", "data=digits", "tracking=none")
    while not command.stdout().startswith("1000 jobs: seed=range(1000) on digits → outputs/"):
        assert command.poll() is None
        time.sleep(0.001)
    command.send_signal(signal.SIGINT)
    _, stderr = command.communicate(timeout=120)
    assert command.returncode == 130
    assert stderr == "error: stopped while the jobs were planned; nothing was made or changed\n"
    assert list(tmp_path.iterdir()) == []
