"""Measures and figures: `evaluation.*` and `figures.*`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, one_of, require

SPLITS = ("train", "val", "test")
FIGURES = (
    "loss_curves",
    "latent",
    "tsne",
    "reconstructions",
    "samples",
    "traversals",
    "manifold",
    "kl_per_dimension",
    "interpolations",
    "aggregate_posterior",
)
PALETTES = ("petroff", "accessible")
FORMATS = ("png", "pdf")


@dataclass
class EvaluationConfig(Options, group="evaluation"):
    """The measures and their precision."""

    every: int = 1
    """Epochs between evaluations of validation and test images. The best epoch is one of the evaluated epochs."""
    batch_size: int = 500
    """Images in an evaluation step."""
    final: bool = True
    """Compute all other measures at the end, with the best weights: importance-weighted NLL and active units (Burda et
    al. 2015, arXiv 1509.00519), mutual information and marginal KL (Hoffman & Johnson 2016, "ELBO surgery"), probes of
    the latent space, silhouette (Rousseeuw 1987), and a classifier of samples. `docs/measures.md` explains each."""
    importance_samples: int = 100
    """K of the importance-weighted estimate of −log p(x) (Burda et al. 2015, arXiv 1509.00519, eq. 8), at least 1;
    the papers use 5,000. The log warns when the estimate has not converged."""
    importance_images: int = 1000
    """Number of images for that estimate, of the validation split and of the measured split; each takes K decoder
    passes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("evaluation.every", self.every, 1)
        at_least("evaluation.batch_size", self.batch_size, 1)
        at_least("evaluation.importance_samples", self.importance_samples, 1)
        at_least("evaluation.importance_images", self.importance_images, 1)


@dataclass
class FiguresConfig(Options, group="figures"):
    """The figures. Not part of a run's identity: each figure has its own random stream."""

    which: list[str] = field(default_factory=lambda: list(FIGURES))
    """Names of the figures to draw, in this order; an empty list draws none."""
    tsne_split: str = "test"
    """Split whose posterior means t-SNE embeds: `train`, `val` or `test`."""
    tsne_points: int = 1000
    """Number of those images, a fixed subsample; time grows faster than this number."""
    palette: str = "petroff"
    """Colours of ten classes: `petroff` (Petroff 2021, arXiv 2107.02270) or `accessible` to colour-blind readers."""
    format: list[str] = field(default_factory=lambda: ["png"])
    """File formats: `png` is required, since report and MLflow read it; `pdf` adds plots, but no grids of images."""
    titles: bool = True
    """Draw title and detail above each figure. The report writes them in any case."""
    width: float | None = None
    """Width of every figure in inches, 2 to 40; text keeps its size. null uses each figure's default."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for i, name in enumerate(self.which):
            one_of(f"figures.which[{i}]", name, FIGURES)
        one_of("figures.tsne_split", self.tsne_split, SPLITS)
        at_least("figures.tsne_points", self.tsne_points, 2)
        one_of("figures.palette", self.palette, PALETTES)
        for i, name in enumerate(self.format):
            one_of(f"figures.format[{i}]", name, FORMATS)
        require("png" in self.format, "figures.format", "a list with png, which report and MLflow read", self.format)
        require(self.width is None or 2 <= self.width <= 40, "figures.width", "null or from 2 to 40 inches", self.width)
