"""The example scripts run without changes."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.process
def test_the_example_script_trains_and_loads_a_run(tmp_path):
    command = [sys.executable, EXAMPLES / "train_and_load.py", "a folder"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "posterior means (6, 4), reconstructions (6, 1, 8, 8)" in done.stdout
    assert (tmp_path / "a folder" / "final.json").is_file()
