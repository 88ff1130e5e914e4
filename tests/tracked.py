"""Run folders written in milliseconds as training writes them, and what a tracking store has of them."""

import struct
import time
import zlib
from pathlib import Path

import torch

from vae_exp.config import Config, DigitsConfig, MlflowConfig
from vae_exp.config.identity import as_dict
from vae_exp.machine.environment import Git, Session
from vae_exp.storage import metrics
from vae_exp.storage.records import Data, Final
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import connect

TRACKING = MlflowConfig()
SECTIONS = {"loss": "loss", "reconstruction": "loss_reconstruction", "kl": "loss_kl"}
SHOWN = {f"{split}/{part}": f"{SECTIONS[part]}/{split}" for split in ("train", "val", "test") for part in SECTIONS}
"""Each metric of an epoch, with its name in MLflow."""
KEYS = list(SHOWN)


class Run:
    """A run that writes the files of training in their order and calls its tracker."""

    def __init__(self, path, label="latent_dim=2", sweep="a_sweep", tracking=TRACKING, config=None):
        self.folder = RunFolder(Path(path))
        self.tracker = connect(tracking, label, sweep)
        self.config = config or Config(data=DigitsConfig())

    def start(self):
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.folder.write_config(as_dict(self.config))
        session = Session(command=["python", "-m", "vae_exp.train"], git=Git("c0ffee"))
        self.folder.write_environment(session, Data("d", [1, 8, 8]), None)
        self.folder.write_status("running")
        self.folder.write_figure("steps/epoch_0000", png(0))
        self.tracker.start(self.folder)
        return self

    def train(self, epochs, pause=0.0):
        """Write `epochs` more epochs with different losses; return the seconds of each, in ascending order."""
        seconds = []
        first = metrics.last_epoch(self.folder.metrics_file) + 1
        for epoch in range(first, first + epochs):
            began = time.perf_counter()
            self.folder.write_checkpoint(epoch, {"w": torch.tensor([epoch])}, {"epoch": epoch}, 10)
            values = {key: 100.0 / epoch + number for number, key in enumerate(KEYS)}
            record = {"epoch": epoch, "timestamp": int(time.time() * 1000), "seconds": 0.1, **values}
            metrics.append(self.folder.metrics_file, record)
            if epoch % 2 == 0:
                self.folder.write_figure(f"steps/epoch_{epoch:04d}", png(epoch))
            self.tracker.update()
            seconds.append(time.perf_counter() - began)
            time.sleep(pause)
        return sorted(seconds)

    def finish(self, state="finished", error=None):
        """End with this state; return the seconds that the tracker took."""
        if state == "finished":
            epochs = len(self.folder.records())
            for name in ("best", "last"):
                self.folder.write_weights(name, {"w": torch.tensor([epochs])}, epochs)
            self.folder.write_final(Final(epochs, epochs, False, 0.1, {"test/loss": 99.5, "active_units": 2}))
            self.folder.write_figure("samples", png(1))
        self.folder.write_status(state, error)
        began = time.perf_counter()
        self.tracker.finish()
        return time.perf_counter() - began


def whole_run(path, **options):
    """Write and track a run of three epochs; return its folder."""
    run = Run(path, **options).start()
    run.train(3)
    run.finish()
    return run.folder


def png(grey):
    """Return a PNG of 8×8 pixels of one grey level."""
    rows = zlib.compress((b"\0" + bytes([grey]) * 8) * 8)
    chunks = ((b"IHDR", struct.pack(">2I5B", 8, 8, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    checked = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(checked)


def runs(client, experiment="vae_exp"):
    """Return the runs of an experiment by their names, which must be unique."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    named = {run.info.run_name: run for run in found}
    assert len(named) == len(found)
    return named


def assert_complete(client, run, folder):
    """Require every point of the folder to be in the store exactly once, with its step, value and time."""
    written = folder.records()
    for key, shown in (SHOWN | {"seconds": "seconds"}).items():
        points = sorted((p.step, p.value, p.timestamp) for p in client.get_metric_history(run.info.run_id, shown))
        assert points == [(record["epoch"], record[key], record["timestamp"]) for record in written], key
    if folder.state() == "finished":
        (final,) = client.get_metric_history(run.info.run_id, "measures/test_loss")
        assert (final.step, final.value) == (0, 99.5)
    images = [info.path for info in client.list_artifacts(run.info.run_id, "images")]
    steps = sorted(int(path.split("+")[2]) for path in images)
    expected = [epoch for epoch in range(0, len(written) + 1, 2) for _ in ("full", "compressed")]
    assert steps == expected
