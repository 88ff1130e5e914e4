"""A tracking server with TLS and a certificate of a private authority."""

import ssl
import subprocess
import warnings

import pytest
from untrusted import RUN, untrusted_server

from vae_exp.tracking.download import fetch_run
from vae_exp.tracking.messages import probe, reason
from vae_exp.tracking.store import Store

SETTINGS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def openssl(folder, *arguments):
    try:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with an authority, `ca.pem`, and a certificate that it has signed for a server on loopback."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = ("-subj", "/CN=an authority of ours", "-addext", "keyUsage=critical,keyCertSign")
    openssl(folder, "req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", *authority)
    openssl(folder, "req", *KEY[:-2], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    # Python 3.13 is strict: an authority says what its key is for, and a certificate which key has signed it.
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-out", "server.pem", *signed)
    return folder


@pytest.fixture
def server(certificates, monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"MAX_RETRIES": "0", "TIMEOUT": "5"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    with untrusted_server(tls=context) as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.uri)
        running.add("config.yaml", b"seed: 0\n")
        yield running


@pytest.mark.parametrize("setting", ["REQUESTS_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH"])
def test_a_server_with_a_given_certificate_authority_is_used(server, certificates, tmp_path, monkeypatch, setting):
    monkeypatch.setenv(setting, str(certificates / "ca.pem"))
    probe(Store(server.uri))
    assert (fetch_run(RUN, tmp_path / "run") / "config.yaml").read_bytes() == b"seed: 0\n"


def test_a_server_is_used_unverified_with_the_insecure_option(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    probe(Store(server.uri))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns that it is unverified
        assert (fetch_run(RUN, tmp_path / "run") / "config.yaml").read_bytes() == b"seed: 0\n"


def test_without_its_authority_a_server_is_refused_and_receives_nothing(server):
    with pytest.raises(OSError, match="certificate verify failed") as error:
        probe(Store(server.uri))
    assert reason(error.value) == "certificate verify failed"
    assert server.requests == []
