"""The figures: what each of them shows, drawn from small arrays and from a model whose values are known."""

import dataclasses
import io
import logging
import re
import subprocess
import sys
from functools import partial
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon, Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy.stats import norm
from torch import nn

from vae_exp import data, experiment
from vae_exp.config import FIGURES, Config, DigitsConfig, EvaluationConfig, FiguresConfig, MlpConfig, TrainerConfig
from vae_exp.data import Split, Splits
from vae_exp.figures import draw
from vae_exp.figures.cloud import Cloud, plot
from vae_exp.figures.colours import BARS, PALETTES
from vae_exp.figures.gallery import GALLERY
from vae_exp.figures.heading import Heading, read
from vae_exp.figures.kl_per_dimension import kl_per_dimension
from vae_exp.figures.latent import draw_latent
from vae_exp.figures.loss_curves import best_epoch, loss_curves
from vae_exp.figures.palette import UNCOLOURED, Palette
from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.reconstructions import between, choose_pairs, draw_interpolations, draw_reconstructions
from vae_exp.figures.samples import draw_aggregate_posterior, draw_samples
from vae_exp.figures.sheet import png, sheet, style
from vae_exp.figures.steps import draw_step
from vae_exp.figures.subject import Codes, Subject
from vae_exp.figures.tiles import DPI, resized, tile
from vae_exp.figures.traversals import draw_manifold, draw_traversals
from vae_exp.figures.tsne import _subsample, draw_tsne, layout, obstacle
from vae_exp.models import Vae, build_model
from vae_exp.randomness import generator

WIDTH = 3.5
"""Inches: half of the default, which takes half the time."""
HEADING = Heading("title", "detail")
TEN = PALETTES["petroff"]


@pytest.fixture
def rng():
    """Random numbers that are the same whichever tests run before."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _in_style():
    with style():
        yield


def config(latent_dim=2, **others):
    return Config(
        model=MlpConfig(latent_dim=latent_dim, hidden=[8]),
        data=DigitsConfig(),
        figures=FiguresConfig(which=others.pop("which", list(FIGURES)), tsne_points=others.pop("tsne_points", 60)),
        trainer=TrainerConfig(device="cpu", threads=1, batch_size=200, **others),
        evaluation=EvaluationConfig(final=False),
    )


def drawn(configuration, splits=None, records=()):
    """Return all figures of an untrained model by name, in order."""
    configuration.figures.width = WIDTH
    splits = splits or data.load(configuration.data)
    model = build_model(configuration.model, splits.shape, 0).eval()
    pictures = {}
    draw(model, splits, records, configuration, lambda name, content, kind: pictures.update({name: content}), print)
    return pictures


class Glass(Subject):
    """A subject whose images are rows of D pixels and whose model reconstructs them exactly.

    q(z|x) has the pixels' logits as its mean and a standard deviation of e⁻⁵⁰; p(x|z) has z as its logits. `seen`
    collects the z that were decoded.
    """

    def __init__(self, pixels, labels=None, test=True, **others):
        images = torch.as_tensor(pixels, dtype=torch.uint8).reshape(len(pixels), 1, 1, -1)
        split = Split(images, None if labels is None else torch.as_tensor(labels))
        dims = images.shape[-1]
        decoder = nn.Unflatten(1, (1, 1, dims))
        model = Vae(Logits(), decoder, MlpConfig(latent_dim=dims)).eval()
        seen = []
        model.register_parameter("device", nn.Parameter(torch.zeros(1)))
        decoder.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
        splits = Splits(split, None, split if test else None, None, True, "")
        super().__init__(model, splits, [], config(dims, **others))
        object.__setattr__(self, "seen", seen)

    @property
    def z(self):
        return torch.cat(self.seen).double().numpy()


class Logits(nn.Module):
    def forward(self, images):
        mean = images.flatten(1).clamp(0.01, 0.99).logit()
        return torch.cat([mean, torch.full_like(mean, -100.0)], dim=1)


def logits(pixels):
    return torch.as_tensor(pixels).div(255).clamp(0.01, 0.99).logit().double().numpy()


def words(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def rendered(figure):
    return np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))


def shown(axes):
    """Return the grey picture that a panel shows."""
    picture = np.asarray(axes.images[0].get_array())
    assert (picture == picture[..., :1]).all()
    return picture[..., 0]


def grid(axes, columns, side):
    """Return the images that a panel of grey images shows, row by row."""
    picture = shown(axes)
    step = side + 2
    rows = (len(picture) + 2) // step
    corners = [(r * step, c * step) for r in range(rows) for c in range(columns)]
    return np.stack([picture[y : y + side, x : x + side] for y, x in corners])


# All of them


def test_every_figure_option_has_a_drawing_function():
    assert set(GALLERY) == set(FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_every_figure_has_the_given_width_and_the_manifold_needs_two_dimensions(latent_dim, caplog):
    with caplog.at_level(logging.INFO, "vae_exp"):
        pictures = drawn(config(latent_dim))
    assert list(pictures) == [name for name in FIGURES if name != "manifold" or latent_dim == 2]
    assert ("manifold" in caplog.text) == (latent_dim != 2)
    for picture in pictures.values():
        image = Image.open(io.BytesIO(picture))
        assert min(image.size) >= 100
        assert image.width == WIDTH * DPI
        assert set(image.info) == {"title", "detail", "band", "dpi"}  # no date and no program: the bytes would change
        assert np.allclose(image.info["dpi"], DPI, atol=0.02)


@pytest.mark.slow
def test_a_figure_has_the_same_bytes_whatever_else_is_drawn_and_set_in_matplotlib():
    configuration = config(3)
    together = drawn(configuration)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        for name in reversed(together):
            configuration.figures.which = [name]
            assert drawn(configuration) == {name: together[name]}, name


def test_another_seed_shows_other_samples():
    first, second = config(which=["samples"]), config(which=["samples"])
    second.seed = 1
    assert drawn(first) != drawn(second)


@pytest.mark.slow
def test_without_validation_and_test_images_training_images_are_drawn_and_labelled_so(rng):
    splits = data.load(DigitsConfig())
    alone = Splits(splits.train, None, None, splits.classes, True, "")
    assert set(drawn(config(2), alone)) == set(FIGURES)
    subject = Glass(rng.integers(1, 255, (20, 2)), test=False)
    for figure in (draw_latent(subject), draw_tsne(subject), draw_interpolations(subject), draw_traversals(subject)):
        assert "training images (there is no test split)" in words(figure)


@pytest.mark.slow
def test_colour_images_without_labels_are_drawn_in_colour():
    pixels = torch.zeros(30, 3, 8, 8, dtype=torch.uint8)
    pixels[:, 0] = torch.arange(30, dtype=torch.uint8)[:, None, None] * 8
    split = Split(pixels, None)
    pictures = drawn(config(2), Splits(split, None, split, None, True, ""))
    image = np.asarray(Image.open(io.BytesIO(pictures["reconstructions"])).convert("RGB")).reshape(-1, 3)
    assert {(level * 8, 0, 0) for level in range(30)} <= set(map(tuple, image.tolist()))


# Titles


def test_a_long_title_stays_inside_the_figure_and_above_the_axes():
    figure = sheet(3.3, 2.5, Heading("a long title " * 8, "a longer detail " * 20))
    axes = figure.add_subplot()
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.texts]
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert boxes[0].y0 >= boxes[1].y1 - 1
    assert boxes[1].y0 >= axes.get_window_extent().y1
    assert axes.get_window_extent().height > 200


def noted(content):
    return read(Image.open(io.BytesIO(content)))


def test_a_png_stores_its_heading_and_titles_false_removes_only_its_band(rng):
    subject = Glass(rng.integers(1, 255, (20, 2)))
    figure = draw_latent(subject)
    titled, plain = png(figure), png(figure, titles=False)
    note = noted(titled)
    assert note.title == "Latent space: digits, mlp, latent_dim=2"
    assert "posterior means" in note.detail
    assert noted(plain) == dataclasses.replace(note, band=0)
    pixels = [np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for content in (titled, plain)]
    assert np.array_equal(pixels[0][note.band :], pixels[1])
    assert (pixels[0][: note.band] < 128).any()


@pytest.mark.parametrize(
    ("key", "value"),
    [("band", "9999"), ("band", "-1"), ("band", "1e1"), ("band", "²"), ("title", "x" * 1001), ("detail", None)],
)
def test_a_stored_heading_that_does_not_fit_its_picture_is_ignored(key, value):
    info = PngInfo()
    for name, text in ({"title": "t", "detail": "d", "band": "10"} | {key: value}).items():
        if text is not None:
            info.add_itxt(name, text)
    file = io.BytesIO()
    Image.new("L", (30, 40)).save(file, "PNG", pnginfo=info)
    assert noted(file.getvalue()) is None


@pytest.mark.slow
def test_figures_without_images_are_also_written_as_pdf_with_embedded_fonts():
    configuration = config(2, which=["loss_curves", "latent", "samples"])
    configuration.figures.format, configuration.figures.width = ["png", "pdf"], WIDTH
    found = []
    model = build_model(configuration.model, (1, 8, 8), 0).eval()
    draw(model, data.load(configuration.data), [], configuration, lambda *file: found.append(file), print)
    assert [(name, kind) for name, _, kind in found] == [
        ("loss_curves", "png"),
        ("loss_curves", "pdf"),
        ("latent", "png"),
        ("latent", "pdf"),
        ("samples", "png"),
    ]
    for _, content, kind in found:
        if kind == "pdf":
            assert content.startswith(b"%PDF")
            assert b"/FontFile2" in content


# Points


def cloud(points, labels=None, classes=None, axes=None):
    points = np.asarray(points, float)
    axes = axes or [f"axis {i}" for i in range(points.shape[1])]
    return Cloud(points, axes, labels, Palette.of(labels, classes), HEADING)


def test_a_scatter_plot_shows_every_point_to_scale_in_the_colour_of_its_label(rng):
    points, labels = rng.normal(size=(50, 2)), rng.integers(0, 10, 50)
    figure = plot(cloud(points, labels, "abcdefghij"))
    (axes,) = figure.axes
    (drawn_points,) = axes.collections
    assert np.allclose(drawn_points.get_offsets(), points)
    assert np.allclose(drawn_points.get_facecolors()[:, :3], [to_rgb(TEN[label]) for label in labels])
    assert axes.get_aspect() == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list("abcdefghij")


@pytest.mark.slow
@pytest.mark.parametrize("dims", [1, 2, 3, 5])
def test_a_legend_covers_neither_axes_nor_text(dims, rng):
    labels = np.arange(200) % 20
    figure = plot(cloud(rng.normal(size=(200, dims)), labels, [f"a class of number {i}" for i in range(20)]))
    FigureCanvasAgg(figure).draw()
    legend = figure.legends[0] if figure.legends else figure.axes[0].get_legend()
    box = legend.get_window_extent()
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes if axes.get_visible())
    assert not any(box.overlaps(text.get_window_extent()) for text in figure.texts)
    assert box.x1 <= figure.bbox.x1 + 1
    assert box.y0 >= 0


def test_labels_from_the_eleventh_on_are_triangles(rng):
    labels = np.arange(40) % 15
    figure = plot(cloud(rng.normal(size=(40, 2)), labels))
    discs, triangles = figure.axes[0].collections
    assert len(discs.get_offsets()) == (labels < 10).sum()
    assert len(triangles.get_offsets()) == (labels >= 10).sum()
    assert len(discs.get_paths()[0].vertices) != len(triangles.get_paths()[0].vertices)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("classes", [None, 47])
def test_points_without_labels_or_with_more_than_twenty_are_grey_without_a_legend(dims, classes, rng):
    labels = classes and np.arange(100) % classes
    drawn_cloud = cloud(rng.normal(size=(100, dims)), labels)
    figure = plot(drawn_cloud)
    assert not figure.legends
    assert not any(axes.get_legend() for axes in figure.axes)
    colours = {tuple(c[:3]) for axes in figure.axes for points in axes.collections for c in points.get_facecolors()}
    assert colours <= {to_rgb(UNCOLOURED)}
    assert drawn_cloud.palette.remark == ("; 47 labels, not coloured" if classes else "")


def test_a_latent_figure_states_how_many_labels_are_not_coloured(rng):
    assert "40 labels, not coloured" in words(draw_latent(Glass(rng.integers(1, 255, (40, 2)), np.arange(40))))


def test_class_names_may_contain_any_characters(rng):
    names = ["_hidden", "$x^{", "漢字", "%s {0}", "\\frac"]
    figure = plot(cloud(rng.normal(size=(10, 2)), np.arange(10) % 5, names))
    png(figure)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == names


def outlines(axes):
    """Return the counts of each outlined histogram by its colour."""
    steps = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    return {patch.get_edgecolor()[:3]: patch.get_xy()[1:-1:2, 1].sum() for patch in steps}


def test_a_histogram_counts_every_point_in_grey_and_in_the_outline_of_its_label(rng):
    labels = np.arange(90) % 3
    axes = plot(cloud(rng.normal(size=(90, 1)), labels)).axes[0]
    assert sum(patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)) == 90
    assert outlines(axes) == {to_rgb(TEN[i]): 30 for i in range(3)}
    assert all(tick == round(tick) for tick in axes.get_yticks())  # counts are integers
    (prior,) = axes.lines
    assert prior.get_linestyle() == "--"
    z, expected = prior.get_data()
    assert np.trapezoid(expected, z) == pytest.approx(90 * 0.1, rel=0.01)  # 60 bins from −3 to 3 are 0.1 wide


def test_a_collapsed_space_looks_collapsed():
    points = np.full((50, 2), 0.001)
    axes = plot(cloud(points, np.arange(50) % 10)).axes[0]
    assert axes.get_xlim() == axes.get_ylim() == (-3, 3)
    assert [circle.radius for circle in axes.patches] == [1, 2]
    assert not axes.texts  # ten names in one place can't be read


def test_all_latent_axes_share_a_range_around_zero_that_contains_all_points(rng):
    points = rng.normal(size=(60, 3)) * [1, 5, 0.1]
    figure = plot(cloud(points))
    limit = np.abs(points).max() * 1.03
    ranges = {axes.get_xlim() for axes in figure.axes} | {figure.axes[i].get_ylim() for i in (3, 6, 7)}
    assert ranges == {(-limit, limit)}


def test_each_class_name_is_drawn_at_the_median_of_its_points(rng):
    labels = np.arange(60) % 3
    points = np.array([[-2, -2], [0, 2], [2, 0]])[labels] + rng.normal(size=(60, 2)) / 5
    texts = plot(cloud(points, labels, ["ant", "bee", "cat"])).axes[0].texts
    assert [text.get_text() for text in texts] == ["ant", "bee", "cat"]
    for i, text in enumerate(texts):
        assert text.get_position() == tuple(np.median(points[labels == i], axis=0))


def test_thirteen_classes_are_named_by_the_legend_alone(rng):
    axes = plot(cloud(rng.normal(size=(130, 2)), np.arange(130) % 13)).axes[0]
    assert not axes.texts
    assert len(axes.get_legend().get_texts()) == 13


def test_a_pair_plot_shows_each_pair_once_and_each_dimension_on_the_diagonal(rng):
    points = rng.normal(size=(40, 4))
    figure = plot(cloud(points, axes=list("abcd")))
    axes = np.array(figure.axes).reshape(4, 4)
    for row, column in np.ndindex(4, 4):
        here = axes[row, column]
        assert here.get_visible() == (column <= row)
        if column < row:
            assert np.allclose(here.collections[0].get_offsets(), points[:, [column, row]])
        elif column == row:
            assert sum(patch.get_height() for patch in here.patches) == 40
            assert len(here.lines) == 1  # the prior
    assert [here.get_xlabel() for here in axes[-1]] == list("abcd")
    assert [here.get_ylabel() for here in axes[:, 0]] == ["", *"bcd"]


def test_the_pair_plot_has_the_five_dimensions_whose_means_vary_most():
    spread = np.array([1, 90, 40, 3, 70, 60, 2, 80])
    pixels = 127 + spread * np.resize([-1, 1], 50)[:, None]
    figure = draw_latent(Glass(pixels))
    assert [axes.get_xlabel() for axes in figure.axes[-5:]] == ["z₂", "z₃", "z₅", "z₆", "z₈"]
    assert "the 5 dimensions with the largest variance of means, of 8" in words(figure)
    assert np.allclose(figure.axes[5].collections[0].get_offsets(), logits(pixels)[:, [1, 2]], atol=1e-5)


# t-SNE


def test_tsne_separates_distant_groups_and_states_its_perplexity(rng):
    labels = np.arange(60) % 3
    pixels = np.array([[40, 40, 200], [200, 40, 40], [40, 200, 40]])[labels] + rng.integers(-20, 20, (60, 3))
    figure = draw_tsne(Glass(pixels, labels))
    assert "perplexity 19" in words(figure)
    assert "60 posterior means of test images" in words(figure)
    (points,) = figure.axes[0].collections
    places = np.asarray(points.get_offsets())
    colours = points.get_facecolors()
    nearest = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.diag(np.full(60, np.inf))
    assert (colours[nearest.argmin(1)] == colours).all()


def test_tsne_uses_a_fixed_subsample_of_the_chosen_split(rng):
    pixels = rng.integers(1, 255, (100, 2))
    first, second = (draw_tsne(Glass(pixels, tsne_points=40)) for _ in range(2))
    offsets = [np.asarray(figure.axes[0].collections[0].get_offsets()) for figure in (first, second)]
    assert len(offsets[0]) == 40
    assert np.array_equal(*offsets)


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.arange(1, 51)[:, None], "needs more than the one latent dimension"),
        (np.full((50, 3), 100), "the codes have collapsed"),
        (np.arange(1, 13).reshape(4, 3) * 20, "needs at least 5 points"),
    ],
    ids=["line", "collapsed", "few"],
)
def test_if_tsne_cannot_run_the_figure_shows_the_means_and_the_reason(pixels, why):
    figure = draw_tsne(Glass(pixels))
    assert "No t-SNE" in words(figure)
    assert why in words(figure)
    axes = figure.axes[0]
    if pixels.shape[1] == 1:
        assert sum(patch.get_height() for patch in axes.patches) == len(pixels)
    else:
        assert len(axes.collections[0].get_offsets()) == len(pixels)


def test_tsne_runs_with_five_points_and_one_active_dimension():
    means = np.zeros((5, 4), np.float32)
    means[:, 2] = np.arange(5)
    assert obstacle(Codes(means, means, None)) is None
    places = layout(means, 0)
    assert places.shape == (5, 2)
    assert np.isfinite(places).all()


# Curves and bars


def record(epoch, **values):
    return {"epoch": epoch, **{key.replace("_", "/"): value for key, value in values.items()}}


def test_the_first_tenth_of_the_epochs_does_not_squash_the_loss_curves():
    losses = [500.0, 220.0, *(200.0 - i for i in range(18))]
    records = [record(i, train_loss=loss) for i, loss in enumerate(losses, start=1)]
    figure = loss_curves(records, partial(Heading, "title"))
    low, high = figure.axes[0].get_ylim()
    assert (low, high) == pytest.approx((183 - 0.05 * 17, 200 + 0.05 * 17))
    assert "the first epochs are cut off" in words(figure)


def test_loss_curves_show_each_split_at_its_evaluated_epochs_and_mark_the_best():
    records = [
        record(1, train_loss=9.0, train_objective=9.0),
        record(2, train_loss=7.0, train_objective=7.0, val_loss=6.0, val_objective=6.0, test_loss=6.5),
        record(3, train_loss=5.0, train_objective=5.0),
        record(4, train_loss=4.0, train_objective=4.0, val_loss=6.0, val_objective=6.0, test_loss=6.1),
    ]
    figure = loss_curves(records, partial(Heading, "title"))
    assert [axes.get_title() for axes in figure.axes] == ["negative ELBO", "reconstruction", "KL(q(z|x) ‖ p(z))"]
    train, val, test, mark = figure.axes[0].lines
    assert train.get_xydata().tolist() == [[1, 9], [2, 7], [3, 5], [4, 4]]
    assert val.get_xydata().tolist() == [[2, 6], [4, 6]]
    assert test.get_xydata().tolist() == [[2, 6.5], [4, 6.1]]
    assert list(mark.get_xdata()) == [2, 2]  # ties go to the earlier epoch
    assert "epoch 2, the best" in words(figure)
    assert [text.get_text() for text in figure.axes[-1].get_legend().get_texts()] == ["train", "val", "test"]


def test_the_training_objective_gets_its_own_panel_if_it_differs_from_the_loss():
    figure = loss_curves([record(1, train_loss=9.0, train_objective=4.0)], partial(Heading, "title"))
    assert figure.axes[-1].get_title() == "training objective"
    assert figure.axes[-1].lines[0].get_xydata().tolist() == [[1, 4]]


def test_without_validation_no_epoch_is_called_the_best():
    assert best_epoch([record(1, train_loss=9.0)]) is None
    figure = loss_curves([], partial(Heading, "title"))
    assert "no epoch has been trained" in words(figure)


def test_bars_of_the_kl_are_sorted_and_coloured_by_activity():
    figure = kl_per_dimension(np.array([0.5, 2.0, 0.0, 1.0]), np.array([0.4, 0.9, 0.0, 0.009]), HEADING)
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [2.0, 1.0, 0.5, 0.0]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["z₂", "z₄", "z₁", "z₃"]
    assert [bar.get_facecolor()[:3] == to_rgb(BARS.light) for bar in bars] == [True, False, True, False]


def test_bars_of_almost_no_kl_are_drawn_short():
    figure = kl_per_dimension(np.array([0.002, 0.001]), np.zeros(2), HEADING)
    assert figure.axes[0].get_ylim() == (0, 0.1)


def test_the_total_kl_and_the_number_of_active_dimensions_are_stated():
    text = words(GALLERY["kl_per_dimension"](Glass([[50, 128], [200, 128]])))
    assert "1 of 2 dimensions are active" in text
    assert re.search(r"\d\.\d\d nats in all, test images", text)


def test_256_dimensions_are_drawn_as_bars_without_names(rng):
    kl = rng.random(256)
    figure = kl_per_dimension(kl, np.ones(256), HEADING)
    assert [bar.get_height() for bar in figure.axes[0].patches] == sorted(kl, reverse=True)
    assert len(figure.axes[0].get_xticks()) < 20


# Images


def test_tiles_are_arranged_row_by_row_with_white_lines_between_them():
    images = np.array([0.0, 0.2, 1.0])[:, None, None, None] * np.ones((3, 1, 1, 2))
    assert tile(images, 2, gap=1).tolist() == [[0, 0, 255, 51, 51], [255] * 5, [255, 255, 255, 255, 255]]
    assert tile(images[:2].repeat(3, 1), 1, gap=0).tolist() == [[[0] * 3] * 2, [[51] * 3] * 2]


@pytest.mark.parametrize(("side", "shown"), [(8, 80), (28, 84), (64, 64), (84, 84), (85, 84), (200, 84)])
def test_images_are_shown_at_whole_multiples_of_their_pixels_or_averaged(side, shown, rng):
    images = rng.random((2, 3, side, side), dtype=np.float32)
    large = resized(images)
    assert large.shape == (2, 3, shown, shown)
    assert np.allclose(large.mean((2, 3)), images.mean((2, 3)), atol=0.02)
    if shown % side == 0:
        assert np.array_equal(large[..., :: shown // side, :: shown // side], images)


def test_every_pixel_of_a_panel_is_a_pixel_of_the_file(rng):
    images = rng.random((12, 1, 8, 8))
    panels = [Panel(images, 4, "left", list("abc"), list("wxyz"), ("across", "up")), Panel(images[:5], 3, "right")]
    figure = draw_panels(panels, HEADING)
    page = rendered(figure)
    for axes, panel in zip(figure.axes, panels, strict=True):
        picture = panel.picture(84)
        box = axes.get_window_extent()
        top, left = round(len(page) - box.y1), round(box.x0)
        there = page[top : top + picture.shape[0], left : left + picture.shape[1]]
        assert np.array_equal(there, picture[..., None].repeat(3, -1))


@pytest.mark.parametrize("width", [8, 32, 48])
def test_labels_of_narrow_images_do_not_overlap(width, rng):
    labels = [f"−{value}.5" for value in range(13)]
    figure = draw_panels([Panel(rng.random((13, 3, 8, width)), 13, column_labels=labels)], HEADING)
    rendered(figure)
    boxes = [text.get_window_extent() for text in figure.axes[0].get_xticklabels()]
    assert len(boxes) in (7, 13)
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_each_image_is_drawn_directly_above_its_reconstruction():
    pixels = np.arange(300).reshape(150, 2) % 250 + 3
    subject = Glass(pixels)
    figure = draw_reconstructions(subject)
    for axes, name in zip(figure.axes, ("train", "test"), strict=True):
        order = torch.randperm(150, generator=subject.stream(f"reconstructions/{name}"))[:50].numpy()
        picture = shown(axes)
        assert picture.shape == (5 * 84 + 4 * 12, 10 * 84 + 9 * 3)  # an image is 1 pixel high and 2 wide
        pairs = picture.reshape(-1)[: 84 * 867].reshape(84, 867)
        assert pairs[0, 0] == pixels[order[0], 0]
        assert np.array_equal(pairs[:42], pairs[42:])  # reconstructed exactly
    assert np.allclose(
        subject.z[:50],
        logits(pixels)[torch.randperm(150, generator=subject.stream("reconstructions/train"))[:50].numpy()],
        atol=1e-5,
    )
    assert [axes.get_title("left") for axes in figure.axes] == ["50 training images", "50 test images"]


def test_dynamically_binarised_images_are_drawn_before_they_are_reconstructed():
    subject = Glass(np.full((100, 2), 128))
    subject.config.data.binarize = "dynamic"
    assert set(np.unique(shown(draw_reconstructions(subject).axes[0])[:42])) == {0, 255}


def codes_laid_out(subject, split):
    subject.config.figures.tsne_split = split
    return _subsample(subject)


def test_dynamically_binarised_images_are_drawn_before_tsne():
    """Each pixel of 128 becomes 0 or 1 before it is encoded; the encoder's means are the pixels' logits."""
    subject = Glass(np.full((100, 2), 128))
    codes = subject.codes(subject.splits.train, torch.arange(100), generator(0, "any"))
    assert len(np.unique(codes.means)) == 1
    subject.config.data.binarize = "dynamic"
    codes = subject.codes(subject.splits.train, torch.arange(100), generator(0, "any"))
    assert len(np.unique(codes.means)) == 2
    assert len(np.unique(codes_laid_out(subject, "train").means)) == 2


def test_samples_are_likelihood_means_at_draws_from_the_prior():
    subject = Glass(np.full((10, 3), 100))
    figure = draw_samples(subject)
    assert np.allclose(subject.z, torch.randn(100, 3, generator=generator(0, "figures/samples")))
    assert "means of p(x|z)" in words(figure)
    assert "prior" in words(figure)


def test_the_aggregate_posterior_is_drawn_from_the_codes_of_training_images():
    pixels = np.arange(1, 25)[:, None] * [10, 5]
    subject = Glass(pixels)
    figure = draw_aggregate_posterior(subject)
    aggregate, prior = np.split(subject.z, 2)
    nearest = np.abs(aggregate[:, None] - logits(pixels)[None]).max(-1)
    assert (nearest.min(1) < 1e-4).all()
    assert len(np.unique(nearest.argmin(1))) > 12
    assert abs(prior.mean()) < 0.3  # 200 standard normal numbers, four standard errors
    assert "q(z)" in figure.axes[0].get_title("left")
    assert "p(z)" in figure.axes[1].get_title("left")


def test_a_traversal_changes_one_dimension_at_a_time_around_the_first_test_image():
    subject = Glass([[50, 200, 100], [60, 20, 10], [90, 80, 200]])
    figure = draw_traversals(subject)
    z = subject.z.reshape(3, 13, 3)
    origin = logits([50, 200, 100])
    for d in range(3):
        assert np.allclose(z[d, :, d], np.linspace(-3, 3, 13), atol=1e-6)
        others = [i for i in range(3) if i != d]
        assert np.allclose(z[d][:, others], origin[others], atol=1e-5)
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["z₁", "z₂", "z₃"]
    assert "E[z|x] of the image on the left, the first of the test images" in words(figure)
    assert shown(figure.axes[0])[0, ::28].tolist() == [50, 200, 100]
    marks = [text.xy[0] for text in figure.axes[1].texts]
    places = (origin + 3) / 6 * 12 * (84 + 3) + 84 / 2 - 0.5
    assert np.allclose(marks, places, atol=1e-3)


def test_the_most_active_of_many_dimensions_are_traversed():
    spread = np.arange(1, 31)
    figure = draw_traversals(Glass(127 + spread * np.resize([-1, 1], 40)[:, None]))
    assert len(figure.axes[1].get_yticklabels()) == 12
    assert figure.axes[1].get_yticklabels()[0].get_text() == "z₁₉"
    assert "the 12 most active dimensions" in words(figure)


def test_the_manifold_is_a_grid_of_prior_quantiles_with_z1_to_the_right_and_z2_up():
    subject = Glass([[50, 200]])
    figure = draw_manifold(subject)
    z = subject.z.reshape(15, 15, 2)
    even = norm.ppf((np.arange(15) + 0.5) / 15)
    assert np.allclose(z[..., 0], even[None, :], atol=1e-5)
    assert np.allclose(z[..., 1], even[::-1, None], atol=1e-5)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z₁", "z₂")
    assert axes.get_xticklabels()[0].get_text() == axes.get_yticklabels()[-1].get_text() == "−1.83"


def test_an_interpolation_is_a_straight_line_between_images_of_different_classes():
    labels = np.arange(40) % 4
    pixels = np.stack([20 + 50 * labels, 10 + np.arange(40) * 5], axis=1)
    subject = Glass(pixels, labels)
    draw_interpolations(subject)
    ways = subject.z.reshape(10, 10, 2)
    assert np.allclose(np.diff(ways, n=2, axis=1), 0, atol=1e-5)
    ends = np.abs(ways[:, [0, -1], None] - logits(pixels)[None, None]).max(-1)
    assert (ends.min(-1) < 1e-4).all()
    first, last = labels[ends.argmin(-1)].T
    assert (first != last).all()


def test_pairs_to_interpolate_are_found_in_any_split():
    for n, labels in [(30, None), (30, torch.zeros(30)), (1, torch.zeros(1)), (3, None)]:
        split = Split(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), labels)
        first, last = choose_pairs(split, generator(0, "test"))
        assert len(first) == len(last) == 10
        assert max(first.max(), last.max()) < n
        if n == 30:
            assert (first != last).all()


def test_an_interpolation_includes_both_ends():
    start, end = torch.zeros(3, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    way = between(start, end, 5)
    assert torch.equal(way[:, 0], start)
    assert torch.equal(way[:, -1], end)
    assert torch.equal(way[:, 2], end / 2)


# During training


def test_step_images_show_the_same_z_every_time():
    subject = Glass([[50, 200]])
    assert draw_step(subject.model, 0) == draw_step(subject.model, 0)
    first, second = np.split(subject.z, 2)
    assert np.array_equal(first, second)
    assert np.allclose(first, torch.randn(100, 2, generator=generator(0, "figures/steps")))
    image = np.asarray(Image.open(io.BytesIO(draw_step(subject.model, 0))))
    assert image.shape == (10 * 28 + 9 * 3, 10 * 56 + 9 * 3)
    assert image[0, 0] == np.rint(255 / (1 + np.exp(-first[0, 0])))


def test_a_run_draws_step_images_at_epochs_0_and_1_and_at_each_kept_checkpoint(tmp_path):
    experiment.run(config(epochs=5, checkpoint_every=2, which=["samples"]), tmp_path / "run")
    steps = sorted(file.name for file in (tmp_path / "run" / "figures" / "steps").iterdir())
    assert steps == ["epoch_0000.png", "epoch_0001.png", "epoch_0002.png", "epoch_0004.png"]
    assert (tmp_path / "run" / "figures" / "samples.png").exists()


def test_a_run_without_samples_draws_no_step_images(tmp_path):
    experiment.run(config(epochs=1, which=["loss_curves"]), tmp_path / "run")
    assert [file.name for file in (tmp_path / "run" / "figures").iterdir()] == ["loss_curves.png"]


@pytest.mark.process
def test_training_imports_no_plotting_library():
    code = "import sys, vae_exp.experiment; print({'matplotlib', 'seaborn', 'sklearn', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
