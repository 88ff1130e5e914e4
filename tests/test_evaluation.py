"""The means of an evaluation: over images, in float64, with their own noise."""

import dataclasses
import math

import pytest
import torch

from vae_exp.config import Config, ConvConfig, DigitsConfig, ElboConfig, EvaluationConfig, MlpConfig
from vae_exp.data import load
from vae_exp.evaluation import caveat, evaluate, first_codes, kind_of_estimate, per_image
from vae_exp.models import build_model
from vae_exp.objectives import PARTS, Elbo, build_objective

SHAPE = (1, 8, 8)


def images(n=37):
    return torch.randint(256, (n, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def model(config=None):
    return build_model(config or ConvConfig(channels=[1, 4]), SHAPE, seed=0)


def without_noise():
    """Return a model whose posterior is so narrow that each draw equals the mean."""
    vae = model(MlpConfig(hidden=[8])).double()
    last = vae.encoder[-1]
    with torch.no_grad():
        last.weight[2:], last.bias[2:] = 0, -80
    return vae


def means(vae, x, batch_size=10, config=None, stream="evaluation/val", seed=0):
    objective = build_objective(config or ElboConfig())
    return evaluate(vae, objective, x, seed=seed, stream=stream, batch_size=batch_size)


@pytest.mark.parametrize("config", [ElboConfig(beta=2.0), ElboConfig(free_bits=50.0)])
def test_the_means_do_not_depend_on_batch_size_or_order(config):
    vae, x = without_noise(), (images() / 255.0).double()
    whole = means(vae, x, 37, config)
    for batch_size, order in ((1, slice(None)), (10, slice(None)), (36, slice(None)), (10, torch.randperm(37))):
        assert means(vae, x[order], batch_size, config) == pytest.approx(whole, rel=1e-12)


def test_the_same_weights_give_the_same_values_and_each_stream_has_its_own_noise():
    vae, x = model(), images()
    assert means(vae, x) == means(vae, x)
    assert means(vae, x, stream="evaluation/test")["loss"] != means(vae, x)["loss"]
    assert means(vae, x, seed=1)["loss"] != means(vae, x)["loss"]
    assert means(vae, x, stream="evaluation/test")["kl"] == means(vae, x)["kl"]  # the KL has no noise


def test_a_short_last_batch_is_weighted_by_its_images():
    x = (images(11) / 255.0).double()
    alone = [means(without_noise(), image[None])["loss"] for image in x]
    assert means(without_noise(), x, batch_size=10)["loss"] == pytest.approx(sum(alone) / 11, rel=1e-6)


def test_the_loss_is_reconstruction_plus_kl_and_equals_the_objective_of_the_plain_elbo():
    found = means(model(), images())
    assert found.keys() == set(PARTS)
    assert found["loss"] == pytest.approx(found["reconstruction"] + found["kl"], rel=1e-6)
    assert found["objective"] == found["loss"]


def test_an_objective_has_its_final_weights_in_every_evaluation():
    found = means(model(), images(), config=ElboConfig(beta=3.0, warmup_epochs=100))
    assert found["objective"] == pytest.approx(found["reconstruction"] + 3 * found["kl"], rel=1e-6)


def test_free_bits_apply_to_the_mean_over_all_images():
    vae, x = model(), images()
    config = ElboConfig(free_bits=0.5, beta=2.0)
    found, (_, kl) = (
        means(vae, x, config=config),
        per_image(vae, Elbo(config), x, seed=0, stream="any", batch_size=10),
    )
    expected = found["reconstruction"] + 2 * kl.mean(0).clamp(min=0.5).sum().item()
    assert found["objective"] == pytest.approx(expected, rel=1e-6)


def test_the_values_of_each_image_average_to_the_means():
    vae, x = model(), images()
    parts, kl = per_image(vae, Elbo(ElboConfig()), x, seed=0, stream="evaluation/val", batch_size=10)
    assert parts.shape == (4, 37)
    assert kl.shape == (37, 2)
    assert parts.dtype == kl.dtype == torch.float64
    assert dict(zip(PARTS, parts.mean(1).tolist(), strict=True)) == means(vae, x)
    torch.testing.assert_close(kl.sum(1), parts[PARTS.index("kl")], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(kl, vae.encode(x).kl().double(), rtol=1e-4, atol=1e-6)


def test_evaluation_leaves_no_gradients_and_changes_nothing():
    vae, x = model(), images()
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    global_state = torch.random.get_rng_state()
    parts, _ = per_image(vae, Elbo(ElboConfig()), x, seed=0, stream="any", batch_size=10)
    assert not parts.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in vae.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), global_state)


@pytest.mark.parametrize(
    ("likelihood", "grey", "binary"),
    [
        ("bernoulli", "objective", "nll"),
        ("continuous_bernoulli", "density", "density"),
        ("gaussian", "density", "density"),
        ("discretized_logistic", "nll", "nll"),
    ],
)
def test_an_estimate_has_the_name_of_what_it_estimates(likelihood, grey, binary):
    config = MlpConfig(likelihood=likelihood)
    assert (kind_of_estimate(config, True), kind_of_estimate(config, False)) == (grey, binary)
    for kind, is_grey in ((grey, True), (binary, False)):
        assert (caveat(kind, is_grey) is None) == (kind == "nll")
    assert "0 or 1" in caveat("density", grey=False)


@pytest.mark.parametrize("likelihood", ["continuous_bernoulli", "gaussian"])
def test_a_dequantised_density_is_a_bound_on_the_likelihood_of_levels(likelihood):
    """Evaluation adds noise from its own stream; the log-likelihood is that of 256 levels per pixel."""
    plain, noisy = (model(MlpConfig(hidden=[8], likelihood=likelihood, dequantize=on)) for on in (False, True))
    assert kind_of_estimate(MlpConfig(likelihood=likelihood, dequantize=True), grey=True) == "nll"
    x = images()
    one, other = means(plain, x)["reconstruction"], means(noisy, x)["reconstruction"]
    assert other - one == pytest.approx(64 * math.log(256), rel=0.01)
    assert means(noisy, x) == means(noisy, x)


@pytest.mark.parametrize("missing", [(), ("test",), ("test", "val")])
def test_the_saved_codes_are_of_the_split_that_is_measured(missing):
    config = Config(model=MlpConfig(latent_dim=3), data=DigitsConfig(), evaluation=EvaluationConfig(batch_size=64))
    splits = dataclasses.replace(load(config.data), **dict.fromkeys(missing))
    model = build_model(config.model, splits.shape, 0).eval()
    codes = first_codes(model, splits, config)
    split = splits.named({0: "test", 1: "val", 2: "train"}[len(missing)])
    with torch.no_grad():
        posterior = model.encode(split.images)
    assert torch.allclose(codes["mean"], posterior.mean, atol=1e-5)
    assert torch.allclose(codes["log_variance"], posterior.log_variance, atol=1e-5)
    assert torch.equal(codes["labels"], split.labels)
