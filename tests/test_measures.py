"""Every number of `final.json` against a value that is known: on perfect, useless and degenerate codes."""

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
from vae_exp.measures.estimates import estimate
from vae_exp.measures.importance import log_likelihood
from vae_exp.measures.latent import index_information, is_active
from vae_exp.measures.probes import linear_hits, neighbour_hits, silhouettes
from vae_exp.measures.samples import class_coverage, predicted, probabilities, train_classifier
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


# --- latent space ------------------------------------------------------------------------------------------------


def test_a_dimension_is_active_when_its_means_vary_by_more_than_a_hundredth():
    spread = torch.tensor([-1.0, 1.0]).repeat(500)[:, None]
    means = spread * torch.tensor([1.0, 0.1001, 0.0999, 0.0]) + 5  # variances 1, 0.01002, 0.00998, 0
    assert is_active(means).tolist() == [True, True, False, False]


def test_no_dimension_of_a_single_code_is_active():
    assert is_active(torch.ones(1, 3)).tolist() == [False] * 3


def test_codes_that_do_not_overlap_tell_their_image_apart_by_log_n():
    n = 300
    posterior = DiagonalGaussian(10 * torch.arange(n, dtype=torch.float64)[:, None], torch.full((n, 1), -4.0))
    information = index_information(posterior, source())
    torch.testing.assert_close(information, torch.full((n,), math.log(n), dtype=torch.float64))


@pytest.mark.parametrize("log_variance", [0.0, -60.0])
def test_codes_that_are_all_the_same_tell_nothing(log_variance):
    same = DiagonalGaussian(torch.full((200, 3), 1.5), torch.full((200, 3), log_variance))
    torch.testing.assert_close(
        index_information(same, source()), torch.zeros(200, dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_two_overlapping_codes_have_the_information_of_numerical_integration():
    """Two images, of which many copies are the same: log q(z) is a mixture of N(−1, 1) and N(1, 1)."""
    means = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(1000)[:, None]
    information = index_information(DiagonalGaussian(means, torch.zeros_like(means)), source())

    def integrand(z):
        one, other = (math.exp(-((z - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (-1, 1))
        return one * math.log(2 * one / (one + other))

    mean, error = mean_and_error(information)
    assert mean == pytest.approx(quad(integrand, -12, 12)[0], abs=5 * error)
    assert error < 0.02


def test_information_is_the_same_whatever_fits_into_memory(monkeypatch):
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
def test_probes_of_collapsed_codes_find_one_label(hits):
    labels = np.arange(90) % 3
    assert hits(np.ones((90, 2)), labels, np.ones((90, 2)), labels).mean().item() == pytest.approx(1 / 3)


def test_only_the_linear_probe_is_fooled_by_a_ring():
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = np.where(np.arange(200) % 2, 1.0, 4.0)
    codes, labels = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), np.arange(200) % 2
    assert neighbour_hits(codes, labels, codes, labels).mean() == 1
    assert linear_hits(codes, labels, codes, labels).mean() < 0.65


def test_fewer_codes_than_neighbours_vote_all():
    codes = np.array([[0.0], [0.1], [5.0]])
    assert neighbour_hits(codes, np.array([0, 0, 1]), np.array([[5.0]]), np.array([0])).tolist() == [1.0]


def test_silhouettes_are_near_one_for_separated_codes_and_near_zero_for_useless_ones():
    assert silhouettes(*clusters(300, 1000, 0)).mean() > 0.99
    assert abs(silhouettes(*clusters(2000, 0, 0)).mean().item()) < 0.02
    codes, labels = clusters(300, 2, 0)
    assert silhouettes(codes, labels).mean().item() == pytest.approx(silhouette_score(codes, labels))


def test_silhouettes_of_four_points_are_those_by_hand():
    codes, labels = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    expected = [1 - 1 / 5, 1 - 1 / 4, 1 - 2 / 3.5, 1 - 2 / 5.5]  # 1 − mean distance within / mean distance to the other
    assert silhouettes(codes, labels).tolist() == pytest.approx(expected)


def test_a_fit_that_does_not_converge_is_said_in_the_log(caplog):
    from sklearn.linear_model import LogisticRegression

    from vae_exp.measures.probes import fit

    with caplog.at_level(logging.WARNING):
        fit(LogisticRegression(max_iter=1), *clusters(30, 1, 0))
    assert "lbfgs failed to converge" in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


# --- samples -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return data.load(DigitsConfig())


def test_the_classifier_knows_real_digits_and_doubts_noise(digits):
    train, test = digits.train, digits.test
    classifier = train_classifier(train.images / 255, train.labels.numpy())
    assert (predicted(classifier, test.images / 255) == test.labels.numpy()).mean() > 0.95
    real = probabilities(classifier, test.images / 255)
    torch.testing.assert_close(real.sum(1), torch.ones(len(real), dtype=real.dtype))
    noise = probabilities(classifier, torch.rand(300, 1, 8, 8, generator=source()))
    assert real.max(1).values.mean() > 0.9 > 0.5 > noise.max(1).values.mean()


def test_a_classifier_of_large_colour_images_sees_them_averaged_down():
    labels = np.arange(40) % 2
    large = torch.rand(40, 3, 64, 100, generator=source()) * 0.2 + torch.tensor(labels * 0.8).view(-1, 1, 1, 1).float()
    classifier = train_classifier(large, labels)
    assert classifier[0].n_features_in_ == 3 * 28 * 28
    assert (predicted(classifier, large) == labels).all()


def test_coverage_counts_the_classes_that_enough_samples_show():
    def chances(*counts):
        return torch.eye(len(counts)).repeat_interleave(torch.tensor(counts), 0)

    assert class_coverage(chances(*[100] * 10)) == 1
    assert class_coverage(chances(1000, *[0] * 9)) == pytest.approx(0.1)  # one mode
    assert class_coverage(chances(971, 10, 10, 9, *[0] * 6)) == pytest.approx(0.3)  # 1 % counts, less doesn't
    assert class_coverage(chances(3, 1)) == 1  # with few samples, one


# --- everything --------------------------------------------------------------------------------------------------

EVALUATION = EvaluationConfig(importance_samples=7, importance_images=20)


def config(**changes):
    model = MlpConfig(hidden=[16], likelihood="continuous_bernoulli")
    return dataclasses.replace(Config(model=model, data=DigitsConfig(), evaluation=EVALUATION), **changes)


def measured(splits, config, model=None, say=lambda text: None):
    model = model or build_model(config.model, splits.shape, seed=0)
    return measure(model, splits, config, say)


def with_codes(model, scale):
    """Make the first latent mean that many times a pixel, and the posterior narrow."""
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))
    with torch.no_grad():
        encoder[1].weight.zero_()
        encoder[1].bias.copy_(torch.tensor([0.5, 0.5, -6.0, -6.0]))
        encoder[1].weight[0, 36] = scale
    model.encoder = encoder
    return model


def test_a_model_is_measured_in_every_respect(digits):
    told = []
    found = measured(digits, config(), say=told.append)
    estimates = {f"{split}/{part}" for split in ("val", "test") for part in BOTH_PARTS}
    estimates |= {"test/nll_iw7", "mutual_information", "marginal_kl", "knn_accuracy", "linear_probe_accuracy"}
    estimates |= {"sample_confidence", "classifier_accuracy", "silhouette"}
    others = {"measured_on", "importance_samples", "importance_images", "information_images"}
    others |= {"kl_per_dimension", "active_units", "sample_class_coverage"}
    found.setdefault("silhouette", 0.0), found.setdefault("silhouette_se", 0.0)  # an untrained model may have collapsed
    assert found.keys() == estimates | {f"{name}_se" for name in estimates} | others
    json.dumps(found, allow_nan=False)
    assert "importance-weighted NLL, 20 of 20 images" in told
    assert found["measured_on"] == "test"
    assert found["test/loss"] == pytest.approx(found["test/reconstruction"] + found["test/kl"])
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["test/kl"], rel=1e-5)
    assert found["mutual_information"] + found["marginal_kl"] == pytest.approx(found["test/kl"], rel=1e-5)


def test_the_same_model_has_the_same_measures_bit_for_bit_and_is_left_as_it_was(digits):
    model = build_model(config().model, digits.shape, seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    threads = torch.get_num_threads()
    assert measured(digits, config(), model) == measured(digits, config(), model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.get_num_threads() == threads


def test_the_number_of_importance_samples_is_in_the_name_and_more_give_a_lower_nll(digits):
    model = build_model(config().model, digits.shape, seed=0)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(10)  # a posterior that is far from the true one
    few, many = (
        measured(digits, config(evaluation=dataclasses.replace(EVALUATION, importance_samples=k)), model)
        for k in (1, 1000)
    )
    assert few["test/nll_iw1"] > many["test/nll_iw1000"] + 0.1
    assert (few["importance_samples"], many["importance_samples"], few["importance_images"]) == (1, 1000, 20)


def test_grey_pixels_have_no_bernoulli_likelihood_and_so_no_nll(digits, caplog):
    with caplog.at_level(logging.INFO):
        found = measured(digits, config(model=MlpConfig(hidden=[16])))
    assert not any("nll" in name or "importance" in name for name in found)
    assert "test/nll_iw7, since Bernoulli cross-entropy of grey pixels is an objective" in caplog.text


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_binarised_pixels_have_a_bernoulli_likelihood(binarize):
    chosen = config(model=MlpConfig(hidden=[16]), data=DigitsConfig(binarize=binarize))
    found = measured(data.load(chosen.data), chosen)
    assert 0 < found["test/nll_iw7"] < found["test/loss"] + 5


def test_without_a_test_split_validation_images_are_measured(digits):
    found = measured(dataclasses.replace(digits, test=None), config())
    assert found["measured_on"] == "val"
    assert {"val/nll_iw7", "knn_accuracy", "classifier_accuracy"} <= found.keys()
    assert not any(name.startswith("test/") for name in found)


def test_with_nothing_but_training_images_they_are_measured_and_no_accuracy_is_claimed(digits, caplog):
    with caplog.at_level(logging.INFO):
        found = measured(dataclasses.replace(digits, val=None, test=None), config())
    assert found["measured_on"] == "train"
    assert {"train/nll_iw7", "active_units", "sample_confidence"} <= found.keys()
    assert not any("accuracy" in name for name in found)
    assert "knn_accuracy, linear_probe_accuracy, since there are no images beside the training images" in caplog.text


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (lambda split: None, "the data has no labels"),
        (lambda split: torch.zeros_like(split.labels), "all training images have the same label"),
    ],
    ids=["no labels", "one class"],
)
def test_without_two_classes_nothing_is_said_about_labels(digits, labels, reason, caplog):
    train, val, test = (Split(split.images, labels(split)) for _, split in digits.items())
    with caplog.at_level(logging.INFO):
        found = measured(assemble(train, val, test, None), config())
    assert {"test/loss", "active_units", "mutual_information"} <= found.keys()
    assert not any(name.split("_")[0] in ("knn", "linear", "silhouette", "sample", "classifier") for name in found)
    assert reason in caplog.text


def test_collapsed_codes_have_no_active_unit_no_information_and_no_silhouette(digits, caplog):
    model = with_codes(build_model(config().model, digits.shape, seed=0), 0.0)
    with caplog.at_level(logging.INFO):
        found = measured(digits, config(), model)
    assert found["active_units"] == 0
    assert found["mutual_information"] == pytest.approx(0, abs=1e-6)
    kl = 0.5 * (0.25 + math.exp(-6) - 1 + 6)  # of N(1/2, e⁻⁶), by hand
    assert found["kl_per_dimension"] == pytest.approx([kl, kl], rel=1e-5)
    assert found["marginal_kl"] == pytest.approx(2 * kl, rel=1e-5)
    assert "silhouette" not in found
    assert "silhouette, since the codes have collapsed" in caplog.text


def test_a_dimension_that_follows_a_pixel_is_active_and_informative(digits):
    model = with_codes(build_model(config().model, digits.shape, seed=0), 20.0)
    found = measured(digits, config(), model)
    assert found["active_units"] == 1
    assert 1 < found["mutual_information"] < math.log(17)  # a pixel has 17 grey levels, and they are far apart
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
    assert found["knn_accuracy_se"] == 0
    assert found["linear_probe_accuracy"] > 0.95
    assert found["silhouette"] > 0.99
    assert found["mutual_information"] == pytest.approx(math.log(10), abs=0.01)


@pytest.mark.parametrize("name", ["one image", "one dimension"])
def test_the_smallest_data_and_the_smallest_latent_space_are_measured(digits, name):
    splits, chosen = digits, config()
    if name == "one image":
        splits = dataclasses.replace(digits, test=Split(digits.test.images[:1], digits.test.labels[:1]))
    else:
        chosen = config(model=ConvConfig(channels=[1, 4], latent_dim=1, likelihood="gaussian"))
    found = measured(splits, chosen)
    json.dumps(found, allow_nan=False)
    assert found["knn_accuracy"] in (0, 1) or name == "one dimension"
    assert ("test/loss_se" in found) == (name == "one dimension")


def test_a_measure_that_is_not_finite_is_left_out_and_named(digits, caplog):
    chosen = config(model=MlpConfig(hidden=[16], likelihood="gaussian", scale=1e-30))
    with caplog.at_level(logging.INFO):
        found = measured(digits, chosen)
    json.dumps(found, allow_nan=False)
    assert "test/nll_iw7" not in found
    assert "not given: test/nll_iw7, since it is inf" in caplog.text


def test_the_final_losses_are_those_of_the_best_epoch(tmp_path):
    trainer = TrainerConfig(epochs=3, threads=1, device="cpu")
    chosen = config(trainer=trainer, objective=ElboConfig(free_bits=0.3), figures=FiguresConfig(which=[]))
    final = experiment.run(chosen, tmp_path / "run").final
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    best = json.loads(lines[final["best_epoch"] - 1])
    for name in ("val/objective", "val/loss", "test/loss", "test/kl"):
        assert final[name] == pytest.approx(best[name], rel=1e-6)


def test_the_log_of_a_run_says_when_its_objective_is_no_likelihood(tmp_path):
    trainer = TrainerConfig(epochs=0, threads=1, device="cpu")
    quick = {"trainer": trainer, "evaluation": EvaluationConfig(final=False), "figures": FiguresConfig(which=[])}
    for model, is_said in ((MlpConfig(hidden=[4]), True), (config().model, False)):
        folder = tmp_path / model.likelihood
        experiment.run(config(model=model, **quick), folder)
        assert ("cross-entropy objective" in (folder / "run.log").read_text(encoding="utf-8")) == is_said


def test_the_reported_nll_is_the_estimate_that_is_exact_on_a_linear_gaussian_model():
    x = images(8)
    exact = -LinearGaussian().log_likelihood(x)
    found = estimate("nll", -log_likelihood(LinearGaussian(), x, 3, source()))
    assert found["nll"] == pytest.approx(exact.mean().item())
    assert found["nll_se"] == pytest.approx(exact.std().item() / math.sqrt(8))
