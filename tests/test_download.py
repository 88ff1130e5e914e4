"""MNIST and similar data sets: the idx files, and how they are downloaded from a server that the test starts."""

import contextlib
import gzip
import hashlib
import http.server
import io
import re
import struct
import tarfile
import tempfile
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_exp import data
from vae_exp.config import Cifar10Config, EmnistConfig, KmnistConfig, MnistConfig, QmnistConfig
from vae_exp.data import cifar10, download, emnist, mnist
from vae_exp.data.idx import INTEGERS, Idx, read_idx
from vae_exp.data.mnist import FILES as IDX_FILES
from vae_exp.errors import UserError

FILES = tuple(IDX_FILES)
HEADERS = {3: b"\0\0\x08\x03", 1: b"\0\0\x08\x01"}


def idx(array):
    return HEADERS[array.ndim] + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def numbered_images(number):
    """Return images whose first two pixels encode their number, and labels 0 to 9 in turn."""
    images = np.zeros((number, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(number) % 256, np.arange(number) // 256
    return images, (np.arange(number) % 10).astype(np.uint8)


@pytest.fixture(scope="session")
def contents():
    """The four files of a data set with the size of MNIST."""
    arrays = [*numbered_images(60_000), *numbered_images(10_000)]
    return dict(zip(FILES, map(idx, arrays), strict=True))


@pytest.fixture
def prepared(tmp_path, contents):
    """A folder in torchvision's layout."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    return tmp_path


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


# The files


@pytest.mark.slow
def test_a_prepared_folder_is_read_and_split_without_a_download(prepared):
    splits = data.load(MnistConfig(root=str(prepared)))
    assert [len(split.images) for _, split in splits.items()] == [55_000, 5_000, 10_000]
    assert splits.val.labels.bincount().tolist() == [500] * 10
    numbers = [split.images[:, 0, 0, 0].long() + 256 * split.images[:, 0, 0, 1].long() for _, split in splits.items()]
    assert sorted(numbers[0].tolist() + numbers[1].tolist()) == list(range(60_000))
    for found, (_, split) in zip(numbers, splits.items(), strict=True):
        assert (split.labels == found % 10).all()
    whole = data.load(MnistConfig(root=str(prepared), val_size=0))
    assert len(whole.train.images) == 60_000
    assert whole.val is None
    assert (whole.test.images == splits.test.images).all()


@pytest.mark.parametrize("size", [60_000, 10**18])
def test_a_validation_split_of_all_images_is_refused_before_anything_is_downloaded(tmp_path, size):
    with pytest.raises(UserError) as error:
        data.load(MnistConfig(root=str(tmp_path / "none"), val_size=size))
    assert one_line(error) == f"data.val_size must be below 60000, the number of training images, got {size}"
    assert not (tmp_path / "none").exists()


GOOD = idx(np.arange(24, dtype=np.uint8).reshape(4, 3, 2))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "magic number"),
        (GOOD[:3], "magic number"),
        (b"\x1f\x8b" + GOOD[2:], "magic number"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], "magic number"),  # floats
        (HEADERS[1] + GOOD[4:], "magic number"),
        (GOOD[:7], "shape"),
        (GOOD[:4], "shape"),
        (GOOD[:15] + b"\x03" + GOOD[16:], "shape"),
        (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "shape"),  # would be 2**96 bytes
        (GOOD[:16], "size in bytes"),
        (GOOD[:-1], "size in bytes"),
        (GOOD + b"\0", "size in bytes"),
    ],
)
def test_a_damaged_idx_file_is_refused_with_its_name_and_the_reason(tmp_path, content, what):
    path = tmp_path / "images"
    path.write_bytes(GOOD)
    assert read_idx(path, Idx((4, 3, 2))).tobytes() == bytes(range(24))
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its {what} must be ") as error:
        read_idx(path, Idx((4, 3, 2)))
    assert "delete it to download it again" in one_line(error)


@given(st.data())
def test_every_changed_idx_file_is_refused_or_read(tmp_path_factory, draws):
    content = draws.draw(st.binary(max_size=40) | st.integers(0, 16).map(lambda cut: GOOD[:cut]))
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_idx(path, Idx((4, 3, 2)))
    assert str(path) in one_line(error)


@pytest.mark.parametrize("file", FILES)
def test_a_truncated_file_in_a_prepared_folder_is_refused_by_name(prepared, file):
    path = prepared / "MNIST" / "raw" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its size in bytes must be "):
        data.load(MnistConfig(root=str(prepared)))


def test_a_label_beyond_the_classes_is_refused(prepared):
    path = prepared / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its labels must be below 10, got 10"):
        data.load(MnistConfig(root=str(prepared)))


def test_a_folder_in_place_of_a_file_is_refused_by_name(prepared):
    path = prepared / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=re.escape(str(path))) as error:
        read_idx(path, Idx((10_000,)))
    one_line(error)


# The download


class Server(http.server.ThreadingHTTPServer):
    """Serves `contents`, each through `behave`; records the requested paths."""

    def __init__(self, contents, behave):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{name}": content for name, content in contents.items()}
        self.behave, self.requests = behave, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        with contextlib.suppress(ConnectionError):  # the client may close the connection
            self.server.behave(self, self.server.files[self.path])

    def log_message(self, *_):
        pass


def md5(content):
    return hashlib.md5(content).hexdigest()


def send(handler, content, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture(scope="session")
def packed(contents):
    return {f"{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in contents.items()}


@pytest.fixture
def serve(packed, monkeypatch, tmp_path):
    """Return a function that starts a server; without `files` it replaces torchvision's mirrors of MNIST."""
    from torchvision import datasets

    servers = []

    def start(behave, files=packed):
        server = Server(files, behave)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        known = [(name, md5(content)) for name, content in files.items()]
        for name in ("MNIST", "KMNIST") if files is packed else ():
            monkeypatch.setattr(getattr(datasets, name), "mirrors", [server.url])
            monkeypatch.setattr(getattr(datasets, name), "resources", known)
        return server

    monkeypatch.setenv("no_proxy", "*")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    assert not list(temporary.iterdir()), "the download left something behind"


@pytest.mark.slow
def test_a_data_set_is_downloaded_once_in_torchvisions_layout(serve, tmp_path, contents):
    server = serve(send)
    assert len(data.load(KmnistConfig(root=str(tmp_path))).train.images) == 55_000
    raw = tmp_path / "KMNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == contents
    server.requests.clear()
    data._load.cache_clear()
    assert len(data.load(KmnistConfig(root=str(tmp_path))).train.images) == 55_000
    assert not server.requests


def test_a_download_leaves_existing_files_unchanged(serve, prepared):
    serve(send)
    raw = prepared / "MNIST" / "raw"
    kept, missing = raw / FILES[0], raw / FILES[3]
    before, content = kept.stat(), missing.read_bytes()
    missing.unlink()
    data.load(MnistConfig(root=str(prepared)))
    assert missing.read_bytes() == content
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def refuse(handler, content):
    send(handler, b"no", status=503)


def garble(handler, content):
    send(handler, content[:-1] + bytes([content[-1] ^ 1]))


def break_off(handler, content):
    send(handler, content[: len(content) // 2], length=len(content))


def hang(handler, content):
    handler.server.silent.wait(30)


def drip(handler, content):
    """Send one byte at a time, each before the timeout."""
    send(handler, b"", length=len(content))
    while not handler.server.silent.wait(0.05):
        handler.wfile.write(b"\0")


def flood(handler, content):
    """Send much more than the file, without a content length."""
    handler.send_response(200)
    handler.end_headers()
    handler.server.sent = 0
    while handler.server.sent < 2**30:
        handler.server.sent += handler.wfile.write(bytes(2**16))


@pytest.mark.parametrize("behave", [refuse, garble, break_off, hang, drip, flood])
def test_a_failed_download_leaves_nothing_behind_and_names_the_next_step(serve, tmp_path, monkeypatch, behave):
    server = serve(behave)
    server.silent = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    root = tmp_path / "new" / "root"
    with pytest.raises(UserError) as error:
        data.load(MnistConfig(root=str(root)))
    server.silent.set()
    assert one_line(error).startswith(f"{root / 'MNIST' / 'raw'} must hold MNIST, and it can't be downloaded (")
    assert "data=mnist_5k" in one_line(error)
    assert server.requests
    assert not (tmp_path / "new").exists()


def test_a_mirror_that_can_not_be_reached_is_reported(serve, tmp_path):
    server = serve(send)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"data=mnist_5k") as error:
        data.load(MnistConfig(root=str(tmp_path / "root")))
    assert "refused" in one_line(error)
    assert not (tmp_path / "root").exists()


def test_a_root_that_is_a_file_is_refused_and_kept(serve, tmp_path):
    serve(send)
    (tmp_path / "root").write_text("mine")
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "root"))) as error:
        data.load(MnistConfig(root=str(tmp_path / "root")))
    one_line(error)
    assert (tmp_path / "root").read_text() == "mine"


def test_no_more_is_downloaded_than_the_largest_possible_file(serve, tmp_path):
    server = serve(flood)
    with pytest.raises(UserError, match=r"sends more than \d+ bytes"):
        data.load(MnistConfig(root=str(tmp_path / "root")))
    assert server.sent < 2**27  # 47 MB and what the sockets hold


def test_a_file_that_unpacks_to_too_much_is_refused_during_unpacking(tmp_path):
    path, packed = tmp_path / "x", tmp_path / "x.gz"
    packed.write_bytes(gzip.compress(bytes(10**8)))
    with pytest.raises(ValueError, match="must hold 1000 bytes, got more"):
        download.gunzip(packed, path, 1000)
    assert not path.exists()


# Where files are found


@pytest.mark.parametrize("place", ["MNIST/raw", ".", "raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_are_found_packed_or_unpacked_in_torchvisions_folder_or_in_the_root(
    tmp_path, contents, packed, monkeypatch, place, suffix
):
    monkeypatch.setattr(download, "fetch", None)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (tmp_path / place / f"{name}{suffix}").write_bytes(packed[f"{name}.gz"] if suffix else contents[name])
    splits = data.load(MnistConfig(root=str(tmp_path)))
    assert splits.val.labels.bincount().tolist() == [500] * 10
    assert not [path for path in tmp_path.rglob("*ubyte") if suffix]


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:-6] + b"xxxxxx", lambda b: b"\x1f\x8b" + b]
)
def test_a_damaged_gz_file_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(GOOD)))
    with pytest.raises(UserError, match=re.escape(str(path))) as error:
        read_idx(tmp_path / "images", Idx((4, 3, 2)))
    one_line(error)


@pytest.mark.slow
def test_a_gz_bomb_is_unpacked_no_further_than_its_header_says(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(GOOD + bytes(10**8)))
    with pytest.raises(UserError, match="its size in bytes must be 40, got 41"):
        read_idx(tmp_path / "images", Idx((4, 3, 2)))


# Similar data sets


def qmnist_files(monkeypatch, number=200):
    """Return QMNIST's files with `number` images, and let the reader expect this size."""
    small = {name: Idx((number, *kind.shape[1:]), kind.kind) for name, kind in mnist.QMNIST_FILES.items()}
    monkeypatch.setattr(mnist, "QMNIST_FILES", small)
    monkeypatch.setattr(mnist, "TRAIN", number)
    images, labels = numbered_images(number)
    columns = np.zeros((number, 8), ">i4")
    columns[:, 0], columns[:, 1] = labels, 70_000  # beyond a byte
    pair = [idx(images), struct.pack(">BBBBII", 0, 0, INTEGERS, 2, number, 8) + columns.tobytes()]
    return dict(zip(small, pair * 2, strict=True))


def test_qmnist_is_downloaded_and_the_first_column_of_its_labels_is_the_class(serve, tmp_path, monkeypatch):
    from torchvision import datasets

    files = {f"{name}.gz": gzip.compress(content) for name, content in qmnist_files(monkeypatch).items()}
    server = serve(send, files)
    known = [(f"{server.url}{name}", md5(content)) for name, content in files.items()]
    monkeypatch.setattr(datasets.QMNIST, "resources", {"train": known[:2], "test": known[2:]})
    splits = data.load(QmnistConfig(root=str(tmp_path), val_size=50))
    assert [len(split.images) for _, split in splits.items()] == [150, 50, 200]
    for _, split in splits.items():
        assert (split.images[:, 0, 0, 0] % 10 == split.labels).all()
    assert len(list((tmp_path / "QMNIST" / "raw").iterdir())) == 4


def test_the_addresses_and_checksums_are_those_of_torchvision():
    from torchvision import datasets

    addresses = [address for part in ("train", "test") for address, _ in datasets.QMNIST.resources[part]]
    assert {address.rsplit("/", 1)[-1] for address in addresses} == {f"{name}.gz" for name in mnist.QMNIST_FILES}
    assert datasets.EMNIST.url.endswith("/gzip.zip")
    assert set(emnist.SPLITS) == set(datasets.EMNIST.splits)
    for split, (_, _, classes) in emnist.SPLITS.items():
        assert list(classes) == [name for name in datasets.EMNIST.classes_split_dict[split] if name != "N/A"]
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        assert [file for file, _ in getattr(datasets, name).resources] == [f"{file}.gz" for file in FILES]


def emnist_archive(monkeypatch, sizes):
    """Return EMNIST's archive with these sizes: the first row of each image, a column in the file, holds its number."""
    small = {split: (*sizes, classes) for split, (_, _, classes) in emnist.SPLITS.items()}
    monkeypatch.setattr(emnist, "SPLITS", small)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("gzip/", b"")
        packed.writestr("gzip/emnist-letters-mapping.txt", b"1 65 97")
        packed.writestr("../../outside-images-idx3-ubyte.gz", b"")
        for split, (train, test, classes) in small.items():
            for part, number in (("train", train), ("test", test)):
                images = np.zeros((number, 28, 28), np.uint8)
                images[:, :, 0] = np.arange(number)[:, None]
                labels = (np.arange(number) % len(classes) + (split == "letters")).astype(np.uint8)
                for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                    name = f"gzip/emnist-{split}-{part}-{kind}-ubyte.gz"
                    packed.writestr(name, gzip.compress(idx(array)))
    return archive.getvalue()


def test_one_download_of_emnist_serves_all_variants_upright_and_with_class_names(serve, tmp_path, monkeypatch):
    from torchvision import datasets

    archive = emnist_archive(monkeypatch, (130, 70))
    server = serve(send, {"gzip.zip": archive})
    monkeypatch.setattr(datasets.EMNIST, "url", f"{server.url}gzip.zip")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(archive))
    for split, (_, _, classes) in emnist.SPLITS.items():
        splits = data.load(EmnistConfig(split=split, root=str(tmp_path), val_size=26))
        assert [len(part.images) for _, part in splits.items()] == [104, 26, 70]
        assert splits.classes == classes
        for _, part in splits.items():
            assert (part.images[:, 0, 0] == part.images[:, 0, 0, :1]).all(), "the first row is lit"
            assert (part.images[:, 0, 1:] == 0).all()
            assert (part.images[:, 0, 0, 0] % len(classes) == part.labels).all()
            assert part.images.is_contiguous()
    assert server.requests == ["/gzip.zip"]
    assert len(list((tmp_path / "EMNIST" / "raw").iterdir())) == 24


def test_cifar10_is_read_from_its_binary_archive(serve, tmp_path, monkeypatch):
    rows = np.zeros((30, 1 + 3 * 32 * 32), np.uint8)
    rows[:, 0], rows[:, 1], rows[:, 1 + 1024] = np.arange(30) % 10, np.arange(30), 200 + np.arange(30)
    monkeypatch.setattr(cifar10, "NUMBER", 30)
    monkeypatch.setattr(cifar10, "SIZE", rows.size)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for name in ("cifar-10-batches-bin/readme.html", "../outside.bin", *(f"x/{file}" for file in cifar10.FILES)):
            member = tarfile.TarInfo(name)
            member.size = rows.size
            packed.addfile(member, io.BytesIO(rows.tobytes()))
    server = serve(send, {"cifar.tar.gz": archive.getvalue()})
    source = download.Source([f"{server.url}cifar.tar.gz"], md5(archive.getvalue()), 10**6)
    monkeypatch.setattr(cifar10, "ARCHIVE", source)
    splits = data.load(Cifar10Config(root=str(tmp_path), val_size=10))
    assert [len(part.images) for _, part in splits.items()] == [140, 10, 30]
    assert splits.shape == (3, 32, 32)
    for _, part in splits.items():
        assert (part.images[:, 0, 0, 0] % 10 == part.labels).all()
        assert (part.images[:, 1, 0, 0] == 200 + part.images[:, 0, 0, 0]).all()
    folder = tmp_path / "cifar-10-batches-bin"
    assert {path.name for path in folder.iterdir()} == set(cifar10.FILES)
    (folder / "test_batch.bin").write_bytes(rows.tobytes()[:-1])
    data._load.cache_clear()
    with pytest.raises(UserError, match=r"test_batch\.bin can't be read: it must hold 92190 bytes, got 92189"):
        data.load(Cifar10Config(root=str(folder), val_size=10))
