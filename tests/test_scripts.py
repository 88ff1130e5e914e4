"""The page's scripts, which have no build step: all are included, short, and pass TypeScript's checker."""

import shutil
import subprocess
from pathlib import Path

import pytest

import vae_exp
from vae_exp.comparison.rendering import SCRIPTS

FOLDER = Path(vae_exp.__file__).parent / "comparison" / "page" / "scripts"
CHECKER = Path(__file__).parents[1] / ".ci" / "node_modules" / "typescript" / "bin" / "tsc"
NODE = shutil.which("node")
OPTIONS = [
    "--noEmit",
    "--allowJs",
    "--checkJs",
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2024",
    "--lib",
    "es2024,dom,dom.iterable",
]


def test_every_script_is_included_in_the_page_and_has_at_most_250_lines():
    assert {file.stem for file in FOLDER.iterdir()} == set(SCRIPTS)
    assert [file.name for file in FOLDER.iterdir() if len(file.read_text().splitlines()) > 250] == []


@pytest.mark.process
@pytest.mark.skipif(not (NODE and CHECKER.exists()), reason="node, or TypeScript below .ci/, is not installed")
def test_all_scripts_pass_the_type_check():
    done = subprocess.run([NODE, CHECKER, *OPTIONS, *FOLDER.glob("*.js")], capture_output=True, text=True, cwd=FOLDER)
    assert done.stdout == ""
