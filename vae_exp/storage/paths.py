"""Paths that a user gives."""

from __future__ import annotations

import contextlib
from pathlib import Path

from vae_exp.errors import UserError, short

LONGEST_BELOW = 200
"""Characters of the longest path inside a folder that must fit too."""


def require_path(path: str | Path, key: str) -> Path:
    """Return a path, which need not exist; raise UserError, naming its key, when the system can't look it up.

    It may be too long, with the files that will be inside it, contain a null character, be a loop of links, or be in a
    folder that must not be read.
    """
    path = Path(path)
    try:
        # Each part by itself too: the system doesn't look at a name below a folder that doesn't exist.
        for each in (path, path / ("x" * LONGEST_BELOW), *map(Path, path.parts)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                each.lstat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{key} must be a path that can be opened, got {short(str(path))}: {reason}") from None
    return path
