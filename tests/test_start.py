"""What a command imports before it says something: torch takes seconds, and help and a wrong key need none of it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

HEAVY = ("torch", "torchvision", "sklearn", "scipy", "pandas", "matplotlib", "seaborn", "mlflow", "optuna", "sympy")
COMMAND = """
import atexit, sys
sys.argv = ["vae_exp.train", *sys.argv[1:]]
atexit.register(lambda: print("IMPORTED", *sorted(set(sys.modules) & {heavy!r})))
from vae_exp import train
train.main()
"""


def imported(cwd, *arguments):
    """Return the exit code of `python -m vae_exp.train`, and which heavy libraries it imported."""
    code = COMMAND.format(heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("IMPORTED"))
    return done.returncode, line.split()[1:]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["model.latent_dim=0"], 2), (["model.latnt_dim=3"], 2), (["+foo=1"], 2), (["--cfg", "job"], 0)],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_help_and_what_the_schema_alone_refuses_import_nothing_heavy(tmp_path, arguments, code):
    assert imported(tmp_path, *arguments) == (code, [])
