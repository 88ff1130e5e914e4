"""The memory of training is counted without allocating it, and a real run stays within it."""

import json
import subprocess
import sys

import pytest
import torch

from vae_exp.config import ConvConfig, MlpConfig
from vae_exp.models import build_model
from vae_exp.models.memory import layers_of, without_memory

MODELS = [
    (ConvConfig(), (1, 28, 28)),
    (ConvConfig(channels=[3, 8, 16], kernel_size=5, stride=3, latent_dim=7), (3, 64, 48)),
    (ConvConfig(channels=[1, 8], kernel_size=4, stride=1), (1, 9, 13)),
    (ConvConfig(likelihood="gaussian"), (1, 17, 5)),
    (MlpConfig(hidden=[50, 20], activation="softplus"), (1, 28, 28)),
    (MlpConfig(activation="relu", likelihood="discretized_logistic"), (3, 8, 8)),
]


def outputs_of(model, run):
    """Return the bytes of all tensors that the layers of a real model return."""
    sizes = []
    for module in model.modules():
        if not any(module.children()):
            module.register_forward_hook(lambda _module, _inputs, output: sizes.append(output.nbytes))
    run()
    return sum(sizes)


@pytest.mark.parametrize(("config", "shape"), MODELS, ids=lambda value: getattr(value, "name", ""))
def test_the_memory_counted_without_allocation_equals_that_of_real_tensors(config, shape):
    with without_memory():
        encoder, decoder = layers_of(build_model(config, shape, 0), shape)
    model = build_model(config, shape, 0)
    assert outputs_of(model, lambda: model.encode(torch.zeros(1, *shape))) == encoder.kept
    model = build_model(config, shape, 0)
    assert outputs_of(model, lambda: model.decode(torch.zeros(1, config.latent_dim))) == decoder.kept


def test_the_largest_layer_is_the_activation_of_the_first_convolution():
    with without_memory():
        encoder, _ = layers_of(build_model(ConvConfig(), (1, 28, 28), 0), (1, 28, 28))
    assert encoder.largest == 2 * 4 * 32 * 14 * 14  # input and output of the ReLU, in float32


CHECK = """
import json, sys
from vae_exp.config import Config, DigitsConfig, MlpConfig
from vae_exp.preparation import check
for model in (Config().model, MlpConfig()):
    check(Config(data=DigitsConfig(), model=model))
print(json.dumps(sorted({"sympy", "triton", "torch._dynamo", "torch.fx.experimental.symbolic_shapes", "sklearn"}
    & set(sys.modules))))
"""


@pytest.mark.process
def test_a_run_of_digits_is_checked_without_torchs_compiler_and_without_scikit_learn():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


TRAIN = """
import sys, tempfile
from pathlib import Path
import numpy as np, psutil
from vae_exp import data, experiment
from vae_exp.config import *
from vae_exp.data.given import given
from vae_exp.models.memory import HEAP, without_memory
from vae_exp.preparation import bytes_of_training

def train(side, number, batch):
    config = Config(
        model=ConvConfig(likelihood="gaussian"),
        data=ArraysConfig(),
        trainer=TrainerConfig(batch_size=batch, epochs=1, threads=1),
        evaluation=EvaluationConfig(importance_images=4),
        figures=FiguresConfig(which=[]),
        tracking=NoTrackingConfig(),
    )
    images = np.random.default_rng(0).integers(0, 256, (number, side, side), dtype=np.uint8)
    with given((images, np.arange(number) % 2)), tempfile.TemporaryDirectory() as folder:
        splits = data.load(config.data)
        with without_memory():
            counted = HEAP * bytes_of_training(config, splits)
        before = psutil.Process().memory_info().rss
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak, VmHWM, to the present size
        experiment.run(config, Path(folder) / "run")
        peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
        return int(peak) * 1024 - before, counted

train(8, 20, 2)  # so that the imports of a run are not measured
print(*train(128, 60, 8))
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak memory of a process")
def test_training_and_measuring_128_pixel_images_stays_within_the_counted_memory():
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True)
    grown, counted = map(float, done.stdout.split())
    assert counted / 4 < grown <= counted
