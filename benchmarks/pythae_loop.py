"""pythae's trainer with the networks, data and optimizer of `small`: `python -m benchmarks.pythae_loop [EPOCHS]`.

Needs an environment with pythae: `python -m pip install pythae`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import tempfile
import time
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.small import CONFIG, BareVae, seconds, sides
from vae_exp import data
from vae_exp.machine.memory import keep_freed_memory
from vae_exp.randomness import make_deterministic


def main(epochs: int) -> None:
    """Print the processor time of a step of pythae's trainer and of ours, and their ratio."""
    if importlib.util.find_spec("pythae") is None:
        return print("pythae is not installed here: python -m pip install pythae")
    make_deterministic(1)
    keep_freed_memory()
    _, ours, steps = sides()
    ours()
    theirs, own = pythae_seconds(epochs) / epochs, seconds(lambda: [ours() for _ in range(epochs)]) / epochs
    print(f"pythae {theirs / steps * 1e6:.0f} µs a step, vae_exp {own / steps * 1e6:.0f} µs, {theirs / own:.2f} ×")


def pythae_seconds(epochs: int) -> float:
    """Return the processor time of `epochs` epochs of pythae's trainer, without its preparation."""
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = networks()
    images = data.load(CONFIG.data).train.images / 255
    model = VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=2, reconstruction_loss="bce"), encoder, decoder)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        options = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=1e-3,
            per_device_train_batch_size=CONFIG.trainer.batch_size,
            no_cuda=True,
        )
        from pythae.data.datasets import BaseDataset

        trainer = BaseTrainer(model, BaseDataset(images, torch.zeros(len(images))), None, options)
        trainer.prepare_training()
        began = time.process_time()
        for epoch in range(1, epochs + 1):
            trainer.train_step(epoch)
        return time.process_time() - began


def networks() -> tuple[Any, Any]:
    """Return the small networks as pythae expects them; its decoder returns probabilities."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    bare = BareVae(CONFIG.model.hidden[0], CONFIG.model.latent_dim)  # type: ignore[attr-defined]  # an MlpConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]  # pythae has no types
        def __init__(self) -> None:
            super().__init__()
            self.layers = bare.encoder

        def forward(self, x: Tensor) -> Any:
            mean, log_variance = self.layers(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*bare.decoder, nn.Sigmoid())

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.layers(z).view(-1, 1, 8, 8))

    return Encoder(), Decoder()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
