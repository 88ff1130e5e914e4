"""What is said about tracking, and why something could not be sent."""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path

from vae_exp.errors import one_line
from vae_exp.tracking.store import Store

PROBE = 5.0
"""Seconds in which a server has to answer anything at all."""

CAUSES = (
    r"Connection refused|Connection reset|No route to host|Name or service not known|Read timed out|timed out|"
    r"Remote end closed|too many \d+ error responses|failed with error code \d+"
)
"""What requests and MLflow bury in layers of their own."""

LONGEST_REASON = 200
"""Characters: a server may answer with a page."""

log = logging.getLogger(__name__)


def say(text: str) -> None:
    """Say something on standard error, where a progress bar makes room for it, and in the run's log."""
    log.warning("%s", text)
    print(f"tracking: {text}", file=sys.stderr, flush=True)


def reason(error: Exception) -> str:
    """Return why something could not be sent, in one short line: `Connection refused`, not five layers around it."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return reason(error.reason)
    text = one_line(error)
    cause = re.search(CAUSES, text)
    return cause[0] if cause else text[:LONGEST_REASON]


def later(folder: Path) -> str:
    """Return the command that sends what is missing."""
    return f"python -m vae_exp.resume {shlex.quote(str(folder))}"


def probe(store: Store) -> None:
    """Raise OSError unless a server answers something, whatever it is, within PROBE seconds.

    It costs nothing, where importing MLflow only to find a dead server takes seconds.
    """
    if store.is_address:
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(f"{store.uri}/health", timeout=PROBE):
            pass
