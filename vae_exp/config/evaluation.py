"""What is measured and drawn: `evaluation.*` and `figures.*`."""

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
    """What is measured, and how well."""

    every: int = 1
    """Epochs between evaluations of the validation and test images; the best epoch is chosen among the evaluated."""
    batch_size: int = 500
    """Images in an evaluation step."""
    final: bool = True
    """Measure everything else at the end, on the best weights: importance-weighted NLL and active units (Burda et al.
    2015, arXiv 1509.00519), mutual information and marginal KL (Hoffman & Johnson 2016, "ELBO surgery"), probes of
    the latent space, silhouette (Rousseeuw 1987), and what a classifier sees in samples. `docs/measures.md` explains
    each."""
    importance_samples: int = 100
    """K of the importance-weighted estimate of −log p(x) (Burda et al. 2015, arXiv 1509.00519, eq. 8), at least 1;
    the papers take 5,000. The log says where the estimate has not converged."""
    importance_images: int = 1000
    """Images for that estimate, the first so many, of the validation split and of the one that is measured on; it takes
    K decoder passes for each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("evaluation.every", self.every, 1)
        at_least("evaluation.batch_size", self.batch_size, 1)
        at_least("evaluation.importance_samples", self.importance_samples, 1)
        at_least("evaluation.importance_images", self.importance_images, 1)


@dataclass
class FiguresConfig(Options, group="figures"):
    """What is drawn. Not part of a run's identity: each figure has its own source of randomness."""

    which: list[str] = field(default_factory=lambda: list(FIGURES))
    """Names of the figures to draw, in this order; an empty list draws none."""
    tsne_split: str = "test"
    """Images whose posterior means t-SNE lays out: `train`, `val` or `test`."""
    tsne_points: int = 1000
    """Number of those images, a fixed subsample; time grows faster than in proportion."""
    palette: str = "petroff"
    """Colours of ten classes: `petroff` (Petroff 2021, arXiv 2107.02270) or `accessible`, farther apart in all eyes."""
    format: list[str] = field(default_factory=lambda: ["png"])
    """File formats: `png` always, since report and MLflow read it; `pdf` too, for what isn't made of images."""
    titles: bool = True
    """Whether title and detail are drawn above a figure; the report writes them in any case."""
    width: float | None = None
    """Width of every figure in inches, at least 2; letters keep their size. Null: each figure's own."""

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
