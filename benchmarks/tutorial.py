"""The reference experiment as a tutorial would write it in plain PyTorch: `tutorial RESULT ROOT EPOCHS SEED`.

The architecture, loss, optimizer and initialisation are those of `vae_exp`; nothing is optimized for speed.
"""

from __future__ import annotations

import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.machine import peak_memory
from benchmarks.worker import write_result

BATCH_SIZE, LATENT_DIM = 100, 2


class TutorialVae(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 2 * LATENT_DIM),
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, 64 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 64, 3, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 1, 4),
            nn.Sigmoid(),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def loss_of(model: TutorialVae, images: Tensor) -> Tensor:
    """Return the negative ELBO in nats, averaged over the batch."""
    reconstruction, mean, log_variance = model(images)
    cross_entropy = F.binary_cross_entropy(reconstruction, images, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (cross_entropy + kl) / len(images)


def train(model: TutorialVae, optimizer: torch.optim.Optimizer, loader: DataLoader) -> list[float]:
    """Train one epoch; return the seconds from its start to the end of each step."""
    model.train()
    began, ends, total = time.perf_counter(), [], 0.0
    for images, _ in loader:
        optimizer.zero_grad()
        loss = loss_of(model, images)
        loss.backward()
        optimizer.step()
        total += loss.item()
        ends.append(time.perf_counter() - began)
    return ends


@torch.no_grad()
def test(model: TutorialVae, loader: DataLoader) -> float:
    model.eval()
    return sum(loss_of(model, images).item() * len(images) for images, _ in loader) / len(loader.dataset)


def main(result: str, root: str, epochs: str, seed: str) -> None:
    from torchvision import datasets, transforms

    torch.manual_seed(int(seed))
    to_tensor = transforms.ToTensor()
    training = DataLoader(datasets.MNIST(root, train=True, transform=to_tensor), BATCH_SIZE, shuffle=True)
    testing = DataLoader(datasets.MNIST(root, train=False, transform=to_tensor), BATCH_SIZE)
    model = TutorialVae()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    steps, whole, loss = [], [], 0.0
    for _ in range(int(epochs)):
        began = time.perf_counter()
        steps.append(train(model, optimizer, training))
        loss = test(model, testing)
        whole.append(time.perf_counter() - began)
    write_result(result, {"steps": steps, "whole": whole, "test_loss": loss, "peak_memory": peak_memory()})


if __name__ == "__main__":
    main(*sys.argv[1:])
