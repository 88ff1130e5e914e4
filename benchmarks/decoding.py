"""How many images per second the report's decoder computes in Chromium: `python -m benchmarks.decoding`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.tables import Row, at_least, show
from vae_exp.comparison import rendering
from vae_exp.comparison.decoders.decoder import decoder
from vae_exp.comparison.decoders.layers import layers
from vae_exp.config import ConvConfig, MlpConfig, ModelConfig
from vae_exp.models import build_model
from vae_exp.models.vae import Shape

TARGET = 30
"""Images per second of the default model: enough for the image to follow a point that is dragged."""
IMAGES, WARM_UP = 300, 50
MODELS: dict[str, tuple[ModelConfig, Shape]] = {
    "the default model, 28×28": (ConvConfig(), (1, 28, 28)),
    "conv on colour images, 32×32": (ConvConfig(channels=[3, 32, 64], latent_dim=16), (3, 32, 32)),
    "conv with three layers, 64×64": (ConvConfig(channels=[1, 32, 64, 64], latent_dim=16), (1, 64, 64)),
    "mlp, 28×28": (MlpConfig(), (1, 28, 28)),
}
"""The models are untrained: they take as long as trained ones."""

SCRIPTS = Path(rendering.__file__).parent / "page" / "scripts"
TIMING = """
const data = JSON.parse(document.getElementById("decoder-data").textContent);
const decode = makeDecoder(data);
function time() {
  const z = Array.from({ length: data.layers[0].input[2] }, () => 2 * Math.random() - 1);
  const began = performance.now();
  decode(z);
  return performance.now() - began;
}
Array.from({ length: WARM_UP }, time);
const times = Array.from({ length: IMAGES }, time);
document.title = JSON.stringify(times.sort((a, b) => a - b));
"""


def main() -> None:
    """Print the table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is not installed")
    version = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{machine.describe()}; {version}\n")
    rows = []
    for i, (name, (config, shape)) in enumerate(MODELS.items()):
        data = _data(config, shape)
        times = _times(chromium, data)
        rate, slowest = 1000 / times[len(times) // 2], times[int(0.95 * len(times))]
        detail = f" (95 % of images within {slowest:.1f} ms; {len(json.dumps(data)) / 1e3:.0f} kB in the page)"
        rows.append(
            at_least(name, rate, TARGET, "images/s", detail) if i == 0 else Row(name, f"{rate:.0f} images/s{detail}")
        )
    show(rows)


def _data(config: ModelConfig, shape: Shape) -> dict[str, Any]:
    """Return the decoder of an untrained model as a page holds it."""
    weights = build_model(config, shape, seed=0).state_dict()
    return decoder(config, layers(config, shape), {name: tensor.numpy() for name, tensor in weights.items()})


def _times(chromium: str, data: dict[str, Any]) -> list[float]:
    """Measure in a new page how long each image takes; return the milliseconds in ascending order."""
    parts = "".join((SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in ("packing", "decoder"))
    script = parts + TIMING.replace("WARM_UP", str(WARM_UP)).replace("IMAGES", str(IMAGES))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<!doctype html>{rendering.block('decoder-data', data)}<script>{script}</script>")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
        done = subprocess.run([chromium, *options, page.as_uri()], capture_output=True, text=True, check=True)
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found, done.stderr[-2000:]
    times: list[float] = json.loads(found[1])
    return times


if __name__ == "__main__":
    main()
