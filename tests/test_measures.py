"""Every measure of `final.json` against a known value: for perfect, useless and degenerate codes."""

import dataclasses
import json
import logging
import math

import numpy as np
import pytest
import torch
from linear_gaussian import LinearGaussian, images
from scipy.integrate import quad
from sklearn.metrics import silhouette_score

from vae_exp import data, experiment
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    ElboConfig,
    EvaluationConfig,
    FiguresConfig,
    MlpConfig,
    TrainerConfig,
)
from vae_exp.data import Split, assemble
from vae_exp.distributions import DiagonalGaussian
from vae_exp.measures import measure
from vae_exp.measures.estimates import estimate, proportion
from vae_exp.measures.final import latent_measures
from vae_exp.measures.importance import estimate_log_likelihood
from vae_exp.measures.latent import index_information, information, is_active
from vae_exp.measures.probes import linear_hits, neighbour_hits, silhouettes
from vae_exp.measures.samples import label_coverage, number_for, probabilities, train_classifier
from vae_exp.measures.subject import Codes, Subject
from vae_exp.models import build_model

BOTH_PARTS = ("objective", "loss", "reconstruction", "kl")


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(shape, generator=source(seed), dtype=torch.float64)


def mean_and_error(values):
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


# --- estimates ---------------------------------------------------------------------------------------------------


def test_an_estimate_is_a_mean_with_its_standard_error():
    found = estimate("x", torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert found == {"x": 2.5, "x_se": pytest.approx(math.sqrt(5 / 3 / 4))}
    assert estimate("x", torch.tensor([7.0])) == {"x": 7.0}
    assert estimate("hits", torch.tensor([True, False])) == {"hits": 0.5, "hits_se": 0.5}


def test_the_interval_of_a_proportion_is_wilsons_and_has_a_width_even_at_one():
    """The ends of the interval are the roots of (p − π)² = z²·π(1 − π)/n in π."""
    for hits in (torch.tensor([1.0] * 81 + [0.0] * 182), torch.ones(20), torch.zeros(20)):
        n, p = len(hits), hits.double().mean().item()
        found = proportion("x", hits)
        z = 1.959964
        roots = np.roots([1 + z**2 / n, -(2 * p + z**2 / n), p**2])
        assert found["x"] == p
        assert found["x_interval"] == pytest.approx(sorted(roots), abs=1e-9)
        assert found["x_interval"][0] < found["x_interval"][1]
    assert proportion("x", torch.ones(20))["x_interval"] == [pytest.approx(20 / (20 + 1.959964**2)), 1.0]


# --- latent space ------------------------------------------------------------------------------------------------


def test_a_dimension_is_active_if_the_variance_of_its_means_exceeds_a_hundredth():
    spread = torch.tensor([-1.0, 1.0]).repeat(500)[:, None]
    means = spread * torch.tensor([1.0, 0.1001, 0.0999, 0.0]) + 5  # variances 1, 0.01002, 0.00998, 0
    assert is_active(means).tolist() == [True, True, False, False]


def test_no_dimension_of_a_single_code_is_active():
    assert is_active(torch.ones(1, 3)).tolist() == [False] * 3


def test_codes_that_do_not_overlap_have_log_n_nats_of_information():
    n = 300
    posterior = DiagonalGaussian(10 * torch.arange(n, dtype=torch.float64)[:, None], torch.full((n, 1), -4.0))
    information = index_information(posterior, source())
    torch.testing.assert_close(information, torch.full((n,), math.log(n), dtype=torch.float64))


@pytest.mark.parametrize("log_variance", [0.0, -60.0])
def test_equal_codes_have_no_information(log_variance):
    same = DiagonalGaussian(torch.full((200, 3), 1.5), torch.full((200, 3), log_variance))
    torch.testing.assert_close(
        index_information(same, source()), torch.zeros(200, dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_the_information_of_two_overlapping_codes_equals_numerical_integration():
    """Many copies of two images: q(z) is a mixture of N(−1, 1) and N(1, 1)."""
    means = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(1000)[:, None]
    information = index_information(DiagonalGaussian(means, torch.zeros_like(means)), source())

    def integrand(z):
        one, other = (math.exp(-((z - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (-1, 1))
        return one * math.log(2 * one / (one + other))

    mean, error = mean_and_error(information)
    assert mean == pytest.approx(quad(integrand, -12, 12)[0], abs=5 * error)
    assert error < 0.02


def gaussian_channel(n, dimensions, sigma):
    """Return posteriors N(m, σ²) with m from N(0, 1 − σ²): I(x; z) is −log σ per dimension, and q(z) is the prior."""
    means = random(n, dimensions, seed=1) * math.sqrt(1 - sigma**2)
    return DiagonalGaussian(means, torch.full((n, dimensions), 2 * math.log(sigma)))


@pytest.mark.slow
def test_the_information_of_a_gaussian_channel_is_found_with_enough_images():
    posterior, known = gaussian_channel(20_000, 2, 0.15), -2 * math.log(0.15)  # 3.79 of at most 9.90 nats
    found = information(posterior, source(), draws=2000)
    assert found["index_code_mutual_information_is_bound"] is False
    assert found["marginal_kl_to_prior_is_bound"] is False
    assert found["index_code_mutual_information"] == pytest.approx(
        known, abs=4 * found["index_code_mutual_information_se"]
    )
    assert found["marginal_kl_to_prior"] == pytest.approx(0, abs=0.02 + 4 * found["marginal_kl_to_prior_se"])
    assert (found["index_code_images"], found["index_code_draws"]) == (20_000, 2000)


def test_information_near_log_n_is_a_lower_bound_without_a_standard_error():
    posterior, known = gaussian_channel(2000, 10, 0.15), -10 * math.log(0.15)  # 19 of at most 7.6 nats
    found = information(posterior, source(), draws=500)
    assert found["index_code_mutual_information_is_bound"] is True
    assert found["marginal_kl_to_prior_is_bound"] is True
    assert math.log(2000) - 1 < found["index_code_mutual_information"] <= math.log(2000) < known
    assert found["marginal_kl_to_prior"] > 10  # the truth is 0: it is an upper bound
    assert not any(name.endswith("_se") for name in found)


def test_information_draws_codes_for_the_first_images_only():
    posterior = DiagonalGaussian(random(50, 3), random(50, 3, seed=1))
    few = index_information(posterior, source(), 20)
    z = posterior[:20].rsample(1, source())[0]
    densities = torch.stack(
        [DiagonalGaussian(m, v).log_prob(z) for m, v in zip(posterior.mean, posterior.log_variance, strict=True)]
    )
    torch.testing.assert_close(few, posterior[:20].log_prob(z) - densities.logsumexp(0) + math.log(50))


def test_information_does_not_depend_on_the_chunk_size(monkeypatch):
    posterior = DiagonalGaussian(random(50, 3), random(50, 3, seed=1))
    whole = index_information(posterior, source())
    monkeypatch.setattr("vae_exp.measures.latent._NUMBERS", 200)
    torch.testing.assert_close(index_information(posterior, source()), whole)


def test_an_aggregate_posterior_equal_to_the_prior_has_no_marginal_kl():
    """With means from N(0, 3/4) and variance 1/4, q(z) is N(0, I) up to the draw of the means."""
    n, d = 4000, 1
    posterior = DiagonalGaussian(random(n, d, seed=1) * math.sqrt(0.75), torch.full((n, d), math.log(0.25)))
    information, error = mean_and_error(index_information(posterior, source()))
    kl = posterior.kl().sum(1).mean().item()
    assert kl > 0.5
    assert information == pytest.approx(0.5 * math.log(4), abs=5 * error + 0.01)  # I(x; z) of this channel
    assert kl - information == pytest.approx(0, abs=5 * error + 0.01)


def test_a_shifted_aggregate_posterior_has_the_kl_of_its_shift():
    posterior = DiagonalGaussian(torch.full((500, 2), 3.0, dtype=torch.float64), torch.zeros(500, 2))
    information = index_information(posterior, source()).mean().item()
    assert posterior.kl().sum(1).mean().item() - information == pytest.approx(9.0)  # 2 · 3²/2


# --- probes ------------------------------------------------------------------------------------------------------


def clusters(n, distance, seed):
    labels = np.arange(n) % 3
    corners = distance * np.array([[0, 0], [1, 0], [0, 1]])
    return corners[labels] + np.random.default_rng(seed).normal(size=(n, 2)), labels


@pytest.mark.parametrize("hits", [neighbour_hits, linear_hits])
def test_probes_find_every_label_of_separated_codes(hits):
    found = hits(*clusters(300, 50, 0), *clusters(90, 50, 1))
    assert found.tolist() == [1.0] * 90


@pytest.mark.parametrize("hits", [neighbour_hits, linear_hits])
def test_probes_find_labels_of_useless_codes_as_often_as_chance(hits):
    found = hits(*clusters(3000, 0, 0), *clusters(3000, 0, 1)).mean().item()
    assert found == pytest.approx(1 / 3, abs=5 * math.sqrt(2 / 9 / 3000))


@pytest.mark.parametrize("hits", [neighbour_hits, linear_hits])
def test_probes_of_collapsed_codes_predict_one_label(hits):
    labels = np.arange(90) % 3
    assert hits(np.ones((90, 2)), labels, np.ones((90, 2)), labels).mean().item() == pytest.approx(1 / 3)


def test_a_ring_is_found_by_the_knn_probe_and_not_by_the_linear_one():
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = np.where(np.arange(200) % 2, 1.0, 4.0)
    codes, labels = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), np.arange(200) % 2
    assert neighbour_hits(codes, labels, codes, labels).mean() == 1
    assert linear_hits(codes, labels, codes, labels).mean() < 0.65


def test_with_fewer_codes_than_neighbours_all_of_them_vote():
    codes = np.array([[0.0], [0.1], [5.0]])
    assert neighbour_hits(codes, np.array([0, 0, 1]), np.array([[5.0]]), np.array([0])).tolist() == [1.0]


def test_silhouettes_are_near_one_for_separated_codes_and_near_zero_for_useless_ones():
    assert silhouettes(*clusters(300, 1000, 0)).mean() > 0.99
    assert abs(silhouettes(*clusters(2000, 0, 0)).mean().item()) < 0.02
    codes, labels = clusters(300, 2, 0)
    assert silhouettes(codes, labels).mean().item() == pytest.approx(silhouette_score(codes, labels))


def test_silhouettes_of_four_points_equal_those_by_hand():
    codes, labels = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    expected = [1 - 1 / 5, 1 - 1 / 4, 1 - 2 / 3.5, 1 - 2 / 5.5]  # 1 − mean distance within / mean distance to the other
    assert silhouettes(codes, labels).tolist() == pytest.approx(expected)


def test_warnings_of_scikit_learn_are_logged_and_not_printed(caplog, recwarn):
    labels = np.arange(40)  # each code its own class: "the number of unique classes is greater than 50 %"
    with caplog.at_level(logging.WARNING):
        neighbour_hits(np.arange(40.0)[:, None], labels, np.zeros((1, 1)), np.zeros(1))
        linear_hits(np.arange(40.0)[:, None], labels, np.zeros((1, 1)), np.zeros(1))
    assert "The number of unique classes" in caplog.text
    assert len(recwarn) == 0


def test_a_fit_that_does_not_converge_is_logged(caplog):
    from sklearn.linear_model import LogisticRegression

    from vae_exp.measures.probes import fit

    with caplog.at_level(logging.WARNING):
        fit(LogisticRegression(max_iter=1), *clusters(30, 1, 0))
    assert "lbfgs failed to converge" in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


def predicted(classifier, images):
    return classifier.classes_[probabilities(classifier, [images]).argmax(1).numpy()]


# --- samples -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return data.load(DigitsConfig())


def test_the_classifier_is_sure_of_real_digits_and_unsure_of_noise(digits):
    train, test = digits.train, digits.test
    classifier = train_classifier(torch.split(train.images / 255, 500), train.labels.numpy())
    assert (predicted(classifier, test.images / 255) == test.labels.numpy()).mean() > 0.95
    real = probabilities(classifier, torch.split(test.images / 255, 100))
    torch.testing.assert_close(real.sum(1), torch.ones(len(real), dtype=real.dtype))
    noise = probabilities(classifier, [torch.rand(300, 1, 8, 8, generator=source())])
    assert real.max(1).values.mean() > 0.9 > 0.5 > noise.max(1).values.mean()


def test_a_classifier_averages_large_colour_images_down():
    labels = np.arange(40) % 2
    large = torch.rand(40, 3, 64, 100, generator=source()) * 0.2 + torch.tensor(labels * 0.8).view(-1, 1, 1, 1).float()
    classifier = train_classifier([large], labels)
    assert classifier[0].n_features_in_ == 3 * 28 * 28
    assert (predicted(classifier, large) == labels).all()


def chances(*counts):
    """Return the class probabilities of images, of which `counts` are certain to be of each class."""
    return torch.eye(len(counts)).repeat_interleave(torch.tensor(counts), 0)


def test_coverage_compares_each_class_with_its_share_of_training_labels():
    even, uneven = torch.full((10,), 0.1), torch.tensor([0.97, 0.02, 0.01])
    assert label_coverage(chances(*[100] * 10), even) == 1
    assert label_coverage(chances(1000, *[0] * 9), even) == pytest.approx(0.1)  # one mode
    assert label_coverage(chances(971, 10, 10, 9, *[0] * 6), even) == pytest.approx(0.3)  # a tenth of its share counts
    assert label_coverage(chances(970, 20, 10), uneven) == 1  # the training images themselves
    assert label_coverage(chances(998, 1, 1), uneven) == pytest.approx(2 / 3)  # 1 of 1,000 is a tenth of 1 %
    assert label_coverage(chances(97, 2, 1), uneven) == 1  # with few images, one


def test_the_number_of_samples_depends_on_the_rarest_class():
    assert number_for(torch.tensor([0.5, 0.5])) == 1000
    assert number_for(torch.tensor([0.999, 0.001])) == 5000
    assert number_for(torch.tensor([0.9999, 0.0001])) > 10_000


# --- everything --------------------------------------------------------------------------------------------------

EVALUATION = EvaluationConfig(importance_samples=7, importance_images=20)


def config(**changes):
    model = MlpConfig(hidden=[16], likelihood="continuous_bernoulli")
    return dataclasses.replace(Config(model=model, data=DigitsConfig(), evaluation=EVALUATION), **changes)


def measured(splits, config, model=None, say=lambda text: None):
    model = model or build_model(config.model, splits.shape, seed=0)
    return measure(model, splits, config, say)


def with_codes(model, scale):
    """Make the first latent mean `scale` times a pixel, and the posterior narrow."""
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
    with torch.no_grad():
        encoder[1].weight.zero_()
        encoder[1].bias.copy_(torch.tensor([0.5, 0.5, -6.0, -6.0]))
        encoder[1].weight[0, 36] = scale
    model.encoder = encoder
    return model


def test_every_measure_is_computed_for_a_labelled_data_set(digits):
    messages = []
    found = measured(digits, config(), say=messages.append)
    estimates = {f"{split}/{part}" for split in ("val", "test") for part in BOTH_PARTS}
    estimates |= {f"{split}/{name}" for split in ("val", "test") for name in ("negative_log_density_iw7", "ess_iw7")}
    estimates |= {"index_code_mutual_information", "marginal_kl_to_prior", "sample_confidence", "real_confidence"}
    shares = {"knn_accuracy", "linear_probe_accuracy", "classifier_accuracy"}
    others = {"measured_on", "importance_samples", "importance_images", "importance_images_val", "index_code_images"}
    others |= {"kl_per_dimension", "active_units", "sample_label_coverage", "real_label_coverage", "classified_samples"}
    others |= {"index_code_mutual_information_is_bound", "marginal_kl_to_prior_is_bound", "index_code_draws"}
    if found["active_units"]:
        estimates |= {"silhouette"}
    else:  # an untrained model may have collapsed
        shares = {"classifier_accuracy"}
    expected = estimates | {f"{name}_se" for name in estimates} | shares | {f"{name}_interval" for name in shares}
    assert found.keys() == expected | others
    json.dumps(found, allow_nan=False)
    assert "importance-weighted estimate, 20 of 20 test images" in messages
    assert found["measured_on"] == "test"
    assert found["test/loss"] == pytest.approx(found["test/reconstruction"] + found["test/kl"])
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["test/kl"], rel=1e-5)
    assert found["index_code_images"] == found["index_code_draws"] == 1257  # all training images


@pytest.mark.slow
def test_measures_are_reproducible_bit_for_bit_and_do_not_change_the_model(digits):
    model = build_model(config().model, digits.shape, seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    threads = torch.get_num_threads()
    assert measured(digits, config(), model) == measured(digits, config(), model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_more_importance_samples_give_a_lower_nll_under_another_name(digits):
    model = build_model(config().model, digits.shape, seed=0)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(10)  # a posterior that is far from the true one
    few, many = (
        measured(digits, config(evaluation=dataclasses.replace(EVALUATION, importance_samples=k)), model)
        for k in (1, 1000)
    )
    assert few["test/negative_log_density_iw1"] > many["test/negative_log_density_iw1000"] + 0.1
    assert (few["importance_samples"], many["importance_samples"], few["importance_images"]) == (1, 1000, 20)


def test_grey_pixels_have_no_bernoulli_nll(digits, caplog):
    with caplog.at_level(logging.INFO):
        found = measured(digits, config(model=MlpConfig(hidden=[16])))
    assert not any("nll" in name or "importance" in name for name in found)
    assert "test/nll_iw7, since cross-entropy objective: a Bernoulli is not a likelihood of grey pixels" in caplog.text


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_binarised_pixels_have_a_bernoulli_nll_and_classified_draws(binarize):
    chosen = config(model=MlpConfig(hidden=[16]), data=DigitsConfig(binarize=binarize))
    found = measured(data.load(chosen.data), chosen)
    for split in ("val", "test"):
        assert 0 < found[f"{split}/nll_iw7"] < found[f"{split}/loss"] + 5
        assert found[f"{split}/bits_per_dim_iw7"] == pytest.approx(found[f"{split}/nll_iw7"] / (64 * math.log(2)))
    assert "sample_confidence" not in found
    assert 0.1 < found["draw_confidence"] < found["real_confidence"] <= 1


def test_samples_are_draws_for_binary_pixels_and_means_for_grey_ones(digits):
    binary = config(model=MlpConfig(hidden=[16]), data=DigitsConfig(binarize="static"))
    for chosen, expected in ((binary, 2), (config(model=MlpConfig(hidden=[16])), 1000)):
        splits = data.load(chosen.data)
        subject = Subject(build_model(chosen.model, splits.shape, seed=0), splits, chosen, lambda text: None)
        assert min(len(torch.cat(list(subject.generated(50))).unique()), 1000) == expected


@pytest.mark.parametrize("likelihood", ["gaussian", "continuous_bernoulli"])
def test_a_dequantised_density_has_bits_per_dimension(digits, likelihood):
    found = measured(digits, config(model=MlpConfig(hidden=[16], likelihood=likelihood, dequantize=True)))
    assert found["test/bits_per_dim_iw7"] == pytest.approx(found["test/nll_iw7"] / (64 * math.log(2)))
    assert 4 < found["test/bits_per_dim_iw7"] < 12  # 8 are those of a uniform density
    assert not any("density" in name for name in found)


def test_a_gaussian_reports_its_scale_and_reconstruction_error(digits):
    chosen = config(model=MlpConfig(hidden=[16], likelihood="gaussian", scale=0.2))
    model = build_model(chosen.model, digits.shape, seed=0).eval()
    for parameter in model.decoder.parameters():
        parameter.data.zero_()  # its mean is 1/2 whatever z is
    found = measured(digits, chosen, model)
    assert found["scale"] == pytest.approx(0.2)
    assert found["rmse"] == pytest.approx((digits.test.images / 255 - 0.5).square().mean().sqrt().item(), rel=1e-6)


def test_an_nll_estimate_that_has_not_converged_is_logged(digits, caplog):
    model = build_model(config().model, digits.shape, seed=0)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(10)
    evaluation = dataclasses.replace(EVALUATION, importance_samples=50)
    with caplog.at_level(logging.WARNING):
        found = measured(digits, config(evaluation=evaluation), model)
    fall = found["test/negative_log_density_iw5"] - found["test/negative_log_density_iw50"]
    assert fall > 0.1
    assert (
        f"test/negative_log_density_iw50 has not converged: it fell by {fall:.2f} nats from K = 5 to 50" in caplog.text
    )
    assert 1 <= found["test/ess_iw50"] < 50


def test_real_images_of_an_unbalanced_data_set_cover_every_class(digits):
    """With 970, 20 and 10 images of three classes, a threshold of a tenth of an even share would cover one class."""
    labels = torch.tensor([0] * 970 + [1] * 20 + [2] * 10)
    images = (labels.view(-1, 1, 1, 1) * 100).to(torch.uint8).expand(-1, 1, 8, 8).contiguous()
    found = measured(assemble(Split(images, labels), None, Split(images, labels), None), config())
    assert found["real_label_coverage"] == 1
    assert found["classified_samples"] == 1000
    assert found["sample_label_coverage"] <= 1


def test_without_a_test_split_validation_images_are_measured(digits):
    found = measured(dataclasses.replace(digits, test=None), config())
    assert found["measured_on"] == "val"
    assert {"val/negative_log_density_iw7", "classifier_accuracy"} <= found.keys()
    assert not any(name.startswith("test/") for name in found)


def test_with_only_training_images_they_are_measured_without_accuracies(digits, caplog):
    with caplog.at_level(logging.INFO):
        found = measured(dataclasses.replace(digits, val=None, test=None), config())
    assert found["measured_on"] == "train"
    assert {"train/negative_log_density_iw7", "active_units", "sample_confidence"} <= found.keys()
    assert not any("accuracy" in name for name in found)
    assert "real_label_coverage, since there are only training images" in caplog.text


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (lambda split: None, "the data has no labels"),
        (lambda split: torch.zeros_like(split.labels), "all training images have the same label"),
    ],
    ids=["no labels", "one class"],
)
def test_without_two_classes_there_are_no_measures_of_labels(digits, labels, reason, caplog):
    train, val, test = (Split(split.images, labels(split)) for _, split in digits.items())
    with caplog.at_level(logging.INFO):
        found = measured(assemble(train, val, test, None), config())
    assert {"test/loss", "active_units", "index_code_mutual_information"} <= found.keys()
    assert not any(name.split("_")[0] in ("knn", "linear", "silhouette", "sample", "classifier") for name in found)
    assert reason in caplog.text


def test_collapsed_codes_have_no_active_unit_no_information_and_no_silhouette(digits, caplog):
    model = with_codes(build_model(config().model, digits.shape, seed=0), 0.0)
    with caplog.at_level(logging.INFO):
        found = measured(digits, config(), model)
    assert found["active_units"] == 0
    assert found["index_code_mutual_information"] == pytest.approx(0, abs=1e-6)
    kl = 0.5 * (0.25 + math.exp(-6) - 1 + 6)  # of N(1/2, e⁻⁶), by hand
    assert found["kl_per_dimension"] == pytest.approx([kl, kl], rel=1e-5)
    assert found["marginal_kl_to_prior"] == pytest.approx(2 * kl, rel=1e-5)
    assert not {"silhouette", "knn_accuracy", "linear_probe_accuracy"} & found.keys()
    assert "knn_accuracy, linear_probe_accuracy, silhouette, since the codes have collapsed" in caplog.text


def test_means_that_hardly_vary_have_no_probe_even_if_a_scaled_one_finds_labels(digits, caplog):
    model = with_codes(build_model(config().model, digits.shape, seed=0), 0.05)
    assert "knn_accuracy" not in measured(digits, config(), model)


def test_an_active_dimension_with_almost_no_kl_is_logged(digits, caplog):
    """One mean is ± 0.11 and its variance 1: KL is 0.11²/2 = 0.00605 nats, and Var(E[z|x]) 0.0121 is above 0.01."""
    posterior = DiagonalGaussian(torch.tensor([[0.11], [-0.11]]).repeat(50, 1).double(), torch.zeros(100, 1).double())
    assert is_active(posterior.mean).tolist() == [True]
    subject = Subject(build_model(config().model, digits.shape, seed=0), digits, config(), lambda text: None)
    with caplog.at_level(logging.INFO), torch.no_grad():
        latent_measures(subject, Codes(posterior, None))
    assert "latent dimension 0 is active, but its mean KL is 0.0060 nats" in caplog.text


def test_a_dimension_that_follows_a_pixel_is_active_and_informative(digits):
    model = with_codes(build_model(config().model, digits.shape, seed=0), 20.0)
    found = measured(digits, config(), model)
    assert found["active_units"] == 1
    assert (
        1 < found["index_code_mutual_information"] < math.log(17)
    )  # a pixel has 17 grey levels, and they are far apart
    assert 0.15 < found["knn_accuracy"] < 0.6
    assert -1 <= found["silhouette"] <= 1


def test_codes_that_are_the_label_are_found_by_both_probes(digits):
    """Each image carries its label in its pixels, and the encoder reads it."""

    def marked(split):
        images = split.images.clone()
        images[:, 0, 4, 4] = (25 * split.labels).to(torch.uint8)
        return Split(images, split.labels)

    splits = assemble(*(marked(split) for _, split in digits.items()), digits.classes)
    found = measured(splits, config(), with_codes(build_model(config().model, digits.shape, seed=0), 100.0))
    assert found["knn_accuracy"] == 1
    assert found["knn_accuracy_interval"] == [pytest.approx(360 / (360 + 1.959964**2)), 1]
    assert found["linear_probe_accuracy"] > 0.95
    assert found["silhouette"] > 0.99
    assert found["index_code_mutual_information"] == pytest.approx(math.log(10), abs=0.01)


@pytest.mark.parametrize("name", ["one image", "one dimension"])
def test_the_smallest_data_and_the_smallest_latent_space_are_measured(digits, name):
    splits, chosen = digits, config()
    if name == "one image":
        splits = dataclasses.replace(digits, test=Split(digits.test.images[:1], digits.test.labels[:1]))
    else:
        chosen = config(model=ConvConfig(channels=[1, 4], latent_dim=1, likelihood="gaussian"))
    found = measured(splits, chosen)
    json.dumps(found, allow_nan=False)
    assert found.get("knn_accuracy", 0) in (0, 1) or name == "one dimension"
    assert ("test/loss_se" in found) == (name == "one dimension")


def test_a_measure_that_is_not_finite_is_left_out_and_logged(digits, caplog):
    chosen = config(model=MlpConfig(hidden=[16], likelihood="gaussian", scale=1e-30))
    with caplog.at_level(logging.INFO):
        found = measured(digits, chosen)
    json.dumps(found, allow_nan=False)
    assert "test/negative_log_density_iw7" not in found
    assert "not measured: test/negative_log_density_iw7, since it is inf" in caplog.text


def test_the_final_losses_are_those_of_the_best_epoch(tmp_path):
    trainer = TrainerConfig(epochs=3, threads=1, device="cpu")
    chosen = config(trainer=trainer, objective=ElboConfig(free_bits=0.3), figures=FiguresConfig(which=[]))
    final = experiment.run(chosen, tmp_path / "run").final
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    best = json.loads(lines[final["best_epoch"] - 1])
    for name in ("val/objective", "val/loss", "test/loss", "test/kl"):
        assert final[name] == pytest.approx(best[name], rel=1e-6)


def test_a_run_logs_if_its_objective_is_not_a_likelihood(tmp_path):
    trainer = TrainerConfig(epochs=0, threads=1, device="cpu")
    quick = {"trainer": trainer, "evaluation": EvaluationConfig(final=False), "figures": FiguresConfig(which=[])}
    for model, is_logged in ((MlpConfig(hidden=[4]), True), (config().model, False)):
        folder = tmp_path / model.likelihood
        experiment.run(config(model=model, **quick), folder)
        assert ("cross-entropy objective" in (folder / "run.log").read_text(encoding="utf-8")) == is_logged


def test_the_reported_nll_is_exact_on_a_linear_gaussian_model():
    x = images(8)
    exact = -LinearGaussian().log_likelihood(x)
    found = estimate("nll", -estimate_log_likelihood(LinearGaussian(), x, 3, source()).log_likelihood)
    assert found["nll"] == pytest.approx(exact.mean().item())
    assert found["nll_se"] == pytest.approx(exact.std().item() / math.sqrt(8))
