"""Runs in new processes that can be killed, and the results that a run leaves in its folder."""

import json
import os
import signal

from commands import fork
from safetensors import safe_open
from safetensors.torch import load_file

from vae_exp import experiment
from vae_exp.storage import checkpoint
from vae_exp.storage.run_folder import RunFolder


def results_of(folder):
    """Return everything that a run leaves in its folder, without times."""
    folder = RunFolder(folder)
    return {
        "state": folder.state(),
        "config": folder.read_config(),
        "metrics": [without_times(record) for record in folder.records()],
        "checkpoints": {path.name: content(path) for path in sorted(folder.checkpoints.glob("*.safetensors"))},
        "best and last": [folder.weights_file(which).read_bytes() for which in ("best", "last")],
        "final": without_times(folder.read_final().flat()),
        "figures": {path.name: path.read_bytes() for path in sorted(folder.figures.rglob("*.png"))},
        "files": sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*")),
    }


def without_times(record):
    return {key: value for key, value in record.items() if key not in ("seconds", "timestamp")}


def content(path):
    """Return a digest of a checkpoint's tensors, and its state without times."""
    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["vae_exp"].partition(" ")[2])
    state["record"] = without_times(state.get("record", {}))
    return checkpoint.digest(load_file(path)), state


def start(folder, config, die_at=None):
    """Run in a new process; return the process. With `die_at` it kills itself at that flush to the disk."""
    return fork(run_or_die, config, folder, die_at)


def run_or_die(config, folder, die_at):
    flushes, flush = 0, os.fsync

    def flush_or_die(descriptor):
        nonlocal flushes
        flushes += 1
        if flushes == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        flush(descriptor)

    os.fsync = flush_or_die
    experiment.run(config, folder)
