"""`trainer.compile`: the same training with torch.compile, up to rounding."""

import shutil

import pytest
import torch

from vae_exp.config import Config, ConvConfig, TrainerConfig
from vae_exp.models import build_model
from vae_exp.training import Training, train_epoch

pytestmark = [
    pytest.mark.process,  # the compiler runs as one
    pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on a CPU"),
    pytest.mark.filterwarnings("default"),  # torch's compiler emits some
]


def train(compile):
    config = Config(model=ConvConfig(channels=[1, 4, 8]), trainer=TrainerConfig(batch_size=20, compile=compile))
    images = torch.arange(60 * 8 * 8).remainder(256).to(torch.uint8).reshape(60, 1, 8, 8)
    training = Training.start(build_model(config.model, (1, 8, 8), 0), config)
    return training, train_epoch(training, images, config)


def test_compiled_training_reaches_the_loss_and_weights_of_eager_training():
    (compiled, found), (eager, expected) = train(True), train(False)
    assert found == pytest.approx(expected, rel=1e-5)
    weights = compiled.model.state_dict()
    assert weights.keys() == eager.model.state_dict().keys()
    for name, weight in eager.model.state_dict().items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-5)


def test_the_model_is_compiled_only_with_trainer_compile(monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: pytest.fail("compiled"))
    train(False)
    with pytest.raises(pytest.fail.Exception, match="compiled"):
        train(True)
