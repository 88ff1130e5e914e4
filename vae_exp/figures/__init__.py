"""The pictures of a run. matplotlib, seaborn and scikit-learn are imported when `draw` is called, not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vae_exp.config import Config
from vae_exp.data import Splits
from vae_exp.figures.subject import Subject
from vae_exp.models import Vae
from vae_exp.storage.metrics import Record


def draw(
    model: Vae,
    splits: Splits,
    records: Sequence[Record],
    config: Config,
    write: Callable[[str, bytes, str], None],
    say: Callable[[str], None],
) -> None:
    """Draw the figures that `figures.which` names, in that order, and hand each to `write`.

    `write` is given a name, the content of the file and its format: `png`, or `pdf` where `figures.format` has it too.

    The model is in evaluation mode, on the device of the splits; `records` are the epochs of `metrics.jsonl`. The same
    arguments give the same bytes on the same machine. A figure that says nothing about this model, as the manifold of
    more than two dimensions, is not written, and the log says why.
    """
    from vae_exp.figures.gallery import GALLERY  # matplotlib, seaborn and scikit-learn take two seconds
    from vae_exp.figures.sheet import pdf, png, style

    subject = Subject(model, splits, records, config)
    for name in config.figures.which:
        say(f"drawing {name}")
        with style():
            figure = GALLERY[name](subject)
            if figure is None:
                continue
            write(name, png(figure, config.figures.titles), "png")
            if "pdf" in config.figures.format and (page := pdf(figure, config.figures.titles)) is not None:
                write(name, page, "pdf")
