"""docs/measures.md has exactly one entry for each measure that a run writes."""

import re
from pathlib import Path

import pytest

from vae_exp import experiment
from vae_exp.config import Config, DigitsConfig, EvaluationConfig, FiguresConfig, MlpConfig, TrainerConfig

PAGE = Path(__file__).parents[1] / "docs" / "measures.md"
COLUMNS = ["name", "meaning", "source", "images", "range", "limits"]
RUNS = [
    {"model": MlpConfig(hidden=[8], likelihood="gaussian")},
    {"model": MlpConfig(hidden=[8], likelihood="gaussian", dequantize=True)},
    {"model": MlpConfig(hidden=[8]), "data": DigitsConfig(binarize="static")},
]
"""Together these runs write every measure."""


def rows():
    """Return the cells of each row of the tables of measures."""
    text = PAGE.read_text(encoding="utf-8").replace(r"\|", "¦")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return [row for row in cells if len(row) == len(COLUMNS) and row != COLUMNS and set(row[0]) != {"-"}]


def named():
    return [name for row in rows() for name in re.findall(r"`([^`]+)`", row[0])]


def general(name):
    """Return a key as the page writes it: `SPLIT/nll_iwK` for `test/nll_iw100`, without `_se` and the like."""
    name = re.sub(r"_(se|interval|is_bound)$", "", name)
    return re.sub(r"_iw\d+$", "_iwK", re.sub(r"^(val|test|train)/", "SPLIT/", name))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    keys = set()
    for number, changes in enumerate(RUNS):
        trainer = TrainerConfig(epochs=2, threads=1, device="cpu")
        evaluation = EvaluationConfig(importance_samples=10, importance_images=5)
        quick = {"trainer": trainer, "evaluation": evaluation, "figures": FiguresConfig(which=[])}
        config = Config(**({"data": DigitsConfig()} | quick | changes))
        folder = tmp_path_factory.mktemp("runs") / str(number)
        experiment.run(config, folder)
        keys |= experiment.RunFolder(folder).read_final().flat().keys()
    return {general(key) for key in keys}


@pytest.mark.slow
def test_the_page_explains_exactly_the_measures_that_a_run_writes(written):
    assert set(named()) == written


def test_every_measure_has_one_entry_with_all_its_parts():
    assert len(named()) == len(set(named()))
    assert all(all(row) for row in rows())


def test_the_numbers_of_images_on_the_page_are_those_of_the_code():
    from vae_exp.measures import final, latent, likelihood, probes, samples, subject
    from vae_exp.training import SCALE_IMAGES

    text = PAGE.read_text(encoding="utf-8")
    assert f"up to {final.MOST_POSTERIORS:,}; z for the first {final.MOST_DRAWS:,}" in text
    assert f"computed from {SCALE_IMAGES:,} training images" in text
    assert f"measured split, up to {subject.MOST_IMAGES:,}" in text
    assert f"the first {probes.MOST_SILHOUETTES:,} of the measured split" in text
    assert f"{samples.FEWEST:,}, or five of the rarest class in expectation; above {samples.MOST:,}" in text
    assert samples.IN_A_CLASS == 5
    assert f"more than {likelihood.CONVERGED} nats from K/10 to K" in text
    assert f"Var_x(E[z\\|x]) > {latent.ACTIVE}" in text
    assert f"the {probes.NEIGHBOURS} nearest training means" in text
