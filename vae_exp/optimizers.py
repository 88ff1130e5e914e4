"""Optimizers and the learning rate of an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vae_exp.config import STAGES, AdamConfig, AdamWConfig, OptimizerConfig, SgdConfig
from vae_exp.config.optimizer import epochs_of_stages
from vae_exp.registry import implementation_of, implements

Parameters = Iterable[nn.Parameter]


def build_optimizer(config: OptimizerConfig, parameters: Parameters) -> torch.optim.Optimizer:
    """Return the optimizer of a configuration."""
    optimizer: torch.optim.Optimizer = implementation_of(config)(config, parameters)
    return optimizer


@implements(AdamConfig)
def adam(config: AdamConfig, parameters: Parameters) -> torch.optim.Optimizer:
    """Adam with a fused kernel."""
    betas = (config.betas[0], config.betas[1])
    decay, amsgrad = config.weight_decay, config.amsgrad
    return torch.optim.Adam(parameters, config.lr, betas, config.eps, decay, amsgrad, fused=True)


@implements(AdamWConfig)
def adamw(config: AdamWConfig, parameters: Parameters) -> torch.optim.Optimizer:
    """AdamW with a fused kernel."""
    betas = (config.betas[0], config.betas[1])
    decay, amsgrad = config.weight_decay, config.amsgrad
    return torch.optim.AdamW(parameters, config.lr, betas, config.eps, decay, amsgrad, fused=True)


@implements(SgdConfig)
def sgd(config: SgdConfig, parameters: Parameters) -> torch.optim.Optimizer:
    """Stochastic gradient descent with a fused kernel."""
    return torch.optim.SGD(
        parameters, config.lr, config.momentum, config.dampening, config.weight_decay, config.nesterov, fused=True
    )


def learning_rate(config: OptimizerConfig, epoch: int) -> float:
    """Return the rate of an epoch (1, 2, …): stage i of 3^(i−1) epochs has lr·10^(−(i−1)/7) (Burda et al. 2015, 5)."""
    if config.stages is None:
        return config.lr
    ends = [epochs_of_stages(stage) for stage in range(1, config.stages)]  # 1, 4, 13, …
    finished = sum(epoch > end for end in ends)
    return config.lr * math.pow(10, -finished / (STAGES - 1))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state by name: `0/exp_avg` is that of the first parameter."""
    state = optimizer.state_dict()["state"]
    return {f"{i}/{key}": value for i, values in state.items() for key, value in values.items() if value is not None}


def optimizer_layout(config: OptimizerConfig, parameters: list[nn.Parameter]) -> dict[str, Tensor]:
    """Return tensors on the device `meta` with the names, shapes and types of `optimizer_tensors` after a step."""
    probe = nn.Parameter(torch.zeros(2))
    probe.grad = torch.zeros(2)
    optimizer = build_optimizer(config, [probe])
    optimizer.step()
    names = {name.split("/")[1]: tensor for name, tensor in optimizer_tensors(optimizer).items()}
    return {
        f"{i}/{key}": torch.empty_like(parameter if tensor.shape == probe.shape else tensor, device="meta")
        for i, parameter in enumerate(parameters)
        for key, tensor in names.items()
    }


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load what `optimizer_tensors` returned."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    whole = optimizer.state_dict()
    whole["state"] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/")
        whole["state"].setdefault(int(index), {})[key] = _laid_out_like(parameters[int(index)], tensor)
    optimizer.load_state_dict(whole)


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor of a parameter's shape in its memory format.

    The fused kernels ignore strides, so that weights in channels_last and averages in another format would
    be paired wrongly (torch 2.15, CPU).
    """
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype, requires_grad=False).copy_(tensor)
