"""Does the suite notice? `python -m tests.bugs` takes one safeguard away at a time in a copy, and every time a test must fail."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bugs.catalogue import BUGS
from tests.bugs.catalogue.bug import Bug, TextGone
from tests.bugs.trial import TrialResult, TrialVoid, try_bug


def main() -> None:
    """Try them all, or some; exits with 1 when a bug stays unnoticed or cannot be seeded."""
    options = _read_options()
    chosen = [bug for bug in BUGS if not options.only or any(word in bug.name for word in options.only)]
    if not chosen:
        sys.exit("no bug has such a name: " + ", ".join(bug.name for bug in BUGS))
    began = time.monotonic()
    faults = [fault for fault in _try_all(chosen, options.jobs) if fault]
    print(f"{len(chosen)} bugs, {len(chosen) - len(faults)} caught, {time.monotonic() - began:.0f} s")
    if faults:
        sys.exit("\n".join(faults))


def _try_all(bugs: list[Bug], jobs: int) -> Iterator[str]:
    """A sentence for each bug that was not caught, "" for each that was."""
    with ThreadPoolExecutor(jobs) as pool:
        for bug, result in zip(bugs, pool.map(_try, bugs), strict=True):
            if isinstance(result, str):
                print(f"VOID    {bug.name}: {result}", flush=True)
                yield f"{bug.name}: {result}"
            elif result.caught_by is None:
                print(f"MISSED  {bug.name} ({result.seconds:.0f} s)", flush=True)
                yield f"nothing notices that {bug.name}"
            else:
                by = f"{result.caught_by}{', in the whole suite' if result.whole else ''}"
                print(f"caught  {bug.name} ({result.seconds:.0f} s)\n        by {by}", flush=True)
                yield ""


def _try(bug: Bug) -> TrialResult | str:
    try:
        return try_bug(bug)
    except (TextGone, TrialVoid) as fault:
        return str(fault)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bugs", description=__doc__)
    parser.add_argument("--only", action="append", metavar="WORDS", help="bugs with these words in their names")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
