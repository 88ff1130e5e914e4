"""The tracker of a run: it sends in a thread, so that training never waits for a server."""

from __future__ import annotations

import logging
import threading
import time
import traceback

from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import address
from vae_exp.tracking.copies import begin
from vae_exp.tracking.messages import later, probe, reason, say
from vae_exp.tracking.sender import Sender
from vae_exp.tracking.store import Store, be_quick, import_client
from vae_exp.tracking.waiting import LONGEST_SILENCE

LONGEST_SILENCE_WHEN_STOPPED = 5.0
"""The same for a run that was stopped by a signal."""
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to reach a server that does not answer."""

log = logging.getLogger(__name__)


class MlflowTracker:
    """Sends one run in the background. At the end of the run it waits until everything is sent."""

    def __init__(self, store: Store, experiment: str, label: str, sweep: str | None) -> None:
        self.store, self.experiment, self.label, self.sweep = store, experiment, label, sweep
        self.news, self.ending, self.abandoned = threading.Event(), threading.Event(), threading.Event()
        self.answered_at: float | None = None  # None while MLflow is being imported
        self.failure: Exception | None = None
        self.thread: threading.Thread | None = None

    def start(self, folder: RunFolder) -> None:
        """Start or continue the run in this folder."""
        self.folder = folder
        receipt = begin(folder.path, self.store, self.experiment, self.label, self.sweep)
        sender = Sender(folder, self.store, receipt, self._answered)
        self.thread = threading.Thread(target=self._work, args=[sender], name="tracking", daemon=True)
        self.thread.start()

    def update(self) -> None:
        """Wake the thread."""
        self.news.set()

    def finish(self) -> None:
        """Wait until everything is sent, or the server has been silent for too long; print what is missing."""
        if self.thread is None:
            return
        self.ending.set()
        self.news.set()
        stopped = self.folder.state() == "interrupted"
        longest = LONGEST_SILENCE_WHEN_STOPPED if stopped else LONGEST_SILENCE
        began = time.monotonic()
        while self.thread.is_alive() and not self._is_silent(began, longest):
            self.thread.join(0.1)
        self.abandoned.set()
        if self.thread.is_alive() or self.failure:
            why = reason(self.failure) if self.failure else "no answer"
            say(f"{self.store.shown} does not have all of this run: {why}; send it with: {later(self.folder.path)}")

    def _is_silent(self, began: float, longest: float) -> bool:
        return self.answered_at is not None and time.monotonic() - max(began, self.answered_at) > longest

    def _answered(self) -> None:
        self.answered_at = time.monotonic()
        if self.abandoned.is_set():
            raise SystemExit  # ends this thread: the caller no longer waits

    def _work(self, sender: Sender) -> None:
        """Send new records whenever there are some. After a failure, retry at growing intervals."""
        failures = 0
        while True:
            ending = self.ending.is_set()
            self.news.clear()
            try:
                self._reach(sender)
                sender.send()
                if failures:
                    say(f"{self.store.shown} answers again; nothing is missing there")
                failures, self.failure = 0, None
                if ending:
                    return
                self.news.wait()
            except Exception as error:
                self._note(error, failures)
                sender.reopen()
                failures += 1
                if self.ending.is_set():
                    return
                self.ending.wait(min(2.0**failures, LONGEST_PAUSE))

    def _reach(self, sender: Sender) -> None:
        """Check that a server answers before importing MLflow, which takes seconds."""
        if sender.client is None:
            probe(self.store)
            be_quick()
            import_client()
            self.answered_at = time.monotonic()

    def _note(self, error: Exception, failures: int) -> None:
        self.failure = error
        text = "".join(traceback.format_exception(error)) if failures == 0 else reason(error)
        log.info("tracking: %s", address.without_secrets(text).rstrip())
        if failures == 0 and not self.ending.is_set():
            say(f"{self.store.shown} can't be used: {reason(error)}; training continues, and sending is retried")
