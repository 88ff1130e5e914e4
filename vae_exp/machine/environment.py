"""The environment of a run: what another machine needs to reproduce the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import torch

COMMAND = "VAE_EXP_COMMAND"
"""Environment variable that passes the user's command line to a sweep's workers."""
PACKAGES = ("vae_exp", "torch", "torchvision", "numpy", "scikit-learn", "hydra-core", "omegaconf", "mlflow")


class Git(msgspec.Struct, frozen=True):
    """The git checkout of the package."""

    commit: str | None
    dirty: list[str] = []
    """Files that differ from the commit."""
    changes: str | None = None
    """SHA-256 of the differences; None without differences."""


class Session(msgspec.Struct, frozen=True):
    """The environment of one process that worked on a run. Keys that an older version didn't save have defaults."""

    command: list[str] = []
    """The command line."""
    python: str | None = None
    packages: dict[str, str | None] = {}
    """Versions; None for a package that was not installed."""
    system: str | None = None
    cpu: str | None = None
    device: str | None = None
    threads: int | None = None
    git: Git | None = None
    """None without a git checkout."""


def describe(device: torch.device, command: list[str]) -> Session:
    """Return versions, machine, threads, the commit of the source, its changed files, and the command."""
    import torch

    return Session(
        command=command,
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        threads=torch.get_num_threads(),
        git=_git(),
    )


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    """Return the processor's name and its vector instructions, which determine how sums are rounded."""
    import torch

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


@cache
def _git() -> Git | None:
    """Return the commit of the checkout that the package runs from, its changed files and the SHA-256 of the changes.

    None without a git checkout. The result is cached: the later jobs of a sweep run the code that was imported for the
    first, even if the checkout has changed since.
    """
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    dirty = (_run(root, "diff", "HEAD", "--name-only") or "").splitlines()
    changes = hashlib.sha256((_run(root, "diff", "HEAD") or "").encode()).hexdigest() if dirty else None
    return Git(_run(root, "rev-parse", "HEAD"), dirty, changes)


def _run(root: Path, *arguments: str) -> str | None:
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").rstrip("\n")


def working_folder() -> Path:
    """Return the folder in which the command was started, even if it was deleted since."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.environ.get("PWD", "/"))


def command_line() -> list[str]:
    """Return the command line as a list of arguments: `python -m vae_exp.train …`."""
    if COMMAND in os.environ:
        return shlex.split(os.environ[COMMAND])
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    head = ["python", "-m", spec.name] if spec else sys.argv[:1]
    return [*head, *sys.argv[1:]]


def remember_command() -> None:
    """Pass the command line to the processes that this one starts."""
    os.environ[COMMAND] = shlex.join(command_line())


@contextlib.contextmanager
def remembered_command() -> Iterator[None]:
    """Pass the command line to the processes that this one starts inside the context."""
    before = os.environ.get(COMMAND)
    remember_command()
    try:
        yield
    finally:
        os.environ.pop(COMMAND)
        os.environ |= {} if before is None else {COMMAND: before}
