"""`python -m vae_exp.train`: one run, or with `-m` a sweep."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from vae_exp import compose
from vae_exp.sweeping import job


def main() -> None:
    """Compose and call; nothing else."""
    compose.register()
    hydra.main(config_path=str(compose.CONF), config_name="config", version_base="1.3")(task)()


def task(composed: DictConfig) -> str | None:
    """Run one job of Hydra's: of a sweep, or by itself."""
    context = compose.context()
    if context.in_sweep:
        return job.run_planned(context.folder)
    raise SystemExit(job.run(compose.to_config(composed), context.folder, compose.label(context.overrides)))


if __name__ == "__main__":
    main()
