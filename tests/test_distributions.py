"""Densities, draws and KL against torch.distributions, numerical integration and Monte Carlo."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import distributions as reference

from vae_exp.distributions import Bernoulli, ContinuousBernoulli, DiagonalGaussian, Gaussian, log_standard_normal

DRAWS = 200_000
_SIZES = (1e-8, 1e-4, 0.01, 0.3, 0.499, 0.501, 0.7, 3.0, 15.0, 20.0, 60.0)
LOGITS = [0.0, *_SIZES, *(-size for size in _SIZES)]


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def pixels(values, dtype=torch.float64):
    """Return one image per value: (N, 1, 1, 1)."""
    return torch.tensor(values, dtype=dtype).view(-1, 1, 1, 1)


def random(*shape, seed=0):
    return torch.randn(shape, generator=source(seed), dtype=torch.float64)


def posterior(n=6, d=3):
    return DiagonalGaussian(2 * random(n, d), random(n, d, seed=1))


def assert_mean(values, expected):
    """Check that draws (S, ...) have this mean, within five standard errors."""
    error = values.std(0) / math.sqrt(len(values))
    assert ((values.mean(0) - expected).abs() <= 5 * error).all()


def test_kl_is_zero_at_the_prior_and_nowhere_else():
    assert (DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3)).kl() == 0).all()
    for mean, log_variance in ((0.1, 0.0), (0.0, 0.1), (0.0, -0.1)):
        assert (DiagonalGaussian(torch.tensor([mean]), torch.tensor([log_variance])).kl() > 0).all()


def test_kl_of_a_unit_shift_is_half_a_nat():
    assert DiagonalGaussian(torch.tensor([1.0]), torch.tensor([0.0])).kl().tolist() == [0.5]


def test_kl_equals_torchs():
    q = posterior()
    other = reference.Normal(q.mean, (0.5 * q.log_variance).exp())
    prior = reference.Normal(torch.zeros_like(q.mean), 1.0)
    torch.testing.assert_close(q.kl(), reference.kl_divergence(other, prior))


def test_kl_equals_a_monte_carlo_estimate():
    q = posterior()
    z = q.rsample(DRAWS, source())
    assert_mean(q.log_prob(z) - log_standard_normal(z), q.kl().sum(-1))


@given(st.floats(-50, 50), st.floats(-20, 20))
@settings(deadline=None)
def test_kl_is_never_negative(mean, log_variance):
    assert DiagonalGaussian(torch.tensor([mean]), torch.tensor([log_variance])).kl() >= 0


def test_gaussian_densities_equal_torchs():
    q, z = posterior(), random(4, 6, 3, seed=2)
    expected = reference.Normal(q.mean, (0.5 * q.log_variance).exp()).log_prob(z).sum(-1)
    torch.testing.assert_close(q.log_prob(z), expected)
    torch.testing.assert_close(log_standard_normal(z), reference.Normal(0.0, 1.0).log_prob(z).sum(-1))


def test_draws_have_the_mean_and_variance_of_their_distribution():
    q = posterior()
    z = q.rsample(DRAWS, source())
    assert z.shape == (DRAWS, 6, 3)
    assert_mean(z, q.mean)
    assert_mean((z - q.mean) ** 2, q.log_variance.exp())


def test_gradients_flow_through_the_draws():
    q = posterior()
    q.mean.requires_grad_()
    q.log_variance.requires_grad_()
    z = q.rsample(7, source())
    z.sum().backward()
    torch.testing.assert_close(q.mean.grad, torch.full_like(q.mean, 7))  # z = μ + σε, so ∂z/∂μ = 1
    torch.testing.assert_close(q.log_variance.grad, (0.5 * (z - q.mean)).sum(0).detach())  # and ∂z/∂log σ² = σε/2


def test_a_detached_posterior_has_no_gradients_and_the_same_density():
    q = posterior()
    q.mean.requires_grad_()
    z = random(6, 3)
    assert not q.detach().log_prob(z).requires_grad
    assert torch.equal(q.detach().log_prob(z), q.log_prob(z))
    assert torch.equal(q[2:4].mean, q.mean[2:4])


@pytest.mark.parametrize("samples", [(), (4,)], ids=["one z", "four z"])
def test_likelihoods_equal_torchs(samples):
    output = 2 * random(*samples, 5, 2, 3, 3)
    grey = random(5, 2, 3, 3, seed=1).sigmoid()
    black_or_white = grey.round()
    scale = torch.tensor(-1.2, dtype=torch.float64)
    for ours, theirs, images in (
        (Bernoulli(output), reference.Bernoulli(logits=output), black_or_white),
        (ContinuousBernoulli(output), reference.ContinuousBernoulli(logits=output, lims=(0.499999, 0.500001)), grey),
        (Gaussian(output, scale), reference.Normal(output, scale.exp()), grey),
    ):
        found = ours.log_prob(images)
        assert found.shape == (*samples, 5)
        torch.testing.assert_close(found, theirs.log_prob(images).sum((-3, -2, -1)), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-6, atol=1e-6)


def test_the_bernoulli_likelihood_of_grey_pixels_is_the_negative_cross_entropy():
    logits, grey = 3 * random(4, 1, 2, 2), random(4, 1, 2, 2, seed=1).sigmoid()
    p = logits.sigmoid()
    expected = (grey * p.log() + (1 - grey) * (1 - p).log()).sum((-3, -2, -1))
    torch.testing.assert_close(Bernoulli(logits).log_prob(grey), expected)


def test_log_probabilities_stay_finite_at_huge_logits():
    logits = pixels([-1e4, 1e4], torch.float32)
    for likelihood in (Bernoulli(logits), ContinuousBernoulli(logits)):
        assert likelihood.log_prob(torch.zeros(1, 1, 1)).isfinite().all()
        assert ((likelihood.mean >= 0) & (likelihood.mean <= 1)).all()


def integration_nodes(logit):
    """Return nodes in [0, 1] and weights: Gauss-Legendre on intervals that are shorter where the density is steep."""
    edges = sorted({0.0, 1.0, *(min(1.0, k / max(abs(logit), 1)) for k in (1, 3, 9, 27))})
    if logit > 0:
        edges = [1 - edge for edge in reversed(edges)]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    halves = [((b - a) / 2, (a + b) / 2) for a, b in itertools.pairwise(edges)]
    return (
        np.concatenate([middle + half * nodes for half, middle in halves]),
        np.concatenate([half * weights for half, _ in halves]),
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-8), (torch.float32, 2e-6)],  # the series of the mean lacks l⁷/1209600, 6.5e-9 at 0.5
    ids=["double", "float"],
)
@pytest.mark.parametrize("logit", LOGITS)
def test_the_continuous_bernoulli_integrates_to_one_and_has_the_integrated_mean(logit, dtype, tolerance):
    places, weights = integration_nodes(logit)
    likelihood = ContinuousBernoulli(pixels([logit], dtype).expand(len(places), 1, 1, 1))
    mass = weights * likelihood.log_prob(pixels(places, dtype)).double().exp().numpy()
    tolerance *= max(1, abs(logit))
    assert mass.sum() == pytest.approx(1, abs=tolerance)
    assert likelihood.mean[0].item() == pytest.approx((places * mass).sum(), abs=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "float"])
def test_the_gradient_of_the_normaliser_makes_the_expected_score_zero(dtype):
    """The expected score is zero: E[x] − sigmoid(l) + ∂log C/∂l = 0."""
    logits = pixels(LOGITS, dtype).requires_grad_()
    likelihood = ContinuousBernoulli(logits)
    likelihood.log_normaliser().sum().backward()
    expected = (logits.sigmoid() - likelihood.mean).detach()
    torch.testing.assert_close(logits.grad, expected, rtol=1e-4, atol=2e-7 if dtype == torch.float32 else 1e-10)
    (mean_gradient,) = torch.autograd.grad(ContinuousBernoulli(logits).mean.sum(), logits)
    assert mean_gradient.isfinite().all()
    assert (mean_gradient >= 0).all()


@pytest.mark.parametrize("logit", [-20.0, -1.0, -1e-6, 0.0, 0.3, 5.0])
def test_draws_of_the_continuous_bernoulli_follow_its_cdf(logit):
    draws = ContinuousBernoulli(pixels([logit]).expand(20_000, 1, 1, 1)).sample(source()).flatten().numpy()
    assert draws.min() >= 0
    assert draws.max() <= 1

    def cumulative(x):
        return x if abs(logit) < 1e-5 else np.expm1(logit * x) / math.expm1(logit)

    assert kstest(draws, cumulative).pvalue > 0.001


def test_draws_of_the_other_likelihoods_have_their_means():
    output = random(1, 2, 2)
    flips = Bernoulli(output.expand(DRAWS, 1, 2, 2)).sample(source())
    assert set(flips.unique().tolist()) == {0.0, 1.0}
    assert_mean(flips, output.sigmoid())
    scale = torch.tensor(-0.7, dtype=torch.float64)
    draws = Gaussian(output.expand(DRAWS, 1, 2, 2), scale).sample(source())
    assert_mean(draws, output)
    assert_mean((draws - output) ** 2, (2 * scale).exp())


def test_draws_repeat_with_their_generator():
    likelihood = ContinuousBernoulli(random(1, 2, 2))
    assert torch.equal(likelihood.sample(source(3)), likelihood.sample(source(3)))
    assert not torch.equal(likelihood.sample(source(3)), likelihood.sample(source(4)))
