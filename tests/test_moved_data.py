"""A sweep whose data folder was moved is finished with the folder that the caller gives."""

import shutil

import commands
import numpy as np
import pytest
from PIL import Image

from vae_exp.storage.sweep_folder import SweepFolder

OPTIONS = [
    "data=images", "data.size=8", "model=mlp", "model.hidden=[4]", "trainer.epochs=1", "trainer.batch_size=10",
    "trainer.device=cpu", "trainer.threads=1", "evaluation.final=false", "figures.which=[]", "tracking=none",
]  # fmt: skip


def pictures(folder, seed):
    """Write thirty small pictures."""
    folder.mkdir()
    for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 255, (30, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.mark.process
def test_a_sweep_resumes_with_the_same_data_in_another_folder_and_refuses_other_data(tmp_path):
    before, after = pictures(tmp_path / "before", 0), tmp_path / "after"
    planned = ["train", "-m", "seed=0,1", f"data.root={before}", "hydra.sweep.dir=sweep", *OPTIONS]
    assert commands.run(tmp_path, *planned).returncode == 0
    sweep = SweepFolder(tmp_path / "sweep")
    shutil.rmtree(sweep.folder(sweep.jobs()[1]).path)
    before.rename(after)
    plan = sweep.plan_file.with_name("jobs.jsonl").read_bytes()

    refused = commands.run(tmp_path, "resume", "sweep", f"data.root={pictures(tmp_path / 'other', 1)}")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("error: data.root must hold the data that ")
    assert sweep.plan_file.with_name("jobs.jsonl").read_bytes() == plan

    assert commands.run(tmp_path, "resume", "sweep", f"data.root={after}").returncode == 0
    jobs = sweep.jobs()
    assert [sweep.folder(job).state() for job in jobs] == ["finished", "finished"]
    assert [job.config["data"]["root"] for job in jobs] == [str(after), str(after)]
