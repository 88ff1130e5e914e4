"""What each optimization of the default model's training step gains, by instruction set: `tricks RESULT ROUNDS`.

Trains steps with and without one of them in turn, in processor time of one thread. `python -m benchmarks.training
--tricks` runs this with all instructions of the processor and, where it has more, restricted to AVX2.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from benchmarks import machine
from benchmarks.tables import table
from benchmarks.worker import measure, write_result
from vae_exp.config import Config
from vae_exp.machine.memory import keep_freed_memory
from vae_exp.models import Vae, build_model
from vae_exp.models.layers import NarrowConv2d, TransposedConv2d
from vae_exp.randomness import make_deterministic
from vae_exp.training import Training, train_epoch

CONFIG = Config()
STEPS = 5
"""Steps that are timed together."""
ROUNDS = 30
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
"""Environment variables that restrict torch's own kernels, oneDNN and MKL to AVX2."""


def use_torch_layers(model: Vae, ours: type[nn.Module], plain: Callable[[nn.Module], nn.Module]) -> Vae:
    """Replace our layers of the decoder by torch's own, with the same weights."""
    assert isinstance(model.decoder, nn.Sequential)
    for place, layer in enumerate(model.decoder):
        if type(layer) is ours:
            model.decoder[place] = plain(layer)
            model.decoder[place].load_state_dict(layer.state_dict())
    return model.to(memory_format=torch.channels_last)


def _conv(layer: nn.Module) -> nn.Module:
    return nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size)  # type: ignore[arg-type]


def _transposed(layer: nn.Module) -> nn.Module:
    return nn.ConvTranspose2d(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride)  # type: ignore[arg-type]


WITHOUT: dict[str, Callable[[Vae], Vae]] = {
    "the last layer as a matrix product": lambda model: use_torch_layers(model, NarrowConv2d, _conv),
    "the bias of transposed convolutions apart": lambda model: use_torch_layers(model, TransposedConv2d, _transposed),
    "channels-last": lambda model: model.to(memory_format=torch.contiguous_format),
}
"""Functions that take one optimization out of a model."""


def show(rounds: int) -> None:
    """Print how much longer a step takes without each optimization, by instruction set."""
    print(f"{machine.describe()}\n")
    every = torch.backends.cpu.get_cpu_capability()
    sets: Sequence[tuple[str, dict[str, str]]] = [(every, {})] + ([("AVX2", AVX2)] if every != "AVX2" else [])
    found = {name: measure("tricks", str(rounds), environment=environment) for name, environment in sets}
    rows = [("a step with all", *(f"{each['step'] * 1000:.0f} ms" for each in found.values()))]
    for trick in WITHOUT:
        rows.append((f"without {trick}", *(_ratio(each["ratios"][trick]) for each in found.values())))
    table(rows, ("processor time of one thread", *found))


def _ratio(ratios: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} × (quartiles {low:.2f}–{high:.2f})"


def main(result: str, rounds: str) -> None:
    make_deterministic(1)
    keep_freed_memory()
    images = torch.randint(0, 256, (STEPS * CONFIG.trainer.batch_size, 1, 28, 28), dtype=torch.uint8)
    ours = _training(lambda model: model)
    with_all, ratios = [], {}
    for trick, without in WITHOUT.items():
        other = _training(without)
        seconds(ours, images), seconds(other, images)  # not timed: maps memory and chooses kernels
        pairs = [(seconds(ours, images), seconds(other, images)) for _ in range(int(rounds))]
        with_all += [a for a, _ in pairs]
        ratios[trick] = [b / a for a, b in pairs]
    write_result(result, {"step": statistics.median(with_all) / STEPS, "ratios": ratios})


def _training(change: Callable[[Vae], Vae]) -> Training:
    return Training.start(change(build_model(CONFIG.model, (1, 28, 28), CONFIG.seed)), CONFIG)


def seconds(training: Training, images: torch.Tensor) -> float:
    """Return the processor time of training on `images`."""
    began = time.process_time()
    train_epoch(training, images, CONFIG)
    return time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
