"""The layout of a run folder: file names, state, results and checkpoints. No other module knows it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import msgspec

from vae_exp.machine import process
from vae_exp.machine.environment import Session
from vae_exp.storage import checkpoint, files, lock, metrics, plain_yaml, records, room
from vae_exp.storage.checkpoint import Damaged, Tensors
from vae_exp.storage.files import read_json, read_record
from vae_exp.storage.metrics import Record
from vae_exp.storage.records import Codes, Data, Environment, Final, State, Status

STATES: tuple[State, ...] = get_args(State)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """One run on the disk. Reading needs no lock; writing needs `locked()`."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved configuration, plain YAML."""
        return self.path / "config.yaml"

    @property
    def environment_file(self) -> Path:
        """Versions, machine, commit, command and the digest of the data."""
        return self.path / "environment.json"

    @property
    def status_file(self) -> Path:
        """State, process and error."""
        return self.path / "status.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def final_file(self) -> Path:
        """The measures on the best weights."""
        return self.path / "final.json"

    @property
    def log_file(self) -> Path:
        """The log, with the traceback of a failure."""
        return self.path / "run.log"

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.path / "figures"

    @property
    def checkpoints(self) -> Path:
        """The folder of full states (`epoch_0010.safetensors`) and of weights (`best`, `last`)."""
        return self.path / "checkpoints"

    @property
    def codes_file(self) -> Path:
        """Posteriors of the first measured images, by the best weights."""
        return self.path / "codes.safetensors"

    def weights_file(self, which: str) -> Path:
        """The weights of the `best` or the `last` epoch."""
        return self.checkpoints / f"{which}.safetensors"

    # --- access and state ----------------------------------------------------------------------------------------

    def refuse_links(self) -> None:
        """Raise UserError when a file or folder of the run is a symbolic link. The run folder itself may be one."""
        files.refuse_links(self.path, ".hydra", "figures/steps", *(path.name for path in self._written()))

    def remove_leftovers(self) -> None:
        """Remove temporary files of a killed process. The caller must hold `locked()`."""
        names = (self.path.glob(f".{file.name}.*.tmp") for file in self._written())
        for file in [*chain(*names), *self.checkpoints.glob(".*.tmp"), *self.figures.rglob(".*.tmp")]:
            file.unlink(missing_ok=True)

    def _written(self) -> tuple[Path, ...]:
        single = (self.config_file, self.environment_file, self.status_file, self.metrics_file, self.final_file)
        return (*single, self.log_file, self.codes_file, self.figures, self.checkpoints)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder; raise UserError when another process holds it. The lock ends with its process."""
        room.require_room(self.path)
        self.refuse_links()
        with lock.held(self.path):
            yield

    def read_config(self) -> dict[str, Any] | None:
        """Return the saved configuration as plain data, or None; raise UserError when it is damaged."""
        self.refuse_links()
        if not self.config_file.exists():
            return None
        return plain_yaml.read_yaml(self.config_file)

    def write_config(self, config: dict[str, Any]) -> None:
        """Save the resolved configuration."""
        files.write_text(self.config_file, plain_yaml.text(config))

    def read_status(self) -> Status | None:
        """Return the saved status, or None."""
        return read_record(self.status_file, Status) if self.status_file.exists() else None

    def write_status(
        self, state: State, error: str | None = None, *, until: int | None = None, diverged: bool = False
    ) -> None:
        """Write the state with the calling process; see `Status` for `until` and `diverged`."""
        me = msgspec.structs.asdict(process.this_process())
        files.write_json(self.status_file, Status(state, error, time.time(), until, diverged, **me))

    def state(self) -> State:
        """Return the current state. A run whose process has ended is `interrupted` even if the file says `running`."""
        status = self.read_status()
        if status is None:
            return "planned"
        return "interrupted" if status.state == "running" and not self._is_alive(status) else status.state

    def _is_alive(self, status: Status) -> bool:
        """Return whether the process of this status is alive.

        On another host only the lock can tell. On this host the process table tells; should the clock have been set
        meanwhile, the lock does, if its note names this process. Another command may hold the lock to send the run.
        """
        if not process.is_here(status):
            return lock.is_held(self.path)
        holder = lock.holder(self.path) if os.access(self.path / lock.LOCK, os.W_OK) else None
        return process.is_alive(status) or (holder is not None and holder.pid == status.pid)

    # --- records and results -------------------------------------------------------------------------------------

    def records(self) -> list[Record]:
        """Return the epochs' records in order, without an incomplete last line."""
        return metrics.read(self.metrics_file)

    def write_environment(self, session: Session, data: Data, origin: str | None) -> None:
        """Add a session of this run: machine, versions and data."""
        known = self.read_environment() or Environment(data, origin, [])
        files.write_json(self.environment_file, Environment(data, known.origin, [*known.sessions, session]))

    def read_environment(self) -> Environment | None:
        """Return the data's digest and shape, the origin and all sessions; None before the first."""
        return read_record(self.environment_file, Environment) if self.environment_file.exists() else None

    def write_final(self, final: Final) -> None:
        """Write the result of the run."""
        files.write_json(self.final_file, final.flat())

    def remove_final(self) -> None:
        """Remove the result, because the run continues."""
        self.final_file.unlink(missing_ok=True)

    def read_final(self) -> Final | None:
        """Return the result, or None before the run is finished."""
        file = self.final_file
        return records.parse_final(read_json(file), str(file)) if file.exists() else None

    def write_figure(self, name: str, content: bytes, suffix: str = "png") -> None:
        """Write a figure; a name such as `steps/epoch_0010` belongs to a series."""
        file = self.figures / f"{name}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write(file, content)

    # --- checkpoints ---------------------------------------------------------------------------------------------

    def write_checkpoint(self, epoch: int, tensors: Tensors, state: dict[str, Any], keep_every: int) -> None:
        """Write the full state of an epoch; keep the two newest up to it and every `keep_every`-th.

        Later states are left from training that is now repeated. Each is overwritten at its epoch.
        """
        self.checkpoints.mkdir(exist_ok=True)
        checkpoint.write(self._state_file(epoch), tensors, state)
        for old in [saved for saved in self._saved_epochs() if saved <= epoch][2:]:
            if old % keep_every:
                self._state_file(old).unlink(missing_ok=True)

    def saved_states(self, required: Tensors, optional: Tensors) -> Iterator[tuple[Tensors, dict[str, Any]]]:
        """Yield the valid full states with the tensors of this run (see `checkpoint.require_fit`), newest first.

        Log a damaged state and skip it.
        """
        for epoch in self._saved_epochs():
            path = self._state_file(epoch)
            try:
                tensors, state = checkpoint.read(path, records.Training)
                records.require_training(state, epoch, path)
                checkpoint.require_fit(path, tensors, required, optional)
            except Damaged as error:
                log.warning("%s; the one before it is used", error)
            else:
                yield tensors, state

    def write_weights(self, which: str, tensors: Tensors, epoch: int) -> None:
        """Write the weights as `best` or `last`."""
        self.checkpoints.mkdir(exist_ok=True)
        checkpoint.write(self.weights_file(which), tensors, {"epoch": epoch})

    def read_weights(self, which: str, required: Tensors | None = None) -> tuple[Tensors, int]:
        """Return the weights and their epoch; raise Damaged, naming the file.

        With `required`, the weights must have its names, shapes and types.
        """
        tensors, state = checkpoint.read(self.weights_file(which), records.Weights)
        if required is not None:
            checkpoint.require_fit(self.weights_file(which), tensors, required)
        return tensors, int(state["epoch"])

    def write_codes(self, codes: Tensors, about: Codes) -> None:
        """Write the codes of images, and what they are of."""
        checkpoint.write(self.codes_file, codes, msgspec.to_builtins(about))

    def read_codes(self) -> tuple[Tensors, str]:
        """Return the codes by name, and the split of their images; raise Damaged, naming the file.

        `mean` and `log_variance` of q(z|x) are (N, D) in float32; `labels`, where there are any, (N,) in int64.
        """
        codes, state = checkpoint.read(self.codes_file, records.Codes)
        return codes, str(state["split"])

    def _state_file(self, epoch: int) -> Path:
        return self.checkpoints / f"epoch_{epoch:04d}.safetensors"

    def _saved_epochs(self) -> list[int]:
        names = (re.fullmatch(r"epoch_(\d{4,9})\.safetensors", path.name) for path in self.checkpoints.glob("epoch_*"))
        return sorted((int(name[1]) for name in names if name), reverse=True)


def is_run_folder(path: Path) -> bool:
    """Return whether a folder holds a run."""
    return (path / "config.yaml").is_file() and (path / "status.json").is_file()
