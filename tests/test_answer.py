"""The sentence that a comparison begins with: what is best and by how much, or that it is not decided."""

import math

import pytest
from compared import compared, config, sweep, write

from vae_exp.comparison import answer
from vae_exp.comparison.notes import notes
from vae_exp.config import DigitsConfig, ElboConfig


def sentence_of(path, losses, **final):
    """Return the sentence of a sweep; `losses` are (validation, test) by (latent_dim, seed)."""
    pairs = [(config(dim, seed), {"losses": [pair], **_errors(dim, final)}) for (dim, seed), pair in losses.items()]
    sweep(path, pairs)
    return answer.sentence(compared(path))


def _errors(dim, final):
    return {key: value[dim] if isinstance(value, dict) else value for key, value in final.items()}


SE = "test/loss_se"


def test_a_clear_best_is_named_with_its_loss_and_its_lead_over_the_second(tmp_path):
    losses = {(2, 0): (162.0, 162.5), (4, 0): (137.0, 138.5), (8, 0): (120.0, 119.5)}
    text = sentence_of(tmp_path, losses, **{SE: 1.5})
    assert text == "latent_dim=8 is best: 119.5 ± 1.5 nats per image, 19.0 below latent_dim=4, one seed"


def test_with_seeds_the_loss_has_an_interval_and_the_difference_is_paired_by_seed(tmp_path):
    losses = {(2, s): (20.0 + s, 20.0 + 10 * s) for s in (0, 1, 2)} | {
        (4, s): (10.0 + s, 10.5 + 10 * s) for s in (0, 1, 2)
    }
    losses[4, 1] = (11.0, 20.6)
    text = sentence_of(tmp_path, losses)
    half = 4.302652729749464 * math.sqrt(
        ((10.5 - 20.5333) ** 2 + (20.6 - 20.5333) ** 2 + (30.5 - 20.5333) ** 2) / 2 / 3
    )
    assert text == f"latent_dim=4 is best: 20.5 ± {half:.1f} nats per image, 9.5 below latent_dim=2"


def test_a_difference_within_seed_noise_names_no_best(tmp_path):
    losses = {(2, 0): (10.0, 10.0), (2, 1): (12.0, 12.0), (4, 0): (9.0, 9.0), (4, 1): (12.5, 13.0)}
    text = sentence_of(tmp_path, losses)  # the differences are 1 and −1: 0 ± 12.7 · √2/√2
    assert text == (
        "latent_dim=4 has the lowest validation loss; the difference to latent_dim=2 is within seed noise "
        "(+0.0 ± 12.7 nats per image)"
    )


@pytest.mark.parametrize(("gap", "is_best"), [(2.7, False), (2.8, True)])
def test_with_one_seed_the_standard_error_over_images_decides(tmp_path, gap, is_best):
    text = sentence_of(tmp_path, {(2, 0): (20.0, 20.0), (4, 0): (10.0, 20.0 - gap)}, **{SE: 1.0})  # 1.96 · √2 = 2.77
    assert text.startswith("latent_dim=4 is best: " if is_best else "latent_dim=4 has the lowest validation loss; ")
    assert ("within the error over images (+2.7 ± 2.8 nats per image, one seed)" in text) is not is_best
    assert "one seed" in text


def test_the_standard_errors_of_both_rows_are_combined(tmp_path):
    text = sentence_of(tmp_path, {(2, 0): (20.0, 20.0), (4, 0): (10.0, 15.0)}, **{SE: {2: 3.0, 4: 0.1}})
    assert "within the error over images (+5.0 ± 5.9" in text


def test_the_lowest_validation_loss_with_a_clearly_higher_test_loss_is_not_called_best(tmp_path):
    text = sentence_of(tmp_path, {(2, 0): (20.0, 10.0), (4, 0): (10.0, 20.0)}, **{SE: 1.0})
    assert text == "latent_dim=4 has the lowest validation loss, but a test loss 10.0 nats above latent_dim=2, one seed"


def test_without_a_standard_error_no_best_is_named(tmp_path):
    text = sentence_of(tmp_path, {(2, 0): (20.0, 20.0), (4, 0): (10.0, 10.0)})
    assert text == (
        "latent_dim=4 has the lowest validation loss: 10.0 nats per image, one seed; "
        "the difference to latent_dim=2 may be noise, since no standard error is saved"
    )


def test_a_single_run_is_summarised_by_its_test_loss(tmp_path):
    write(tmp_path, config(), [(9.0, 8.0)], **{SE: 0.5})
    assert answer.sentence(compared(tmp_path)) == "Test loss 8.0 ± 0.5 nats per image"


def test_one_finished_configuration_of_several_is_summarised_by_its_test_loss(tmp_path):
    sweep(tmp_path, [(config(2), {"losses": [(9.0, 8.0)]}), (config(4), None)])
    assert answer.sentence(compared(tmp_path)) == "latent_dim=2: test loss 8.0 nats per image"


def test_the_context_lists_what_all_runs_share(tmp_path):
    options = {"losses": [(1.0, 1.0)], "images": {"val": 20, "test": 1000}}
    sweep(tmp_path, [(config(dim, seed), options) for dim in (2, 4) for seed in (0, 1, 2)])
    assert answer.context(compared(tmp_path)) == "digits · conv · Bernoulli · 50 epochs · seeds 0–2 · 1,000 test images"


def test_what_differs_is_not_in_the_context(tmp_path):
    write(tmp_path / "a", config(data=DigitsConfig(), objective=ElboConfig(beta=2.0)), [(1.0, 1.0)])
    write(tmp_path / "b", config(data=DigitsConfig(binarize="dynamic"), seed=7), [(1.0, 1.0)])
    assert answer.context(compared(tmp_path / "a", tmp_path / "b")).endswith("seeds 0, 7")


def test_with_one_seed_a_note_says_that_the_error_is_over_images(tmp_path):
    write(tmp_path, config(), [(9.0, 8.0)], **{SE: 0.5})
    assert any("standard error over images and says nothing about other seeds" in n for n in notes(compared(tmp_path)))
