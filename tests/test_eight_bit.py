"""Likelihoods of 8-bit pixels: probabilities of levels that sum to 1, and densities with dequantisation noise."""

import math

import pytest
import torch

from vae_exp.distributions import Gaussian
from vae_exp.eight_bit import Dequantized, DiscretizedLogistic

LEVELS = torch.arange(256, dtype=torch.float64) / 255
DRAWS = 200_000


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def masses(location, scale):
    """Return P(k) of each level of one pixel: (256,)."""
    pixel = torch.full((256, 1, 1, 1), location, dtype=torch.float64)
    logistic = DiscretizedLogistic(pixel, torch.tensor(math.log(scale), dtype=torch.float64))
    return logistic.log_prob(LEVELS.view(-1, 1, 1, 1)).exp()


@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.05, 1.0, 30.0])
@pytest.mark.parametrize("location", [-2.0, 0.0, 0.31, 0.5, 1.0, 3.0])
def test_the_probabilities_of_the_256_levels_sum_to_one(location, scale):
    assert masses(location, scale).sum().item() == pytest.approx(1, rel=1e-12)


def test_a_probability_is_the_difference_of_the_cdf_at_the_edges_of_its_level():
    found, edges = masses(0.4, 0.1), torch.arange(255, dtype=torch.float64) / 255 + 1 / 510
    below = 1 / (1 + torch.exp(-(edges - 0.4) / 0.1))
    expected = torch.diff(below, prepend=torch.zeros(1), append=torch.ones(1))
    torch.testing.assert_close(found, expected)


def test_log_probabilities_far_from_the_mean_are_finite_with_gradients_in_float32():
    location = torch.full((1, 1, 16, 16), 0.2, requires_grad=True)
    log_scale = torch.tensor(-7.0, requires_grad=True)
    value = DiscretizedLogistic(location, log_scale).log_prob(LEVELS.float().view(1, 1, 16, 16))
    value.sum().backward()
    assert value.isfinite().all()
    assert value.item() < -1e4
    assert location.grad.isfinite().all()
    assert log_scale.grad.isfinite()


@pytest.mark.parametrize(("location", "scale"), [(0.5, 0.05), (0.02, 0.2), (1.1, 0.3)])
def test_the_mean_and_the_draws_follow_the_probabilities(location, scale):
    expected = masses(location, scale)
    pixel = torch.full((DRAWS, 1, 1, 1), location)
    logistic = DiscretizedLogistic(pixel, torch.tensor(math.log(scale)))
    assert logistic.mean[0].item() == pytest.approx((expected * LEVELS).sum().item(), abs=1e-3)
    draws = (logistic.sample(source()).flatten() * 255).round().long()
    counts = torch.bincount(draws, minlength=256).double() / DRAWS
    error = (expected * (1 - expected) / DRAWS).sqrt()
    assert ((counts - expected).abs() < 5 * error + 1e-4).all()


def test_dequantisation_noise_makes_a_density_a_bound_on_the_log_probability():
    """P(k) is the integral of the density over [k, k + 1)/256: the mean log density is below log P(k)."""
    level, density = 100, torch.distributions.Normal(*torch.tensor([0.4, 0.01], dtype=torch.float64))
    pixels = (level + torch.rand(DRAWS, 1, 1, 1, generator=source(), dtype=torch.float64)) / 256
    mean, scale = torch.full_like(pixels, 0.4), density.scale.log()
    values = Dequantized(Gaussian(mean, scale)).log_prob(pixels)
    mass = (density.cdf(density.loc + (level + 1) / 256 - 0.4) - density.cdf(density.loc + level / 256 - 0.4)).item()
    assert values.exp().mean().item() == pytest.approx(mass, rel=0.01)  # the mean of the density is the mass itself
    assert math.log(mass) - 0.1 < values.mean().item() < math.log(mass)


def test_a_uniform_density_has_eight_bits_per_dimension():
    wide = Dequantized(Gaussian(torch.zeros(1, 1, 2, 3), torch.tensor(0.0)))
    shift = 6 * math.log(256)
    x = torch.zeros(1, 1, 2, 3)
    assert wide.log_prob(x).item() == pytest.approx(Gaussian(x, torch.tensor(0.0)).log_prob(x).item() - shift)
