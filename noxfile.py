"""Every check: `nox`. The long series of faults: `nox -s faults`."""

from __future__ import annotations

import nox

# All sessions share the environment that nox runs in: torch alone is 5 GB.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["install", "lint", "types", "tests"]
nox.options.stop_on_first_error = False


@nox.session
def install(session: nox.Session) -> None:
    """Install the package and what the checks use."""
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
    """Run the tests that need neither network nor GPU."""
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill, cut and fill for an hour: the long series behind `docs/reliability.md`."""
    session.run("python", "-m", "pytest", "-m", "faults", *session.posargs)
