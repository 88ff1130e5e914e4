"""The charts of the report: what is drawn, how it is described, and how it is embedded in the page."""

import dataclasses
import itertools
import re

import pytest
from compared import compared, config, sweep, write

from vae_exp.comparison import charts
from vae_exp.comparison.charts.axis import apart, is_log
from vae_exp.comparison.charts.costs import reconstruction_against_kl, training_time
from vae_exp.comparison.charts.curves import learning_curves
from vae_exp.comparison.charts.losses import heat_map, loss_by_configuration, loss_by_value
from vae_exp.comparison.charts.search import of_search
from vae_exp.comparison.searched import Searched, Tried
from vae_exp.config import AdamConfig, ElboConfig, ImagesConfig, IwaeConfig, MlpConfig, TrainerConfig
from vae_exp.figures.sheet import style


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A sweep of two keys, with losses that name their place; the values are planned out of order."""
    path = tmp_path_factory.mktemp("crossed")
    values = [(dim, beta) for dim in (8, 2, 4) for beta in (4.0, 0.5)]
    pairs = [(config(dim, objective=ElboConfig(beta=beta)), 10 * dim + beta) for dim, beta in values]
    sweep(path, [(each, {"losses": [(loss + 9, loss + 9), (loss, loss + 1)]}) for each, loss in pairs])
    return compared(path)


def chart_of(chart, comparison):
    with style():
        return chart(comparison)


def axes_of(chart, comparison):
    return chart_of(chart, comparison).figure.axes[0]


def test_two_swept_keys_give_a_heat_map_with_each_loss_in_its_cell(crossed):
    axes = axes_of(heat_map, crossed)
    xs, ys = ([label.get_text() for label in labels] for labels in (axes.get_xticklabels(), axes.get_yticklabels()))
    assert (xs, ys) == (["2", "4", "8"], ["0.5", "4.0"]) or (xs, ys) == (["0.5", "4.0"], ["2", "4", "8"])
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        dim, beta = (xs[column], ys[row]) if len(xs) == 3 else (ys[row], xs[column])
        assert float(text.get_text()) == 10 * int(dim) + float(beta) + 1
    assert len(axes.texts) == 6


def test_the_loss_is_drawn_against_one_key_with_a_line_for_each_value_of_the_other(crossed):
    axes = axes_of(loss_by_value, crossed)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8"]
    lines = {name: handle[0] for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    assert list(lines) == ["beta=0.5, val", "beta=0.5, test", "beta=4.0, val", "beta=4.0, test"]
    assert lines["beta=0.5, test"].get_xdata().tolist() == [2, 4, 8]
    assert lines["beta=0.5, test"].get_ydata().tolist() == [21.5, 41.5, 81.5]


def test_a_row_without_a_key_stands_at_a_dash(tmp_path):
    for name, objective in (("a", ElboConfig(beta=0.25)), ("b", ElboConfig(beta=4.0)), ("c", IwaeConfig(samples=1))):
        write(tmp_path / name, config(objective=objective), [(9.0, 9.0)])
    axes = axes_of(loss_by_value, compared(*(tmp_path / name for name in "abc")))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.25", "4.0", "–"]


def test_only_three_swept_keys_give_a_chart_of_configurations_with_the_best_on_top(tmp_path, crossed):
    models = [config(dim, objective=ElboConfig(beta=beta)) for dim in (2, 4) for beta in (0.5, 1.0)]
    configs = [
        dataclasses.replace(each, trainer=TrainerConfig(batch_size=size)) for each in models for size in (10, 20)
    ]
    sweep(tmp_path, [(each, {"losses": [(9.0 - i, 19.0 - i)]}) for i, each in enumerate(configs)])
    axes = axes_of(loss_by_configuration, compared(tmp_path))
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert (names[0], names[-1]) == (
        "latent_dim=4, beta=1.0, batch_size=20",
        "latent_dim=2, beta=0.5, batch_size=10",
    )
    lines = {name: handle[0] for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    assert lines["val"].get_xdata().tolist() == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert lines["test"].get_xdata().tolist() == [12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    assert axes.yaxis_inverted()
    assert chart_of(loss_by_configuration, crossed) is None


def test_learning_curves_show_every_epoch_and_are_dotted_for_unfinished_runs(tmp_path):
    write(tmp_path / "a", config(2), [(9.0, 9.0), (8.0, 8.0)])
    write(tmp_path / "b", config(4), [(7.0, 7.0), (6.0, 6.0)], state="failed")
    chart = chart_of(learning_curves, compared(tmp_path / "a", tmp_path / "b"))
    (axes,) = chart.figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[9.0, 8.0], [7.0, 6.0]]
    assert [line.get_linestyle() for line in axes.lines] == ["-", ":"]
    assert [entry.name for entry in chart.legend] == ["latent_dim=2", "latent_dim=4"]
    assert chart.seen == "val/loss of 2 runs, which end between 6.0 (latent_dim=4) and 8.0 (latent_dim=2)"


def test_two_or_more_runs_are_points_of_reconstruction_against_kl(tmp_path):
    write(tmp_path / "a", config(2), [(9.0, 9.0)], kl=4.0)
    write(tmp_path / "b", config(4), [(9.0, 8.0)], kl=6.0)
    both = compared(tmp_path / "a", tmp_path / "b")
    points = [each.get_offsets().tolist() for each in axes_of(reconstruction_against_kl, both).collections]
    assert points == [[[4.0, 5.0]], [[6.0, 2.0]]]
    assert chart_of(reconstruction_against_kl, compared(tmp_path / "a")) is None


def test_points_of_rate_and_distortion_are_joined_in_order_of_the_objective_parameter(tmp_path):
    """Two values of latent_dim make two lines along beta, whatever the order of the runs; `iwae` has none."""
    for dim, beta, kl in ((2, 4.0, 3.0), (4, 1.0, 9.0), (2, 1.0, 6.0), (4, 4.0, 5.0)):
        write(tmp_path / f"{dim}_{beta}", config(dim, objective=ElboConfig(beta=beta)), [(9.0, 20.0)], kl=kl)
    write(tmp_path / "iwae", config(2, objective=IwaeConfig(samples=1)), [(9.0, 19.0)])
    found = compared(*sorted(tmp_path.iterdir()))
    chart = chart_of(reconstruction_against_kl, found)
    lines = [line.get_xydata().tolist() for line in chart.figure.axes[0].lines[:2]]
    assert lines == [[[6.0, 14.0], [3.0, 17.0]], [[9.0, 11.0], [5.0, 15.0]]]
    assert chart.detail.endswith("joined in the order of beta")


@pytest.mark.parametrize(
    ("seconds", "widths", "seen"),
    [
        ((150.0, 30.0), [2.5, 0.5], "between 0.5 minutes (latent_dim=4) and 2.5 minutes (latent_dim=2)"),
        ((90.0, 30.0), [90, 30], "between 30.0 seconds (latent_dim=4) and 90.0 seconds (latent_dim=2)"),
    ],
)
def test_the_training_time_is_drawn_in_minutes_and_a_short_one_in_seconds(tmp_path, seconds, widths, seen):
    for name, dim, time in zip("ab", (2, 4), seconds, strict=True):
        write(tmp_path / name, config(dim), [(9.0, 9.0)], seconds=time)
    chart = chart_of(training_time, compared(tmp_path / "a", tmp_path / "b"))
    assert [bar.get_width() for bar in chart.figure.axes[0].patches] == widths
    assert chart.figure.axes[0].get_xlabel() == ("seconds" if max(seconds) < 120 else "minutes")
    assert chart.seen == seen


def test_a_single_run_has_a_chart_of_each_part_of_its_loss(tmp_path):
    write(tmp_path, config(), [(9.0, 9.0), (8.0, 7.0)], kl=4.0)
    drawn = charts.draw(compared(tmp_path))
    assert list(drawn) == ["loss", "reconstruction", "kl"]
    assert drawn["loss"][0].seen == "val loss goes from 9.0 to 8.0 nats, test loss goes from 9.0 to 7.0 nats"


def learning_rates(path, values):
    pairs = [(config(optimizer=AdamConfig(lr=lr)), 100 - i) for i, lr in enumerate(values)]
    sweep(path, [(each, {"losses": [(loss, loss)]}) for each, loss in pairs])
    return compared(path)


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1e-4, 1e-3, 1e-2], "log"), ([1e-3, 1.1e-3, 1.2e-3, 2e-2], "log"), ([0.1, 0.2, 0.3], "linear")],
)
def test_a_swept_number_is_drawn_to_scale_and_tick_labels_never_overlap(tmp_path, values, scale):
    figure = chart_of(loss_by_value, learning_rates(tmp_path, values)).figure
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert axes.lines[0].get_xdata().tolist() == values
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
    assert {axes.get_xticks()[0], axes.get_xticks()[-1]} == {values[0], values[-1]}


def test_tick_labels_that_would_overlap_are_left_out_but_both_ends_are_kept():
    assert apart([0, 5, 10, 50, 95, 100], [10] * 6) == [0, 2, 3, 5]
    assert apart([0], [1000]) == [0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2, 4, 8, 16], True), ([2, 4, 6], False), ([0, 1, 10], False), ([1, 50], True), ([2, 4], False)],
)
def test_numbers_that_grow_by_a_factor_get_a_log_axis(values, expected):
    assert is_log(values) == expected


def test_a_chart_describes_itself_in_words(tmp_path):
    assert chart_of(loss_by_value, learning_rates(tmp_path, [0.001, 0.01])).seen == (
        "test loss falls from 100.0 at lr=0.001 to 99.0 at 0.01"
    )


@pytest.mark.slow
def test_charts_are_inline_svg_with_real_text_unique_ids_and_theme_colours(crossed):
    drawn = charts.draw(crossed)
    whole = "".join(svg for _, svg in drawn.values())
    found = re.findall(r'\bid="([^"]+)"', whole)
    assert len(found) == len(set(found)) > 20
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', whole)) <= set(found)
    assert not re.search(r"<(style|script|metadata)|xmlns|ns0:", whole)
    assert ">epoch</text>" in whole
    assert "font:" not in whole
    for name in ("learning_curves", "loss_by_value"):
        assert not re.search(r"(stroke|fill): #(?!fff)", drawn[name][1])


def test_a_name_from_a_folder_stays_text_in_a_chart(tmp_path):
    names = ["<b>a & b", "</svg><script>"]
    pairs = [(config(data=ImagesConfig(root=name, threshold=None)), float(i)) for i, name in enumerate(names)]
    runs = [(dataclasses.replace(each, model=MlpConfig()), loss) for each, loss in pairs]
    sweep(tmp_path, [(each, {"losses": [(loss, loss)]}) for each, loss in runs])
    assert "<script" not in "".join(svg for _, svg in charts.draw(compared(tmp_path)).values())


# --- of a search -----------------------------------------------------------------------------------------------------

KEYS = ("optimizer.lr", "model.hidden")


def tried(number, lr, hidden, *values):
    return Tried(number, [f"run{number}"], {"optimizer.lr": lr, "model.hidden": hidden}, values, [0] * len(values))


def found(*trials, measures=("val/loss",), front=(1,), importances=None):
    """Return a search with rungs at epochs 1 and 3; its course is that of one measure."""
    course = [(1, 50.0), (2, 40.0), (6, 30.0)]
    return Searched(measures, KEYS, ["optimizer.lr"], [1, 3], trials, course, [4, 8], importances or {}, front)


@pytest.fixture
def search_charts():
    """Charts of four trials, of which two continue, one diverges, and one is far above the others."""
    trials = [
        tried(1, 1e-3, "[16]", (50.0,), None),
        tried(2, 1e-2, "[8,8]", (40.0,), (30.0,)),
        tried(3, 1e-4, "[16]", None),
        *(tried(4 + i, 2e-3, "[16]", (45.0 + i,)) for i in range(6)),
        tried(10, 0.1, "[8,8]", (900.0,)),
    ]
    with style():
        return of_search(found(*trials, importances={"model.hidden": 0.25, "optimizer.lr": 0.75}))


def test_the_course_of_a_search_steps_down_and_marks_the_start_of_each_rung(search_charts):
    steps, points, rung_starts = search_charts["search_course"].figure.axes[0].lines
    assert steps.get_drawstyle() == "steps-post"
    assert steps.get_xydata().tolist() == [[1, 50], [2, 40], [6, 30], [8, 30]]
    assert points.get_xydata().tolist() == [[1, 50], [2, 40], [6, 30]]
    assert rung_starts.get_xdata() == [4, 4]
    assert search_charts["search_course"].seen.endswith("50.0 with 1 of 8 epochs spent, 30.0 with 6")


def test_each_rung_has_its_colour_and_outliers_are_drawn_at_the_edge(search_charts):
    chart = search_charts["search_key_0"]
    (axes,) = chart.figure.axes
    assert axes.get_xscale() == "log"
    first, above, second, _ = (each.get_offsets().tolist() for each in axes.collections)
    assert [1e-2, 40.0] in first
    assert (above, second) == ([[0.1, 50.0]], [[1e-2, 30.0]])
    assert len({tuple(each.get_facecolor()[0]) for each in axes.collections[::2]}) == 2
    assert [entry.name for entry in chart.legend] == ["epoch 1, 9 trials", "epoch 3, 1 trial"]
    assert chart.detail.endswith("▲ is above the chart")
    texts = [label.get_text() for label in search_charts["search_key_1"].figure.axes[0].get_xticklabels()]
    assert texts == ["[16]", "[8,8]"]


def test_the_most_important_key_is_on_top_and_the_chart_states_its_limits(search_charts):
    (axes,) = search_charts["search_importance"].figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["optimizer.lr", "model.hidden"]
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.25]
    assert "epoch 1 alone: no direction, no interaction" in search_charts["search_importance"].detail
    assert "search_front" not in search_charts


def test_the_front_of_two_measures_is_joined_by_a_line_and_numbered():
    values = {1: (20.0, 5.0), 2: (10.0, 9.0), 3: (30.0, 9.5)}
    trials = [tried(number, 1e-3, "[16]", (40.0, 3.0), value) for number, value in values.items()]
    with style():
        charts = of_search(found(*trials, measures=("val/reconstruction", "val/kl"), front=(1, 2)))
    (axes,) = charts["search_front"].figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[10, 9], [20, 5]]
    assert [text.get_text() for text in axes.texts] == ["2", "1"]
    assert "search_importance" not in charts


def test_a_search_without_values_has_no_charts():
    empty = dataclasses.replace(found(tried(1, 1e-3, "[16]", None)), course=[])
    assert of_search(empty) == {}
