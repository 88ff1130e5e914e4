"""Other search methods, simulated with a table of runs that were all trained to the last epoch."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna

from vae_exp.searching.sampler import distributions, text
from vae_exp.searching.space import Point, Space

Key = tuple[tuple[str, str], ...]
Losses = Mapping[Key, Sequence[float]]
"""For each point, the lowest validation loss up to each epoch."""


@dataclass(frozen=True)
class Course:
    """What a search cost and found."""

    spent: int
    """Epochs."""
    value: float
    """Validation loss of the configuration that it finds best."""
    points: Sequence[tuple[int, float]]
    """Epochs spent and lowest loss so far, each time that the loss decreased."""


def key(point: Point) -> Key:
    return tuple(sorted(point.items()))


def random_search(losses: Losses, budget: int, seed: int) -> Course:
    """Draw configurations without replacement and train each to the last epoch, for at most `budget` epochs."""
    epochs = len(next(iter(losses.values())))
    drawn = random.Random(seed).sample(sorted(losses), max(1, budget // epochs))
    course: list[tuple[int, float]] = []
    for number, point in enumerate(drawn, start=1):
        _note(course, number * epochs, losses[point][-1])
    return Course(len(drawn) * epochs, course[-1][1], course)


def tpe_with_pruner(space: Space, losses: Losses, budget: int, seed: int) -> Course:
    """Search with Optuna's TPE and its successive-halving pruner, until `budget` epochs are spent.

    A configuration that is proposed again is trained again: its epochs count again.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=3, reduction_factor=3)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    spent, course = 0, list[tuple[int, float]]()
    while spent < budget:
        trial = study.ask(distributions(space))
        loss = losses[key({each.key: text(each, trial.params[each.key]) for each in space.dimensions})]
        for epoch, value in enumerate(loss, start=1):
            spent += 1
            trial.report(value, epoch)
            _note(course, spent, value)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, loss[-1])
    complete = [trial.value for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    return Course(spent, min(value for value in complete if value is not None), course)


def _note(course: list[tuple[int, float]], spent: int, value: float) -> None:
    if not course or value < course[-1][1]:
        course.append((spent, value))
