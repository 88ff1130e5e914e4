"""The comparison of runs, from run folders written with known losses."""

import dataclasses
import math
import threading

import numpy as np
import pandas as pd
import pytest
from compared import config, sweep, write
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import stats

from vae_exp import load_sweep
from vae_exp.comparison import cells, compare, read_runs, report
from vae_exp.comparison.answer import sentence
from vae_exp.comparison.intervals import Interval, interval, paired
from vae_exp.comparison.notes import notes
from vae_exp.comparison.table import best_run
from vae_exp.comparison.values import texts_of
from vae_exp.config import AdamConfig, DigitsConfig, ElboConfig, ImagesConfig, IwaeConfig
from vae_exp.config.trainer import TrainerConfig
from vae_exp.errors import UserError
from vae_exp.sweeping import conclusion


def compared(*paths):
    return compare(read_runs(paths))


def jobs(losses, **options):
    """Return jobs from (val, test) losses by latent dimension and seed."""
    return [(config(dim, seed), {"losses": [pair], **options}) for (dim, seed), pair in losses.items()]


# --- intervals -------------------------------------------------------------------------------------------------------


def test_the_interval_of_two_values_equals_the_one_derived_by_hand():
    found = interval([1.0, 3.0])  # s = √2, s/√2 = 1, t of one degree of freedom is tan(0.475 π) = 12.706…
    assert found.mean == 2.0
    assert found.half == pytest.approx(math.tan(0.475 * math.pi), rel=1e-9)
    assert found.half == pytest.approx(12.7062047, rel=1e-8)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_equals_scipys(n):
    values = np.random.default_rng(n).normal(100, 5, n)
    found = interval(list(values))
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), rel=1e-12)


def test_one_value_gives_no_interval_and_none_gives_no_mean():
    one, none = interval([7.0]), interval([])
    assert (one.mean, one.values, none.values) == (7.0, 1, 0)
    assert all(map(math.isnan, (one.half, none.mean, none.half)))


def test_a_constant_shift_has_an_interval_of_width_zero_whatever_the_seed_noise():
    noise = {0: 1024.0, 1: -512.0, 2: 64.0}
    found = paired({seed: value + 3 for seed, value in noise.items()}, noise)
    assert (found.mean, found.half, found.values) == (3.0, 0.0, 3)
    assert interval(list(noise.values())).half > 1000


def test_pairing_uses_the_seeds_that_both_have():
    assert paired({0: 5.0, 1: 7.0, 2: 100.0}, {1: 6.0, 0: 4.0, 9: 0.0}).values == 2


# --- the best --------------------------------------------------------------------------------------------------------


def test_the_best_is_chosen_by_validation_loss_and_never_by_test_loss(tmp_path):
    sweep(tmp_path, jobs({(2, 0): (10.0, 1.0), (4, 0): (9.0, 50.0)}))
    found = compared(tmp_path)
    assert found.label(found.best) == "latent_dim=4"
    assert [cell.text for cell in cells.table(found, ["val/loss"])[1][1]] == ["★ 4", "finished", "9"]
    assert found.against_best(found.rows[0]).mean == -49.0


def test_of_two_equal_rows_the_earlier_is_the_best(tmp_path):
    sweep(tmp_path, jobs({(4, 0): (9.0, 5.0), (2, 0): (9.0, 1.0), (8, 0): (9.0, 0.0)}))
    assert compared(tmp_path).best.config["model.latent_dim"] == 4


def test_the_best_run_is_the_seed_of_the_best_row_with_the_lowest_validation_loss(tmp_path):
    sweep(tmp_path, jobs({(2, 0): (8.0, 1.0), (2, 1): (6.0, 9.0), (4, 0): (5.0, 1.0), (4, 1): (20.0, 1.0)}))
    assert best_run(compared(tmp_path)).path.name.startswith("latent_dim=2,seed=1_")


def test_the_losses_are_those_of_the_best_epoch(tmp_path):
    write(tmp_path / "run", config(), [(5.0, 6.0), (3.0, 4.0), (9.0, 9.0)], best_epoch=2)
    assert compared(tmp_path / "run").runs[0].measures["val/loss"] == 3.0


def test_the_difference_to_the_best_is_paired_by_seed(tmp_path):
    noise = {0: 0.0, 1: 512.0, 2: -256.0}
    losses = {(dim, seed): (n + dim, n + dim) for seed, n in noise.items() for dim in (2, 4)}
    sweep(tmp_path, jobs(losses))
    frame = load_sweep(tmp_path).table.set_index("model.latent_dim")
    assert frame["test/loss_vs_best"].tolist() == [0.0, 2.0]
    assert frame["test/loss_vs_best_ci95"].tolist()[1] == 0.0
    assert frame["test/loss_ci95"].tolist()[1] > 900


# --- what is left out, and the notes that say so ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["running", "failed", "interrupted", "planned"])
def test_an_unfinished_run_is_shown_with_its_state_and_left_out_of_means(tmp_path, state):
    planned = jobs({(2, 0): (10.0, 10.0), (2, 1): (12.0, 12.0), (4, 0): (1.0, 1.0)})
    planned[1] = (planned[1][0], {"losses": [(0.0, 0.0)], "state": state})
    planned[2] = (planned[2][0], None if state == "planned" else {"losses": [(0.0, 0.0)], "state": state})
    sweep(tmp_path, planned)
    found = compared(tmp_path)
    assert [row.states for row in found.rows] == [
        f"1 {state}, 1 finished" if state in ("failed", "interrupted") else f"1 finished, 1 {state}",
        state,
    ]
    assert found.rows[0].interval("val/loss").mean == 10.0
    assert found.best is found.rows[0]
    assert "2 of 3 runs are not finished and left out of means and ranking." in notes(found)


def test_without_a_finished_run_there_is_no_best_and_the_answer_says_so(tmp_path):
    sweep(tmp_path, [(config(), None), (config(4), None)])
    found = compared(tmp_path)
    assert found.best is None
    assert sentence(found) == "No run is finished"


def test_runs_on_different_data_sets_are_compared_but_not_ranked(tmp_path):
    write(tmp_path / "a", config(), [(1.0, 1.0)])
    write(tmp_path / "b", config(data=DigitsConfig(binarize="dynamic")), [(2.0, 2.0)])
    found = compared(tmp_path / "a", tmp_path / "b")
    assert [row.interval("test/loss").mean for row in found.rows] == [1.0, 2.0]
    assert found.best is None
    assert "can't be ranked, and these differ: data.binarize" in sentence(found)


def test_one_configuration_on_different_images_gives_a_row_for_each_data_digest(tmp_path):
    for name in ("a", "b"):
        data = ImagesConfig(root=str(tmp_path / name))
        write(tmp_path / f"run_{name}", config(data=data), [(1.0, 1.0)], digest=name * 64)
    found = compared(tmp_path / "run_a", tmp_path / "run_b")
    assert [row.config["data.digest"] for row in found.rows] == ["a" * 8, "b" * 8]
    assert found.keys == ["data.digest"]
    assert found.best is None


def test_without_validation_images_there_is_no_best_and_the_answer_says_so(tmp_path):
    sweep(tmp_path, jobs({(2, 0): (None, 10.0), (4, 0): (None, 9.0)}))
    found = compared(tmp_path)
    assert found.best is None
    assert "there are no validation images" in sentence(found)
    assert found.rows[1].interval("test/loss").mean == 9.0


def test_different_seeds_in_the_rows_are_noted(tmp_path):
    losses = {(2, 0): (1.0, 1.0), (2, 1): (1.0, 1.0), (4, 1): (2.0, 2.0), (4, 2): (2.0, 2.0)}
    sweep(tmp_path / "unequal", jobs(losses))
    sweep(tmp_path / "equal", jobs({key: value for key, value in losses.items() if key[1] == 1}))
    note = "Rows have different seeds; Δ uses those that both rows have."
    assert note in notes(compared(tmp_path / "unequal"))
    assert note not in notes(compared(tmp_path / "equal"))


def test_of_two_runs_with_the_same_seed_the_first_is_used_and_a_note_says_so(tmp_path):
    for name, loss in (("a", 1.0), ("b", 2.0)):
        write(tmp_path / name, config(), [(loss, loss)])
    found = compared(tmp_path / "a", tmp_path / "b")
    assert not found.has_seeds
    assert found.rows[0].interval("val/loss").mean == 1.0
    assert any("the first finished one is used" in note for note in notes(found))
    assert [found.run_label(run) for run in found.runs] == ["a", "b"]


@pytest.mark.parametrize(("seeds", "kept"), [((0,), True), ((0, 1), False)])
def test_standard_errors_of_single_runs_are_left_out_if_seeds_are_swept(tmp_path, seeds, kept):
    final = {"test/nll_iw100": 80.0, "test/nll_iw100_se": 0.5}
    sweep(tmp_path, jobs({(2, seed): (1.0, 1.0) for seed in seeds}, **final))
    found = compared(tmp_path)
    assert ("test/nll_iw100_se" in found.measures) is kept
    assert "test/nll_iw100" in found.measures


def betas(path, **measures):
    """Write three runs of different beta; the plain loss is lowest at 1, the NLL at 0.5."""
    values = ((0.5, 101.0, 90.0), (1.0, 100.0, 91.0), (4.0, 110.0, 95.0))
    for beta, loss, nll in values:
        found = {name: nll + shift for name, shift in measures.items()}
        write(path / str(beta), config(objective=ElboConfig(beta=beta)), [(loss, loss + 1)], kl=8 / beta, **found)
    return compared(*(path / str(beta) for beta, _, _ in values))


def test_rows_with_different_objectives_are_ranked_by_a_likelihood_estimate(tmp_path):
    found = betas(tmp_path, **{"val/nll_iw10": 1.0, "val/nll_iw100": 0.0, "test/nll_iw10": 3.0, "test/nll_iw100": 2.0})
    assert (found.ranked_by, found.amount) == ("val/nll_iw100", "test/nll_iw100")
    assert [row.config["objective.beta"] for row in found.ranked] == [0.5, 1.0, 4.0]
    assert found.against_best(found.rows[2]).mean == 5.0
    assert any("so val/nll_iw100 ranks them" in note for note in notes(found))
    assert sentence(found).startswith("beta=0.5 has the lowest validation NLL (K=100): 92.0 nats")
    header, rows = cells.table(found, cells.BRIEF)
    assert header[2:5] == ["val NLL, K=100", "NLL, K=100", "Δ to ★"]
    assert [cell.text for cell in rows[0]][:3] == ["★ 0.5", "finished", "90"]
    assert best_run(found).path.name == "0.5"


def test_without_a_common_estimate_rows_are_ranked_by_the_plain_elbo_and_a_note_names_whom_it_favours(tmp_path):
    found = betas(tmp_path)
    assert found.best.config["objective.beta"] == 1.0
    assert any("which favours those trained on it (beta=1) by construction" in note for note in notes(found))
    write(tmp_path / "0.5", config(objective=ElboConfig(beta=0.5)), [], **{"val/nll_iw7": 1.0})
    assert compared(*(tmp_path / str(beta) for beta in (0.5, 1.0))).ranked_by == "val/loss"


def test_rows_with_the_same_objective_are_ranked_by_loss_whatever_their_warm_up(tmp_path):
    for name, objective in (("a", ElboConfig()), ("b", ElboConfig(warmup_epochs=1))):
        write(tmp_path / name, config(objective=objective), [(1.0, 1.0)], **{"val/nll_iw100": 1.0})
    found = compared(tmp_path / "a", tmp_path / "b")
    assert found.keys == ["objective.warmup_epochs"]
    assert found.ranked_by == "val/loss"
    assert not any("different objectives" in note for note in notes(found))


@pytest.mark.parametrize(
    ("mean", "half", "expected"),
    [(-0.004, math.nan, "0.00"), (-0.006, math.nan, "−0.01"), (-0.001, 0.002, "0.00 ± 0.00")],
)
def test_a_number_that_rounds_to_zero_has_no_sign(mean, half, expected):
    assert cells.text(Interval(mean, half, 1), "index_code_mutual_information") == expected


def test_a_measure_near_its_ceiling_is_written_as_a_bound_without_an_interval(tmp_path):
    bound = {"index_code_mutual_information": 8.3, "marginal_kl_to_prior": 2.5}
    flags = {f"{name}_is_bound": True for name in bound}
    sweep(tmp_path / "bound", jobs({(2, 0): (1.0, 1.0), (2, 1): (1.0, 1.0)}, **bound, **flags))
    sweep(tmp_path / "known", jobs({(2, 0): (1.0, 1.0)}, **bound))
    for name, texts in (("bound", ["≥ 8.30", "≤ 2.50"]), ("known", ["8.30", "2.50"])):
        found = compared(tmp_path / name)
        _, [row] = cells.table(found, list(bound))
        assert [cell.text for cell in row[-2:]] == texts
        assert found.frame()["marginal_kl_to_prior_is_bound"].tolist() == [name == "bound"]


# --- the table -------------------------------------------------------------------------------------------------------


def test_only_the_keys_that_differ_are_shown(tmp_path):
    write(tmp_path / "a", config(2, trainer=TrainerConfig(batch_size=64)), [(1.0, 1.0)])
    write(tmp_path / "b", config(4, trainer=TrainerConfig(batch_size=128)), [(1.0, 1.0)])
    found = compared(tmp_path / "a", tmp_path / "b")
    assert found.keys == ["model.latent_dim", "trainer.batch_size"]
    assert found.label(found.rows[0]) == "latent_dim=2, batch_size=64"


def test_a_label_leaves_out_what_follows_from_an_option_and_what_another_option_has(tmp_path):
    runs = {"a": ElboConfig(beta=0.25), "b": ElboConfig(beta=4.0), "c": IwaeConfig(samples=1)}
    for name, objective in runs.items():
        write(tmp_path / name, config(objective=objective), [(1.0, 1.0)])
    found = compared(*(tmp_path / name for name in runs))
    expected = ["beta=0.25, objective=elbo", "beta=4.0, objective=elbo", "objective=iwae"]
    assert list(map(found.label, found.rows)) == expected
    header, rows = cells.table(found, [])
    assert header[:2] == ["beta", "objective"]
    assert [row[0].text for row in rows] == ["★ 0.25", "4.0", "–"]
    np.testing.assert_equal(found.frame()["objective.beta"].to_numpy(), [0.25, 4.0, np.nan])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.004285843683559294, 1e-05, 4.0, 0.25], ["0.004286", "1e-05", "4.0", "0.25"]),
        ([0.0012345678, 0.0012345612, 0.5], ["0.00123457", "0.00123456", "0.5"]),
        ([0.1, 0.1 + 2**-55], ["0.1", "0.10000000000000003"]),
        ([1.0001, 1.00012, 1.0], ["1.0001", "1.00012", "1.0"]),
        ([123456, None, True, [1, 32], "sgd"], ["123456", "null", "true", "[1,32]", "sgd"]),
        ([math.inf, 0.0, -0.12345], ["inf", "0.0", "-0.1235"]),
    ],
)
def test_a_number_has_four_digits_or_as_many_as_distinguish_it(values, expected):
    assert texts_of(values) == expected


@given(st.lists(st.floats(allow_nan=False), unique=True))
def test_different_numbers_never_look_the_same(values):
    texts = texts_of(values)
    assert len(set(texts)) == len(values)
    assert texts_of(reversed(values)) == texts[::-1]


def test_labels_and_tables_have_short_numbers_and_the_csv_has_all_their_digits(tmp_path):
    rates = (0.004285843683559294, 0.0001638840313648612)
    sweep(tmp_path, [(config(optimizer=AdamConfig(lr=lr)), {"losses": [(1.0, 1.0)]}) for lr in rates])
    found = compared(tmp_path)
    assert list(map(found.label, found.rows)) == ["lr=0.004286", "lr=0.0001639"]
    assert [row[0].text for row in cells.table(found, [])[1]] == ["★ 0.004286", "0.0001639"]
    assert found.frame()["optimizer.lr"].tolist() == list(rates)


def test_a_key_has_its_short_name_unless_two_keys_share_it(tmp_path):
    write(tmp_path / "a", config(), [(1.0, 1.0)])
    run, *_ = read_runs([tmp_path / "a"])
    runs = [dataclasses.replace(run, config={"a.x": i, "b.x": i, "b.y": i}) for i in range(2)]
    assert list(map(compare(runs).short, ("a.x", "b.x", "b.y"))) == ["a.x", "b.x", "y"]


def test_rows_are_in_the_order_of_the_plan(tmp_path):
    sweep(tmp_path, jobs({(dim, seed): (1.0, 1.0) for seed in (1, 0) for dim in (8, 2, 4)}))
    assert [row.config["model.latent_dim"] for row in compared(tmp_path).rows] == [8, 2, 4]


def test_load_sweep_returns_the_table_of_comparison_csv(tmp_path):
    planned = jobs({(dim, seed): (dim + seed / 3, dim - seed / 7) for dim in (2, 4) for seed in (0, 1)})
    sweep(tmp_path, [*planned, (config(8), None)])
    report.write(tmp_path, compared(tmp_path), ["python"])
    pd.testing.assert_frame_equal(
        load_sweep(tmp_path).table, pd.read_csv(tmp_path / "comparison.csv"), check_exact=True
    )


def test_runs_of_zero_epochs_are_compared_without_measures(tmp_path):
    sweep(tmp_path, [(config(dim), {"seconds": 0.0}) for dim in (2, 4)])
    report.write(tmp_path, compared(tmp_path), ["python"])
    assert load_sweep(tmp_path).table["states"].tolist() == ["finished", "finished"]
    assert (tmp_path / "report.html").stat().st_size > 1000


def test_a_run_given_twice_is_compared_once(tmp_path):
    made = sweep(tmp_path, jobs({(2, 0): (1.0, 1.0)}))
    assert len(read_runs([tmp_path, tmp_path / made.jobs()[0].name, tmp_path])) == 1


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_never_breaks_a_line_and_says_if_columns_do_not_fit(tmp_path, width, capsys):
    sweep(tmp_path, jobs({(dim, seed): (100 * dim + seed, 200.5 - seed) for dim in (2, 4) for seed in (0, 1)}))
    conclusion.show(compared(tmp_path), Console(force_terminal=True, width=width, no_color=True))
    lines = capsys.readouterr().out.splitlines()
    assert sum("latent_dim" in line and "val loss" in line for line in lines) == 1
    assert any("too narrow for all columns" in line for line in lines) is (width < 100)


# --- damaged, linked and changing ------------------------------------------------------------------------------------


def test_a_linked_figures_folder_is_refused_in_a_sweep_too(tmp_path):
    made = sweep(tmp_path / "sweep", jobs({(2, 0): (1.0, 1.0)}))
    (tmp_path / "mine").mkdir()
    made.folder(made.jobs()[0]).figures.symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match="figures must not be a link"):
        read_runs([tmp_path / "sweep"])


def test_control_characters_and_lone_surrogates_in_an_error_are_shown_as_escapes(tmp_path):
    folder = write(tmp_path / "run", config(), [(1.0, 1.0)], state="failed", error="x")
    text = folder.status_file.read_text().replace('"x"', r'"a\u001b[31m\nb\ud800"')
    folder.status_file.write_text(text)
    found = compared(tmp_path / "run")
    assert found.runs[0].error == r"a\x1b[31m b\ud800"
    report.write(tmp_path, found, ["python", "\x1b", 7])
    assert "\x1b" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_sweep_can_be_compared_while_it_is_written(tmp_path):
    made = sweep(tmp_path, [(config(dim), None) for dim in (2, 4, 8)])
    begun, stop = threading.Event(), threading.Event()

    def train():
        while not stop.is_set():
            for job in made.jobs():
                folder = made.folder(job)
                if folder.metrics_file.exists():
                    folder.metrics_file.write_bytes(b"")  # no run deletes it
                write(folder.path, job.config, [(3.0, 3.0), (2.0, 2.0)], state="running")
                write(folder.path, job.config, state="finished")
                begun.set()

    worker = threading.Thread(target=train)
    worker.start()
    try:
        assert begun.wait(60)
        seen = {run.state for _ in range(20) for run in compared(tmp_path).runs}
    finally:
        stop.set()
        worker.join()
    assert seen <= {"planned", "running", "finished"}
    assert len(seen) >= 2
