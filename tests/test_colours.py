"""The colours of figures and page: distinct for every kind of colour vision, with enough contrast."""

import pytest
from colour_vision import CONES, contrast, smallest_distance

from vae_exp.config.evaluation import PALETTES as NAMES
from vae_exp.figures.colours import (
    AXES,
    BARS,
    CATEGORIES,
    INK,
    PALETTES,
    PAPER,
    SOFT_INK,
    SPLITS,
    configurations,
)

FAR = {
    "petroff": (list(PALETTES["petroff"]), 0.060),
    "accessible": ([*PALETTES["accessible"], "white"], 0.13),
    "splits": ([shade.light for shade in SPLITS.values()], 0.13),
    "splits, dark": ([shade.dark for shade in SPLITS.values()], 0.13),
    "categories": ([shade.light for shade in CATEGORIES], 0.14),
    "categories, dark": ([shade.dark for shade in CATEGORIES], 0.14),
    "ramp of 6": ([shade.light for shade in configurations(6, is_ordered=True)], 0.06),
    "ramp of 6, dark": ([shade.dark for shade in configurations(6, is_ordered=True)], 0.04),
}
"""Colours, and the least distance in OKLab that any two of them must have for every kind of colour vision."""


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("cones", CONES)
def test_colours_are_distinct_for_every_kind_of_colour_vision(name, cones):
    colours, least = FAR[name]
    assert smallest_distance(colours, cones) >= least


def test_lines_bars_and_axes_have_enough_contrast_in_both_themes():
    ramps = [shade for n in (1, 2, 7, 40) for shade in configurations(n, is_ordered=True)]
    for shade in (*SPLITS.values(), *CATEGORIES, *ramps, AXES, BARS):
        assert contrast(shade.light, PAPER.light) >= 3, shade
        assert contrast(shade.dark, PAPER.dark) >= 3, shade


def test_text_is_readable_in_both_themes():
    for shade in (INK, SOFT_INK):
        assert min(contrast(shade.light, PAPER.light), contrast(shade.dark, PAPER.dark)) >= 4.5


def test_more_configurations_than_categories_get_a_ramp_of_different_colours():
    many = configurations(30, is_ordered=False)
    assert len({shade.light for shade in many}) == 30
    assert configurations(8, is_ordered=False) == list(CATEGORIES)


def test_every_palette_option_has_ten_colours():
    assert set(PALETTES) == set(NAMES)
    assert all(len(set(colours)) == 10 for colours in PALETTES.values())
