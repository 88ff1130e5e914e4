"""`python -m benchmarks.training --small`: training steps so short that most of the time is Python's.

A small MLP on scikit-learn's digits, batches of 20, one thread. Both sides train in turn, an epoch each, in one
process. Processor time is measured, so that other programs affect the ratio little.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import machine
from benchmarks.tables import Row, show
from vae_exp import data
from vae_exp.config import Config, DigitsConfig, MlpConfig, TrainerConfig
from vae_exp.machine.memory import keep_freed_memory
from vae_exp.models import build_model
from vae_exp.randomness import make_deterministic
from vae_exp.training import Training, train_epoch

CONFIG = Config(
    model=MlpConfig(hidden=[32]), data=DigitsConfig(), trainer=TrainerConfig(batch_size=20, threads=1, device="cpu")
)
PIXELS = 64
TARGET = 1.15
"""The longest step that is allowed, as a multiple of the plain loop's."""
WARM_EPOCHS = 5
PAIRS = 100
"""Pairs of epochs that are timed."""


class BareVae(nn.Module):
    """The same networks, in plain PyTorch."""

    def __init__(self, hidden: int, latent_dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent_dim)
        )
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.Tanh(), nn.Linear(hidden, PIXELS))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and log-variances of images (B, 1, 8, 8)."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def bare_epoch(model: BareVae, optimizer: torch.optim.Optimizer, images: Tensor) -> float:
    """Train one epoch on floats (N, 1, 8, 8) in a few lines of PyTorch; return the mean loss in nats."""
    model.train()
    total = 0.0
    for indices in torch.randperm(len(images)).split(CONFIG.trainer.batch_size):
        batch = images[indices]
        logits, mean, log_variance = model(batch)
        cross_entropy = F.binary_cross_entropy_with_logits(logits, batch.flatten(1), reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        loss = (cross_entropy + kl) / len(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(images)


def main(rounds: int) -> None:
    """Print the time of a step of both sides, and their ratio over `rounds` pairs of epochs."""
    print(f"{machine.describe()}\ndigits, {CONFIG.model.name}, batches of {CONFIG.trainer.batch_size}\n")
    make_deterministic(1)
    keep_freed_memory()
    bare, ours, steps = sides()
    for _ in range(WARM_EPOCHS):
        bare(), ours()
    pairs = [(seconds(bare), seconds(ours)) for _ in range(rounds)]
    first, _, last = statistics.quantiles([b / a for a, b in pairs], n=4)
    ratio = statistics.median(b / a for a, b in pairs)
    a, b = (statistics.median(side) / steps * 1e6 for side in zip(*pairs, strict=True))
    show(
        [
            Row("(a) bare PyTorch", f"{a:.0f} µs a step"),
            Row("(b) vae_exp", f"{b:.0f} µs a step"),
            Row(
                "(b) : (a), processor time",
                f"{ratio:.2f} × (median of {rounds} pairs of epochs; quartiles {first:.2f}–{last:.2f})",
                f"≤ {TARGET} ×",
                ratio <= TARGET,
            ),
        ]
    )


def sides() -> tuple[Callable[[], object], Callable[[], object], int]:
    """Return a function for each side that trains one epoch, and the number of steps in an epoch."""
    splits = data.load(CONFIG.data)
    images, batch_size = splits.train.images, CONFIG.trainer.batch_size
    model = BareVae(CONFIG.model.hidden[0], CONFIG.model.latent_dim)  # type: ignore[attr-defined]  # an MlpConfig
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    training = Training.start(build_model(CONFIG.model, splits.shape, CONFIG.seed), CONFIG)
    floats = images / 255
    return (
        lambda: bare_epoch(model, optimizer, floats),
        lambda: train_epoch(training, images, CONFIG),
        -(-len(images) // batch_size),
    )


def seconds(epoch: Callable[[], object]) -> float:
    """Return the processor time of an epoch."""
    began = time.process_time()
    epoch()
    return time.process_time() - began
