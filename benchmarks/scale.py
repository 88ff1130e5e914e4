"""`python -m benchmarks.scale`: what sweeps of a thousand jobs cost, imports left out, as a table with targets.

`--jobs 50` runs every row with fewer jobs. That only checks that they work: the targets are for a thousand.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import machine
from benchmarks.tables import Row, at_least, below, show
from benchmarks.worker import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=1000, help="jobs of a sweep; the row `overhead` plans ten times as many"
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="which rows to measure")
    options = parser.parse_args()
    print(machine.describe())
    show([row for name in options.rows for row in ROWS[name](options.jobs)])


def planning(jobs: int) -> list[Row]:
    found = measure("many", "planning", str(jobs))
    return [below(f"planning {jobs:,} jobs of a grid, CPU time", found["seconds"], 15, "s")]


def overhead(jobs: int) -> list[Row]:
    found = measure("many", "overhead", str(10 * jobs))
    return [
        below(f"a zero-epoch job, the {which} of a plan of {10 * jobs:,}", found[which], 0.15, "s")
        for which in ("first", "last")
    ]


def extending(jobs: int) -> list[Row]:
    found = measure("many", "extending", str(jobs))
    return [
        below(f"{jobs:,} jobs extended by 10, to the first new job", found["extended"], 10, "s"),
        below(f"{jobs:,} jobs resumed with 10 missing, to the first of them", found["resumed"], 10, "s"),
    ]


def concluding(jobs: int) -> list[Row]:
    found = measure("many", "concluding", str(jobs))
    return [
        below(f"concluding {jobs:,} runs (ten seeds each) with figures", found["first"], 60, "s"),
        below("concluding them again", found["again"], 15, "s"),
        below("their report", found["megabytes"], 8, "MB"),
        below(f"compare of {jobs:,} runs", found["comparing"], 20, "s"),
        below(f"load_sweep of {jobs:,} runs and its table", found["loading"], 20, "s"),
    ]


def tracking(jobs: int) -> list[Row]:
    found = measure("many", "tracking", str(2 * jobs))
    more = 100 * (found["last"] / found["first"] - 1)
    return [below(f"MLflow on, {2 * jobs:,} epochs: the last hundred against the first", more, 10, "% slower")]


def parallel(jobs: int) -> list[Row]:
    found = measure("many", "parallel", str(jobs // 5))
    what = f"joblib, {jobs // 5} jobs of one thread: two workers against one"
    return [at_least(what, found["one"] / found["two"], 1.6, "×", f", {found['lost']} lost")]


ROWS: dict[str, Callable[[int], list[Row]]] = {
    "planning": planning,
    "overhead": overhead,
    "extending": extending,
    "concluding": concluding,
    "tracking": tracking,
    "parallel": parallel,
}

if __name__ == "__main__":
    main()
