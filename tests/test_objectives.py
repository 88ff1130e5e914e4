"""Objectives on a linear-Gaussian VAE, where log p(x), the posterior and the ELBO are known in closed form."""

import itertools
import math

import pytest
import torch
from linear_gaussian import SCALE, B, LinearGaussian, W, images

from vae_exp.config import ElboConfig, IwaeConfig
from vae_exp.distributions import Bernoulli, DiagonalGaussian, Gaussian
from vae_exp.measures.importance import estimate_log_likelihood
from vae_exp.models.vae import MOST_POINTS
from vae_exp.objectives import Elbo, Iwae, Terms, build_objective, free_bits, kl_weight

WRONG = {"shift": 0.4, "log_factor": 0.8}
"""An encoder that is off, so that the bounds differ."""


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def terms(config, model, x, seed=0, epoch=None) -> Terms:
    return build_objective(config)(x, model.encode(x), model.decode, source(seed), epoch)


def repeated(x, times):
    """Repeat each image, so that the mean over examples is a mean over draws."""
    return x.repeat_interleave(times, 0)


def mean_and_error(values):
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def test_the_closed_forms_used_here_are_consistent():
    x = images(20)
    torch.testing.assert_close(LinearGaussian().elbo(x), LinearGaussian().log_likelihood(x))
    assert (LinearGaussian(**WRONG).elbo(x) < LinearGaussian().log_likelihood(x)).all()


@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize("encoder", [{}, WRONG], ids=["exact", "wrong"])
def test_the_mean_of_the_elbo_equals_its_closed_form(encoder, samples):
    model, x = LinearGaussian(**encoder), images(3)
    found = terms(ElboConfig(samples=samples), model, repeated(x, 20_000))
    difference = found.loss.view(3, -1) + model.elbo(x)[:, None]
    assert (difference.mean(1).abs() < 5 * difference.std(1) / math.sqrt(20_000)).all()
    torch.testing.assert_close(found.objective, found.loss)


@pytest.mark.parametrize("samples", [1, 5, 50])
def test_at_the_exact_posterior_every_draw_of_the_iwae_bound_equals_log_p(samples):
    model, x = LinearGaussian(), images(20)
    torch.testing.assert_close(-terms(IwaeConfig(samples=samples), model, x).objective, model.log_likelihood(x))
    torch.testing.assert_close(
        estimate_log_likelihood(model, x, samples, source()).log_likelihood, model.log_likelihood(x)
    )


def test_more_samples_tighten_the_bound_towards_log_p():
    """ELBO = IWAE-1 < IWAE-5 < IWAE-50 < log p(x) in expectation, each by more than five standard errors."""
    model, x = LinearGaussian(**WRONG), images(1)
    copies = repeated(x, 20_000)
    bounds = {k: mean_and_error(-terms(IwaeConfig(samples=k), model, copies).objective) for k in (1, 5, 50)}
    elbo, exact = model.elbo(x).item(), model.log_likelihood(x).item()
    assert bounds[1][0] == pytest.approx(elbo, abs=5 * bounds[1][1])
    for lower, higher in itertools.pairwise([*bounds.values(), (exact, 0.0)]):
        assert higher[0] - lower[0] > 5 * (higher[1] + lower[1])
    assert exact - bounds[50][0] < 0.1 * (exact - elbo)


@pytest.mark.parametrize("objective", ["objective", "estimator"])
def test_with_many_samples_the_estimate_reaches_log_p_even_if_the_encoder_is_wrong(objective):
    model, x = LinearGaussian(**WRONG), images(10)
    if objective == "objective":
        found = -terms(IwaeConfig(samples=20_000), model, x).objective
    else:
        found = estimate_log_likelihood(model, x, 20_000, source()).log_likelihood
    torch.testing.assert_close(found, model.log_likelihood(x), atol=0.05, rtol=0)


def test_the_estimator_decodes_in_small_parts_and_uses_all_samples():
    model, x = LinearGaussian(**WRONG), images(1)
    samples = 2 * MOST_POINTS + 201
    found = estimate_log_likelihood(model, x, samples, source(3)).log_likelihood
    assert model.most_points == MOST_POINTS
    noise, q = source(3), model.encode(x)
    z = torch.cat([q.rsample(k, noise) for k in (MOST_POINTS, MOST_POINTS, 201)])
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    weights = model.decode(z).log_prob(x) + prior - q.log_prob(z)
    torch.testing.assert_close(found, weights.logsumexp(0) - math.log(samples))


def test_the_tenth_estimate_uses_the_first_tenth_of_the_samples():
    model, x = LinearGaussian(**WRONG), images(3)
    for samples in (320, 3 * MOST_POINTS + 27):  # torch draws the same first numbers if they are a multiple of 16
        found = estimate_log_likelihood(model, x[:1], samples, source(3))
        few = estimate_log_likelihood(model, x[:1], samples // 10, source(3))
        torch.testing.assert_close(found.with_a_tenth, few.log_likelihood)
    assert estimate_log_likelihood(model, x, 9, source()).with_a_tenth.tolist() == [-math.inf] * 3


def test_all_samples_are_effective_only_at_the_exact_posterior():
    x = images(5)
    exact = estimate_log_likelihood(LinearGaussian(), x, 40, source()).effective_samples
    torch.testing.assert_close(exact, torch.full_like(exact, 40))  # all weights are p(x)
    wrong = estimate_log_likelihood(LinearGaussian(**WRONG), x, 40, source()).effective_samples
    assert (wrong < 39).all()
    assert (wrong >= 1).all()
    one = estimate_log_likelihood(LinearGaussian(**WRONG), x, 1, source()).effective_samples
    torch.testing.assert_close(one, torch.ones_like(one))


def test_effective_samples_follow_kishs_formula():
    model, x = LinearGaussian(**WRONG), images(1)
    found = estimate_log_likelihood(model, x, 30, source(3))
    q = model.encode(x)
    z = q.rsample(30, source(3))
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    weights = (model.decode(z).log_prob(x) + prior - q.log_prob(z)).exp()
    torch.testing.assert_close(found.effective_samples, weights.sum(0) ** 2 / (weights**2).sum(0))


def test_the_estimator_reports_progress_and_handles_tiny_likelihoods():
    counts = []
    found = estimate_log_likelihood(LinearGaussian(), images(7) + 1000, 200, source(), counts.append).log_likelihood
    assert counts == [2, 4, 6, 7]
    torch.testing.assert_close(found, LinearGaussian().log_likelihood(images(7) + 1000))
    assert (found < -1e5).all()


def test_the_loss_is_the_plain_negative_elbo_for_every_objective():
    model, x = LinearGaussian(**WRONG), images(50)
    plain = terms(ElboConfig(samples=5), model, x)
    for config in (
        ElboConfig(samples=5, beta=4.0),
        ElboConfig(samples=5, warmup_epochs=10),
        ElboConfig(samples=5, free_bits=2.0),
        IwaeConfig(samples=5),
        IwaeConfig(samples=5, dreg=True),
    ):
        found = terms(config, model, x, epoch=1)
        torch.testing.assert_close(found.loss, plain.loss)
        torch.testing.assert_close(found.kl, plain.kl)
        assert not torch.allclose(found.objective, plain.objective)


def test_beta_weighs_the_kl():
    found = terms(ElboConfig(beta=4.0), LinearGaussian(**WRONG), images(5))
    torch.testing.assert_close(found.objective, found.reconstruction + 4 * found.kl)


def test_reconstructions_are_summed_over_pixels_and_averaged_over_samples():
    logits = torch.tensor([1.0, 2.0]).log().view(2, 1, 1, 1, 1).expand(2, 1, 1, 2, 3)  # p is 1/2 and 2/3
    x = torch.zeros(1, 1, 2, 3)
    q = DiagonalGaussian(torch.zeros(1, 2), torch.zeros(1, 2))
    found = Elbo(ElboConfig(samples=2))(x, q, lambda z: Bernoulli(logits), source())
    assert found.reconstruction.item() == pytest.approx(6 * (math.log(2) + math.log(3)) / 2)


def test_a_warm_up_increases_the_weight_from_zero_to_beta():
    config = ElboConfig(beta=2.0, warmup_epochs=4)
    assert [kl_weight(config, epoch) for epoch in (1, 2, 3, 4, 5, 9)] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert kl_weight(config, None) == 2.0
    assert kl_weight(ElboConfig(beta=2.0), 1) == 2.0


def test_free_bits_clamp_the_batch_mean_of_a_dimension_and_stop_its_gradient():
    kl = torch.tensor([[0.2, 3.0], [0.4, 1.0]], requires_grad=True)  # means over the batch: 0.3 and 2
    lifted = free_bits(kl, 0.5)
    assert lifted.tolist() == [[0.5, 3.0], [0.5, 1.0]]
    lifted.sum(-1).mean().backward()
    assert kl.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]


def test_free_bits_enter_the_objective_of_training():
    q = DiagonalGaussian(torch.tensor([[0.0, 2.0], [1.0, 2.0]]), torch.zeros(2, 2))  # KL 0 and 1/2, 2 and 2
    x = torch.zeros(2, 1, 1, 1)
    objective = Elbo(ElboConfig(beta=3.0, free_bits=0.5))
    found = objective(x, q, lambda z: Bernoulli(z[..., :1, None, None]), source(), epoch=1)
    assert (found.objective - found.reconstruction).tolist() == pytest.approx([3 * 2.5, 3 * 2.5])
    assert found.kl.tolist() == [2.0, 2.5]


def test_free_bits_over_all_images_equal_those_of_one_batch_of_all_images():
    model, x = LinearGaussian(**WRONG), images(40)
    config = ElboConfig(beta=3.0, free_bits=0.9)
    kl = model.encode(x).kl().mean(0)
    assert kl.min() < 0.9 < kl.max()
    at_once = terms(config, model, x, epoch=1).objective.mean()
    one_by_one = terms(config, model, x).objective.mean() + Elbo(config).over_all_images(kl)
    torch.testing.assert_close(one_by_one, at_once)


@pytest.mark.parametrize("samples", [2, 5])
def test_the_doubly_reparameterised_gradient_has_the_same_mean_and_less_noise(samples):
    runs, (mean, log_variance) = 40_000, (torch.tensor([0.3, -0.2]), torch.tensor([-0.5, 0.2]))
    x = repeated(images(1), runs)
    gradients = {}
    for dreg in (False, True):
        parameters = [p.double().expand(runs, 2).clone().requires_grad_() for p in (mean, log_variance)]
        objective = Iwae(IwaeConfig(samples=samples, dreg=dreg))
        bound = objective(x, DiagonalGaussian(*parameters), LinearGaussian().decode, source(int(dreg))).objective
        gradients[dreg] = torch.cat(torch.autograd.grad(bound.sum(), parameters), 1)  # (runs, 4)
    error = sum(g.var(0) / runs for g in gradients.values()).sqrt()
    assert ((gradients[True].mean(0) - gradients[False].mean(0)).abs() < 5 * error).all()
    assert (gradients[True].mean(0).abs() > 10 * error).all()  # so that the line above could have failed
    assert (gradients[True].var(0) < gradients[False].var(0)).all()


def test_the_doubly_reparameterised_gradient_vanishes_at_the_exact_posterior():
    """All weights are 1/K there and ∂log w/∂z is 0, so that the gradient has no noise."""
    x = images(6)
    exact = LinearGaussian().encode(x)
    parameters = [exact.mean.clone().requires_grad_(), exact.log_variance.clone().requires_grad_()]
    objective = Iwae(IwaeConfig(samples=5, dreg=True))
    bound = objective(x, DiagonalGaussian(*parameters), LinearGaussian().decode, source()).objective
    for gradient in torch.autograd.grad(bound.sum(), parameters):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)


def test_dreg_changes_neither_the_bound_nor_the_decoders_gradient():
    x, q = images(6), LinearGaussian(**WRONG).encode(images(6))
    found = {}
    for dreg in (False, True):
        weight = W.clone().requires_grad_()
        mean = q.mean.clone().requires_grad_()
        objective = Iwae(IwaeConfig(samples=5, dreg=dreg))
        bound = objective(
            x,
            DiagonalGaussian(mean, q.log_variance),
            lambda z, weight=weight: Gaussian((z @ weight.T + B)[..., None, None, :], SCALE.log()),
            source(),
        ).objective
        found[dreg] = bound.detach(), *torch.autograd.grad(bound.sum(), [weight, mean])
    torch.testing.assert_close(found[True][:2], found[False][:2])
    assert not torch.allclose(found[True][2], found[False][2])
