"""The options, the schedule and the saved state of optimizers."""

import pytest
import torch
from torch import nn

from vae_exp.config import AdamConfig, AdamWConfig, SgdConfig
from vae_exp.errors import UserError
from vae_exp.optimizers import build_optimizer, learning_rate, load_optimizer_tensors, optimizer_tensors

CONFIGS = [
    AdamConfig(),
    AdamConfig(amsgrad=True, weight_decay=0.1, betas=[0.5, 0.9]),
    AdamWConfig(),
    SgdConfig(),
    SgdConfig(momentum=0.9),
    SgdConfig(momentum=0.9, nesterov=True),
]


@pytest.mark.parametrize(
    ("config", "kind", "options"),
    [
        (
            AdamConfig(lr=0.1, betas=[0.5, 0.75], eps=1e-3, weight_decay=0.2, amsgrad=True),
            torch.optim.Adam,
            {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.2, "amsgrad": True},
        ),
        (
            AdamWConfig(lr=0.1, betas=[0.5, 0.75], eps=1e-3, weight_decay=0.2, amsgrad=True),
            torch.optim.AdamW,
            {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.2, "amsgrad": True},
        ),
        (
            SgdConfig(lr=0.1, momentum=0.5, weight_decay=0.2, nesterov=True),
            torch.optim.SGD,
            {"lr": 0.1, "momentum": 0.5, "dampening": 0, "weight_decay": 0.2, "nesterov": True},
        ),
        (SgdConfig(momentum=0.5, dampening=0.25), torch.optim.SGD, {"momentum": 0.5, "dampening": 0.25}),
    ],
)
def test_every_option_reaches_the_optimizer(config, kind, options):
    optimizer = build_optimizer(config, [nn.Parameter(torch.zeros(1))])
    assert type(optimizer) is kind
    assert options.items() <= optimizer.param_groups[0].items()


def stepped(parameter, optimizer, gradient):
    parameter.grad = torch.tensor(gradient)
    optimizer.step()
    return parameter.item()


def test_adam_follows_its_paper():
    """The first step is lr·g/(|g| + eps); the second has m̂ = (0.9·0.1·g₁ + 0.1·g₂)/(1 − 0.9²), v̂ likewise."""
    parameter = nn.Parameter(torch.tensor(1.0))
    optimizer = build_optimizer(AdamConfig(lr=0.1, eps=1e-8), [parameter])
    assert stepped(parameter, optimizer, 2.0) == pytest.approx(0.9)
    mean, square = (0.09 * 2 - 0.1 * 1) / (1 - 0.81), (0.999 * 0.001 * 4 + 0.001 * 1) / (1 - 0.998001)
    assert stepped(parameter, optimizer, -1.0) == pytest.approx(0.9 - 0.1 * mean / square**0.5)


def test_weight_decay_is_part_of_the_gradient_in_adam_and_decoupled_in_adamw():
    """With a zero gradient, AdamW shrinks by lr·decay·w; for Adam the penalty is a gradient, and the step is lr."""
    adam, adamw = (nn.Parameter(torch.tensor(2.0)) for _ in range(2))
    assert stepped(adam, build_optimizer(AdamConfig(lr=0.1, weight_decay=0.5), [adam]), 0.0) == pytest.approx(1.9)
    assert stepped(adamw, build_optimizer(AdamWConfig(lr=0.1, weight_decay=0.5), [adamw]), 0.0) == pytest.approx(1.9)
    adamw = nn.Parameter(torch.tensor(4.0))
    assert stepped(adamw, build_optimizer(AdamWConfig(lr=0.1, weight_decay=0.5), [adamw]), 0.0) == pytest.approx(3.8)


def test_without_stages_the_learning_rate_is_constant():
    assert {learning_rate(SgdConfig(lr=0.3), epoch) for epoch in (1, 10, 5000)} == {0.3}


@pytest.mark.parametrize(
    ("epoch", "stage"),
    [(1, 1), (2, 2), (4, 2), (5, 3), (13, 3), (14, 4), (40, 4), (41, 5), (1093, 7), (1094, 8), (3280, 8)],
)
def test_stages_have_the_lengths_and_learning_rates_of_burda_et_al(epoch, stage):
    """Burda et al. 2015: 3^(i−1) passes at 0.001·10^(−(i−1)/7) for i = 1…8, 3,280 in all."""
    assert learning_rate(AdamConfig(lr=0.001, stages=8), epoch) == pytest.approx(0.001 * 10 ** (-(stage - 1) / 7))


def test_the_last_stage_has_a_tenth_of_the_learning_rate():
    assert learning_rate(AdamConfig(lr=0.001, stages=8), 3280) == pytest.approx(0.0001)


@pytest.mark.parametrize("stages", [0, 9])
def test_stages_outside_1_to_8_are_refused(stages):
    with pytest.raises(UserError, match=r"optimizer\.stages must be between 1 and 8"):
        AdamConfig(stages=stages)


def parameters():
    """Return weights with the memory layouts of the model's: a kernel in channels_last, a matrix, a number."""
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 2, 2, generator=generator).to(memory_format=torch.channels_last)
    return [nn.Parameter(kernel), nn.Parameter(torch.randn(3, 2, generator=generator)), nn.Parameter(torch.tensor(1.0))]


def step(optimizer, weights, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        gradient = torch.randn(weight.shape, generator=generator)
        weight.grad = torch.empty_like(weight).copy_(gradient)
    optimizer.step()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_restored_optimizer_takes_the_same_steps(config):
    weights = parameters()
    optimizer = build_optimizer(config, weights)
    for seed in (1, 2):
        step(optimizer, weights, seed)
    saved = {
        name: tensor.clone(memory_format=torch.contiguous_format)
        for name, tensor in optimizer_tensors(optimizer).items()
    }
    copies = [nn.Parameter(torch.empty_like(weight).copy_(weight.detach())) for weight in weights]
    again = build_optimizer(config, copies)
    load_optimizer_tensors(again, saved)
    for seed in (3, 4):
        step(optimizer, weights, seed)
        step(again, copies, seed)
    assert all(torch.equal(one, other) for one, other in zip(weights, copies, strict=True))
    assert optimizer_tensors(optimizer).keys() == optimizer_tensors(again).keys() == saved.keys()
