"""The plan on the disk: whole or not at all, a job's part by itself, and the layout of version 0.1."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from compared import config

from vae_exp.config.identity import as_dict
from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import Job, SweepFolder

FIXTURE = Path(__file__).parent / "fixtures" / "sweep_0.1.0"


def job(seed, **changes):
    saved = as_dict(config(seed=seed))
    saved["trainer"] |= {"threads": 1}
    return Job(f"seed={seed}_12345678", f"seed={seed}", [f"seed={seed}"], saved, "a" * 64, "b" * 64, **changes)


@pytest.fixture
def sweep(tmp_path):
    folder = SweepFolder(tmp_path)
    folder.write_plan([job(0), job(1)], ["python"])
    return folder


def test_a_plan_comes_back_as_it_was_written(sweep):
    assert sweep.jobs() == [job(0), job(1)]
    assert sweep.read_plan().command == ["python"]


def test_a_job_is_read_by_its_place_whatever_the_other_lines_hold(sweep):
    second = sweep.jobs()[1]
    lines = sweep.path / "jobs.jsonl"
    lines.write_bytes(b"x" * second.at + lines.read_bytes()[second.at :])
    assert sweep.job(second.name, second.at) == job(1)
    with pytest.raises(UserError, match="byte 0 is not valid JSON"):
        sweep.jobs()


def test_a_job_that_is_not_at_its_place_is_refused(sweep):
    first, second = sweep.jobs()
    with pytest.raises(UserError, match="must have 'seed=0_12345678' at byte"):
        sweep.job(first.name, second.at)


def test_extending_a_plan_appends_what_is_new_and_keeps_the_lines_before(sweep):
    before = (sweep.path / "jobs.jsonl").read_bytes()
    sweep.write_plan([*sweep.jobs(), job(2)], ["again"])
    assert (sweep.path / "jobs.jsonl").read_bytes().startswith(before)
    assert sweep.jobs() == [job(0), job(1), job(2)]
    assert sweep.read_plan().command == ["again"]


def test_a_job_that_is_planned_again_keeps_its_place_in_the_order(sweep):
    longer = dataclasses.replace(job(0), config=job(0).config | {"seed": 7})
    sweep.write_plan([longer, *sweep.jobs()[1:]], ["python"])
    assert sweep.jobs() == [longer, job(1)]


def test_what_a_killed_process_appended_without_a_header_does_not_count(sweep):
    lines = sweep.path / "jobs.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole + b'{"name": "seed=7_1234')
    assert sweep.jobs() == [job(0), job(1)]
    sweep.write_plan([*sweep.jobs(), job(2)], ["python"])
    assert sweep.jobs() == [job(0), job(1), job(2)]
    assert lines.read_bytes().startswith(whole)


def test_a_plan_that_lost_its_end_is_refused(sweep):
    lines = sweep.path / "jobs.jsonl"
    lines.write_bytes(lines.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"jobs.jsonl is damaged: it must have \d+ bytes, got \d+"):
        sweep.jobs()


@pytest.mark.parametrize("size", [None, -1, 0.5, 2**40, "9"])
def test_a_header_that_does_not_say_how_much_counts_is_refused(sweep, size):
    sweep.plan_file.write_text(json.dumps({"version": 2, "command": [], "bytes": size}))
    with pytest.raises(UserError, match=r"sweep\.json(: bytes must be int| must have)"):
        sweep.jobs()


@pytest.mark.parametrize("digest", [7, "", "a" * 63, "G" * 64])
def test_a_digest_that_is_none_is_refused(sweep, digest):
    sweep.write_plan([dataclasses.replace(job(2), data=digest)], [])
    with pytest.raises(UserError, match=r"must have digests of 64 hexadecimal digits|data must be str"):
        sweep.jobs()


def test_a_plan_of_version_1_is_read_and_becomes_version_2_when_it_is_extended(tmp_path):
    sweep = SweepFolder(shutil.copytree(FIXTURE, tmp_path / "sweep"))
    old = sweep.jobs()
    assert [each.label for each in old] == ["latent_dim=2", "latent_dim=3"]
    assert {each.at for each in old} == {None}
    sweep.write_plan([*old, job(0)], ["python"])
    assert sweep.jobs() == [*old, job(0)]
    assert json.loads(sweep.plan_file.read_text())["version"] == 2
    assert sweep.job(old[1].name, sweep.jobs()[1].at) == old[1]


def test_a_plan_of_version_1_without_jobs_is_refused(tmp_path):
    (tmp_path / "sweep.json").write_text('{"version": 1, "command": []}')
    with pytest.raises(UserError, match=r"sweep\.json(: bytes must be int| must have)"):
        SweepFolder(tmp_path).jobs()
