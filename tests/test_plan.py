"""The plan on the disk: complete or refused, each job readable by itself, and the format of version 0.1."""

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


def test_a_plan_is_read_as_it_was_written(sweep):
    assert sweep.jobs() == [job(0), job(1)]
    assert sweep.read_plan().command == ["python"]


def test_a_job_is_read_at_its_offset_without_reading_other_lines(sweep):
    second = sweep.jobs()[1]
    lines = sweep.path / "jobs.jsonl"
    lines.write_bytes(b"x" * second.at + lines.read_bytes()[second.at :])
    assert sweep.job(second.name, second.at) == job(1)
    with pytest.raises(UserError, match="byte 0 is not valid JSON"):
        sweep.jobs()


def test_a_job_that_is_not_at_its_offset_is_refused(sweep):
    first, second = sweep.jobs()
    with pytest.raises(UserError, match="must have 'seed=0_12345678' at byte"):
        sweep.job(first.name, second.at)


def test_extending_a_plan_appends_new_jobs_and_keeps_the_earlier_lines(sweep):
    before = (sweep.path / "jobs.jsonl").read_bytes()
    sweep.write_plan([*sweep.jobs(), job(2)], ["again"])
    assert (sweep.path / "jobs.jsonl").read_bytes().startswith(before)
    assert sweep.jobs() == [job(0), job(1), job(2)]
    assert sweep.read_plan().command == ["again"]


def test_a_job_that_is_planned_again_keeps_its_position(sweep):
    longer = dataclasses.replace(job(0), config=job(0).config | {"seed": 7})
    sweep.write_plan([longer, *sweep.jobs()[1:]], ["python"])
    assert sweep.jobs() == [longer, job(1)]


def test_lines_appended_by_a_killed_process_are_ignored(sweep):
    lines = sweep.path / "jobs.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole + b'{"name": "seed=7_1234')
    assert sweep.jobs() == [job(0), job(1)]
    sweep.write_plan([*sweep.jobs(), job(2)], ["python"])
    assert sweep.jobs() == [job(0), job(1), job(2)]
    assert lines.read_bytes().startswith(whole)


def test_a_truncated_plan_is_refused(sweep):
    lines = sweep.path / "jobs.jsonl"
    lines.write_bytes(lines.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"jobs.jsonl is damaged: it must have \d+ bytes, got \d+"):
        sweep.jobs()


@pytest.mark.parametrize("size", [None, -1, 0.5, 2**40, "9"])
def test_a_header_with_an_invalid_size_is_refused(sweep, size):
    sweep.plan_file.write_text(json.dumps({"version": 2, "command": [], "bytes": size}))
    with pytest.raises(UserError, match=r"sweep\.json(: bytes must be int| must have)"):
        sweep.jobs()


@pytest.mark.parametrize("digest", [7, "", "a" * 63, "G" * 64])
def test_an_invalid_digest_is_refused(sweep, digest):
    sweep.write_plan([dataclasses.replace(job(2), data=digest)], [])
    with pytest.raises(UserError, match=r"must have digests of 64 hexadecimal digits|data must be str"):
        sweep.jobs()


def test_a_plan_of_version_1_is_read_and_extended_as_version_2(tmp_path):
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
