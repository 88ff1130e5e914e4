"""Addresses of tracking servers, databases and artifacts. Only this module parses them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import url2pathname

from vae_exp.errors import UserError, short

URI = "MLFLOW_TRACKING_URI"
"""The environment variable that names the configured store."""
SQLITE = "sqlite:///"
KINDS = r"https?|databricks(-uc)?|(postgresql|mysql|mssql|sqlite)(\+\w+)?"
PLACES = ("mlflow-artifacts", "file", "", "s3", "gs", "dbfs")
"""Supported schemes of artifact stores. A run with `http://…` could make this machine call any address."""
BUCKETS = ("s3", "gs")
"""Schemes whose addresses have the name of a bucket in place of a host."""
_HOST = r"[\w.\-]*(\[[0-9a-fA-F:.]*\])?(:\d+)?(/.*)?"


def configured() -> str:
    """Return the address in MLFLOW_TRACKING_URI, or an empty text; raise UserError for an unsupported one."""
    uri = os.environ.get(URI, "").strip()
    if uri and not re.match(rf"({KINDS})(://|$)", uri):
        rule = "an http or https address or a database (sqlite:///…, postgresql://…)"
        raise UserError(f"{URI} must be {rule}, got {shown(uri)!r}; unset it for mlflow.db in this folder")
    return uri if database(uri) else uri.rstrip("/")


def shown(uri: str) -> str:
    """Return an address without user, password and options, to print, log and save it.

    A password may contain any character, so everything before the last `@` is removed.
    """
    kind, mark, rest = uri.partition("://")
    place, options = re.fullmatch(r"([^?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if kind.startswith("sqlite"):
        return f"{kind}{mark}{place}"
    if "@" in place:
        return f"{kind}{mark}{place.rpartition('@')[2]}"
    if "@" in options and not re.fullmatch(_HOST, place):  # me:pass?word@host
        return f"{kind}{mark}…"
    return f"{kind}{mark}{place}"


def without_secrets(text: str) -> str:
    """Return a text without the passwords of the configured address."""
    uri = os.environ.get(URI, "").strip()
    if not uri:
        return text
    text = text.replace(uri, shown(uri))
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(uri: str) -> set[str]:
    """Return the passwords of an address, quoted and unquoted."""
    if uri.startswith("sqlite"):
        return set()
    user, _, _ = uri.partition("://")[2].rpartition("@")
    options = uri.partition("?")[2]
    values = [options[match.end() :] for match in re.finditer("=", options)]  # a password may contain & and =
    written = [user.partition(":")[2], *values, *(value.partition("&")[0] for value in values)]
    return {form for each in written if each for form in (each, unquote(each), quote(each, safe=""))}


def sqlite(file: Path) -> str:
    """Return the address of an SQLite database; raise UserError for a path that can't be part of an address."""
    if "?" in str(file):
        raise UserError(f"{file} can't be a tracking database: its path has a '?'; set {URI}, or tracking=none")
    return SQLITE + file.as_posix()


def database(uri: str) -> Path | None:
    """Return the file of an SQLite database, None for any other address."""
    file = uri.removeprefix(SQLITE).partition("?")[0] if uri.startswith(SQLITE) else ""
    return Path(file) if file else None


def options(uri: str) -> str:
    """Return the options of an SQLite address, such as `?timeout=30`."""
    mark, options = uri.partition("?")[1:]
    return mark + options


def artifact(uri: str) -> SplitResult:
    """Return the parts of a run's artifact address; raise UserError for one that must not be called.

    The run may be untrusted: the caller's credentials would be sent to a host that the address names.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise UserError(f"artifacts must be at an address, got {short(uri)} ({error})") from None
    if parts.scheme not in PLACES:
        raise UserError(f"artifacts must be in one of {', '.join(filter(None, PLACES))}, got {short(shown(uri))}")
    if parts.netloc and parts.scheme not in BUCKETS:
        raise UserError(f"artifacts must be at the tracking server, got another host: {short(shown(uri))}")
    return parts


def folder(parts: SplitResult, uri: str) -> Path:
    """Return the folder that a `file:` address or a path names."""
    return Path(url2pathname(parts.path) if parts.scheme else uri)
