"""Exceptions that end a command early, and how they are printed."""

from __future__ import annotations

from vae_exp.printing import ERR, print_line, printable

__all__ = ["Diverged", "HungUp", "Interrupted", "UserError", "complain", "describe", "one_line", "printable", "short"]


class UserError(Exception):
    """A request that can't be met: one line with the key or file, the rule, the value and what to do next.

    Entry points print it without a traceback. Raised before anything was made or changed it means exit code 2.
    It may quote untrusted text, so control characters are escaped.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class Diverged(Exception):
    """Training produced a loss that is NaN or infinite; the run ends as failed and keeps its last checkpoint."""


class Interrupted(BaseException):
    """SIGTERM, or SIGHUP, reached the process.

    Like KeyboardInterrupt it is not an `Exception`, so that `except Exception` doesn't catch it.
    """


class HungUp(Interrupted):
    """SIGHUP reached the process: its terminal or connection was closed."""


def short(value: object) -> str:
    """Return the `repr` of a value, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def one_line(text: object) -> str:
    """Return a text, or an error's message, in one line, with white space collapsed."""
    return " ".join(str(text).split())


def describe(error: BaseException) -> str:
    """Return an error as one line: an OSError with its file, errors of other packages with their type."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}")
    return one_line(error if isinstance(error, UserError | Diverged) else f"{type(error).__name__}: {error}")


def complain(text: str) -> None:
    """Print an error, in one line on standard error."""
    print_line(f"error: {text}", ERR)
