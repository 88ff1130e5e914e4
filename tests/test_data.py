"""Splits, the two embedded data sets, binarisation and the cache."""

import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from vae_exp import data
from vae_exp.config import DigitsConfig, Mnist5kConfig
from vae_exp.data import mnist_5k
from vae_exp.data.binarize import draw
from vae_exp.data.digits import read_table
from vae_exp.data.folders import root_folder
from vae_exp.data.splits import stratified_split
from vae_exp.errors import UserError
from vae_exp.randomness import generator
from vae_exp.storage.cache import cache_folder

DIGEST = {
    "digits": "941d02c898fd8cbbf5e43c0a3a211912620d994bef58a39d826a94543582c260",
    "mnist_5k": "ab60aca7af95cdaf9ccd6825e1dfb0c0adea85ff5a4e130a98fd4208d5c1cf96",
}


def numbered(labels):
    """Return images of four pixels that encode the number of the image."""
    return np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 1, 2, 2)


def numbers(split):
    return split.images.numpy().reshape(-1, 4).view(np.uint32).ravel().tolist()


@given(st.lists(st.integers(0, 5), min_size=3, max_size=300), st.data())
def test_splits_are_disjoint_complete_and_of_the_given_sizes(labels, draws):
    first = draws.draw(st.integers(0, len(labels)))
    second = draws.draw(st.integers(0, len(labels) - first))
    splits = stratified_split(numbered(labels), np.array(labels), first, second)
    assert [len(split.images) for split in splits] == [first, second, len(labels) - first - second]
    assert sorted(itertools.chain.from_iterable(map(numbers, splits))) == list(range(len(labels)))
    for split in splits:
        assert split.labels.tolist() == [labels[i] for i in numbers(split)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=300), st.data())
def test_splits_keep_the_proportions_of_the_classes(labels, draws):
    size = draws.draw(st.integers(0, len(labels)))
    counts, classes = np.bincount(labels), len(set(labels))
    head = np.bincount(
        stratified_split(numbered(labels), np.array(labels), size)[0].labels.numpy(), minlength=len(counts)
    )
    # Of a class of n images, n·t ± 1/2 are in the first split; over all classes these add up to `size`.
    allowed = 0.5 + counts * classes / (2 * len(labels))
    assert (np.abs(head - counts * size / len(labels)) <= allowed + 1e-9).all()


def test_splits_without_labels_are_shuffled():
    first, second = stratified_split(numbered(range(100)), None, 30)
    assert first.labels is None
    assert numbers(first) != sorted(numbers(first))
    assert sorted(numbers(first) + numbers(second)) == list(range(100))


@pytest.mark.parametrize(
    ("config", "sizes", "side"),
    [(DigitsConfig(), [1257, 180, 360], 8), (Mnist5kConfig(), [3500, 500, 1000], 28)],
    ids=["digits", "mnist_5k"],
)
def test_embedded_digits_have_the_documented_sizes_and_pixels(config, sizes, side):
    splits = data.load(config)
    assert [len(split.images) for _, split in splits.items()] == sizes
    assert splits.shape == (1, side, side)
    assert splits.grey
    assert splits.classes == tuple("0123456789")
    for _, split in splits.items():
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert split.images.max() == 255
    assert splits.digest == DIGEST[config.name], "the splits have changed: results no longer compare with older ones"


def test_mnist_5k_has_the_same_number_of_each_digit_in_every_split():
    splits = data.load(Mnist5kConfig())
    assert [split.labels.bincount().tolist() for _, split in splits.items()] == [[350] * 10, [50] * 10, [100] * 10]


def test_digits_equal_those_that_scikit_learn_loads():
    table, theirs = read_table(), load_digits()
    assert np.array_equal(table[:, :-1], theirs.data)
    assert np.array_equal(table[:, -1], theirs.target)


def test_digits_keep_their_seventeen_levels():
    levels = torch.unique(data.load(DigitsConfig()).train.images)
    assert levels.tolist() == [round(level * 255 / 16) for level in range(17)]


def test_the_digest_covers_every_pixel_label_and_split():
    train, test = stratified_split(numbered(range(10)), np.arange(10), 5)
    digests = {
        data.assemble(train, None, test, None).digest,
        data.assemble(train, test, None, None).digest,
        data.assemble(test, None, train, None).digest,
        data.assemble(data.Split(train.images, None), None, test, None).digest,
        data.assemble(data.Split(train.images, train.labels.flip(0)), None, test, None).digest,
        data.assemble(data.Split(train.images ^ 1, train.labels), None, test, None).digest,
    }
    assert len(digests) == 6


def test_loading_again_returns_the_same_object_unless_the_folder_differs(tmp_path):
    assert data.load(DigitsConfig()) is data.load(DigitsConfig())
    assert data.load(DigitsConfig()) is not data.load(DigitsConfig(root=str(tmp_path)))


def test_moving_to_a_device_moves_every_split():
    splits = data.load(DigitsConfig()).to(torch.device("meta"))
    assert {split.images.device.type for _, split in splits.items()} == {"meta"}
    assert splits.named("test").labels.device.type == "meta"


# Binarisation


def test_a_drawn_pixel_is_white_with_the_probability_of_its_brightness():
    n, images = 20_000, torch.tensor([0, 1, 64, 128, 254, 255], dtype=torch.uint8).repeat(20_000, 1)
    drawn, p = draw(images, generator(0, "test")), images[0] / 255
    assert set(drawn.unique().tolist()) == {0, 1}
    assert (drawn.mean(0)[[0, 5]] == torch.tensor([0.0, 1.0])).all()
    assert ((drawn.mean(0) - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_draws_differ_each_time_and_repeat_with_their_generator():
    images = torch.full((10, 1, 8, 8), 128, dtype=torch.uint8)
    source = generator(0, "test")
    first, second = draw(images, source), draw(images, source)
    assert not torch.equal(first, second)
    assert torch.equal(first, draw(images, generator(0, "test")))


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_binarised_images_are_black_and_white_and_the_same_in_every_process(binarize):
    config = DigitsConfig(binarize=binarize)
    first = data.load(config)
    data._load.cache_clear()
    second = data.load(config)
    assert first is not second
    assert first.digest == second.digest
    assert not first.grey
    for split in (first.val, first.test):
        assert split.images.unique().tolist() == [0, 255]


def test_static_training_images_are_drawn_once_and_dynamic_ones_stay_grey():
    grey = data.load(DigitsConfig())
    static, dynamic = (data.load(DigitsConfig(binarize=name)) for name in ("static", "dynamic"))
    assert static.train.images.unique().tolist() == [0, 255]
    assert torch.equal(dynamic.train.images, grey.train.images)
    assert torch.equal(dynamic.test.images, static.test.images)
    assert len({grey.digest, static.digest, dynamic.digest}) == 3


def test_a_threshold_makes_pixels_above_it_white():
    grey = data.load(DigitsConfig())
    cut = data.load(DigitsConfig(binarize="static", threshold=0.5))
    for name, split in cut.items():
        assert torch.equal(split.images == 255, grey.named(name).images >= 128)
        assert split.images.unique().tolist() == [0, 255]


# The cache


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


@pytest.mark.process
def test_processes_that_start_at_once_without_a_cache_all_get_the_digits(fresh_cache):
    script = "import hashlib; from vae_exp.data.mnist_5k import *; print(hashlib.sha256(read_digits()).hexdigest())"
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert digests == {hashlib.sha256(mnist_5k.read_digits()).hexdigest()}
    assert len(list(fresh_cache.iterdir())) == 1


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:]]
)
def test_a_damaged_cache_is_detected_and_logged(fresh_cache, caplog, damage):
    digits = np.zeros((5000, 785), np.uint8)
    path = fresh_cache / "digits.bin"
    mnist_5k._write_cache(path, digits)
    assert np.array_equal(mnist_5k._read_cache(path), digits)
    path.write_bytes(damage(path.read_bytes()))
    assert mnist_5k._read_cache(path) is None
    assert f"{path} is damaged and is built again" in caplog.text


@pytest.mark.slow
def test_a_damaged_cache_is_replaced_by_a_whole_one(fresh_cache, caplog):
    cache = fresh_cache / mnist_5k.CACHE
    fresh_cache.mkdir()
    cache.write_bytes(b"torn")
    digits = mnist_5k.read_digits()
    assert "damaged" in caplog.text
    assert list(fresh_cache.iterdir()) == [cache]
    assert np.array_equal(mnist_5k._read_cache(cache), digits)


@pytest.mark.slow
def test_without_a_writable_cache_the_digits_are_parsed_and_a_warning_is_logged(tmp_path, monkeypatch, caplog):
    digits = mnist_5k.read_digits()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert np.array_equal(mnist_5k.read_digits(), digits)
    assert "can't be cached" in caplog.text


# The folder


def test_the_data_folder_is_the_key_then_the_environment_variable_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_EXP_DATA", str(tmp_path / "environment"))
    assert root_folder(str(tmp_path / "key")) == tmp_path / "key"
    assert root_folder(None) == tmp_path / "environment"
    monkeypatch.delenv("VAE_EXP_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert root_folder(None) == tmp_path / "cache" / "vae_exp" / "data"


@pytest.mark.parametrize("root", ["", "\0", "a\nb", "~no such user/data"])
def test_a_root_that_is_not_a_path_is_refused_by_its_key(root):
    with pytest.raises(UserError, match=r"\Adata\.root must be a folder, got .*\Z"):
        root_folder(root)
