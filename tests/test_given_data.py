"""The user's own data: given from Python, resumed and reproduced from a file, and swept."""

import shutil

import numpy as np
import pytest
import torch
from commands import run
from PIL import Image
from test_arrays import dsprites, medmnist

import vae_exp
from vae_exp.config import (
    ArraysConfig,
    Config,
    ConvConfig,
    DigitsConfig,
    EvaluationConfig,
    FiguresConfig,
    TrainerConfig,
)
from vae_exp.data.given import given_splits
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (30, 8, 6), dtype=np.uint8)
LABELS = np.array(["cat", "dog", "ant"] * 10)
SMALL = ["model.channels=[1,4]", "trainer.epochs=2", "trainer.batch_size=10", "evaluation.final=false"]
SMALL += ["figures.which=[]", "trainer.threads=1", "tracking=none"]


def config(data=None, epochs=2):
    return Config(
        model=ConvConfig(channels=[1, 4]),
        data=data or Config().data,
        trainer=TrainerConfig(epochs=epochs, batch_size=10, device="cpu", threads=1),
        evaluation=EvaluationConfig(final=False),
        figures=FiguresConfig(which=[]),
    )


def train(folder, data, **options):
    return vae_exp.run(config(**options), folder, data=data, progress=False)


class Pairs:
    """A data set like torchvision's: it has a length and returns pairs of an image and a label."""

    def __init__(self, convert):
        self.convert = convert

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        return self.convert(IMAGES[i]), int(i % 3)


# From Python


def digest(data, **options):
    return given_splits(data, ArraysConfig(**options)).digest


def test_the_same_images_as_arrays_tensors_lists_or_a_data_set_have_one_digest():
    numbers = np.arange(30) % 3
    expected = digest((IMAGES, numbers))
    assert digest((torch.from_numpy(IMAGES), torch.from_numpy(numbers))) == expected
    assert digest((IMAGES / 255, numbers.tolist())) == expected
    assert digest((IMAGES[:, None], numbers[:, None])) == expected
    assert digest(Pairs(Image.fromarray)) == expected
    assert digest(Pairs(lambda image: torch.from_numpy(image)[None] / 255)) == expected
    assert digest((IMAGES, None)) == digest(IMAGES) == digest(list(IMAGES)) != expected


def test_given_arrays_are_copied_and_not_changed():
    images = IMAGES.copy()
    splits = given_splits(images, ArraysConfig(binarize="static"))
    assert splits.train.images.unique().tolist() == [0, 255]
    assert (images == IMAGES).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "data must be an array, a tensor, a pair of images and labels, or a data set of such pairs, got int"),
        ((IMAGES, LABELS, LABELS), "data must be images, or a pair of images and labels, got a tuple of 3"),
        ([IMAGES[0], IMAGES[0, :3]], "data must hold images of one size, each with its label: "),
        ((IMAGES, LABELS[:4]), "data, labels must hold one label for each of 30 images, got 4"),
        (IMAGES * 2.0, "data, images must hold floats in [0, 1], got "),
        (IMAGES.astype(int), "data, images must hold uint8 or floats in [0, 1], got int64"),
        (np.array([{}, {}, {}]), "data, images must hold images "),
    ],
)
def test_given_data_that_is_invalid_is_refused_in_one_line(tmp_path, data, message):
    with pytest.raises(UserError) as error:
        train(tmp_path / "run", data)
    assert str(error.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_given_data_with_the_configuration_of_another_data_set_is_refused(tmp_path):
    for other in (DigitsConfig(), ArraysConfig(root="x.npz")):
        with pytest.raises(UserError, match=r"^config\.data must be ArraysConfig"):
            vae_exp.run(config(data=other), tmp_path / "run", data=IMAGES, progress=False)
    assert not (tmp_path / "run").exists()


# Resumed and reproduced


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A run on arrays given from Python."""
    folder = tmp_path_factory.mktemp("given") / "run"
    train(folder, (IMAGES, LABELS))
    return folder


def test_a_run_on_given_arrays_saves_their_digest_and_no_root(given):
    loaded = vae_exp.load_run(given)
    assert (loaded.config.data.name, loaded.config.data.root) == ("arrays", None)
    assert RunFolder(given).read_environment().data.digest == digest((IMAGES, LABELS))


@pytest.mark.slow
def test_a_run_continues_with_the_same_arrays_and_refuses_others(tmp_path):
    train(tmp_path / "run", (IMAGES, LABELS))
    with pytest.raises(UserError, match="was trained on other data"):
        train(tmp_path / "run", (255 - IMAGES, LABELS), epochs=3)
    assert len(train(tmp_path / "run", (IMAGES, LABELS), epochs=3).metrics) == 3


@pytest.mark.process
def test_resume_and_reproduce_ask_for_a_file_and_compare_its_digest(given, tmp_path):
    without_file = run(tmp_path, "reproduce", given)
    assert without_file.returncode == 2
    assert "data.root must be a .npz or .npy file, got None; from Python, data= takes the arrays" in without_file.stderr
    np.savez(tmp_path / "same.npz", images=IMAGES, labels=LABELS)
    np.savez(tmp_path / "other.npz", images=IMAGES, labels=LABELS[::-1])
    refused = run(tmp_path, "reproduce", given, f"data.root={tmp_path / 'other.npz'}")
    assert refused.returncode == 2
    assert "other data" in refused.stderr
    again = run(tmp_path, "reproduce", given, f"data.root={tmp_path / 'same.npz'}")
    assert again.returncode == 0, again.stderr
    assert "bit for bit" in again.stdout
    resumed = run(tmp_path, "resume", given, "trainer.epochs=3", f"data.root={tmp_path / 'same.npz'}")
    assert resumed.returncode == 0, resumed.stderr


# Swept


@pytest.mark.process
@pytest.mark.parametrize("jobs", [1, 2])
def test_given_arrays_are_swept_from_python_in_one_or_more_processes(tmp_path, jobs):
    grid = {"data.binarize": ["none", "static"]}
    for _ in range(2):  # the second time there is nothing to do
        sweep = vae_exp.sweep(config(), grid, tmp_path / "sweep", data=(IMAGES, LABELS), jobs=jobs, progress=False)
    assert [run.final["epochs"] for run in sweep.runs] == [2, 2]
    found = {RunFolder(run.folder).read_environment().data.digest for run in sweep.runs}
    assert found == {digest((IMAGES, LABELS)), digest((IMAGES, LABELS), binarize="static")}


@pytest.fixture
def files(tmp_path):
    """Overrides for a file with the arrays, and for one with other images."""
    np.savez(tmp_path / "same.npz", images=IMAGES, labels=LABELS)
    np.savez(tmp_path / "other.npz", images=IMAGES[::-1], labels=LABELS)
    return [f"data.root={tmp_path / name}.npz" for name in ("same", "other")]


def require_the_same_file(cwd, folder, files, *more):
    """Require that `resume` needs a file, refuses one with other images, and continues with the same ones."""
    without_file = run(cwd, "resume", folder, *more)
    assert without_file.returncode == 2
    assert "data.root must be a .npz or .npy file, got None" in without_file.stderr
    refused = run(cwd, "resume", folder, files[1], *more)
    assert refused.returncode == 2
    assert "data.root must hold the data" in refused.stderr
    done = run(cwd, "resume", folder, files[0], *more)
    assert done.returncode == 0, done.stderr


@pytest.mark.process
def test_a_sweep_on_given_arrays_continues_with_a_file_of_the_same_images(tmp_path, files):
    sweep = vae_exp.sweep(config(), {"seed": [0, 1]}, tmp_path / "sweep", data=(IMAGES, LABELS), progress=False)
    shutil.rmtree(sweep.runs[1].folder)
    require_the_same_file(tmp_path, sweep.folder, files)
    assert [run.final["epochs"] for run in sweep.runs] == [2, 2]


@pytest.mark.process
def test_a_search_on_given_arrays_continues_with_a_file_of_the_same_images(tmp_path, files):
    options = {"trials": 2, "first_epochs": 1, "factor": 2, "progress": False}
    space = {"model.latent_dim": range(2, 9)}
    found = vae_exp.search(config(), space, tmp_path / "search", data=(IMAGES, LABELS), **options)
    with pytest.raises(UserError, match="other values of its images"):
        vae_exp.search(config(), space, found.folder, data=(IMAGES[::-1], LABELS), **options)
    require_the_same_file(tmp_path, found.folder, files, "hydra.sweeper.trials=4")
    assert found.trials["state"].tolist().count("finished") >= 1
    assert len(found.trials) == 4
    assert {RunFolder(run.folder).read_environment().data.digest for run in found.runs} == {digest((IMAGES, LABELS))}


def parquet(folder):
    datasets = pytest.importorskip("datasets", reason="the extra `datasets` is not installed")
    from test_huggingface import made

    made(range(30)).to_parquet(str(folder / "x.parquet"))
    assert datasets
    return folder / "x.parquet"


@pytest.mark.process
@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda folder: medmnist(folder, 8, 8), "arrays"), (dsprites, "arrays"), (parquet, "huggingface")],
    ids=["MedMNIST", "dSprites", "Parquet"],
)
def test_a_users_data_file_is_swept_and_reproduced(tmp_path, make, name):
    root = f"data.root={make(tmp_path)}"
    swept = run(tmp_path, "train", "-m", f"data={name}", root, "seed=0,1", *SMALL)
    assert swept.returncode == 0, swept.stderr
    (job,) = (tmp_path / "outputs").glob("*/seed=1*")
    again = run(tmp_path, "reproduce", job, root)
    assert again.returncode == 0, again.stderr
    assert "bit for bit" in again.stdout
