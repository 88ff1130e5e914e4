"""The pictures of a run. torch, matplotlib, seaborn and scikit-learn are imported when `draw` is called, not before.

The report, too, takes colours and the style of a figure from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vae_exp.config import Config
from vae_exp.storage.metrics import Record

if TYPE_CHECKING:
    from vae_exp.data import Splits
    from vae_exp.models import Vae


def draw(
    model: Vae,
    splits: Splits,
    records: Sequence[Record],
    config: Config,
    write: Callable[[str, bytes, str], None],
    say: Callable[[str], None],
) -> None:
    """Draw the figures in `figures.which`, in that order, and pass each to `write`.

    `write` gets a name, the content of the file and its format: `png`, or `pdf` if `figures.format` has it too.

    The model is in evaluation mode, on the device of the splits; `records` are the epochs of `metrics.jsonl`. The same
    arguments give the same bytes on the same machine. A figure that doesn't apply to this model, such as the manifold
    of more than two dimensions, is not written, and the log says why.
    """
    from vae_exp.figures.gallery import GALLERY  # importing matplotlib and the others takes two seconds
    from vae_exp.figures.sheet import pdf, png, style
    from vae_exp.figures.subject import Subject

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
