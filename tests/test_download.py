"""MNIST and its like: the idx files, and how they are downloaded, from a server of the test's own."""

import gc
import gzip
import hashlib
import http.server
import re
import socket
import struct
import tempfile
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_exp import data
from vae_exp.config import KmnistConfig, MnistConfig
from vae_exp.data import download
from vae_exp.data.download import FILES, fetch
from vae_exp.data.idx import read_idx
from vae_exp.errors import UserError

HEADERS = {3: b"\0\0\x08\x03", 1: b"\0\0\x08\x01"}


def idx(array):
    return HEADERS[array.ndim] + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def made_up(number):
    """Images whose first two pixels count them, and labels that go round."""
    images = np.zeros((number, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(number) % 256, np.arange(number) // 256
    return images, (np.arange(number) % 10).astype(np.uint8)


@pytest.fixture(scope="session")
def contents():
    """The four files of a data set of MNIST's size."""
    arrays = [*made_up(60_000), *made_up(10_000)]
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


def test_a_prepared_folder_is_read_and_dealt_without_a_download(prepared):
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


@pytest.mark.parametrize("size", [60_000, 10**30])
def test_a_validation_split_that_leaves_nothing_is_refused_before_anything_is_downloaded(tmp_path, size):
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
def test_a_damaged_idx_file_is_named_with_what_is_wrong_in_it(tmp_path, content, what):
    path = tmp_path / "images"
    path.write_bytes(GOOD)
    assert read_idx(path, 4, 3, 2).tobytes() == bytes(range(24))
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its {what} must be ") as error:
        read_idx(path, 4, 3, 2)
    assert "delete it to download it again" in one_line(error)


@given(st.data())
def test_no_change_of_an_idx_file_goes_unnoticed_or_crashes(tmp_path_factory, draws):
    content = draws.draw(st.binary(max_size=40) | st.integers(0, 16).map(lambda cut: GOOD[:cut]))
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_idx(path, 4, 3, 2)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("file", FILES)
def test_a_truncated_file_in_a_prepared_folder_is_named(prepared, file):
    path = prepared / "MNIST" / "raw" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its size in bytes must be "):
        data.load(MnistConfig(root=str(prepared)))


def test_a_label_beyond_the_classes_is_named(prepared):
    path = prepared / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} is damaged: its labels must be below 10, got 10"):
        data.load(MnistConfig(root=str(prepared)))


def test_a_folder_in_place_of_a_file_is_named(prepared):
    path = prepared / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=re.escape(str(path))) as error:
        read_idx(path, 10_000)
    one_line(error)


# The download


class Server(http.server.ThreadingHTTPServer):
    """Serves `contents` compressed, as `behave` says; counts what it was asked for."""

    def __init__(self, contents, behave):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in contents.items()}
        self.behave, self.asked = behave, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.behave(self, self.server.files[self.path])

    def log_message(self, *_):
        pass


def send(handler, content, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


leaves_sockets_open = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def serve(contents, monkeypatch, tmp_path):
    """Return a function that starts a server and makes it torchvision's one mirror of MNIST and KMNIST."""
    from torchvision import datasets

    servers = []

    def start(behave):
        server = Server(contents, behave)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        sums = [(path[1:], hashlib.md5(content).hexdigest()) for path, content in server.files.items()]
        for name in ("MNIST", "KMNIST"):
            monkeypatch.setattr(getattr(datasets, name), "mirrors", [server.url])
            monkeypatch.setattr(getattr(datasets, name), "resources", sums)
        return server

    monkeypatch.setenv("no_proxy", "*")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield start
    gc.collect()  # torchvision leaves the sockets of failed requests to the collector
    for server in servers:
        server.shutdown()
        server.server_close()
    assert not list(temporary.iterdir()), "the download left something behind"


def test_a_data_set_is_downloaded_once_whole_and_in_torchvisions_layout(serve, tmp_path, contents):
    server = serve(send)
    assert len(data.load(KmnistConfig(root=str(tmp_path))).train.images) == 55_000
    raw = tmp_path / "KMNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == contents
    server.asked.clear()
    assert fetch("KMNIST", tmp_path) == raw
    assert not server.asked


def test_files_that_are_there_are_left_alone_by_a_download(serve, prepared):
    serve(send)
    raw = prepared / "MNIST" / "raw"
    kept, missing = raw / FILES[0], raw / FILES[3]
    before, content = kept.stat(), missing.read_bytes()
    missing.unlink()
    fetch("MNIST", prepared)
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


@leaves_sockets_open
@pytest.mark.parametrize("behave", [refuse, garble, break_off, hang])
def test_a_download_that_fails_leaves_nothing_behind_and_names_the_way_on(serve, tmp_path, monkeypatch, behave):
    server = serve(behave)
    server.silent = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    root = tmp_path / "new" / "root"
    with pytest.raises(UserError) as error:
        fetch("MNIST", root)
    server.silent.set()
    assert one_line(error).startswith(f"{root / 'MNIST' / 'raw'} must hold MNIST, and it can't be downloaded (")
    assert "data=mnist_5k" in one_line(error)
    assert server.asked
    assert not (tmp_path / "new").exists()
    assert socket.getdefaulttimeout() is None


@leaves_sockets_open
def test_a_mirror_that_nobody_listens_on_is_said_to_be_unreachable(serve, tmp_path):
    server = serve(send)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"data=mnist_5k") as error:
        fetch("MNIST", tmp_path / "root")
    assert "refused" in one_line(error)
    assert not (tmp_path / "root").exists()


def test_a_root_that_is_a_file_is_named_and_stays(serve, tmp_path):
    serve(send)
    (tmp_path / "root").write_text("mine")
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "root"))) as error:
        fetch("MNIST", tmp_path / "root")
    one_line(error)
    assert (tmp_path / "root").read_text() == "mine"
