"""A search depends only on its folder: proposals, rungs and promotions after trials were killed, failed or refused."""

import shutil

import pytest
from searches import CONFIG, OPTIONS, SPACE, changed, decisions, make_record, replaced, run_search, train

import vae_exp
from vae_exp import compose, experiment
from vae_exp.comparison import read_runs
from vae_exp.config.identity import as_dict, identity
from vae_exp.errors import UserError
from vae_exp.exporting import source
from vae_exp.searching import charts
from vae_exp.searching.findings import Findings
from vae_exp.searching.record import match, read, record_file, write
from vae_exp.searching.rungs import front
from vae_exp.searching.search import Search
from vae_exp.storage import checkpoint
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.watching import overview, screen


@pytest.fixture(scope="module")
def record():
    return make_record()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, record):
    """An uninterrupted search."""
    return run_search(tmp_path_factory.mktemp("uninterrupted"), record)


def test_the_best_trials_of_each_rung_are_promoted_and_the_others_paused(uninterrupted):
    first, second, _, last = uninterrupted.rungs()
    assert [(rung.epoch, len(rung.trials)) for rung in uninterrupted.rungs()] == [(1, 6), (2, 3), (4, 1), (6, 1)]
    best = sorted(first.values, key=first.values.get)[:3]
    assert sorted(best) == [trial.number for trial in second.trials]
    states = {trial.number: uninterrupted.sweep.folder(trial.jobs[0]).state() for trial in uninterrupted.trials}
    winner = last.trials[0].number
    assert states == {number: "finished" if number == winner else "paused" for number in states}
    epochs = {trial.number: len(uninterrupted.sweep.folder(trial.jobs[0]).records()) for trial in uninterrupted.trials}
    assert epochs == {number: 6 if number == winner else 2 if number in best else 1 for number in epochs}


def test_the_value_of_a_trial_is_read_from_the_records_of_its_run(uninterrupted):
    rung = uninterrupted.rungs()[1]
    for trial in rung.trials:
        records = uninterrupted.sweep.folder(trial.jobs[0]).records()[:2]
        assert rung.values[trial.number] == (min(records, key=lambda record: record["val/objective"])["val/loss"],)


def test_the_weights_of_the_best_trial_equal_those_of_a_new_run(uninterrupted, tmp_path, record):
    (winner,) = uninterrupted.rungs()[-1].trials
    experiment.run(record.config(winner.point, 0), tmp_path / "fresh")
    for which in ("best", "last"):
        fresh, _ = RunFolder(tmp_path / "fresh").read_weights(which)
        found, _ = uninterrupted.sweep.folder(winner.jobs[0]).read_weights(which)
        assert checkpoint.digest(fresh) == checkpoint.digest(found)


@pytest.mark.slow
def test_a_search_stopped_after_every_launch_ends_like_an_uninterrupted_one(tmp_path, uninterrupted, record):
    class Stopped(Exception):
        pass

    def one_job(jobs, until):
        train(SweepFolder(tmp_path))(jobs[:1], until)
        raise Stopped

    for _ in range(40):
        search = Search(SweepFolder(tmp_path), record, ["python"])
        try:
            assert search.run(one_job)
            break
        except Stopped:
            continue
    assert decisions(search) == decisions(uninterrupted)
    assert [job.name for job in search.sweep.jobs()] == [job.name for job in uninterrupted.sweep.jobs()]


@pytest.mark.slow
def test_a_run_continued_separately_changes_no_value_of_an_earlier_rung(tmp_path, uninterrupted, record):
    def eager(jobs, until):
        train(SweepFolder(tmp_path))(jobs, 6)

    search = Search(SweepFolder(tmp_path), record, ["python"])
    assert search.run(eager)
    assert decisions(search) == decisions(uninterrupted)


def test_more_trials_use_all_results_and_are_ranked_with_the_earlier_ones(tmp_path, uninterrupted, record):
    shutil.copytree(uninterrupted.sweep.path, tmp_path, dirs_exist_ok=True)
    more = run_search(tmp_path, replaced(record, trials=10))
    points, rungs = decisions(more)
    assert {number: points[number] for number in range(1, 7)} == decisions(uninterrupted)[0]
    assert [(epoch, len(values)) for epoch, values in rungs] == [(1, 10), (2, 5), (4, 2), (6, 1)]
    assert {number: rungs[0][1][number] for number in range(1, 7)} == decisions(uninterrupted)[1][0][1]


@pytest.mark.slow
def test_a_diverged_trial_is_a_result_and_the_search_continues(tmp_path):
    record = make_record("optimizer.lr=1e-3,1e30,2e-3,3e-3", config=changed(optimizer={"lr": 1e-3}), trials=4, batch=2)
    search = Search(SweepFolder(tmp_path), record, ["python"])
    assert search.run(train(search.sweep))
    first = search.rungs()[0]
    assert [trial.point["optimizer.lr"] for trial in search.trials if first.values[trial.number] is None] == ["1e+30"]
    assert len(search.rungs()) == 4


@pytest.mark.slow
def test_a_killed_trial_blocks_its_rung_until_it_is_run_or_skipped(tmp_path, record, uninterrupted):
    search = Search(SweepFolder(tmp_path), record, ["python"])
    assert not search.run(train(search.sweep, killed=(2,)))
    assert len(search.trials) == 4  # the second batch needs its value
    assert run_search(tmp_path, record).rungs()[-1].is_over
    assert decisions(Search(SweepFolder(tmp_path), record, ["python"])) == decisions(uninterrupted)


@pytest.mark.slow
def test_a_skipped_trial_counts_as_diverged(tmp_path, record):
    assert not run_search(tmp_path, record, killed=(2,)).rungs()[0].is_over
    search = run_search(tmp_path, replaced(record, leave_out=[2]), killed=(2,))
    assert search.rungs()[0].values[2] is None
    assert search.rungs()[-1].is_over


@pytest.mark.slow
def test_an_invalid_combination_is_a_failed_trial_and_never_run(tmp_path):
    config = changed(trainer={"patience": 3})
    record = make_record(
        "trainer.patience=3,1", "evaluation.every=1,2", config=config, trials=4, first_epochs=2, factor=None
    )
    search = run_search(tmp_path, record)
    (refused,) = (trial for trial in search.trials if trial.refused)
    assert refused.point == {"trainer.patience": "1", "evaluation.every": "2"}
    assert "trainer.patience must be null or at least evaluation.every=2" in refused.refused
    assert not search.sweep.folder(refused.jobs[0]).path.exists()
    assert search.rungs()[0].values[refused.number] is None
    assert search.rungs()[0].is_over
    names = {job.name for trial in search.trials if not trial.refused for job in trial.jobs}
    assert {run.folder.path.name for run in read_runs([tmp_path])} == names


@pytest.mark.slow
def test_a_trial_of_several_seeds_has_their_mean_value_and_a_folder_for_each(tmp_path):
    record = make_record("model.latent_dim=2,4", "seed=0,1", trials=2, factor=None)
    search = run_search(tmp_path, record)
    for trial in search.trials:
        losses = [
            min(search.sweep.folder(job).records(), key=lambda record: record["val/objective"])["val/loss"]
            for job in trial.jobs
        ]
        assert [job.config["seed"] for job in trial.jobs] == [0, 1]
        assert search.rungs()[0].values[trial.number] == (sum(losses) / 2,)


def test_a_search_ends_when_every_point_was_tried(tmp_path):
    record = make_record("model.latent_dim=2,3,4", trials=50)
    assert len(run_search(tmp_path, record).trials) == 3


@pytest.mark.slow
def test_two_measures_are_ranked_by_their_front(tmp_path):
    record = make_record(minimize=["val/reconstruction", "val/kl"])
    first, second = run_search(tmp_path, record).rungs()[:2]
    for trial in second.trials:
        assert (
            not any(
                all(a < b for a, b in zip(other, first.values[trial.number], strict=True))
                for other in first.values.values()
            )
            or len(second.trials) > 1
        )
    assert all(len(value) == 2 for value in first.values.values())


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (["model.latent_dim=0,2"], {}, "model.latent_dim=0: model.latent_dim must be at least 1"),
        (["model.latent_dim=int(interval(0,9))"], {}, "model.latent_dim=0: model.latent_dim must be at least 1"),
        (["optimizer.lr=interval(-1,1)"], {}, "optimizer.lr=-1.0: optimizer.lr must be above 0"),
        (["model.latent_dim=2,4", "seed=a,b"], {}, "seed must be a list of integers"),
        (["model.likelihood=bernoulli,gaussian"], {}, "model.likelihood can't be searched"),
        (["trainer.device=cpu,null"], {}, "are the same experiment"),
        (["trainer.epochs=6,8"], {}, "trainer.epochs must be the same for all trials"),
        (SPACE, {"trials": 0}, "hydra.sweeper.trials must be at least 1"),
        (SPACE, {"trials": None}, "hydra.sweeper.trials must be a number of configurations to try"),
        (SPACE, {"factor": 1}, "hydra.sweeper.factor must be at least 2"),
        (SPACE, {"sampler": "grid"}, "hydra.sweeper.sampler must be one of tpe, random, gp"),
        (SPACE, {"first_epochs": 7}, "hydra.sweeper.first_epochs must be at most trainer.epochs, 6"),
        (SPACE, {"minimize": "test/loss"}, "hydra.sweeper.minimize must be one of val/objective"),
        (SPACE, {"minimize": "val/elbo"}, "hydra.sweeper.minimize must be one of val/objective"),
        (SPACE, {"minimize": ["val/loss", "val/loss"]}, "hydra.sweeper.minimize must be one measure"),
        ([*SPACE, "evaluation.every=2,3"], {"first_epochs": 2}, "evaluation.every must be evaluated"),
    ],
)
def test_an_invalid_search_is_refused_in_one_line(space, options, message):
    with pytest.raises(UserError) as error:
        make_record(*space, **options)
    assert message in str(error.value)


def test_a_folder_of_another_search_is_refused_with_the_differing_keys(tmp_path, record):
    write(tmp_path, record)
    others = make_record("model.latent_dim=range(2,20)", *SPACE[1:], factor=3)
    with pytest.raises(UserError, match=r"other values of hydra\.sweeper\.factor, model\.latent_dim;"):
        match(tmp_path, others)
    with pytest.raises(UserError, match=r"other values of trainer\.batch_size;"):
        match(tmp_path, make_record(config=changed(trainer={"batch_size": 100})))
    with pytest.raises(UserError, match=r"hydra\.sweeper\.trials must be at least 6"):
        match(tmp_path, replaced(record, trials=5))
    assert match(tmp_path, replaced(record, trials=9)) == replaced(record, trials=9)


def test_skipped_trials_stay_skipped_when_the_search_continues(tmp_path, record):
    write(tmp_path, replaced(record, leave_out=[2]))
    assert match(tmp_path, replaced(record, leave_out=[4])).options.leave_out == [2, 4]
    assert read(tmp_path) == replaced(record, leave_out=[2])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"version": 1', '"version": 9', "must be of version 1, got 9"),
        ('"[16]"', '"${oc.env:HOME}"', "must have plain values"),
        ('"key": "model.hidden"', '"key": "hydra.job.chdir"', "must have overrides like"),
        ('"trials": 6', '"trials": "six"', "options.trials"),
    ],
)
def test_a_damaged_search_is_refused_with_the_name_of_the_file(tmp_path, record, before, after, message):
    write(tmp_path, record)
    content = record_file(tmp_path).read_text(encoding="utf-8")
    assert before in content
    record_file(tmp_path).write_text(content.replace(before, after), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert str(error.value).startswith(str(record_file(tmp_path)))
    assert message in str(error.value)


@pytest.mark.slow
def test_a_search_from_python_equals_that_of_the_command_and_can_be_loaded(tmp_path, uninterrupted):
    space = {
        "model.latent_dim": range(2, 9),
        "optimizer.lr": SPACE[1].partition("=")[2],
        "model.hidden": [[16], [8, 8]],
    }
    found = vae_exp.search(CONFIG, space, tmp_path / "search", progress=False, **OPTIONS)
    assert decisions(found.findings.search) == decisions(uninterrupted)
    best = Findings(uninterrupted).best
    assert found.best.folder.name == best.jobs[0].name
    assert list(found.trials["trial"]) == [1, 2, 3, 4, 5, 6]
    row = found.trials.set_index("trial").loc[best.number]
    assert (row["state"], row["epochs"], row["val/loss"]) == (
        "finished",
        6,
        uninterrupted.rungs()[-1].values[best.number][0],
    )
    loaded = vae_exp.load_sweep(found.folder)
    assert loaded.best == found.best
    assert repr(loaded) == f"LoadedSearch({found.folder}: 6 trials: 5 paused, 1 finished; best: trial {best.number})"
    assert "<td>paused</td>" in loaded._repr_html_()


# --- what was found --------------------------------------------------------------------------------------------------


def test_the_best_trial_has_the_lowest_value_of_the_last_rung_and_epochs_are_counted(uninterrupted):
    findings = Findings(uninterrupted)
    assert findings.is_over
    assert findings.best.number == uninterrupted.rungs()[-1].trials[0].number
    assert (findings.spent, findings.of_all) == (6 * 1 + 3 * 1 + 1 * 2 + 1 * 2, 6 * 6)


def test_the_command_of_the_best_trial_composes_to_its_configuration(uninterrupted):
    findings = Findings(uninterrupted)
    *python, module = findings.command(findings.best)[:3]
    overrides = findings.command(findings.best)[3:]
    assert (python, module) == (["python", "-m"], "vae_exp.train")
    assert "trainer.threads=1" in overrides
    composed = compose.override(CONFIG, overrides, "test")
    assert identity(as_dict(composed)) == identity(findings.best.jobs[0].config)


def test_status_shows_the_trials_and_rungs_of_a_search(tmp_path, uninterrupted, record):
    write(uninterrupted.sweep.path, record)
    (found,) = overview.read(uninterrupted.sweep.path)
    assert str(found.trials) == "search: 6 of 6 trials; rungs at epoch 1, 2, 4, 6"
    assert found.is_finished
    assert not any("resume with" in str(part) for part in screen.draw([found]))
    assert found.as_json()["kind"] == "search"
    search = run_search(tmp_path, record, killed=(2,))
    write(tmp_path, record)
    (found,) = overview.read(tmp_path)
    assert str(found.trials).startswith("search: 4 of 6 trials")
    assert f"nothing runs; resume with: python -m vae_exp.resume {search.sweep.path}" in screen.draw([found])
    assert {job.epochs for job in found.jobs} == {1, 2}  # the rung to which each job trains


@pytest.mark.slow
def test_the_best_trial_is_exported_unless_two_measures_are_minimised(tmp_path, uninterrupted, record):
    write(uninterrupted.sweep.path, record)
    with source.open_source(uninterrupted.sweep.path) as found:
        assert found.folder == uninterrupted.sweep.folder(Findings(uninterrupted).best.jobs[0])
        assert found.row.config["model.latent_dim"] == found.config.model.latent_dim
    two = make_record(minimize=["val/reconstruction", "val/kl"], factor=None, trials=3)
    run_search(tmp_path, two)
    write(tmp_path, two)
    with pytest.raises(UserError, match="has no best run; give the folder of one on its front: trial="):
        source.open_source(tmp_path).__enter__()


@pytest.mark.slow
def test_two_measures_have_a_front_and_no_best_trial(tmp_path):
    findings = Findings(run_search(tmp_path, make_record(minimize=["val/reconstruction", "val/kl"], factor=None)))
    values = findings.last.values
    assert {trial.number for trial in findings.front} == set(front(values))
    with pytest.raises(UserError, match="see front"):
        _ = findings.best


def test_the_course_decreases_and_ends_when_the_best_was_found(uninterrupted):
    points = charts.course(Findings(uninterrupted))
    assert points[0][0] == 1
    assert points == sorted(points)
    assert [value for _, value in points] == sorted((value for _, value in points), reverse=True)
    assert points[-1] == (13, uninterrupted.rungs()[-1].values[Findings(uninterrupted).best.number][0])


def test_each_trial_is_drawn_once_for_each_rung_that_it_reached(uninterrupted):
    found = charts.searched(Findings(uninterrupted))
    assert {epoch: len(found.at(rung)) for rung, epoch in enumerate(found.rungs)} == {1: 6, 2: 3, 4: 1, 6: 1}
    assert found.spent == [6, 9, 11, 13]


def test_the_course_is_the_lowest_value_so_far_over_all_points(uninterrupted):
    found = charts.searched(Findings(uninterrupted))
    points = sorted((trial.spent[rung], value[0]) for rung in range(4) for trial, value in found.at(rung))
    assert [spent for spent, _ in points] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13]
    lowest = [min(value for _, value in points[: i + 1]) for i in range(len(points))]
    assert found.course == [
        point for point, least in zip(points, lowest, strict=True) if lowest.index(least) == points.index(point)
    ]


@pytest.mark.slow
def test_the_learning_rate_is_more_important_than_a_key_without_effect(tmp_path):
    space = ("optimizer.lr=tag(log,interval(1e-6,1e-1))", "trainer.checkpoint_every=range(1,50)")
    short = changed(trainer={"epochs": 1})
    record = make_record(*space, config=short, trials=20, batch=20, sampler="random", factor=None)
    findings = Findings(run_search(tmp_path, record))
    found = charts.importances(findings)
    assert sum(found.values()) == pytest.approx(1)
    assert found["optimizer.lr"] > found["trainer.checkpoint_every"]
