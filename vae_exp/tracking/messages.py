"""Messages about tracking, and the reasons of failures."""

from __future__ import annotations

import logging
import os
import re
import shlex
import warnings
from pathlib import Path

from vae_exp.errors import one_line, printable
from vae_exp.printing import ERR, PRINTED, print_line
from vae_exp.tracking import address
from vae_exp.tracking.store import Store
from vae_exp.tracking.waiting import call_with_timeout

PROBE = 5.0
"""Seconds within which a server must answer."""

CAUSES = (
    r"Connection refused|Connection reset|No route to host|Name or service not known|Read timed out|timed out|"
    r"Remote end closed|certificate verify failed|no answer within \d+ s|another process holds [^ ]+|"
    r"too many \d+ error responses|failed with error code \d+"
)
"""Causes that requests and MLflow wrap in longer messages."""

LONGEST_REASON = 200
"""Characters: a server may answer with a page."""

log = logging.getLogger(__name__)


def say(text: str) -> None:
    """Print a message on standard error, above a progress bar, and log it."""
    log.warning("%s", text, extra=PRINTED)
    print_line(f"tracking: {text}", ERR)


def reason(error: Exception) -> str:
    """Return the cause of a failure in one short line, such as `Connection refused`."""
    text = address.without_secrets(one_line(error)).partition(" [SQL:")[0]
    cause = re.search(CAUSES, text)
    return printable(cause[0] if cause else text[:LONGEST_REASON])


def later(folder: Path) -> str:
    """Return the command that sends what is missing."""
    return f"python -m vae_exp.resume {shlex.quote(str(folder))}"


def probe(store: Store) -> None:
    """Raise OSError unless a server answers within PROBE seconds.

    It is cheaper than importing MLflow, which takes seconds, only to find that the server is down.
    """
    if store.is_address:
        call_with_timeout(lambda answered: _ask(f"{store.uri}/health"), PROBE)


def _ask(uri: str) -> None:
    """Call the server with requests, as MLflow does: it takes a user from the address and reads REQUESTS_CA_BUNDLE."""
    import requests

    certificate = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    is_insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    own = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user has turned verification off
        verify = certificate or not is_insecure
        requests.get(uri, verify=verify, cert=own, timeout=PROBE, stream=True, allow_redirects=False).close()
