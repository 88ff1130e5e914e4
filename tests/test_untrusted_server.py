"""Tracking servers with false or endless answers, and the addresses that servers and users give."""

import contextlib
import gzip
import itertools
import socket
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrusted import RUN, untrusted_server

from vae_exp.errors import UserError
from vae_exp.tracking import address, download, messages
from vae_exp.tracking.download import fetch_run
from vae_exp.tracking.messages import probe, reason
from vae_exp.tracking.store import Store, configured_store
from vae_exp.tracking.waiting import call_with_timeout


@pytest.fixture
def server(monkeypatch):
    for name, value in {"MAX_RETRIES": "0", "TIMEOUT": "5"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    with untrusted_server() as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.uri)
        running.add("config.yaml", b"seed: 0\n")
        yield running


# Downloads


def test_a_run_is_downloaded_from_a_well_behaved_server(server, tmp_path):
    server.add("checkpoints/best.safetensors", b"weights")
    fetched = fetch_run(RUN, tmp_path / "run")
    assert (fetched / "config.yaml").read_bytes() == b"seed: 0\n"
    assert (fetched / "checkpoints" / "best.safetensors").read_bytes() == b"weights"


def test_a_download_longer_than_announced_is_stopped(server, tmp_path):
    server.add("metrics.jsonl", lambda: itertools.repeat(b"x" * 2**20), size=10)
    with pytest.raises(UserError, match=r"metrics\.jsonl must have at most 67108864 bytes, got more"):
        fetch_run(RUN, tmp_path / "run")
    assert (tmp_path / "run" / "metrics.jsonl").stat().st_size <= 64 * 2**20


def test_a_compressed_download_is_refused_unread(server, tmp_path):
    server.add("metrics.jsonl", gzip.compress(b"0" * 2**26), size=10, Content_Encoding="gzip")
    with pytest.raises(UserError, match=r"metrics\.jsonl must be sent uncompressed, got 'gzip'"):
        fetch_run(RUN, tmp_path / "run")


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b"null", b'{"run": 7}', b"<html>\x1b[31m", b'{"a":' * 900])
def test_an_invalid_answer_is_reported_in_one_line(server, tmp_path, answer):
    server.answer = answer
    with pytest.raises(UserError, match=f"^MLflow run {RUN}") as error:
        fetch_run(RUN, tmp_path / "run")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mlflow-artifacts://{other}/1/artifacts", "got another host"),
        ("mlflow-artifacts://user:secret@{other}/1", "got another host"),
        ("file://{other}/etc", "got another host"),
        ("http://{other}/x", "artifacts must be in one of"),
        ("wasbs://container@{other}/x", "artifacts must be in one of"),
        ("mlflow-artifacts://[x/x", "must be at an address"),
        ("\x1b]0;owned\x07://x", "must have config.yaml among its artifacts"),
    ],
)
def test_an_artifact_address_with_another_host_is_refused_and_never_called(server, tmp_path, uri, message):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        server.artifact_uri = uri.format(other=f"127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(UserError, match=message) as error:
            fetch_run(RUN, tmp_path / "run")
        assert "secret" not in str(error.value)
        assert str(error.value).isprintable()
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_bucket_without_its_package_is_reported_in_one_line(server, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    server.artifact_uri = "s3://bucket/1"
    with pytest.raises(UserError, match="No module named 'boto"):
        fetch_run(RUN, tmp_path / "run")


# Slow servers


def test_waiting_for_a_server_that_answers_byte_by_byte_ends(server, monkeypatch):
    monkeypatch.setattr(messages, "PROBE", 0.5)
    server.pause = 0.2
    with pytest.raises(OSError, match=r"no answer within 0\.5 s"):
        probe(Store(server.uri))


def test_a_slow_call_is_waited_for_while_it_answers():
    def answers(answered):
        for _ in range(8):
            time.sleep(0.1)
            answered()
        return "done"

    assert call_with_timeout(answers, 0.5) == "done"
    with pytest.raises(TimeoutError, match="no answer within"):
        call_with_timeout(lambda answered: time.sleep(2), 0.2)
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(lambda answered: 1 / 0)


@pytest.mark.faults
@pytest.mark.parametrize("pause", [0.01, 0.1, 1.0, 2.0])
@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl", "checkpoints/best.safetensors"])
def test_waiting_for_many_slow_files_ends(server, tmp_path, monkeypatch, pause, name):
    def trickle():
        while True:
            time.sleep(pause)
            yield b"x"

    monkeypatch.setattr(download, "call_with_timeout", lambda call: call_with_timeout(call, 5.0))
    server.add(name, trickle, size=10)
    began = time.monotonic()
    with pytest.raises(UserError, match="no answer within 5 s"):
        fetch_run(RUN, tmp_path / "run")
    assert time.monotonic() - began < 60


# Addresses


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://host:5000", "http://host:5000"),
        ("https://me:secret@host:1/x", "https://host:1/x"),
        ("https://me:se/cr@et@host", "https://host"),
        ("postgresql://me:secret@host/db", "postgresql://host/db"),
        ("postgresql+psycopg://me:se?cr#et@host/db", "postgresql+psycopg://…"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db"),
        ("postgresql://host/db?password=s@ecret", "postgresql://host/db"),
        ("mssql+pyodbc://?odbc_connect=PWD%3Dsecret", "mssql+pyodbc://"),
        ("sqlite:////home/me@work/m.db?timeout=30", "sqlite:////home/me@work/m.db"),
    ],
)
def test_an_address_is_shown_without_its_password_wherever_that_is(uri, shown):
    assert address.shown(uri) == shown


def check_password(monkeypatch, kind, password):
    for uri in (f"{kind}://me:{password}@host:7/db", f"{kind}://host:7/db?user=me&password={password}"):
        assert password not in address.shown(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert password not in reason(OSError(f"API request to {uri}/api failed: {uri}"))
        assert password not in reason(OSError(f"authentication failed for {password!s}"))


passwords = st.text(string.ascii_letters + string.digits + "@:/?#%&=[]!$'()*+,;~", min_size=8, max_size=20)


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(["http", "https", "postgresql"]), password=passwords)
def test_a_password_with_any_characters_is_hidden(kind, password):
    with pytest.MonkeyPatch.context() as patch:
        check_password(patch, kind, password)


@pytest.mark.faults
@settings(max_examples=20_000, deadline=None)
@given(kind=st.sampled_from(["http", "https", "postgresql"]), password=passwords)
def test_many_passwords_with_any_characters_are_hidden(kind, password):
    with pytest.MonkeyPatch.context() as patch:
        check_password(patch, kind, password)


@pytest.mark.faults
@settings(max_examples=20_000, deadline=None)
@given(uri=st.text(max_size=40) | st.from_regex(r"(mlflow-artifacts|file|s3|gs|dbfs|http)://?/?[^/]{0,20}/.{0,20}"))
def test_no_artifact_address_reaches_another_host_or_ends_in_a_traceback(uri):
    with contextlib.suppress(UserError):
        parts = address.artifact(uri)
        assert not parts.netloc or parts.scheme in address.BUCKETS


def test_the_user_in_an_address_is_sent_to_the_server(server):
    probe(Store(f"http://me:p%40ss@127.0.0.1:{server.port}"))
    ((path, headers),) = server.requests
    assert path == "/health"
    assert headers["Authorization"].startswith("Basic ")


def test_database_options_are_kept_and_an_invalid_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///m.db?timeout=30")
    store = configured_store()
    assert store.uri == f"sqlite:///{tmp_path}/m.db?timeout=30"
    assert (store.database, store.shown) == (tmp_path / "m.db", f"sqlite:///{tmp_path}/m.db")
    (tmp_path / "what?").mkdir()
    monkeypatch.chdir(tmp_path / "what?")
    with pytest.raises(UserError, match=r"its path has a '\?'"):
        configured_store()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(UserError, match=r"its path has a '\?'"):
        configured_store()
