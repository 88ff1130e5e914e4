"""The models: shapes for any geometry, numbers of parameters, inputs and outputs."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from vae_exp.config import ConvConfig, MlpConfig
from vae_exp.distributions import Bernoulli, ContinuousBernoulli, Gaussian, OptimalGaussian
from vae_exp.eight_bit import DiscretizedLogistic
from vae_exp.errors import UserError
from vae_exp.geometry import geometry
from vae_exp.models import build_model

MNIST = (1, 28, 28)


def number_of_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@st.composite
def geometries(draw, largest_kernel=7, most_channels=5):
    """Draw a convolutional model and an image shape; many of them do not fit each other."""
    kernel = draw(st.integers(1, largest_kernel))
    channels = draw(st.lists(st.integers(1, 6), min_size=2, max_size=most_channels))
    config = ConvConfig(channels=channels, kernel_size=kernel, stride=draw(st.integers(1, kernel)), latent_dim=2)
    return config, (channels[0], draw(st.integers(1, 40)), draw(st.integers(1, 40)))


def require_images_of_the_encoders_size(config, shape):
    with torch.device("meta"):
        model = build_where_it_fits(config, shape)
    assert model.encode(torch.zeros(3, *shape, device="meta")).mean.shape == (3, 2)
    assert model.decode(torch.zeros(4, 3, 2, device="meta")).mean.shape == (4, 3, *shape)


@pytest.mark.slow
@given(geometries())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_decoder_returns_images_of_the_size_that_the_encoder_accepts(drawn):
    require_images_of_the_encoders_size(*drawn)


@pytest.mark.faults
@given(geometries())
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_decoder_of_many_geometries_returns_images_of_the_size_that_the_encoder_accepts(drawn):
    require_images_of_the_encoders_size(*drawn)


def build_where_it_fits(config, shape):
    """Build the model; reject the example if the shape does not fit."""
    try:
        return build_model(config, shape, seed=0)
    except UserError:
        reject()


@given(geometries(largest_kernel=4, most_channels=3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_every_geometry_works_on_images_and_has_gradients(drawn):
    config, shape = drawn
    model = build_where_it_fits(config, shape)
    images = torch.rand(2, *shape)
    loss = model.decode(model.encode(images).mean).log_prob(images).sum()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.decoder.parameters())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.tuples(*[st.integers(1, 9)] * 3), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_the_mlp_works_on_images_of_any_shape(hidden, shape, latent_dim):
    model = build_model(MlpConfig(hidden=hidden, latent_dim=latent_dim), shape, seed=0)
    assert model.encode(torch.rand(3, *shape)).mean.shape == (3, latent_dim)
    assert model.decode(torch.rand(3, latent_dim)).mean.shape == (3, *shape)


@pytest.mark.parametrize(("latent_dim", "expected"), [(2, 96_677), (4, 115_497)])
def test_the_reference_model_has_its_published_number_of_parameters(latent_dim, expected):
    assert number_of_parameters(build_model(ConvConfig(latent_dim=latent_dim), MNIST, seed=0)) == expected


def test_the_mlp_has_the_parameters_of_its_layers():
    model = build_model(MlpConfig(hidden=[500, 20], latent_dim=3), MNIST, seed=0)
    encoder = 784 * 500 + 500 + 500 * 20 + 20 + 20 * 6 + 6
    decoder = 3 * 20 + 20 + 20 * 500 + 500 + 500 * 784 + 784
    assert number_of_parameters(model) == encoder + decoder


def test_the_layer_sizes_of_the_reference_model_are_the_published_ones():
    for sides in geometry(ConvConfig(), MNIST):
        assert sides.encoder == [28, 14, 7]
        assert sides.decoder == [7, 15, 31]


def test_height_and_width_are_derived_separately():
    height, width = geometry(ConvConfig(channels=[3, 32, 64]), (3, 64, 48))
    assert (height.encoder, height.decoder) == ([64, 32, 16], [16, 33, 67])
    assert (width.encoder, width.decoder) == ([48, 24, 12], [12, 25, 51])


def test_one_axis_may_be_padded_while_the_other_is_cropped():
    config = ConvConfig(channels=[1, 2], kernel_size=4, stride=4)
    height, width = geometry(config, (1, 6, 5))
    assert (height.excess, width.excess) == (2, -1)
    model = build_model(config, (1, 6, 5), seed=0)
    assert model.decode(torch.zeros(3, 2)).mean.shape == (3, 1, 6, 5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_the_mlp_uses_the_given_activation(activation):
    model = build_model(MlpConfig(hidden=[4], activation=activation), (1, 2, 2), seed=0)
    x = torch.rand(3, 1, 2, 2)
    first, last = model.encoder[1], model.encoder[-1]
    hidden = getattr(torch, activation, getattr(torch.nn.functional, activation))(first(x.flatten(1)))
    torch.testing.assert_close(model.encode(x).mean, last(hidden)[:, :2])


def test_the_callers_channel_list_is_not_changed():
    config = ConvConfig(channels=[1, 8, 4, 2])
    build_model(config, MNIST, seed=0)
    assert config.channels == [1, 8, 4, 2]


@pytest.mark.parametrize("config", [ConvConfig(channels=[1, 4]), MlpConfig(hidden=[8])], ids=["conv", "mlp"])
def test_bytes_and_floats_of_an_image_have_the_same_code(config):
    model = build_model(config, (1, 8, 8), seed=0)
    images = torch.randint(256, (5, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(model.encode(images).mean, model.encode(images / 255).mean)


@pytest.mark.parametrize("config", [ConvConfig(channels=[1, 4]), MlpConfig(hidden=[8])], ids=["conv", "mlp"])
def test_an_images_code_and_likelihood_do_not_depend_on_the_others_in_its_batch(config):
    model = build_model(config, (1, 8, 8), seed=0).double().eval()
    images = torch.rand(9, 1, 8, 8, dtype=torch.float64)

    def values(batch):
        q = model.encode(batch)
        return torch.cat([q.mean, q.log_variance, model.decode(q.mean).log_prob(batch)[:, None]], 1)

    alone = torch.cat([values(image[None]) for image in images])
    torch.testing.assert_close(values(images), alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(values(images.flip(0)), alone.flip(0), rtol=1e-12, atol=1e-12)


def test_the_same_seed_builds_the_same_model_and_touches_no_other_randomness():
    before = torch.random.get_rng_state()
    one, same, other = (build_model(ConvConfig(), MNIST, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["encoder.0.weight"], other["encoder.0.weight"])


def test_samples_are_images_and_repeat_with_their_seed():
    model = build_model(ConvConfig(), MNIST, seed=0)
    samples = model.sample(5, seed=1)
    assert samples.shape == (5, *MNIST)
    assert not samples.requires_grad
    assert ((samples >= 0) & (samples <= 1)).all()
    assert torch.equal(samples, model.sample(5, seed=1))
    assert not torch.equal(samples, model.sample(5, seed=2))


def test_decoding_many_points_in_parts_gives_the_same_images():
    model = build_model(ConvConfig(channels=[1, 4]), (1, 8, 8), seed=0).double()
    z = torch.randn(1203, 2, dtype=torch.float64)
    whole = model.decode(z).mean
    with torch.no_grad():
        torch.testing.assert_close(model.decode(z).mean, whole)


def test_larger_images_are_decoded_fewer_at_a_time():
    assert build_model(ConvConfig(), MNIST, seed=0).points_at_once == 500
    model = build_model(ConvConfig(channels=[1, 4]), (1, 256, 320), seed=0)
    decoded = []
    model.decoder.register_forward_hook(lambda decoder, points, images: decoded.append(len(images)))
    assert model.sample(13).shape == (13, 1, 256, 320)
    assert decoded == [6, 6, 1]  # 500 × 32 × 32 pixels are 6 images of this size


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [
        ("bernoulli", Bernoulli),
        ("continuous_bernoulli", ContinuousBernoulli),
        ("gaussian", Gaussian),
        ("discretized_logistic", DiscretizedLogistic),
    ],
)
def test_the_decoder_returns_the_given_likelihood(likelihood, expected):
    model = build_model(ConvConfig(likelihood=likelihood), MNIST, seed=0)
    assert isinstance(model.decode(torch.zeros(1, 2)), expected)


def test_the_scale_of_a_gaussian_is_fixed_or_learned():
    fixed = build_model(ConvConfig(likelihood="gaussian", scale=0.25), MNIST, seed=0)
    learned = build_model(ConvConfig(likelihood="gaussian"), MNIST, seed=0)
    assert fixed.decode(torch.zeros(1, 2)).log_scale.item() == pytest.approx(math.log(0.25))
    assert number_of_parameters(learned) == number_of_parameters(fixed) + 1
    learned.decode(torch.zeros(1, 2)).log_prob(torch.zeros(1, *MNIST)).sum().backward()
    assert learned.log_scale.grad != 0


@pytest.mark.parametrize(
    ("config", "shape", "text"),
    [
        (
            ConvConfig(channels=[1] * 8, kernel_size=4),
            MNIST,
            "model.channels must be short enough to leave at least one pixel",
        ),
        (ConvConfig(channels=[3, 8]), MNIST, "model.channels[0] must be 1, the channels of the data's images, got 3"),
        (
            ConvConfig(),
            (3, 8, 8),
            "model.channels[0] must be 3, the channels of the data's images, got 1; set model.channels=[3,32,64]",
        ),
    ],
    ids=["too deep", "colour", "grey"],
)
def test_a_model_that_does_not_fit_the_images_is_refused_in_one_line(config, shape, text):
    with pytest.raises(UserError) as caught:
        build_model(config, shape, seed=0)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def test_an_optimal_scale_is_the_batchs_in_training_and_the_saved_one_in_evaluation():
    model = build_model(ConvConfig(likelihood="gaussian", optimal_scale=True), MNIST, seed=0)
    assert "log_scale" in model.state_dict()
    assert "log_scale" not in dict(model.named_parameters())
    z, x = torch.zeros(6, 2), torch.rand(6, *MNIST)
    in_training = model.decode(z)
    rmse = (x - in_training.mean).square().mean().sqrt()
    expected = Gaussian(in_training.mean, rmse.log()).log_prob(x)
    torch.testing.assert_close(in_training.log_prob(x), expected)
    assert not torch.allclose(
        in_training.log_prob(x[:2].repeat(3, 1, 1, 1))[:2], expected[:2]
    )  # it depends on the batch
    with pytest.raises(TypeError, match="eval"):
        in_training.sample(torch.Generator())
    model.eval()
    one, all_six = model.decode(z[:1]).log_prob(x[:1]), model.decode(z).log_prob(x)
    torch.testing.assert_close(one, all_six[:1])


def test_no_scale_gives_a_higher_likelihood_than_the_optimal_one():
    mean, x = torch.rand(5, *MNIST, dtype=torch.float64), torch.rand(5, *MNIST, dtype=torch.float64)
    best = OptimalGaussian(mean).log_prob(x).sum()
    sigma = (x - mean).square().mean().sqrt()
    assert best == pytest.approx(-x.numel() * (math.log(sigma) + 0.5 * math.log(2 * math.pi * math.e)))  # by hand
    assert all(Gaussian(mean, (sigma * factor).log()).log_prob(x).sum() < best for factor in (0.98, 1.02))
    assert torch.isfinite(OptimalGaussian(mean).log_prob(mean)).all()
