"""The two ways a command ends early that are not bugs of ours."""

from __future__ import annotations

from vae_exp.printing import ERR, print_line, printable

__all__ = ["Diverged", "HungUp", "Interrupted", "UserError", "complain", "describe", "one_line", "printable", "short"]


class UserError(Exception):
    """A request that can't be met: one line with the key or file, the rule, the value and what to do next.

    Entry points print it without a traceback. Raised before anything was made or changed it means exit code 2.
    It may quote untrusted text: control characters, which a terminal would obey, are shown as escapes.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class Diverged(Exception):
    """Training produced a loss that is NaN or infinite; the run ends as failed and keeps its last checkpoint."""


class Interrupted(BaseException):
    """SIGTERM, or SIGHUP, reached the process.

    Like KeyboardInterrupt it is no `Exception`, so that nothing between a job and its entry point swallows it.
    """


class HungUp(Interrupted):
    """SIGHUP reached the process: its connection or terminal is gone."""


def short(value: object) -> str:
    """Return a value as an error shows it, and not a long one."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def one_line(text: object) -> str:
    """Return a text, or an error's message, in one line: each run of white space becomes a space."""
    return " ".join(str(text).split())


def describe(error: BaseException) -> str:
    """Return an error as one line: ours as it is, the system's with its file, another with its type."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}")
    return one_line(error if isinstance(error, UserError | Diverged) else f"{type(error).__name__}: {error}")


def complain(text: str) -> None:
    """Say what is wrong, in one line on standard error."""
    print_line(f"error: {text}", ERR)
