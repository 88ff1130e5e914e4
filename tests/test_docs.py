"""The documentation is up to date: examples, help, the list of commands, and the pages on keys and reliability."""

import ast
import dataclasses
import doctest
import re
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import commands
import pytest

import vae_exp
from vae_exp.__main__ import VERBS, overview
from vae_exp.config import Config
from vae_exp.config.identity import as_dict, flatten, format_value

PACKAGE = Path(vae_exp.__file__).parent
ROOT = PACKAGE.parent
WITH_EXAMPLES = sorted(file for file in PACKAGE.rglob("*.py") if ">>> " in file.read_text(encoding="utf-8"))


def module_of(file):
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", [module_of(file) for file in WITH_EXAMPLES])
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_configuration_page_is_up_to_date_with_the_dataclasses():
    generator = runpy.run_path(str(ROOT / "docs" / "configuration.py"))
    assert generator["page"]() == generator["PAGE"].read_text(encoding="utf-8"), "run: python docs/configuration.py"


def is_command(file):
    return 'if __name__ == "__main__":' in file.read_text(encoding="utf-8") and file.stem != "__main__"


def test_no_line_of_code_in_the_readme_is_wider_than_its_page():
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1::2]
    assert len(blocks) > 5
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 98


def test_every_command_is_listed_with_its_summary():
    assert {file.stem for file in PACKAGE.glob("*.py") if is_command(file)} == set(VERBS)
    for verb in VERBS:
        first = ast.get_docstring(ast.parse((PACKAGE / f"{verb}.py").read_text(encoding="utf-8"))).partition("\n")[0]
        assert first.startswith(f"`python -m vae_exp.{verb}")
        assert f"vae-exp {verb} " in overview()


def vae_exp_command(*arguments):
    command = [sys.executable, "-m", "vae_exp", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_vae_exp_lists_its_verbs_and_refuses_others():
    listed = vae_exp_command()
    assert (listed.returncode, listed.stdout) == (0, overview() + "\n")
    refused = vae_exp_command("trian")
    assert refused.returncode == 2
    assert "got 'trian'" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.process
def test_a_verb_is_the_command_of_its_module(tmp_path):
    both = [
        vae_exp_command("compare", str(tmp_path)),
        commands.run(tmp_path, "compare", tmp_path),
    ]
    assert [done.returncode for done in both] == [2, 2]
    assert both[0].stderr == both[1].stderr != ""


@pytest.mark.process
def test_help_shows_each_key_of_the_chosen_groups_with_its_value(tmp_path):
    done = commands.run(tmp_path, "train", "model=mlp", "model.latent_dim=7", "--help")
    assert done.returncode == 0, done.stderr
    expected = flatten(as_dict(dataclasses.replace(Config(), model=vae_exp.MlpConfig(latent_dim=7))))
    for key, value in expected.items():
        shown = f"{key.removesuffix('.name')}={format_value(value)}" if "." in key else ""
        assert shown in done.stdout
    assert "Width of each hidden layer of the encoder" in done.stdout
    assert "model.channels=" not in done.stdout.partition("Common overrides")[0]


def promised_tests():
    """Yield the file and a pattern for each test named in the reliability page, where `…` abbreviates names."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    file = None
    for file_name, name in re.findall(r"`(?:(test_\w+\.py|…)::)?(test_\w+|…_\w+|test_\w+…\w*|…\w*…)`", text):
        file = file_name if file_name.endswith(".py") else file
        yield file, name.replace("…", r"\w*")


def test_every_test_named_in_the_reliability_page_exists():
    found = list(promised_tests())
    assert len(found) > 60
    for file, name in found:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{file} has no {name}"
