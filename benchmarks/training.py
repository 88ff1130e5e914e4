"""`python -m benchmarks.training`: vae_exp against a plain PyTorch loop, and against the machine's matrix products."""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import machine, small, tricks
from benchmarks.images import full_mnist, write_mnist_5k
from benchmarks.tables import Row, at_least, below, show
from benchmarks.tutorial import BATCH_SIZE, TutorialVae, loss_of
from benchmarks.worker import measure

BLOCK = 35
"""Steps that are compared with as many of the other side, for the spread of the ratio."""
WARM_STEPS = 140
"""First steps, rounded up to epochs, that are not timed: MLflow is being imported and memory mapped."""
SAMPLES_EVERY = 10
"""Epochs between two drawings of samples (`trainer.checkpoint_every`); a short run has only the first."""

Found = dict[str, Any]


def main() -> None:
    options = _options()
    if options.small:
        return small.main(options.pairs or small.PAIRS)
    if options.tricks:
        return tricks.show(options.pairs or tricks.ROUNDS)
    pairs = options.pairs or 2
    mnist = full_mnist(options.data)
    epochs = options.epochs or (2 if mnist else 12)
    if epochs <= _warm(steps := 600 if mnist else 35):
        raise SystemExit(f"--epochs must be above {_warm(steps)}, got {epochs}: the first ones are not timed")
    print(f"{machine.describe()}\n{'full MNIST' if mnist else 'mnist_5k'}, {epochs} epochs, {pairs} pairs\n")
    with tempfile.TemporaryDirectory() as scratch:
        root = mnist or write_mnist_5k(Path(scratch))
        rates, plain, ours = _measure(root, mnist is None, epochs, pairs)
    show(_rows(rates, plain, ours, mnist is not None))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="root of torchvision's MNIST (default: VAE_EXP_DATA, else mnist_5k)")
    parser.add_argument("--epochs", type=int, help="of each run (default: 2 of MNIST, 12 of mnist_5k)")
    parser.add_argument(
        "--pairs", type=int, help="runs of each side, in turn (default: 2; 100 epochs with --small, 30 with --tricks)"
    )
    parser.add_argument("--small", action="store_true", help="a small MLP on 8×8 digits instead, about a minute")
    parser.add_argument(
        "--tricks", action="store_true", help="each optimization of the step by itself instead, also with AVX2 only"
    )
    return parser.parse_args()


def _measure(root: Path, is_5k: bool, epochs: int, pairs: int) -> tuple[list[float], list[Found], list[Found]]:
    """Return the machine's matrix-product rates between the runs, and the results of each side's runs."""
    rates, plain, ours = [machine.matrix_product_rate()], [], []
    for seed in range(pairs):
        plain.append(measure("tutorial", str(root), str(epochs), str(seed)))
        rates.append(machine.matrix_product_rate())
        ours.append(measure("library", "-" if is_5k else str(root), str(epochs), str(seed)))
        rates.append(machine.matrix_product_rate())
    return rates, plain, ours


def _rows(rates: list[float], plain: list[Found], ours: list[Found], is_full: bool) -> list[Row]:
    a, b = statistics.mean(map(_step, plain)), statistics.mean(map(_step, ours))
    rate, gigaflop = statistics.median(rates), _flop() / 1e9
    whole = [sum(_timed(found, found["whole"])) for found in (*plain, *ours)]
    memory = max(found["peak_memory"] for found in ours)
    rows = [
        Row("(a) plain PyTorch", f"{a * 1000:.1f} ms a step, {BATCH_SIZE / a:.0f} examples/s"),
        Row("(b) vae_exp", f"{b * 1000:.1f} ms a step, {BATCH_SIZE / b:.0f} examples/s"),
        at_least("(b) : (a), examples/s in training", a / b, 2, "×", _spread(plain, ours)),
        Row("(b) : (a), whole epochs with evaluation", f"{sum(whole[: len(plain)]) / sum(whole[len(plain) :]):.2f} ×"),
        Row("matrix products, float32", f"{rate:.0f} GFLOP/s ({min(rates):.0f}–{max(rates):.0f})"),
        Row("one training step", f"{gigaflop:.2f} GFLOP, (b) at {gigaflop / b:.0f} GFLOP/s"),
        at_least("(b)'s share of the matrix-product rate", 100 * gigaflop / b / rate, 45, "%"),
        *_shares(ours, is_full),
        Row("(a) peak memory", f"{max(found['peak_memory'] for found in plain):.0f} MB"),
        below("(b) peak memory", memory, 1500, "MB") if is_full else Row("(b) peak memory", f"{memory:.0f} MB"),
        _losses([found["test_loss"] for found in plain], [found["test_loss"] for found in ours]),
    ]
    return rows


def _warm(steps: int) -> int:
    """Return how many epochs of `steps` steps are not timed."""
    return -(-WARM_STEPS // steps)


def _timed(found: Found, of_each_epoch: list[Any]) -> list[Any]:
    """Return the values of the epochs that are timed."""
    return of_each_epoch[_warm(len(found["steps"][0])) :]


def _step(found: Found) -> float:
    """Return the mean seconds of a training step, including the time between two steps."""
    epochs = _timed(found, found["steps"])
    return sum(ends[-1] for ends in epochs) / sum(map(len, epochs))


def _spread(plain: list[Found], ours: list[Found]) -> str:
    """Return the ratio of each pair of runs, and the range of 80 % of the blocks of steps."""
    pairs = ", ".join(f"{_step(a) / _step(b):.2f}" for a, b in zip(plain, ours, strict=True))
    ratios = [
        before / after
        for a, b in zip(plain, ours, strict=True)
        for before, after in zip(_blocks(a), _blocks(b), strict=True)
    ]
    tenths = statistics.quantiles(ratios, n=10, method="inclusive") if len(ratios) > 1 else ratios
    return f" (pairs {pairs}; 80 % of {len(ratios)} blocks of {BLOCK} steps {tenths[0]:.2f}–{tenths[-1]:.2f})"


def _blocks(found: Found) -> list[float]:
    """Return the seconds of each whole block of steps."""
    blocks = []
    for ends in _timed(found, found["steps"]):
        marks = [0.0, *ends][::BLOCK]
        blocks += [after - before for before, after in itertools.pairwise(marks)]
    return blocks


def _flop() -> int:
    """Return the floating-point operations of a training step's products, additions included."""
    model = TutorialVae()
    with FlopCounterMode(display=False) as counter:
        loss_of(model, torch.rand(BATCH_SIZE, 1, 28, 28)).backward()
    return counter.get_total_flops()


def _shares(ours: list[Found], is_full: bool) -> list[Row]:
    """Return the share of an epoch that is not training, part by part.

    The tracker sends in its own thread: its processor time counts as if training had waited for it.
    """
    whole = statistics.mean(seconds for found in ours for seconds in _timed(found, found["whole"]))
    shares = {}
    for name in ours[0]["parts"]:
        shares[name] = statistics.mean(seconds for found in ours for seconds in _timed(found, found["parts"][name]))
    drawn = (found["parts"]["samples"][0] for found in ours)  # after the first epoch and every tenth
    shares["samples"] = statistics.mean(drawn) / SAMPLES_EVERY
    # The first one opens the store, the last one sends the files.
    shares["tracking"] = statistics.mean(seconds for found in ours for seconds in found["sends"][1:-1])
    parts = ", ".join(f"{name} {100 * seconds / whole:.2g}" for name, seconds in shares.items())
    share, what = 100 * sum(shares.values()) / whole, "(b)'s evaluation, checkpoints, tracking: share of an epoch"
    return [below(what, share, 12, "%", f" ({parts})") if is_full else Row(what, f"{share:.3g} % ({parts})")]


def _losses(plain: Sequence[float], ours: Sequence[float]) -> Row:
    """Return both sides' test losses. Their means may differ by as much as seeds do, or by 2 %."""
    a, b = statistics.mean(plain), statistics.mean(ours)
    noise = max(max(plain) - min(plain), max(ours) - min(ours), 0.02 * a)
    shown = " and ".join(", ".join(f"{loss:.2f}" for loss in losses) for losses in (plain, ours))
    return Row("test loss of (a) and (b), each seed", f"{shown} nats", f"within {noise:.2g} nats", abs(a - b) <= noise)


if __name__ == "__main__":
    main()
