"""Every check: `nox`. While you work: `nox -s quick`. Another Python: `nox -s tests-3.13`. All: `nox --list`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

# All sessions except those of other Pythons share the environment that nox runs in: torch alone is 5 GB.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["install", "lint", "types", "tests"]
nox.options.stop_on_first_error = False

PYTEST = ["python", "-m", "pytest"]
PARALLEL = ["--numprocesses", "logical", "--maxprocesses", "8", "--dist", "loadfile", "--no-loadscope-reorder"]
"""One worker per core, of about 1.5 GB each. The tests of a file run on one worker, and share their fixtures."""
SHARED = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "PYTHONDONTWRITEBYTECODE": ""}
"""One thread per process, since each core has a worker; idle threads do not spin.

Compiled files are written, so that the workers share them instead of compiling all tests again."""


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run these tests on all cores."""
    session.run(*PYTEST, *PARALLEL, *arguments, *session.posargs, env=SHARED)


@nox.session
def install(session: nox.Session) -> None:
    """Install the package and the tools of the checks."""
    session.run("python", "-m", "pip", "install", "--quiet", "-e", ".[dev]")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.run("python", "-m", "ruff", "check")
    session.run("python", "-m", "ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.run("python", "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need neither network nor GPU, on all cores."""
    run_tests(session)


@nox.session
def quick(session: nox.Session) -> None:
    """Check style and types, and run the tests that start no process and are not slow, in about a minute."""
    lint(session)
    types(session)
    run_tests(session, "-m", "not process and not slow and not faults")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the reference from the docstrings into `site/`; an unknown name fails."""
    session.run("python", "-m", "pip", "install", "--quiet", "-e", ".[docs]")
    session.run("python", "docs/configuration.py")
    session.run("python", "-m", "mkdocs", "build", "--strict", "--quiet")


@nox.session
def faults(session: nox.Session) -> None:
    """Run the long series of injected faults behind `docs/reliability.md`, for about an hour."""
    session.run(*PYTEST, "-m", "faults", *session.posargs)


def tests_elsewhere(session: nox.Session) -> None:
    """Run the tests with another Python, in a separate environment."""
    session.install("-e", ".[dev]")
    run_tests(session)


for python in ("3.12", "3.13"):
    nox.session(tests_elsewhere, name=f"tests-{python}", python=python, venv_backend="venv")


@nox.session(venv_backend="venv")
def export(session: nox.Session) -> None:
    """Export a run, and draw from it in an environment without torch and vae_exp."""
    place = Path(session.create_tmp()) / "exported"
    shutil.rmtree(place, ignore_errors=True)
    run = "tests/fixtures/finished_run_0.1.0"
    session.run(sys.executable, "-m", "vae_exp.export", run, str(place), external=True)
    session.install("onnxruntime", "numpy", "pillow")
    absent = "import importlib.util as u; assert not any(map(u.find_spec, ('torch', 'vae_exp')))"
    with session.chdir(place):  # from the checkout's folder, vae_exp could be imported
        session.run("python", "-c", absent)
        session.run("python", "example.py")
