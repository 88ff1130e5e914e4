"""`python -m benchmarks.growth`: how training time grows, as tables and as figures in `benchmarks/figures/`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.tables import table
from benchmarks.worker import measure
from vae_exp.figures.colours import configurations

FIGURES = Path(__file__).parent / "figures"
IMAGES = 60_000
"""Images of an epoch: MNIST's training images."""
NAMES = {
    "latent_dim": "latent_dim",
    "batch_size": "batch size, images",
    "side": "image side, pixels",
    "width": "channels of the first convolution",
}
JOBS = (1, 2, 4, 6)
PARALLEL = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each step; the median is shown")
    parser.add_argument("--jobs", type=int, nargs="+", default=JOBS, help="jobs of each sweep")
    options = parser.parse_args()
    FIGURES.mkdir(exist_ok=True)
    print(machine.describe())
    _steps(options.rounds)
    _sweeps(options.jobs)


def _steps(rounds: int) -> None:
    """Show training epochs per second against each of four sizes."""
    points = measure("steps", str(rounds))["points"]
    for axis, name in NAMES.items():
        chosen = [point for point in points if point["axis"] == axis]
        x = [point["x"] for point in chosen]
        rates = [point["batch_size"] / IMAGES / point["seconds"] for point in chosen]
        print()
        table([(str(a), f"{rate:.3g}") for a, rate in zip(x, rates, strict=True)], (name, "epochs/s"))
        _draw(axis, f"Training epochs of {IMAGES:,} images a second", name, "epochs/s", x, {"": rates})


def _sweeps(jobs: Sequence[int]) -> None:
    """Show the wall time of a sweep against its number of jobs."""
    seconds = {
        parallel: [measure("sweeping", str(number), str(parallel))["seconds"] for number in jobs]
        for parallel in PARALLEL
    }
    rows = [(str(number), *(f"{seconds[parallel][i]:.1f}" for parallel in PARALLEL)) for i, number in enumerate(jobs)]
    print()
    table(rows, ("jobs", *(f"{parallel} parallel, s" for parallel in PARALLEL)))
    series = {f"{parallel} parallel": seconds[parallel] for parallel in PARALLEL}
    _draw("sweep", "A sweep of one-epoch jobs on mnist_5k", "jobs", "seconds", jobs, series)


def _draw(
    name: str, title: str, x_label: str, y_label: str, x: Sequence[int], series: dict[str, Sequence[float]]
) -> None:
    """Write one small figure. A single series, a rate, gets logarithmic axes."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    figure, axes = pyplot.subplots(figsize=(4.2, 2.8), layout="constrained")
    shades = configurations(len(series), is_ordered=False)
    for shade, (label, y) in zip(shades, series.items(), strict=True):
        axes.plot(x, y, marker="o", color=shade.light, label=label)
    if len(series) > 1:
        axes.legend(frameon=False)
        axes.set_ylim(bottom=0)
    else:
        axes.set(xscale="log", yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.minorticks_off()
        axes.set_ylim(min(min(y) for y in series.values()) / 1.5, max(max(y) for y in series.values()) * 1.5)
    axes.set_xticks(x, [str(value) for value in x])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FIGURES / f"{name}.png", dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
