"""The training loop: its batches, what it reports, and when it stops."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from compared import planned
from torch import nn

from vae_exp import data, experiment
from vae_exp.config import (
    Config,
    ConvConfig,
    DigitsConfig,
    ElboConfig,
    EvaluationConfig,
    FiguresConfig,
    SgdConfig,
    TrainerConfig,
)
from vae_exp.config.identity import as_dict
from vae_exp.errors import Diverged, UserError
from vae_exp.models import build_model
from vae_exp.objectives import Terms
from vae_exp.storage.sweep_folder import Job
from vae_exp.training import Training, batches, fit_scale, train_epoch

IMAGES = torch.arange(256, dtype=torch.uint8).repeat(2)[:250].reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8).contiguous()
"""250 images, each of one grey level."""
CONFIG = Config(
    model=ConvConfig(channels=[1, 4]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=5, batch_size=60, patience=2),
)


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: two are slow if both cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(config=CONFIG):
    return Training.start(build_model(config.model, (1, 8, 8), config.seed), config)


def greys(config, epoch):
    return [(batch[:, 0, 0, 0] * 255).round().int().tolist() for batch in batches(IMAGES, config, epoch)]


def test_an_epoch_uses_every_image_once_in_batches_of_the_given_size():
    greys_of_batches = greys(CONFIG, 1)
    assert [len(batch) for batch in greys_of_batches] == [60, 60, 60, 60, 10]
    assert sorted(itertools.chain(*greys_of_batches)) == list(range(250))


def test_each_epoch_and_seed_has_its_own_fixed_order():
    other = dataclasses.replace(CONFIG, seed=1)
    orders = [greys(CONFIG, 1), greys(CONFIG, 2), greys(other, 1), greys(other, 2)]
    assert all(orders.count(order) == 1 for order in orders)
    assert greys(CONFIG, 1) == orders[0]


def test_batches_are_floats_between_0_and_1_in_channels_last():
    [batch, *_] = batches(IMAGES.expand(-1, 3, -1, -1), CONFIG, 1)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= batch.min() <= batch.max() <= 1


def test_dynamic_binarisation_redraws_each_pixel_with_its_grey_level_as_probability():
    config = dataclasses.replace(CONFIG, data=DigitsConfig(binarize="dynamic"))
    images = torch.full((250, 1, 8, 8), 51, dtype=torch.uint8)  # 0.2
    first, second = (torch.cat(list(batches(images, config, epoch))) for epoch in (1, 2))
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    sigma = math.sqrt(0.2 * 0.8 / first.numel())
    assert abs(first.mean() - 0.2) < 5 * sigma


class ByGrey(nn.Module):
    """A model with one weight, which does not change the value of the objective."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def encode(self, images):
        return images.mean((1, 2, 3))

    def decode(self, z):
        raise NotImplementedError


def by_grey(images, posterior, decode, generator, epoch=None):
    """Return each image's grey level as its reconstruction, 2 as its KL, and another objective."""
    return Terms(10 * posterior, posterior, torch.full_like(posterior, 2.0))


def test_the_means_of_an_epoch_are_over_images_even_with_a_short_last_batch():
    model = ByGrey()
    training = Training(model, torch.optim.SGD(model.parameters(), 0.0), lambda *a: scaled(by_grey(*a), model))
    grey = sum(range(250)) / 255 / 250  # differs from the mean of the batches' means
    means = train_epoch(training, IMAGES, CONFIG)
    assert means == pytest.approx(
        {"objective": 10 * grey, "loss": grey + 2, "reconstruction": grey, "kl": 2}, rel=1e-6, abs=0
    )


def scaled(terms, model):
    return dataclasses.replace(terms, objective=terms.objective + 0 * model.weight)


def test_a_step_follows_the_mean_gradient_of_its_batch():
    """In one epoch with a single batch, the weight decreases by lr times the mean grey level."""
    model = ByGrey()

    def objective(images, posterior, decode, generator, epoch):
        return Terms(model.weight * posterior, posterior, torch.zeros_like(posterior))

    training = Training(model, torch.optim.SGD(model.parameters(), 1.0), objective)
    config = dataclasses.replace(
        CONFIG, optimizer=SgdConfig(lr=0.5), trainer=TrainerConfig(epochs=1, batch_size=250, patience=None)
    )
    train_epoch(training, IMAGES, config)
    assert model.weight.item() == pytest.approx(-0.5 * sum(range(250)) / 255 / 250, rel=1e-6)


def test_the_objective_receives_the_epoch_and_every_step_is_reported():
    config = dataclasses.replace(CONFIG, objective=ElboConfig(beta=4.0, warmup_epochs=2))
    training, steps = start(config), []
    means = [train_epoch(training, IMAGES, config, lambda: steps.append(1)) for _ in range(3)]
    assert len(steps) == 3 * 5
    weights = [(m["objective"] - m["reconstruction"]) / m["kl"] for m in means]
    assert weights == pytest.approx([0, 2, 4], abs=0.01)  # the KL is a small difference of large sums
    assert training.epoch == 3


def test_dequantisation_spreads_each_level_uniformly_up_to_the_next():
    config = dataclasses.replace(CONFIG, model=ConvConfig(channels=[1, 4], likelihood="gaussian", dequantize=True))
    images = torch.full((250, 1, 8, 8), 51, dtype=torch.uint8)
    first, second = (256 * torch.cat(list(batches(images, config, epoch))) - 51 for epoch in (1, 2))
    assert 0 <= first.min() < 0.01 < 0.99 < first.max() <= 1
    assert first.mean().item() == pytest.approx(0.5, abs=5 / math.sqrt(12 * first.numel()))
    assert not torch.equal(first, second)
    order = [torch.floor(256 * batch[:, 0, 0, 0]).int().tolist() for batch in batches(IMAGES, config, 1)]
    assert order == greys(CONFIG, 1)  # the noise has its own stream


def test_an_optimal_scale_is_the_error_of_the_training_images_after_the_epoch():
    """With zero weights the decoder ignores z: its mean is 1/2 everywhere."""
    model = ConvConfig(channels=[1, 4], likelihood="gaussian", optimal_scale=True)
    training = start(config := dataclasses.replace(CONFIG, model=model))
    for parameter in training.model.decoder.parameters():
        parameter.data.zero_()
    fit_scale(training.model, IMAGES, config, 1)
    expected = (IMAGES / 255 - 0.5).square().mean().sqrt()
    assert training.model.log_scale.exp().item() == pytest.approx(expected.item(), rel=1e-5)
    train_epoch(training, IMAGES, config)
    assert training.model.log_scale.exp().item() != pytest.approx(expected.item(), rel=1e-5)


def test_each_epoch_has_the_learning_rate_of_its_stage():
    config = dataclasses.replace(CONFIG, optimizer=SgdConfig(lr=0.01, stages=2), trainer=TrainerConfig(epochs=None))
    training, rates = start(config), []
    for _ in range(4):
        train_epoch(training, IMAGES[:60], config)
        rates.append(training.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, *[0.01 * 10 ** (-1 / 7)] * 3])


def test_training_lowers_the_loss():
    training, images = start(), data.load(CONFIG.data).train.images[:250]
    losses = [train_epoch(training, images, CONFIG)["loss"] for _ in range(3)]
    assert losses[2] < losses[1] < losses[0]


@pytest.mark.parametrize("lr", [1e30, 3e38])
def test_a_loss_that_is_not_finite_is_reported_with_its_epoch_and_step(lr):
    config = dataclasses.replace(CONFIG, optimizer=SgdConfig(lr=lr))
    with pytest.raises(Diverged, match=r"NaN or infinite at epoch 1, step \d; try a lower optimizer\.lr"):
        train_epoch(start(config), IMAGES, config)


def updated_with(*objectives, config=CONFIG):
    """Return for each epoch whether it is the best so far and whether training is over; and the training."""
    training, seen = start(config), []
    for training.epoch, objective in enumerate(objectives, start=1):
        seen.append((training.update_best(objective), training.is_over(config)))
    return seen, training


def test_the_best_epoch_is_the_earliest_with_the_lowest_objective():
    seen, training = updated_with(3.0, 2.0, 2.0, 1.0, 1.5)
    assert [best for best, _ in seen] == [True, True, False, True, False]
    assert (training.best_epoch, training.best_objective) == (4, 1.0)


def test_training_stops_exactly_when_patience_is_exhausted():
    seen, training = updated_with(3.0, 2.0, 2.0, 2.0)
    assert [over for _, over in seen] == [False, False, False, True]
    assert training.stopped_early(CONFIG)


def test_training_stops_after_its_last_epoch():
    seen, training = updated_with(5.0, 4.0, 3.0, 2.0, 1.0)
    assert [over for _, over in seen] == [False, False, False, False, True]
    assert not training.stopped_early(CONFIG)


def test_the_best_epoch_and_patience_start_after_the_warm_up():
    objective, trainer = ElboConfig(warmup_epochs=3), dataclasses.replace(CONFIG.trainer, epochs=9)
    config = dataclasses.replace(CONFIG, objective=objective, trainer=trainer)
    seen, training = updated_with(1.0, 2.0, 3.0, 9.0, 9.5, 9.0, config=config)
    assert seen == [(False, False)] * 3 + [(True, False), (False, False), (False, True)]
    assert (training.best_epoch, training.best_objective) == (4, 9.0)


def test_an_objective_of_an_extension_declares_its_first_final_epoch():
    seen, training = updated_with(1.0, 2.0, 3.0)
    assert [best for best, _ in seen] == [True, False, False]
    training.objective = SimpleNamespace(first_final_epoch=4)
    training.epoch, training.best_epoch, training.best_objective = 3, 0, math.inf
    assert not training.update_best(1.0)
    training.epoch = 4
    assert training.update_best(7.0)


def test_a_state_of_version_0_1_that_was_best_in_its_warm_up_has_no_best_epoch_yet():
    training = start(dataclasses.replace(CONFIG, objective=ElboConfig(warmup_epochs=3)))
    training.load(training.tensors(), {"epoch": 2, "best_epoch": 1, "best_objective": 5.0})
    assert (training.epoch, training.best_epoch, training.best_objective) == (2, 0, math.inf)


WARM_UP = dataclasses.replace(CONFIG, objective=ElboConfig(warmup_epochs=5))


def test_a_warm_up_longer_than_the_training_is_refused_with_both_keys(tmp_path):
    refusal = "trainer.epochs must be at least 6, the first epoch after objective.warmup_epochs=5, got 5"
    with pytest.raises(UserError, match=refusal):
        experiment.run(WARM_UP, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()
    with pytest.raises(UserError, match=refusal):
        planned(WARM_UP)
    long_enough = dataclasses.replace(WARM_UP, trainer=dataclasses.replace(WARM_UP.trainer, epochs=6))
    assert len(planned(long_enough)) == 1


def test_a_saved_run_whose_warm_up_never_ends_can_still_continue(tmp_path):
    quick = dataclasses.replace(WARM_UP, evaluation=EvaluationConfig(final=False), figures=FiguresConfig(which=[]))
    trainer = dataclasses.replace(quick.trainer, epochs=0, threads=1, batch_size=500, device="cpu")
    quick = dataclasses.replace(quick, trainer=trainer)
    run_folder = tmp_path / "run"
    assert experiment.run(quick, run_folder, origin="an older run").final["epochs"] == 0  # as reproduce starts it
    longer = dataclasses.replace(quick, trainer=dataclasses.replace(trainer, epochs=2))
    assert experiment.run(longer, run_folder).final["best_epoch"] == 2  # no epoch is final, so the last one counts
    known = Job("planned", "planned", [], as_dict(quick))
    assert planned(longer, known)[0].config["trainer"]["epochs"] == 2


def test_without_a_validation_split_the_last_epoch_is_best_and_training_never_stops_early():
    seen, training = updated_with(None, None, None, None)
    assert seen == [(True, False)] * 4
    assert training.best_epoch == 4


def test_without_patience_training_never_stops_early():
    config = dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, patience=None))
    seen, _ = updated_with(1.0, 2.0, 3.0, 4.0, config=config)
    assert not any(over for _, over in seen)


def test_patience_must_last_until_the_next_evaluation():
    with pytest.raises(UserError, match=r"trainer\.patience must be null or at least evaluation\.every=3"):
        Config(trainer=TrainerConfig(patience=2), evaluation=EvaluationConfig(every=3))


def test_a_restored_training_continues_with_the_same_bits():
    config = dataclasses.replace(CONFIG, model=ConvConfig(channels=[1, 4, 8], likelihood="gaussian"))
    one = start(config)
    train_epoch(one, IMAGES, config)
    one.update_best(5.0)
    other = start(config)
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in one.tensors().items()
    }
    other.load(tensors, one.state())
    assert (other.epoch, other.best_epoch, other.best_objective) == (1, 1, 5.0)
    assert train_epoch(one, IMAGES, config) == train_epoch(other, IMAGES, config)
    assert all(torch.equal(tensor, other.tensors()[name]) for name, tensor in one.tensors().items())


def test_the_state_before_the_first_epoch_can_be_restored():
    one = start()
    other = start()
    other.load(one.tensors(), one.state())
    assert (other.epoch, other.best_epoch, other.best_objective) == (0, 0, math.inf)
