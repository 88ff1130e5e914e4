"""`python -m vae_exp.train`: train one run, or with -m a sweep."""

from __future__ import annotations

import os

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from vae_exp import compose
from vae_exp.errors import complain, describe
from vae_exp.sweeping import naming

RAISE = "HYDRA_FULL_ERROR"
"""Environment variable that makes Hydra raise its errors, which we explain, instead of printing them."""


def main() -> None:
    """Compose and call; what Hydra refuses is one line and exit code 2."""
    compose.register()
    os.environ.setdefault(RAISE, "1")
    try:
        hydra.main(config_path=str(compose.CONF), config_name="config", version_base="1.3")(task)()
    except (HydraException, OmegaConfBaseException) as error:
        complain(compose.explain(error))
        raise SystemExit(2) from None
    except OSError as error:  # Hydra writes `.hydra/` before it calls the task
        complain(f"{describe(error)}; nothing was trained")
        raise SystemExit(1) from None


def task(composed: DictConfig) -> None:
    """Run what Hydra composed by itself; the jobs of a sweep have a task of their own (`sweeping.launchers`)."""
    from vae_exp.sweeping import job  # torch takes seconds, and --help needs none

    folder, overrides = compose.place()
    label = naming.label(overrides) or "defaults"
    raise SystemExit(job.run(compose.to_config(composed), folder, label))


if __name__ == "__main__":
    main()
