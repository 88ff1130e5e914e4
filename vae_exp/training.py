"""The training loop of one epoch. It returns numbers and logs nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_exp.config import Config
from vae_exp.data.binarize import draw
from vae_exp.distributions import log_rmse
from vae_exp.errors import Diverged
from vae_exp.models.vae import Vae, pixels
from vae_exp.objectives import PARTS, Objective, build_objective, first_final_epoch
from vae_exp.optimizers import (
    build_optimizer,
    learning_rate,
    load_optimizer_tensors,
    optimizer_layout,
    optimizer_tensors,
)
from vae_exp.randomness import generator

OnStep = Callable[[], None]

SCALE_IMAGES = 10_000
"""Number of training images for an optimal scale: the first ones, which are stratified."""


@dataclass
class Training:
    """Everything that an epoch changes. It has no random state: each epoch derives its own from the seed."""

    model: Vae
    optimizer: torch.optim.Optimizer
    objective: Objective
    epoch: int = 0
    """Finished epochs."""
    best_epoch: int = 0
    """The epoch with the lowest validation objective since the objective is final; 0 before the first."""
    best_objective: float = math.inf

    @classmethod
    def start(cls, model: Vae, config: Config) -> Training:
        """Return the state before the first epoch."""
        if config.trainer.compile:
            model.encoder.compile()  # in place, so that the names of the weights stay
            model.decoder.compile()
        return cls(model, build_optimizer(config.optimizer, model.parameters()), build_objective(config.objective))

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and optimizer state by name."""
        optimizer = optimizer_tensors(self.optimizer)
        return _add_prefix("model/", self.model.state_dict()) | _add_prefix("optimizer/", optimizer)

    def layout(self, config: Config) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return what `tensors` must hold, and what it may hold: a parameter without a gradient so far has no state."""
        optimizer = optimizer_layout(config.optimizer, list(self.model.parameters()))
        return _add_prefix("model/", self.model.state_dict()), _add_prefix("optimizer/", optimizer)

    def state(self) -> dict[str, Any]:
        """Return everything else as JSON-compatible data."""
        best = self.best_objective if math.isfinite(self.best_objective) else None
        return {"epoch": self.epoch, "best_epoch": self.best_epoch, "best_objective": best}

    def load(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Load what `tensors` and `state` returned."""
        best = state["best_objective"]
        self.epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self.best_objective = math.inf if best is None else best
        if best is not None and self.best_epoch < first_final_epoch(self.objective):  # version 0.1 included the warm-up
            self.best_epoch, self.best_objective = 0, math.inf
        self.model.load_state_dict(_strip_prefix("model/", tensors))
        load_optimizer_tensors(self.optimizer, _strip_prefix("optimizer/", tensors))

    def is_over(self, config: Config) -> bool:
        """Return whether the last epoch is done, or `trainer.patience` epochs have passed without a better one."""
        return self.epoch >= (config.trainer.epochs or 0) or self.stopped_early(config)

    def stopped_early(self, config: Config) -> bool:
        """Return whether patience has ended the training."""
        patience = config.trainer.patience
        return patience is not None and self.best_epoch > 0 and self.epoch - self.best_epoch >= patience

    def update_best(self, objective: float | None) -> bool:
        """Update the best epoch with a validation objective (None without validation); return whether it is this epoch.

        Ties go to the earlier epoch, and no epoch before the objective's first final one counts. Without a validation
        split the last epoch is the best.
        """
        if objective is None:
            self.best_epoch = self.epoch
            return True
        if self.epoch < first_final_epoch(self.objective) or objective >= self.best_objective:
            return False
        self.best_epoch, self.best_objective = self.epoch, objective
        return True


def _add_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def train_epoch(training: Training, images: Tensor, config: Config, on_step: OnStep = lambda: None) -> dict[str, float]:
    """Train one epoch on images (N, C, H, W), uint8 on the model's device.

    Returns the means over the epoch's images of objective, loss, reconstruction and KL, in nats, as they were when
    each image was seen. Raises Diverged when a loss is not finite.
    """
    epoch = training.epoch + 1
    set_learning_rate(training.optimizer, learning_rate(config.optimizer, epoch))
    noise = generator(config.seed, "noise", epoch, device=images.device)
    parts: list[Tensor] = []
    training.model.train()
    for step, batch in enumerate(batches(images, config, epoch), start=1):
        terms = training.objective(batch, training.model.encode(batch), training.model.decode, noise, epoch)
        objective = terms.objective.mean()
        training.optimizer.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]  # as torch has it
        training.optimizer.step()
        parts.append(terms.parts())
        # Reading a number from a GPU at each step would wait for it, so check once at the end of the epoch.
        if images.device.type == "cpu":
            require_finite([objective.item()], epoch, f"step {step}")
        on_step()
    if config.model.optimal_scale:
        fit_scale(training.model, images, config, epoch)
    means = torch.cat(parts, 1).double().mean(1).tolist()
    require_finite(means, epoch, "one of its steps")
    training.epoch = epoch
    return dict(zip(PARTS, means, strict=True))


def batches(images: Tensor, config: Config, epoch: int) -> Iterator[Tensor]:
    """Yield the epoch's shuffled batches as floats in [0, 1]: (B, C, H, W); the last may be shorter."""
    order = torch.randperm(len(images), generator=generator(config.seed, "shuffle", epoch)).to(images.device)
    binarization, dequantization = (
        generator(config.seed, stream, epoch, device=images.device) for stream in ("binarize", "dequantize")
    )
    for indices in torch.split(order, config.trainer.batch_size):
        batch = images.index_select(0, indices)
        if config.data.binarize == "dynamic":
            batch = draw(batch, binarization)
        batch = pixels(batch, dequantization if config.model.dequantize else None)
        yield batch.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def fit_scale(model: Vae, images: Tensor, config: Config, epoch: int) -> None:
    """Set the optimal scale: the root mean squared error over the first training images, at one draw of z for each.

    It is the maximum-likelihood σ (Rybkin et al. 2021, arXiv 2006.13202, section 3.2).
    """
    model.eval()
    noise, total, count = generator(config.seed, "scale", epoch, device=images.device), 0.0, 0
    for batch in batches(images[:SCALE_IMAGES], config, epoch):
        error = batch - model.decode(model.encode(batch).rsample(1, noise)).mean
        total += float(error.double().square().sum())
        count += error.numel()
    model.log_scale.copy_(log_rmse(torch.tensor(total / count)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def require_finite(values: Iterable[float], epoch: int, where: str) -> None:
    """Raise Diverged unless every value is finite."""
    if not all(map(math.isfinite, values)):
        raise Diverged(f"the loss became NaN or infinite at epoch {epoch}, {where}; try a lower optimizer.lr")
