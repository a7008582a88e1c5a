"""Runs seeds and prints what they came to; a failure prints the seed that fails again."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from functools import partial

from tests.simulation.cells import reachable_cells
from tests.simulation.plants import PLANTS
from tests.simulation.run import STEPS, Report, report_seed

_CHUNK = 20
_TRACE_SHOWN = 25


def main() -> int:
    """The command; 1 when a seed broke an invariant."""
    options = _read_options()
    seeds = range(options.first, options.first + options.seeds)
    started = time.monotonic()
    total = Report()
    for report in _reports(seeds, options):
        total.add(report)
        if total.failures:
            break
    seconds = time.monotonic() - started
    answers = ", ".join(f"{answer} {count}" for answer, count in sorted(total.answers.items()))
    print(f"seeds {total.seeds}, steps {total.steps}, crashes {total.crashes}, captures {total.captures}")
    print(f"answers: {answers}")
    print(f"cells {len(total.cells)} of {len(reachable_cells())} (the tests walk to each), overtaken {total.overtaken}")
    print(f"seconds {seconds:.1f}, seeds a second {total.seeds / seconds:.1f}")
    for failure in total.failures[:1]:
        print(*failure.trace[-_TRACE_SHOWN:], sep="\n")
        print(f"FAILED: seed {failure.seed} at step {failure.step}: {failure.detail}")
        again = f"python -m tests.simulation --seeds 1 --first {failure.seed} --steps {options.steps}"
        print(again + (f" --plant {options.plant}" if options.plant else ""))
    return 1 if total.failures else 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many runs (default: 500)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of a run (default: {STEPS})")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="plant a bug, to see that it is found")
    return parser.parse_args()


def _reports(seeds: range, options: argparse.Namespace) -> Iterator[Report]:
    run = partial(report_seed, steps=options.steps, plant=options.plant)
    if options.jobs == 1 or len(seeds) == 1:
        yield from map(run, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        yield from pool.imap(run, seeds, chunksize=_CHUNK)


if __name__ == "__main__":
    sys.exit(main())
