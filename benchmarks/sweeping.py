"""Time a whole sweep as a command: `sweeping RESULT JOBS PARALLEL`; every job trains one epoch on mnist_5k."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.worker import write_result

SHORT = ("trainer.epochs=1", "figures.which=[]", "evaluation.final=false")


def main(result: str, jobs: str, parallel: str) -> None:
    launcher = [] if parallel == "1" else ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={parallel}"]
    seeds = f"seed={','.join(map(str, range(int(jobs))))}"
    command = [sys.executable, "-m", "vae_exp.train", "-m", seeds, *SHORT, *launcher]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    write_result(result, {"seconds": time.perf_counter() - began})


if __name__ == "__main__":
    main(*sys.argv[1:])
