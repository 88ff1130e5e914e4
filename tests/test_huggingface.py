"""Hugging Face data sets, written by the tests: what is read from a Parquet file or a folder, and what is refused."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from vae_exp import data
from vae_exp.config import HuggingfaceConfig
from vae_exp.errors import UserError

datasets = pytest.importorskip("datasets", reason="the extra `datasets` is not installed")


def encoded(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return {"bytes": file.getvalue(), "path": None}


def pictures(numbers, shape=(8, 8)):
    return [encoded(np.full(shape, number, np.uint8)) for number in numbers]


def made(numbers, names=("zebra", "ant"), **columns):
    """Return a data set of images of one grey level each, with the labels in turn."""
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))})
    content = {"image": pictures(numbers), "label": [number % len(names) for number in numbers]}
    return datasets.Dataset.from_dict(content, features)


def parquet(folder, dataset):
    path = folder / "x.parquet"
    dataset.to_parquet(str(path))
    return path


def load(path, **options):
    return data.load(HuggingfaceConfig(root=str(path), **{"val_fraction": 0, "test_fraction": 0, **options}))


def refusal(path, **options):
    with pytest.raises(UserError) as error:
        load(path, **options)
    assert str(error.value).isprintable()
    return str(error.value)


def levels(split):
    return split.images[:, 0, 0, 0].tolist()


def test_a_parquet_file_is_split_and_its_classes_keep_their_order(tmp_path):
    splits = load(parquet(tmp_path, made(range(20))), val_fraction=0.1, test_fraction=0.2)
    assert [len(part.images) for _, part in splits.items()] == [14, 2, 4]
    assert splits.classes == ("zebra", "ant")
    for _, part in splits.items():
        assert part.labels.tolist() == [level % 2 for level in levels(part)]


def test_a_folder_of_save_to_disk_has_its_own_splits(tmp_path):
    parts = {"train": made(range(10)), "validation": made(range(10, 14)), "test": made(range(20, 25))}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "x"))
    splits = load(tmp_path / "x", val_fraction=0.1, test_fraction=0.2)
    assert [sorted(levels(part)) for _, part in splits.items()] == [
        list(range(10)),
        list(range(10, 14)),
        list(range(20, 25)),
    ]
    made(range(5)).save_to_disk(str(tmp_path / "y"))
    assert sorted(levels(load(tmp_path / "y").train)) == list(range(5))


def test_labels_are_text_numbers_or_none(tmp_path):
    images = datasets.Dataset.from_dict({"pic": pictures(range(6))}, datasets.Features({"pic": datasets.Image()}))
    assert load(parquet(tmp_path, images)).train.labels is None
    (tmp_path / "text").mkdir()
    named = images.add_column("labels", ["cat", "dog", "ant"] * 2)
    splits = load(parquet(tmp_path / "text", named))
    assert splits.classes == ("ant", "cat", "dog")
    assert splits.train.labels.tolist() == [[1, 2, 0][level % 3] for level in levels(splits.train)]


def test_size_and_channels_convert_mixed_images_to_one_shape(tmp_path):
    mixed = [*pictures([10], (8, 8)), *pictures([20], (6, 4)), encoded(np.full((5, 5, 3), 30, np.uint8), "JPEG")]
    features = datasets.Features({"image": datasets.Image()})
    path = parquet(tmp_path, datasets.Dataset.from_dict({"image": mixed}, features))
    assert "has 6×4 pixels, but " in refusal(path)
    assert "is colour, but " in refusal(path, size=4)
    assert load(path, size=4, width=6, channels=1).shape == (1, 4, 6)


def test_an_ambiguous_column_is_refused_with_the_possible_names(tmp_path):
    both = made(range(4)).add_column("coarse", [0, 1] * 2).cast_column("coarse", datasets.ClassLabel(names=["a", "b"]))
    path = parquet(tmp_path, both)
    assert refusal(path).startswith("data.label_column must be one of label, coarse, the possible columns of ")
    assert load(path, label_column="coarse").classes == ("a", "b")
    assert refusal(path, label_column="coarse", image_column="label").startswith(
        "data.image_column must be a column of"
    )
    assert refusal(path, label_column="none").startswith("data.label_column must be a column of ")


def test_a_path_in_place_of_an_image_is_not_followed(tmp_path):
    secret = tmp_path / "secret.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(secret)
    column = [{"bytes": None, "path": str(secret)}] * 3
    table = datasets.Dataset.from_dict({"image": column}, datasets.Features({"image": datasets.Image()}))
    table.save_to_disk(str(tmp_path / "x"))
    import pyarrow.parquet

    pyarrow.parquet.write_table(table.data.table, tmp_path / "x.parquet")
    assert "row 0 must hold an image's bytes; a path instead of bytes is not followed" in refusal(
        tmp_path / "x.parquet"
    )


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PAR1nonsensePAR1"])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    assert refusal(path).startswith(f"data.root={path} can't be opened as a data set: ")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").startswith(f"data.root={tmp_path / 'empty'} can't be opened as a data set: ")


def test_a_damaged_image_an_unnamed_class_and_an_empty_data_set_are_refused(tmp_path):
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a"])})
    for name, content, message in (
        ("image", {"image": [{"bytes": b"GIF89a", "path": None}], "label": [0]}, "row 0 can't be read as PNG or JPEG"),
        ("class", {"image": pictures([1]), "label": [-1]}, "must name a class in each row, got -1"),
        ("empty", {"image": [], "label": []}, "must hold at least one image, got none"),
    ):
        (tmp_path / name).mkdir()
        assert message in refusal(parquet(tmp_path / name, datasets.Dataset.from_dict(content, features)))


def test_a_root_that_neither_exists_nor_names_a_hub_data_set_is_refused(tmp_path):
    assert "must be a folder or file that exists, or a name on the hub" in refusal(tmp_path / "none" / "x.parquet")
    with pytest.raises(UserError, match="got None"):
        data.load(HuggingfaceConfig())


@pytest.mark.process
def test_without_the_datasets_library_the_error_says_how_to_install_it(tmp_path):
    script = (
        "import sys; sys.modules['datasets'] = None\n"
        "from vae_exp import data; from vae_exp.config import HuggingfaceConfig\n"
        "data.load(HuggingfaceConfig(root='x'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    message = "data=huggingface needs datasets: python -m pip install vae_exp[datasets]"
    assert done.stderr.strip().endswith(message)
