"""Draw all figures of an untrained model: `pictures RESULT ROOT|- LATENT_DIM`; `-` is mnist_5k."""

from __future__ import annotations

import sys
import time

from benchmarks.worker import write_result
from vae_exp import compose, data, figures
from vae_exp.models import build_model
from vae_exp.randomness import make_deterministic


def main(result: str, root: str, latent_dim: str) -> None:
    source = [] if root == "-" else ["data=mnist", f"data.root={root}"]
    config = compose.defaults([*source, f"model.latent_dim={latent_dim}"])
    splits = data.load(config.data)
    make_deterministic(2)
    model = build_model(config.model, splits.shape, config.seed).eval()
    parts = [f"{split}/{part}" for split in ("train", "val", "test") for part in ("loss", "reconstruction", "kl")]
    records = [{"epoch": epoch, **dict.fromkeys(parts, 200 - epoch)} for epoch in range(1, 51)]
    written: dict[str, float] = {}
    began = time.perf_counter()
    figures.draw(
        model,
        splits,
        records,
        config,
        lambda name, *_: written.update({name: time.perf_counter() - began}),
        lambda _: None,
    )
    write_result(result, {"seconds": time.perf_counter() - began, "written": written})


if __name__ == "__main__":
    main(*sys.argv[1:])
