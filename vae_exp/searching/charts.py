"""The data of a search's charts: its history, the loss against each key, and the importance of each key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vae_exp.comparison.searched import Searched, Tried
from vae_exp.searching import record
from vae_exp.searching.findings import Findings
from vae_exp.searching.grammar import override_value
from vae_exp.searching.sampler import distributions, param
from vae_exp.searching.search import Search
from vae_exp.searching.space import Dimension, Interval, Space
from vae_exp.searching.trials import Trial
from vae_exp.storage.sweep_folder import SweepFolder

LEAST_FOR_IMPORTANCE = 10
"""Number of trials with a value below which importances are not computed: they would be noise."""


def searched(findings: Findings) -> Searched:
    """Return what a search found, as its charts draw it."""
    record, trials = findings.search.record, findings.search.trials
    spent = _spent(findings)
    return Searched(
        measures=record.options.measures,
        keys=record.space.keys,
        ratios=[each.key for each in record.space.dimensions if isinstance(each, Interval) and each.log],
        rungs=[rung.epoch for rung in findings.rungs],
        trials=[_tried(findings, trial, spent) for trial in trials],
        course=course(findings),
        spent=[max(each.values()) for each in spent],
        importances=importances(findings),
        front=[trial.number for trial in findings.front],
        summary=findings.summary,
    )


def searched_in(folder: Path) -> Searched | None:
    """Return the results of the search in a folder; None if it has no trial yet."""
    search = Search(SweepFolder(folder), record.read(folder), [])
    return searched(Findings(search)) if search.trials else None


def _tried(findings: Findings, trial: Trial, spent: Sequence[Mapping[int, int]]) -> Tried:
    number = trial.number
    rungs = [i for i, rung in enumerate(findings.rungs) if any(each.number == number for each in rung.trials)]
    space = findings.search.record.space
    point = {each.key: _number_or_text(each, trial.point[each.key], space) for each in space.dimensions}
    values = [findings.rungs[i].values.get(number) for i in rungs]
    return Tried(number, [job.name for job in trial.jobs], point, values, [spent[i][number] for i in rungs])


def _number_or_text(dimension: Dimension, text: str, space: Space) -> float | str:
    """Return a value of a key as a number if all its values are numbers."""
    if isinstance(dimension, Interval):
        number = dimension.number(text)
        assert number is not None
        return number
    numbers = [override_value(each) for each in dimension.values]
    is_number = all(type(number) in (int, float) for number in numbers)
    return numbers[dimension.values.index(text)] if is_number else text


def course(findings: Findings) -> list[tuple[int, float]]:
    """Return the spent epochs and the lowest value so far, for each trial that improved it.

    Trials count in the order of their numbers, rung by rung; with two measures the first counts.
    """
    points: list[tuple[int, float]] = []
    for rung, spent in zip(findings.rungs, _spent(findings), strict=True):
        for trial in rung.trials:
            value = rung.values.get(trial.number)
            if value is not None and (not points or value[0] < points[-1][1]):
                points.append((spent[trial.number], value[0]))
    return points


def _spent(findings: Findings) -> list[dict[int, int]]:
    """Return, by rung and trial, the epochs that all runs had together when the trial had reached the rung."""
    sweep = findings.search.sweep
    epochs = {job.name: len(sweep.folder(job).records()) for trial in findings.search.trials for job in trial.jobs}
    spent, before, found = 0, 0, list[dict[int, int]]()
    for rung in findings.rungs:
        found.append({})
        for trial in rung.trials:
            spent += sum(max(0, min(epochs[job.name], rung.epoch) - before) for job in trial.jobs)
            found[-1][trial.number] = spent
        before = rung.epoch
    return found


def importances(findings: Findings) -> Mapping[str, float]:
    """Return the importance of each key for being among the best of the first rung; they sum to 1.

    PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255), as Optuna computes it. Only the first rung is used, so a key
    that matters only in long runs seems unimportant. It shows neither directions nor interactions of keys. Empty when
    fewer than 10 trials have a value, and for two measures.
    """
    space = findings.search.record.space
    first = findings.rungs[0]
    observations = [(trial, value) for trial in first.trials if (value := first.values.get(trial.number)) is not None]
    if len(observations) < LEAST_FOR_IMPORTANCE or len(findings.search.record.options.measures) > 1:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    for trial, value in observations:
        params = {each.key: param(each, trial.point[each.key]) for each in space.dimensions}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions(space), value=value[0]))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(found[key]) for key in space.keys}
