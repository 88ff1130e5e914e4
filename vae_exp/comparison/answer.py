"""The answer: the first sentence of report, terminal output and MLflow's description, and its context."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from vae_exp.comparison.columns import ESTIMATES
from vae_exp.comparison.intervals import Interval, paired
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import Comparison
from vae_exp.config.identity import format_value
from vae_exp.errors import printable

LIKELIHOODS = {
    "bernoulli": "Bernoulli",
    "continuous_bernoulli": "continuous Bernoulli",
    "gaussian": "Gaussian",
    "discretized_logistic": "discretised logistic",
}
NORMAL = 1.96
"""Standard errors in half a 95 % interval of a normal distribution."""


class Gap(NamedTuple):
    """The difference in loss between the second row of the ranking and the first."""

    interval: Interval
    """Nats per image; `half` is NaN when it is not known."""
    has_seeds: bool
    """Whether it is paired by several seeds; otherwise it is over the images of one seed."""

    @property
    def is_decided(self) -> bool:
        """Return whether the 95 % interval excludes 0. A difference without an interval is never decided."""
        return abs(self.interval.mean) > self.interval.half


def sentence(comparison: Comparison) -> str:
    """Return which configuration is best and by how much, or that nothing is decided; one line without a full stop.

    The row is selected by validation; the amounts are test losses. It is called the best only if the 95 % interval of
    the difference to the next row, paired by seed, excludes 0. With one seed the interval is
    ± 1.96 √(se₁² + se₂²) over images.
    """
    return printable(_ranked(comparison) if comparison.best else _unranked(comparison))


def _ranked(comparison: Comparison) -> str:
    best, *others = comparison.ranked
    if others:
        return _first_of(comparison, best, others[0])
    loss = f"{_measured(comparison)} {_quantity(comparison)} {_amount(comparison, best)}"
    return f"{comparison.label(best)}: {loss}" if comparison.keys else loss[0].upper() + loss[1:]


def _unranked(comparison: Comparison) -> str:
    if not any(run.is_finished for run in comparison.runs):
        return "No run is finished"
    if len(comparison.rows) == 1:
        return f"{_measured(comparison).capitalize()} loss {_amount(comparison, comparison.rows[0])}"
    return f"No configuration is called the best: {comparison.why_unranked}"


def _first_of(comparison: Comparison, best: Row, other: Row) -> str:
    gap, name, behind = difference(comparison, best, other), comparison.label(best), comparison.label(other)
    lowest = f"{name} has the lowest validation {_quantity(comparison)}"
    single = "" if gap.has_seeds else ", one seed"
    if math.isnan(gap.interval.half):
        why = "no standard error is saved"
        return f"{lowest}: {_amount(comparison, best)}{single}; the difference to {behind} may be noise, since {why}"
    if not gap.is_decided:
        noise = "seed noise" if gap.has_seeds else "the error over images"
        signed = f"{gap.interval.mean:+z.1f} ± {gap.interval.half:.1f}".replace("-", "−")
        return f"{lowest}; the difference to {behind} is within {noise} ({signed} nats per image{single})"
    if gap.interval.mean < 0:
        amount = f"{_measured(comparison)} {_quantity(comparison)} {-gap.interval.mean:.1f} nats above {behind}"
        return f"{lowest}, but a {amount}{single}"
    return f"{name} is best: {_amount(comparison, best)}, {gap.interval.mean:.1f} below {behind}{single}"


def difference(comparison: Comparison, best: Row, other: Row) -> Gap:
    """Return the loss of another row minus that of the best row, in nats."""
    measure = amount_measure(comparison)
    one, two = best.by_seed(measure), other.by_seed(measure)
    found = paired(two, one)
    if found.values > 1:
        return Gap(found, has_seeds=True)
    errors = [row.by_seed(f"{measure}_se").get(seed) for row in (best, other) for seed in one.keys() & two.keys()]
    known = [error for error in errors if error is not None]
    half = NORMAL * math.hypot(*known) if len(known) == 2 else math.nan
    return Gap(Interval(found.mean, half, found.values), has_seeds=False)


def amount_measure(comparison: Comparison) -> str:
    """Return the measure of the amounts: of test images, or of validation images without a test split."""
    amount, ranked_by = comparison.amount, comparison.ranked_by
    return ranked_by if ranked_by in comparison.measures and amount not in comparison.measures else amount


def _measured(comparison: Comparison) -> str:
    return {"test": "test", "val": "validation"}[amount_measure(comparison).partition("/")[0]]


def _quantity(comparison: Comparison) -> str:
    """Return the name of what ranks the rows: `loss`, or `NLL (K=100)`."""
    called, _, samples = comparison.ranked_by.partition("/")[2].partition("_iw")
    return f"{ESTIMATES[called][0]} (K={samples})" if samples else called


def loss_text(comparison: Comparison, row: Row) -> str | None:
    """Return `test loss 138.5 ± 1.5`, in nats per image; None if no run of the row is finished."""
    if not row.by_seed(amount_measure(comparison)):
        return None
    amount = _amount(comparison, row).removesuffix(" nats per image")
    return f"{_measured(comparison)} {_quantity(comparison)} {amount}"


def _amount(comparison: Comparison, row: Row) -> str:
    """Return a row's loss with its interval over seeds or, with one seed, its standard error over images."""
    measure = amount_measure(comparison)
    found = row.interval(measure)
    if found.values == 0:
        return "not known"
    error = found.half if found.values > 1 else next(iter(row.by_seed(f"{measure}_se").values()), math.nan)
    return f"{found.mean:.1f}" + ("" if math.isnan(error) else f" ± {error:.1f}") + " nats per image"


def context(comparison: Comparison) -> str:
    """Return what all runs share: `mnist_5k · conv · Bernoulli · 50 epochs · seed 0`."""
    shared = {key: value for key, value in comparison.runs[0].config.items() if key not in comparison.keys}
    likelihood = shared.get("model.likelihood")
    parts = [
        shared.get("data.name"),
        shared.get("model.name"),
        LIKELIHOODS.get(str(likelihood), likelihood),
        f"{shared['trainer.epochs']} epochs" if shared.get("trainer.epochs") else None,
        _seeds(sorted({run.seed for run in comparison.runs})),
        _images(comparison),
    ]
    return printable(" · ".join(format_value(part) for part in parts if part is not None))


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    is_row = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    return "seeds " + (f"{seeds[0]}–{seeds[-1]}" if is_row else ", ".join(map(str, seeds)))


def _images(comparison: Comparison) -> str | None:
    """Return the number of images behind the amounts, if it is saved and the same for all runs."""
    split = amount_measure(comparison).partition("/")[0]
    counts = {run.images.get(split) for run in comparison.runs if run.is_finished}
    count = counts.pop() if len(counts) == 1 else None
    return None if count is None else f"{count:,} {_measured(comparison)} images"
