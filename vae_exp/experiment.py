"""Run one experiment, from its configuration to its figures, in one folder."""

from __future__ import annotations

import contextlib
import logging
import math
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vae_exp.config import Config
from vae_exp.config.identity import as_dict
from vae_exp.data import Splits
from vae_exp.devices import claim_device
from vae_exp.errors import Diverged, Interrupted, UserError, describe
from vae_exp.evaluation import caveat, evaluate, first_codes, kind_of_estimate
from vae_exp.figures.steps import draw_step
from vae_exp.loaded_run import LoadedRun
from vae_exp.machine import environment
from vae_exp.machine.memory import keep_freed_memory
from vae_exp.models import build_model
from vae_exp.objectives import PARTS
from vae_exp.observers import NoProgress, NoTracker, Progress, Tracker
from vae_exp.preparation import prepare
from vae_exp.randomness import deterministic
from vae_exp.restoring import restore
from vae_exp.storage import metrics, run_log
from vae_exp.storage.kept import remove_unkept
from vae_exp.storage.metrics import Record
from vae_exp.storage.records import Codes, Data, Final, State
from vae_exp.storage.run_folder import RunFolder
from vae_exp.training import Training, train_epoch

log = logging.getLogger(__name__)


def run(
    config: Config,
    folder: Path | str,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
    origin: str | None = None,
    until: int | None = None,
) -> LoadedRun:
    """Train, evaluate and draw one VAE in `folder`; return the run.

    Starting again in the same folder is safe: a finished run is returned, an interrupted or failed one continues from
    its last valid checkpoint to the same bits, and the folder of another run is refused. Raises UserError before
    anything is created or changed; later exceptions are recorded in the folder. `origin` names the run that this one
    was derived from. The settings of the process, torch's threads and deterministic algorithms, are restored at the
    end.

    With `until` below `trainer.epochs` the run pauses after that epoch, or earlier if it stops early. A paused run is
    not measured; it continues later to the bits of a run that never paused.
    """
    prepared = prepare(config, run_folder := RunFolder(Path(folder)), origin)
    if prepared.final:
        return LoadedRun(run_folder.path)
    config = prepared.config
    with run_folder.locked():
        if run_folder.read_status() != prepared.status:
            raise UserError(f"{run_folder.path} was changed by another process just now; start again")
        keep_freed_memory()
        with deterministic(config.trainer.threads or 1), claim_device(config.trainer.device) as device:
            experiment = Experiment(
                config,
                run_folder,
                prepared.splits.to(device),
                device,
                tracker or NoTracker(),
                progress or NoProgress(),
                until if until is not None and until < (config.trainer.epochs or 0) else None,
            )
            with experiment.recorded(origin):
                training = experiment.restored()
                experiment.train(training)
                if not experiment.until:
                    experiment.conclude(training)
    return LoadedRun(run_folder.path)


@dataclass(frozen=True)
class Experiment:
    """The constants of a run."""

    config: Config
    folder: RunFolder
    splits: Splits
    device: torch.device
    tracker: Tracker
    progress: Progress
    until: int | None = None
    """The epoch after which it pauses; None trains to the last."""

    @contextlib.contextmanager
    def recorded(self, origin: str | None) -> Iterator[None]:
        """Record the start of the run and, in any case, its end."""
        self.folder.write_config(as_dict(self.config))
        session = environment.describe(self.device, environment.command_line())
        images = {name: len(split.images) for name, split in self.splits.items() if split is not None}
        classes = None if self.splits.classes is None else len(self.splits.classes)
        data = Data(self.splits.digest, list(self.splits.shape), images, classes)
        self.folder.write_environment(session, data, origin)
        self.folder.write_status("running")
        self.folder.remove_final()
        self.folder.remove_leftovers()
        with run_log.appended(self.folder.log_file):
            log.info("running in %s on %s with %s threads", self.folder.path, self.device, torch.get_num_threads())
            if note := caveat(kind_of_estimate(self.config.model, self.splits.grey), self.splits.grey):
                log.info(note)
            try:
                self.tracker.start(self.folder)
                yield
                self.folder.write_status("paused" if self.until else "finished", until=self.until)
                if not self.until:
                    remove_unkept(self.folder, self.config.trainer.keep)
                log.info(f"paused at epoch {self.until}" if self.until else "finished")
            except (KeyboardInterrupt, Interrupted):
                self._ended_as("interrupted", "stopped by a signal")
                log.warning("stopped by a signal")
                raise
            except BaseException as error:
                log.error("failed\n%s", "".join(traceback.format_exception(error)).rstrip())
                self._ended_as("failed", describe(error), isinstance(error, Diverged))
                raise
            finally:
                self.progress.stop()
                self.tracker.finish()

    def _ended_as(self, state: State, why: str, diverged: bool = False) -> None:
        """Record the end. If the disk is full, the next reader sees that the process has ended."""
        with contextlib.suppress(OSError):
            self.folder.write_status(state, why, diverged=diverged)

    def restored(self) -> Training:
        """Return the training at its newest valid checkpoint, or at its start."""
        metrics.drop_torn_line(self.folder.metrics_file)
        model = build_model(self.config.model, self.splits.shape, self.config.seed).to(self.device)
        training = Training.start(model, self.config)
        if record := restore(training, self.folder, self.config):
            self._append(record)
        return training

    def train(self, training: Training) -> None:
        """Train until the end. After each epoch everything is on the disk before it is shown."""
        steps = -(-len(self.splits.train.images) // self.config.trainer.batch_size)
        last = self.until or self.config.trainer.epochs or 0
        self.progress.start(last, steps, training.epoch)
        if training.epoch == 0:
            self._draw_step(training)
        while training.epoch < last and not training.is_over(self.config):
            record = self._epoch(training)
            self._draw_step(training)
            state = training.state() | {"record": record}
            every = self.config.trainer.checkpoint_every
            self.folder.write_checkpoint(training.epoch, training.tensors(), state, every)
            self._append(record)
            self.progress.epoch(record)
            self.tracker.update()

    def _epoch(self, training: Training) -> Record:
        """Train and evaluate one epoch, and write its weights if they are the best so far."""
        began = time.perf_counter()
        trained = train_epoch(training, self.splits.train.images, self.config, self.progress.step)
        values = {f"train/{part}": trained[part] for part in PARTS}
        if training.epoch % self.config.evaluation.every == 0:
            values |= self._evaluate(training, "val") | self._evaluate(training, "test")
        if (self.splits.val is None or "val/objective" in values) and training.update_best(values.get("val/objective")):
            self.folder.write_weights("best", training.model.state_dict(), training.epoch)
        seconds = round(time.perf_counter() - began, 3)
        return {"epoch": training.epoch, "timestamp": int(time.time() * 1000), "seconds": seconds, **values}

    def _evaluate(self, training: Training, name: str) -> Record:
        """Return the split's means, `val/loss` …; empty if the data has no such split."""
        split = self.splits.named(name)
        if split is None:
            return {}
        size, seed = self.config.evaluation.batch_size, self.config.seed
        means = evaluate(
            training.model, training.objective, split.images, seed=seed, stream=f"evaluation/{name}", batch_size=size
        )
        if not all(map(math.isfinite, means.values())):
            raise Diverged(f"{name}/loss became NaN or infinite at epoch {training.epoch}; try a lower optimizer.lr")
        return {f"{name}/{part}": value for part, value in means.items()}

    def _draw_step(self, training: Training) -> None:
        """Draw samples before training, after one epoch and every `checkpoint_every`-th, for a tracker to show."""
        epoch, every = training.epoch, self.config.trainer.checkpoint_every
        if "samples" in self.config.figures.which and (epoch <= 1 or epoch % every == 0):
            self.folder.write_figure(f"steps/epoch_{epoch:04d}", draw_step(training.model, self.config.seed))

    def _append(self, record: Record) -> None:
        """Append an epoch's record, unless an earlier process already did.

        A replayed epoch keeps its first time stamp, so that a tracker that has seen it gets the same point again.
        """
        known = metrics.last_epoch(self.folder.metrics_file)
        if record["epoch"] > known:
            metrics.append(self.folder.metrics_file, record)
            parts = (f"{key} {value:.3f}" for key, value in record.items() if key.endswith("/loss"))
            log.info("epoch %s: %s nats, %.1f s", record["epoch"], ", ".join(parts), record["seconds"])

    def conclude(self, training: Training) -> None:
        """Measure and draw with the best weights, and write the result."""
        self.folder.write_weights("last", training.model.state_dict(), training.epoch)
        if training.best_epoch == 0:
            self.folder.write_weights("best", training.model.state_dict(), training.epoch)
        weights, best_epoch = self.folder.read_weights("best", training.model.state_dict())
        training.model.load_state_dict(weights)
        training.model.eval()
        seconds = round(sum(record["seconds"] for record in self.folder.records()), 3)
        early = training.stopped_early(self.config)
        final = Final(training.epoch, best_epoch, early, seconds, self._measure(training))
        self.folder.write_final(final)
        codes = first_codes(training.model, self.splits, self.config)
        classes = None if self.splits.classes is None else list(self.splits.classes)
        self.folder.write_codes(codes, Codes(self.splits.measured_on, best_epoch, classes))
        self._draw(training)

    def _measure(self, training: Training) -> dict[str, Any]:
        if not self.config.evaluation.final:
            return {}
        from vae_exp.measures import measure  # importing scikit-learn takes a second

        return measure(training.model, self.splits, self.config, self.progress.say)

    def _draw(self, training: Training) -> None:
        if self.config.figures.which:
            from vae_exp.figures import draw  # importing matplotlib takes a second

            epochs = self.folder.records()
            draw(training.model, self.splits, epochs, self.config, self.folder.write_figure, self.progress.say)
