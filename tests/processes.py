"""Runs in processes of their own that can be killed, and everything that a run leaves behind."""

import json
import os
import signal

from commands import fork
from safetensors import safe_open
from safetensors.torch import load_file

from vae_exp import experiment
from vae_exp.storage import checkpoint
from vae_exp.storage.run_folder import RunFolder


def ended(folder):
    """Return everything that a run leaves behind but for the time that it took."""
    folder = RunFolder(folder)
    return {
        "state": folder.state(),
        "config": folder.read_config(),
        "metrics": [timeless(record) for record in folder.records()],
        "checkpoints": {path.name: content(path) for path in sorted(folder.checkpoints.glob("*.safetensors"))},
        "best and last": [folder.weights_file(which).read_bytes() for which in ("best", "last")],
        "final": timeless(folder.read_final().flat()),
        "figures": {path.name: path.read_bytes() for path in sorted(folder.figures.rglob("*.png"))},
        "files": sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*")),
    }


def timeless(record):
    return {key: value for key, value in record.items() if key not in ("seconds", "timestamp")}


def content(path):
    """Return a checkpoint's tensors as a digest, and its state but for the time."""
    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["vae_exp"].partition(" ")[2])
    state["record"] = timeless(state.get("record", {}))
    return checkpoint.digest(load_file(path)), state


def start(folder, config, die_at=None):
    """Run in a process of its own; return the process. With `die_at` it kills itself at that flush to the disk."""
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
