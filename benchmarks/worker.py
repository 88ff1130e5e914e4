"""Run each measurement in a new process and read its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
"""Where `benchmarks` is imported from."""


def measure(
    module: str, *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run `python -m benchmarks.<module> RESULT <arguments>` and return the JSON that it wrote to the file RESULT.

    The process starts in the folder `cwd`, by default a new one that is deleted afterwards, and sends its runs to the
    MLflow store there. `environment` is added to its environment variables.
    """
    variables = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    variables |= environment or {}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        result = Path(scratch) / "result.json"
        command = [sys.executable, "-m", f"benchmarks.{module}", str(result), *arguments]
        done = subprocess.run(command, cwd=cwd or scratch, env=variables, capture_output=True, text=True)
        if not result.exists():
            raise SystemExit(f"benchmarks.{module} ended with code {done.returncode}\n{done.stdout}\n{done.stderr}")
        found: dict[str, Any] = json.loads(result.read_text())
        return found


def write_result(result: str, found: dict[str, Any]) -> None:
    """Write the result where `measure` reads it."""
    Path(result).write_text(json.dumps(found))
