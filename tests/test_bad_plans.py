"""Invalid plans and command lines of sweeps: one line, exit code 2, and nothing is changed."""

import json
import shutil
from pathlib import Path

import pytest
from commands import run

from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import SweepFolder

FIXTURE = Path(__file__).parent / "fixtures" / "sweep_0.1.0"


def file_contents(folder):
    """Return the content of every file below a folder, except the empty lock file."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def without(plan, *keys):
    """Return a plan of version 1 whose first job lacks the value at these keys."""
    level = plan["jobs"][0]
    for key in keys[:-1]:
        level = level[key]
    del level[keys[-1]]
    return plan


@pytest.fixture
def sweep(tmp_path):
    return SweepFolder(shutil.copytree(FIXTURE, tmp_path / "sweep"))


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (lambda plan: plan["jobs"], "must hold an object, got list"),
        (lambda plan: plan | {"jobs": {}}, "jobs must be `?array`?, got"),
        (lambda plan: plan | {"jobs": [*plan["jobs"], None]}, r"jobs\[2\] must be `?object`?"),
        (lambda plan: without(plan, "config"), r"jobs\[0\] must have"),
        (lambda plan: without(plan, "config", "trainer", "epochs"), "trainer must have"),
        (lambda plan: plan | {"version": 3}, "must be of version 2 or 1, got 3"),
        (lambda plan: plan | {"version": "1"}, "must be of version 2 or 1, got '1'"),
        (lambda plan: {"version": 1, "jobs": plan["jobs"]}, "must have .*command"),
    ],
)
def test_the_error_of_a_damaged_plan_of_version_1_names_the_file_and_the_rule(sweep, damage, rule):
    sweep.plan_file.write_text(json.dumps(damage(json.loads(sweep.plan_file.read_text()))))
    with pytest.raises(UserError, match=rf"sweep\.json.*{rule}"):
        sweep.jobs()


@pytest.mark.process
def test_every_command_refuses_a_damaged_plan_of_version_1_and_changes_nothing(sweep, tmp_path):
    sweep.plan_file.write_bytes(sweep.plan_file.read_bytes()[:-200])
    before = file_contents(sweep.path)
    extend = ["train", "-m", "model.latent_dim=2,3,4", "data=digits", "tracking=none", "hydra.sweep.dir=sweep"]
    for command in (extend, ["resume", "sweep"], ["status", "sweep"], ["stop", "sweep"], ["compare", "sweep"]):
        done = run(tmp_path, *command)
        assert (command[0], done.returncode) == (command[0], 2), done.stderr
        (line,) = done.stderr.splitlines()
        assert "sweep.json is not valid JSON" in line
        assert file_contents(sweep.path) == before


@pytest.mark.process
def test_a_sweep_without_jobs_is_refused_and_creates_nothing(tmp_path):
    done = run(tmp_path, "train", "-m", "seed=range(0,0)", "data=digits", "tracking=none")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line == "error: a sweep must have at least one job, got none from seed=range(0,0) data=digits tracking=none"
    assert not list(tmp_path.iterdir())
