"""The two ways a command ends early that are not bugs of ours."""

from __future__ import annotations

import sys


class UserError(Exception):
    """A request that can't be met: one line with the key or file, the rule, the value and the way on.

    Entry points print it without a traceback. Raised before anything was made or changed it means exit code 2.
    """


class Diverged(Exception):
    """Training produced a loss that is NaN or infinite; the run ends as failed and keeps its last checkpoint."""


class Interrupted(BaseException):
    """SIGTERM reached the process.

    Like KeyboardInterrupt it is no `Exception`, so that nothing between a job and its entry point swallows it.
    """


def complain(text: str) -> None:
    """Say what is wrong, in one line on standard error."""
    print(f"error: {text}", file=sys.stderr)
