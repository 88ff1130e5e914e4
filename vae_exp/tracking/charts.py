"""The charts that a link to MLflow opens: the state of its charts page, as the page itself saves it.

That is no public interface. Where a later MLflow does not know it, the page shows the charts that it makes itself.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from vae_exp.tracking import names
from vae_exp.tracking.names import CURRENT, MEASURES, Names

SPLITS = ("val", "test", "train")
BARS = ("test/loss", "val/loss", "test/reconstruction", "test/kl", "active_units", "knn_accuracy")
"""The measures whose bars are open; the page adds the others where they are closed."""
AXES = ("data.name", "model.name", "model.latent_dim", "objective.name", "optimizer.lr")
"""The parameters on which the runs of an experiment are laid side by side."""
CLOSED: dict[Names, tuple[str, ...]] = {
    1: ("final", "final/val", "final/test", "train", "val", "test", "Model metrics"),
    2: (MEASURES, "objective", "Model metrics"),
}
"""Sections that the page fills with the metrics that are not among these charts."""
HEIGHT, TALL = 300, 420
"""Pixels of a chart, and of the tiles of samples."""

Chart = dict[str, Any]


def state(
    swept: Sequence[str] = AXES,
    measure: str = "test/loss",
    sweep: str | None = None,
    epoch: int = 0,
    called: Names = CURRENT,
) -> str:
    """Return the compressed state: losses, their two terms, final measures, what was swept, and samples.

    Args:
        swept: The parameters that are laid against the final `measure`.
        measure: As `final.json` has it.
        sweep: The name of the sweep whose runs are shown; None shows all of the experiment, the newest first.
        epoch: Position of the slider of samples.
        called: Which names the metrics have.
    """
    filled = {  # with so many charts in a row that their titles fit into 1280 pixels beside MLflow's assistant
        "loss": (3, [_line(f"{split}/loss", called) for split in SPLITS]),
        "reconstruction and KL": (2, [_line(f"{split}/{term}", called) for split in SPLITS for term in names.TERMS]),
        "final measures": (2, [_bar(key, called) for key in dict.fromkeys([measure, *BARS])]),
        "what was swept": (1, [_parallel(swept, measure, called)] if swept else []),
        "samples": (1, [_chart("IMAGE", imageKeys=["samples"], step=epoch, showRunParams=False)]),
    }
    opened = [_section(name, columns) for name, (columns, charts) in filled.items() if charts]
    charts = [chart | {"metricSectionId": name} for name, (_, charts) in filled.items() for chart in charts]
    page = {
        "searchFilter": sweep_filter(sweep) if sweep else "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": sweep is not None,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "runsHiddenMode": "SHOW_ALL",
        "runListHidden": True,
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "compareRunSections": opened + [_section(name, 3) | {"display": False} for name in CLOSED[called]],
        "compareRunCharts": [chart | {"uuid": f"chart {number}"} for number, chart in enumerate(charts)],
    }
    return "deflate;" + b64encode(zlib.compress(json.dumps(page).encode(), 9)).decode()


def sweep_filter(sweep: str) -> str:
    """Return the search that finds the runs of a sweep by the name of its folder."""
    quote = '"' if "'" in sweep else "'"
    return f"tags.sweep = {quote}{sweep.replace(quote, '')}{quote}"  # MLflow's grammar has no escapes


def _section(name: str, columns: int) -> dict[str, Any]:
    size = {"columns": columns, "cardHeight": TALL if name == "samples" else HEIGHT}
    return {"uuid": name, "name": name, "display": True, "isReordered": True, "isGenerated": False, **size}


def _line(key: str, called: Names) -> Chart:
    """Return the chart of a metric by epoch, all runs in it."""
    name = names.of_epoch(key, called)
    axes = {"xAxisKey": "step", "xAxisScaleType": "linear", "scaleType": "linear", "range": {}, "lineSmoothness": 0}
    globals_ = {"useGlobalXaxisKey": True, "useGlobalLineSmoothing": True}
    return _chart("LINE", metricKey=name, selectedMetricKeys=[name], **axes, **globals_)


def _bar(key: str, called: Names) -> Chart:
    return _chart("BAR", metricKey=names.of_measure(key, called))


def _parallel(swept: Sequence[str], measure: str, called: Names) -> Chart:
    """Return the chart with an axis for each parameter and for the measure, all runs in it."""
    against = [names.of_measure(measure, called)]
    return _chart("PARALLEL", selectedParams=list(swept), selectedMetrics=against, showAllRuns=True)


def _chart(kind: str, **content: Any) -> Chart:
    return {"type": kind, "deleted": False, "isGenerated": False, **content}
