"""The model card: a README with the front matter that model hubs read."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from vae_exp.comparison.cells import columns
from vae_exp.comparison.columns import describe, known
from vae_exp.exporting.pictures import walked
from vae_exp.exporting.source import Source
from vae_exp.overrides import overrides_of

NOT_OF_THE_MODEL = ("data.root", "figures.", "tracking.", "trainer.device")
"""Keys that the command leaves out: they concern the machine, the figures or the tracking."""
NOT_GIVEN = "unknown"
"""The licence that hubs show when none is given."""
HUB_NAMES = {"mnist_5k": "mnist", "mnist": "mnist", "fashion_mnist": "fashion_mnist"}
"""Names of the data sets on model hubs."""


class Measure(NamedTuple):
    """A row of the card's table."""

    name: str
    text: str
    """The value with its error: half the 95 % interval over seeds, or for one seed the standard error over images."""
    meaning: str


def write(source: Source, licence: str | None, files: dict[str, str]) -> str:
    """Return the card of a run as Markdown; `files` maps the names of the other files to their meaning."""
    environment = Environment(
        loader=PackageLoader("vae_exp.exporting", "templates"), undefined=StrictUndefined, trim_blocks=True
    )
    config = source.config
    return environment.get_template("README.md").render(
        front_matter=yaml.safe_dump(front_matter(source, licence), sort_keys=False, allow_unicode=True),
        title=title(source),
        config=config,
        shape="×".join(map(str, source.shape)),
        digest=source.digest,
        measures=measures(source),
        seeds=sorted(source.row.by_seed("val/loss")),
        files=files,
        command=command(source),
        commit=source.commit,
        versions=source.versions,
        walked=walked(source.final.get("kl_per_dimension") or [0.0] * config.model.latent_dim),
        licence=licence,
        is_density=config.model.likelihood != "bernoulli",
        has_likelihood=any("_iw" in key for key in source.final),
    )


def title(source: Source) -> str:
    """Return the title of the model: only from its configuration, never from a folder's name."""
    config = source.config
    return f"VAE of {config.data.name}: {config.model.name}, latent_dim={config.model.latent_dim}"


def front_matter(source: Source, licence: str | None) -> dict[str, Any]:
    """Return the metadata of the card."""
    data = HUB_NAMES.get(source.config.data.name)
    losses = {key: source.row.interval(key) for key in ("test/loss", "val/loss")}
    results = [
        {"type": describe(key).name, "value": round(each.mean, 4)} for key, each in losses.items() if each.values
    ]
    dataset = {"name": source.config.data.name, "type": data or source.config.data.name}
    task = {"type": "unconditional-image-generation"}
    return {
        "license": licence or NOT_GIVEN,
        "library_name": "vae_exp",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["variational-autoencoder", "vae", "onnx"],
        **({"datasets": [data]} if data else {}),
        "model-index": [{"name": title(source), "results": [{"task": task, "dataset": dataset, "metrics": results}]}],
    }


def measures(source: Source) -> list[Measure]:
    """Return the measures, in the words of the comparison's table."""
    found = []
    for key in [key for key in known(source.comparison) if key != "seconds"]:
        called = describe(key)
        column = next(each for each in columns(source.comparison, [key]) if each.name == called.name)
        error = source.final.get(f"{key}_se") if source.row.interval(key).values == 1 else None
        text = column.cell(source.row).text + (f" ± {error:.2g}" if error is not None else "")
        found.append(Measure(called.name, text, called.meaning))
    return found


def command(source: Source) -> str:
    """Return the command that trains the run again."""
    return " \\\n    ".join(["python -m vae_exp.train", *overrides_of(source.config, NOT_OF_THE_MODEL)])
