"""`data=arrays`: what is read from the user's `.npz` and `.npy` files, and what is refused."""

import io
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy_format

from vae_exp import data
from vae_exp.config import ArraysConfig
from vae_exp.data import npy
from vae_exp.data.npy import read_array, read_header
from vae_exp.errors import UserError


def images(number, *shape, first=0):
    """Return images whose first pixel is the number of the image."""
    array = np.zeros((number, *shape), np.uint8)
    array.reshape(number, -1)[:, 0] = np.arange(first, first + number)
    array.reshape(number, -1)[:, 1] = 255
    return array


def npz(folder, **arrays):
    path = folder / "x.npz"
    np.savez_compressed(path, **arrays)
    return path


def load(path, **options):
    return data.load(ArraysConfig(root=str(path), **{"val_fraction": 0, "test_fraction": 0, **options}))


def refusal(path, **options):
    """Return the one-line error for a file that is refused."""
    with pytest.raises(UserError) as error:
        load(path, **options)
    assert str(error.value).isprintable()
    return str(error.value)


def numbers(split):
    return split.images.flatten(1)[:, 0].tolist()


# What is read


def medmnist(folder, *shape, labels=None):
    """Write a file in the format of MedMNIST: three splits, and labels N×1."""
    parts = {"train": (0, 20), "val": (20, 6), "test": (30, 8)}
    arrays = {f"{name}_images": images(n, *shape, first=first) for name, (first, n) in parts.items()}
    given = {f"{name}_labels": np.arange(first, first + n)[:, None] % 3 for name, (first, n) in parts.items()}
    return npz(folder, **arrays, **(labels or given))


def test_the_splits_and_labels_of_a_medmnist_file_are_read(tmp_path):
    splits = load(medmnist(tmp_path, 6, 6), val_fraction=0.1, test_fraction=0.2)
    assert [sorted(numbers(split)) for _, split in splits.items()] == [
        list(range(20)),
        list(range(20, 26)),
        list(range(30, 38)),
    ]
    for _, split in splits.items():
        assert split.labels.tolist() == [number % 3 for number in numbers(split)]
    assert splits.classes == ("0", "1", "2")
    assert splits.shape == (1, 6, 6)


def dsprites(folder, number=40):
    """Write a file in the format of dSprites: pixels 0 and 1, factors, and metadata as a pickled dictionary."""
    sprites = images(number, 8, 8) % 2
    return npz(
        folder,
        metadata=np.array({"title": "sprites"}, dtype=object),
        imgs=sprites,
        latents_classes=np.zeros((number, 6), np.int64),
        latents_values=np.zeros((number, 6)),
    )


def test_the_dsprites_file_is_read_without_its_metadata_or_factors(tmp_path, caplog):
    caplog.set_level("INFO", "vae_exp")
    splits = load(dsprites(tmp_path), val_fraction=0.1, test_fraction=0.2)
    assert [len(split.images) for _, split in splits.items()] == [28, 4, 8]
    assert splits.train.images.unique().tolist() == [0, 255]
    assert not splits.grey
    assert splits.classes is None
    assert "latents_values" in caplog.text


def test_the_splits_and_labels_of_a_keras_file_are_read(tmp_path):
    path = npz(tmp_path, x_train=images(9, 5, 5), y_train=np.arange(9), x_test=images(3, 5, 5), y_test=np.arange(3))
    splits = load(path)
    assert [len(splits.train.images), splits.val, len(splits.test.images)] == [9, None, 3]
    assert splits.train.labels.tolist() == numbers(splits.train)


def test_a_split_that_the_file_lacks_is_taken_from_the_training_images(tmp_path):
    path = npz(tmp_path, train_images=images(20, 5, 5), test_images=images(5, 5, 5, first=20))
    splits = load(path, val_fraction=0.1, test_fraction=0.2)
    assert [len(split.images) for _, split in splits.items()] == [18, 2, 5]
    assert sorted(numbers(splits.train) + numbers(splits.val)) == list(range(20))


def test_the_labels_of_an_npy_file_are_read_from_labels_npy_beside_it(tmp_path):
    np.save(tmp_path / "photos.npy", images(6, 5, 5))
    assert load(tmp_path / "photos.npy").train.labels is None
    np.save(tmp_path / "labels.npy", np.array(["cat", "dog", "cat", "ant", "dog", "cat"]))
    splits = load(tmp_path / "photos.npy", val_fraction=0, test_fraction=0.5)
    assert splits.classes == ("ant", "cat", "dog")
    for split in (splits.train, splits.test):
        assert split.labels.tolist() == [[1, 2, 1, 0, 2, 1][number] for number in numbers(split)]


@pytest.mark.parametrize("kind", ["C", "F", "big endian"])
def test_floats_in_any_memory_order_are_rounded_to_256_levels(tmp_path, kind):
    array = np.linspace(0, 1, 4 * 3 * 5).reshape(4, 3, 5)
    array = array.astype(">f4") if kind == "big endian" else np.asarray(array, order=kind)
    np.save(tmp_path / "x.npy", array)
    pixels = load(tmp_path / "x.npy").train.images[:, 0].numpy()
    order = np.argsort(pixels[:, 0, 0])
    assert np.array_equal(pixels[order], np.rint(np.linspace(0, 255, 60)).reshape(4, 3, 5))


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((7, 6, 5), None, (1, 6, 5)),
        ((7, 6, 5, 1), None, (1, 6, 5)),
        ((7, 6, 5, 3), None, (3, 6, 5)),
        ((7, 3, 6, 5), None, (3, 6, 5)),
        ((7, 1, 6, 5), None, (1, 6, 5)),
        ((7, 3, 8, 3), "nhwc", (3, 3, 8)),
        ((7, 3, 8, 3), "nchw", (3, 8, 3)),
    ],
)
def test_channels_come_first_whatever_the_layout(tmp_path, shape, layout, expected):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.save(tmp_path / "x.npy", array)
    splits = load(tmp_path / "x.npy", layout=layout)
    assert splits.shape == expected
    is_last = shape[1:].index(expected[0]) == 2 if layout is None and len(shape) == 4 else layout == "nhwc"
    first = np.moveaxis(array, -1, 1) if is_last else array.reshape(7, *expected)
    found = splits.train.images.numpy()
    assert np.array_equal(np.sort(found.reshape(7, -1), 0), np.sort(first.reshape(7, -1), 0))
    assert splits.train.images.is_contiguous()


def test_booleans_and_bytes_of_0_and_1_are_black_and_white(tmp_path):
    for name, array in (("a", images(6, 4, 4) > 0), ("b", (images(6, 4, 4) > 0).astype(np.uint8))):
        np.save(tmp_path / f"{name}.npy", array)
    first, second = (load(tmp_path / f"{name}.npy") for name in "ab")
    assert first.train.images.unique().tolist() == [0, 255]
    assert first.digest == second.digest


def test_zeros_and_ones_are_grey_levels_if_another_split_has_a_brighter_pixel(tmp_path):
    path = npz(tmp_path, train_images=np.ones((4, 3, 3), np.uint8), test_images=np.full((2, 3, 3), 2, np.uint8))
    assert load(path).train.images.unique().tolist() == [1]


def test_labels_are_renumbered_without_gaps(tmp_path):
    splits = load(npz(tmp_path, images=images(6, 3, 3), labels=np.array([7, 0, 7, -2, 0, 99])))
    assert splits.classes == ("-2", "0", "7", "99")
    assert splits.train.labels.tolist() == [[2, 1, 2, 0, 1, 3][number] for number in numbers(splits.train)]


def test_label_column_chooses_one_of_several_columns_of_labels(tmp_path):
    tasks = np.stack([np.zeros(8), np.arange(8) % 2], axis=1).astype(int)
    path = npz(tmp_path, images=images(8, 3, 3), labels=tasks)
    assert "choose one with data.label_column, 0 to 1" in refusal(path)
    splits = load(path, label_column=1)
    assert splits.train.labels.tolist() == [number % 2 for number in numbers(splits.train)]
    assert refusal(path, label_column=2).startswith("data.label_column must be below 2, the columns of ")


def test_the_digest_does_not_depend_on_the_type_and_order_of_stored_pixels(tmp_path):
    levels = np.arange(8 * 24, dtype=np.uint8).reshape(8, 4, 6)
    digests = set()
    for i, array in enumerate((levels, levels / 255, np.asfortranarray(levels), levels[..., None], levels[:, None])):
        np.save(tmp_path / f"{i}.npy", array)
        digests.add(load(tmp_path / f"{i}.npy").digest)
    assert len(digests) == 1


# What is refused


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((5, 4, 4), np.int64)}, "must hold uint8 or floats in [0, 1], got int64"),
        ({"images": np.full((5, 4, 4), 1.5)}, "must hold floats in [0, 1], got 1.5"),
        ({"images": np.full((5, 4, 4), -0.1)}, "must hold floats in [0, 1], got -0.1"),
        ({"images": np.full((5, 4, 4), np.nan)}, "must hold floats in [0, 1], got nan"),
        ({"images": np.full((5, 4, 4), np.inf)}, "must hold floats in [0, 1], got inf"),
        ({"images": images(5, 16)}, "with 1 or 3 channels C, not volumes, got 5×16"),
        ({"images": images(5, 8, 8, 8)}, "with 1 or 3 channels C, not volumes, got 5×8×8×8"),
        ({"images": images(5, 8, 8, 4)}, "with 1 or 3 channels C, not volumes, got 5×8×8×4"),
        ({"images": images(5, 8, 8, 8, 1)}, "with 1 or 3 channels C, not volumes, got 5×8×8×8×1"),
        ({"images": images(5, 3, 8, 3)}, "set data.layout=nhwc or data.layout=nchw"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "must hold at least one image"),
        ({"images": np.array([{}] * 5)}, "must hold numbers or text, got Python objects, which are never unpickled"),
        ({"images": np.zeros(5, "V8")}, "must hold booleans, integers, floats or text, got |V8"),
        ({"images": images(5, 4, 4), "labels": np.arange(6)}, "must hold one label for each of 5 images, got 6"),
        ({"images": images(5, 4, 4), "labels": np.arange(5.0)}, "must hold integers or text, got float64"),
        ({"images": images(5, 4, 4), "labels": np.array([{}] * 5)}, "got Python objects, which are never unpickled"),
        (
            {"images": images(5, 4, 4), "labels": images(5, 2, 2)},
            "N or N×1, got shape (5, 2, 2)",
        ),
        ({"images": images(5, 4, 4), "imgs": images(5, 4, 4)}, "must name each split's images once, got 'images' and"),
        ({"images": images(5, 4, 4), "train_images": images(5, 4, 4)}, "must name the split of all its images or of"),
        ({"train_images": images(5, 4, 4), "labels": np.arange(5)}, "must hold images for 'labels', got"),
        (
            {"test_images": images(5, 4, 4), "val_images": images(5, 4, 4)},
            "those of splits: train_images, x_train; got",
        ),
        ({"a": images(5, 4, 4), "b": images(5, 4, 4)}, "must hold an array called images, imgs or x, or those of"),
        ({"train_images": images(5, 4, 4), "test_images": images(5, 4, 5)}, "must have images of shape (4, 4), as "),
        (
            {"train_images": images(5, 4, 4), "test_images": images(5, 4, 4), "test_labels": np.arange(5)},
            "must have labels if and only if ",
        ),
    ],
)
def test_arrays_that_are_not_a_data_set_are_refused_with_the_name_of_the_file(tmp_path, arrays, message):
    path = npz(tmp_path, **arrays)
    assert refusal(path).startswith(str(path))
    assert message in refusal(path)


def test_keys_that_do_not_apply_to_the_file_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", images(5, 4, 4))
    message = "data.layout must be null for images of three axes, got 'nhwc' for 5×4×4"
    assert refusal(tmp_path / "x.npy", layout="nhwc") == message
    assert refusal(tmp_path / "x.npy", label_column=0).startswith("data.label_column must be null")


def test_a_root_that_is_unset_missing_or_not_an_array_file_is_refused(tmp_path):
    (tmp_path / "x.csv").touch()
    for path in (tmp_path / "x.npz", tmp_path / "x.csv", tmp_path):
        assert refusal(path) == f"data.root must be a .npz or .npy file that exists, got '{path}'"
    with pytest.raises(UserError, match=r"^data\.root must be a \.npz or \.npy file, got None"):
        data.load(ArraysConfig())


# Untrusted files


def header(shape, descr="|u1"):
    file = io.BytesIO()
    npy_format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": descr})
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((4, 3, 3)) + bytes(35), "its header declares 36 bytes, it has 35"),
        (header((4, 3, 3)) + bytes(37), "its header declares 36 bytes, it has 37"),
        (header((10**15, 3, 3)), "its header declares 9000000000000000 bytes, it has 0"),
        (header((4, -3, -3)) + bytes(36), "has a negative length"),
        (header((4, 3, 3), "|O") + bytes(288), "Python objects, which are never unpickled"),
        (b"\x93NUMPY\x09\x00" + bytes(50), "its format version (9, 0) is not known"),
        (b"nonsense", "the magic string is not correct"),
        (b"", "can't be read"),
    ],
)
def test_a_false_header_is_refused(tmp_path, suffix, content, message):
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
    assert message in refusal(path)


def test_an_array_larger_than_the_free_memory_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        file.write(header((2**21, 1024, 1024)))
        file.truncate(file.tell() + 2**41)  # 2 TiB as a sparse file
    message = refusal(path)
    assert re.search(r"x\.npy .* must fit into the free memory of [\d.]+ GiB, got 6.14e\+03 GiB$", message)


def zip_with_size(size, content, claimed):
    """Return a `.npz` file with an array `content` whose directory claims another size."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(content) + deflate.flush()
    name, crc = b"images.npy", zlib.crc32(content)
    fields = struct.pack("<5H3IH", 20, 0, 8, 0, 33, crc, len(packed), claimed, len(name))
    local = b"PK\3\4" + fields + bytes(2) + name
    entry = b"PK\1\2" + struct.pack("<H", 20) + fields + bytes(16)
    start = len(local) + len(packed)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(name), start, 0)
    return local + packed + entry + name + end


def test_a_zip_file_that_unpacks_to_more_or_less_than_it_claims_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    valid = header((4, 64, 64))
    for content, size in ((valid + bytes(10**7), len(valid) + 4 * 64 * 64), (valid, len(valid) + 4 * 64 * 64)):
        path.write_bytes(zip_with_size(size, content, size))
        assert re.search("it (has more than|ends after)|Bad CRC", refusal(path))


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    size = 2**32 - 1024
    head = header((size - 128, 1, 1))
    path.write_bytes(zip_with_size(size, head + bytes(1000), len(head) + size - 128))
    assert re.search("must fit into the free memory|ends after", refusal(path))


def whole_npz():
    file = io.BytesIO()
    np.savez(file, images=images(5, 4, 3), labels=np.arange(5), other=np.array([{}], dtype=object))
    return file.getvalue()


def whole_npy():
    file = io.BytesIO()
    np.save(file, images(5, 4, 3))
    return file.getvalue()


WHOLE = {".npz": whole_npz(), ".npy": whole_npy()}
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
long = settings(quick, max_examples=20_000)


def damaged(tmp_path, draws):
    suffix = draws.draw(st.sampled_from(sorted(WHOLE)))
    content = bytearray(WHOLE[suffix])
    for _ in range(draws.draw(st.integers(0, 4))):
        content[draws.draw(st.integers(0, len(content) - 1))] = draws.draw(st.integers(0, 255))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content[: draws.draw(st.integers(0, len(content)))])
    return path


def read_or_refuse(path):
    data._load.cache_clear()
    try:
        splits = load(path)
    except UserError as error:
        message = str(error)
        assert str(path) in message
        assert message.isprintable()
    else:
        assert splits.train.images.dtype.itemsize == 1


@quick
@given(st.data())
def test_a_damaged_array_file_is_read_or_refused_by_name(tmp_path, draws):
    read_or_refuse(damaged(tmp_path, draws))


@pytest.mark.faults
@long
@given(st.data())
def test_many_damaged_array_files_are_read_or_refused_by_name(tmp_path, draws):
    read_or_refuse(damaged(tmp_path, draws))


headers = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode()),
    st.tuples(
        st.sampled_from(["|u1", "<f4", ">i8", "<U3", "|O", "|V4", "<U99999999", "(2,)<f4", "?", "nonsense"]),
        st.lists(st.integers(-2, 2**70), max_size=5),
    ).map(lambda drawn: repr({"descr": drawn[0], "fortran_order": True, "shape": tuple(drawn[1])}).encode()),
)


@quick
@given(headers, st.binary(max_size=40), st.sampled_from([b"\1\0", b"\2\0", b"\3\0"]))
def test_no_header_makes_the_reader_allocate_more_than_the_file_holds(tmp_path, text, body, version):
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY" + version + length + text + body)
    try:
        found = read_header(path, "x")
    except UserError as error:
        message = str(error)
        assert str(path) in message
        assert message.isprintable()
    else:
        assert found.nbytes == len(body)
        assert read_array(path, "x").nbytes == len(body)


def test_pickles_are_never_loaded(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("pickle.load", lambda *_, **__: calls.append(1))
    monkeypatch.setattr("pickle.loads", lambda *_, **__: calls.append(1))
    load(dsprites(tmp_path))
    assert not calls
    assert npy.KINDS == "buifUS"
