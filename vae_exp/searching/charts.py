"""The numbers behind a search's charts: its course, the loss against each key, and which keys mattered."""

from __future__ import annotations

from collections.abc import Mapping

from vae_exp.searching.findings import Findings
from vae_exp.searching.sampler import distributions, param
from vae_exp.searching.space import Interval

LEAST_FOR_IMPORTANCE = 10
"""Trials with a value that importances need: of fewer they would be noise."""


def course(findings: Findings) -> list[tuple[int, float]]:
    """Return the epochs that the search had spent and the lowest value by then, each time that it fell.

    Trials count in the order of their numbers, rung by rung; with two measures the first counts.
    """
    points: list[tuple[int, float]] = []
    spent, before = 0, 0
    for rung in findings.rungs:
        for trial in rung.trials:
            spent += (rung.epoch - before) * len(trial.jobs)
            value = rung.values.get(trial.number)
            if value is not None and (not points or value[0] < points[-1][1]):
                points.append((spent, value[0]))
        before = rung.epoch
    return points


def against(findings: Findings, key: str) -> list[tuple[str, int, float]]:
    """Return a key's value, the epoch of the rung, and the loss there, of each trial in each rung that it reached."""
    return [
        (trial.point[key], rung.epoch, value[0])
        for rung in findings.rungs
        for trial in rung.trials
        if (value := rung.values.get(trial.number)) is not None
    ]


def importances(findings: Findings) -> Mapping[str, float]:
    """Return how much each key decides whether a trial is among the best of the first rung; they sum to 1.

    PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255), as Optuna computes it. It sees the first rung alone, so that a
    key which matters only in long runs seems unimportant; it tells no direction, and no interaction of keys. Empty
    where fewer than 10 trials have a value, and for two measures.
    """
    space = findings.search.record.space
    first = findings.rungs[0]
    told = [(trial, value) for trial in first.trials if (value := first.values.get(trial.number)) is not None]
    if len(told) < LEAST_FOR_IMPORTANCE or len(findings.search.record.options.measures) > 1:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for trial, value in told:
        params = {each.key: param(each, trial.point[each.key]) for each in space.dimensions}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions(space), value=value[0]))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(found[key]) for key in space.keys}


def is_logarithmic(findings: Findings, key: str) -> bool:
    """Return whether a key is searched by its ratios, so that a chart's axis should be logarithmic."""
    dimension = next(each for each in findings.search.record.space.dimensions if each.key == key)
    return isinstance(dimension, Interval) and dimension.log
