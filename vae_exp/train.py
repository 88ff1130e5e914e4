"""`python -m vae_exp.train`: train one run, or with -m a sweep."""

from __future__ import annotations

import os
import sys

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from vae_exp import compose
from vae_exp.errors import complain, describe
from vae_exp.machine.signals import EXIT_CODES
from vae_exp.sweeping import naming

RAISE = "HYDRA_FULL_ERROR"
"""Environment variable that makes Hydra raise its errors, so that they can be printed in one line."""


def main() -> None:
    """Compose the configuration and run it; print an error of Hydra's as one line and exit with code 2."""
    compose.register()
    os.environ.setdefault(RAISE, "1")
    try:
        hydra.main(config_path=str(compose.CONF), config_name="config", version_base="1.3")(task)()
    except (HydraException, OmegaConfBaseException) as error:
        complain(compose.explain(error))
        raise SystemExit(2) from None
    except ValueError:
        if (reason := compose.explain_choice(sys.argv[1:])) is None:
            raise
        complain(reason)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        complain("stopped before the run began")
        raise SystemExit(EXIT_CODES[KeyboardInterrupt]) from None
    except OSError as error:  # Hydra writes `.hydra/` before it calls the task
        complain(f"{describe(error)}; nothing was trained; make room (df, ulimit -f), or give hydra.run.dir=FOLDER")
        raise SystemExit(1) from None


def task(composed: DictConfig) -> None:
    """Run one composed configuration. The jobs of a sweep have their own task (`sweeping.launchers`)."""
    from vae_exp.sweeping import job  # imports torch, which --help does not need

    folder, overrides = compose.current_run()
    label = naming.label(overrides) or "defaults"
    raise SystemExit(job.run(compose.to_config(composed), folder, label))


if __name__ == "__main__":
    main()
