"""What is said about tracking, and why something could not be sent."""

from __future__ import annotations

import logging
import os
import re
import shlex
import warnings
from pathlib import Path

from vae_exp.errors import one_line, printable
from vae_exp.printing import ERR, print_line
from vae_exp.tracking import address
from vae_exp.tracking.store import Store
from vae_exp.tracking.waiting import patiently

PROBE = 5.0
"""Seconds in which a server has to answer anything at all."""

CAUSES = (
    r"Connection refused|Connection reset|No route to host|Name or service not known|Read timed out|timed out|"
    r"Remote end closed|certificate verify failed|no answer within \d+ s|another process holds [^ ]+|"
    r"too many \d+ error responses|failed with error code \d+"
)
"""What requests and MLflow bury in layers of their own."""

LONGEST_REASON = 200
"""Characters: a server may answer with a page."""

log = logging.getLogger(__name__)


def say(text: str) -> None:
    """Say something on standard error, where a progress bar makes room for it, and in the run's log."""
    log.warning("%s", text)
    print_line(f"tracking: {text}", ERR)


def reason(error: Exception) -> str:
    """Return why something could not be sent, in one short line: `Connection refused`, not five layers around it."""
    text = address.without_secrets(one_line(error)).partition(" [SQL:")[0]
    cause = re.search(CAUSES, text)
    return printable(cause[0] if cause else text[:LONGEST_REASON])


def later(folder: Path) -> str:
    """Return the command that sends what is missing."""
    return f"python -m vae_exp.resume {shlex.quote(str(folder))}"


def probe(store: Store) -> None:
    """Raise OSError unless a server answers something, whatever it is, within PROBE seconds.

    It costs little, where importing MLflow only to find a dead server takes seconds.
    """
    if store.is_address:
        patiently(lambda answered: _ask(f"{store.uri}/health"), PROBE)


def _ask(uri: str) -> None:
    """Ask as MLflow does: with requests, which takes a user from the address and reads REQUESTS_CA_BUNDLE."""
    import requests

    certificate = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    is_insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    own = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is insecure, as the user has set it
        verify = certificate or not is_insecure
        requests.get(uri, verify=verify, cert=own, timeout=PROBE, stream=True, allow_redirects=False).close()
