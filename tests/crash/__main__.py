"""Kills by the hundred: `python -m tests.crash --kills 200`, on both databases in turn; with a state file, as long as it takes."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import NoReturn

from portal.database import Database
from portal.migrations import upgrade
from tests.crash.installation import install
from tests.crash.kills import KillsFailed, Tally, kill_again_and_again
from tests.support.databases import KINDS, Run, empty_postgresql
from tests.support.mail_catcher import catch_mail
from tests.support.postgresql import stop_server

KILLS_AN_INSTALLATION = 25
LEAST_IN_FLIGHT = 0.6


@dataclass
class Progress:
    """How far a run is, as the state file keeps it: what is in it was reckoned up."""

    seed: int
    rounds: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def load(cls, file: Path | None, seed: int | None) -> Progress:
        """Go on where the file ends, or begin anew. A seed that is not the file's is refused."""
        if file is None or not file.exists():
            return cls(SystemRandom().randrange(10**6) if seed is None else seed)
        saved = json.loads(file.read_text())
        if seed not in (None, saved["seed"]):
            sys.exit(f"{file} is of seed {saved['seed']}, not {seed}")
        tally = Tally(**saved.pop("tally"))
        tally.taken, tally.booked = Counter(tally.taken), Counter(tally.booked)
        return cls(**saved, tally=tally)

    def save(self, file: Path | None) -> None:
        if file is not None:
            draft = file.with_suffix(".draft")
            draft.write_text(json.dumps({**vars(self), "tally": vars(self.tally)}))
            draft.rename(file)


def main() -> None:
    """Kill until the wanted number is reached; prints what was seen, and exits with 1 where money went wrong."""
    options = _read_options()
    signal.signal(signal.SIGTERM, _end)
    progress = Progress.load(options.state, options.seed)
    with tempfile.TemporaryDirectory(prefix="portal-kills-") as folder:
        try:
            _kill(options.kills, progress, options.state, Path(folder))
        finally:
            stop_server(Path(folder))
    print(_words(progress))
    if progress.tally.in_flight < LEAST_IN_FLIGHT * progress.tally.kills:
        sys.exit(f"fewer than {LEAST_IN_FLIGHT:.0%} of the kills struck with an order in flight")


def _kill(kills: int, progress: Progress, state: Path | None, folder: Path) -> None:
    while progress.tally.kills < kills:
        # Half of them on each database, however few they are.
        count = min(KILLS_AN_INSTALLATION, -(-kills // 2), kills - progress.tally.kills)
        kind = KINDS[progress.rounds % 2]
        began = time.monotonic()
        try:
            with (
                tempfile.TemporaryDirectory(dir=folder) as fresh,
                _database(kind, folder, Path(fresh)) as database,
                catch_mail() as mail,
                install(database, Path(fresh), mail.url) as installation,
            ):
                chance = Random(f"{progress.seed}/{progress.rounds}")
                kill_again_and_again(installation, count, chance, progress.tally, name="kills")
        except KillsFailed as fault:
            sys.exit(f"seed {progress.seed}, round {progress.rounds}, {kind}: {fault}")
        progress.rounds += 1
        progress.seconds += time.monotonic() - began
        progress.save(state)
        print(f"{progress.tally.kills} of {kills} kills, {progress.seconds:.0f} s: {kind} reckoned up", flush=True)


@contextmanager
def _database(kind: str, folder: Path, fresh: Path) -> Iterator[Database]:
    """A migrated one, in `fresh` where it is a file; the PostgreSQL server, in `folder`, is shared by all rounds of this run."""
    if kind == "sqlite":
        database = Database(f"sqlite:///{fresh}/portal.db")
        upgrade(database)
        yield database
        database.dispose()
        return
    with empty_postgresql(Run(folder, os.getpid(), "kills")) as url:
        database = Database(url)
        upgrade(database)
        yield database
        database.dispose()


def _words(progress: Progress) -> str:
    tally = progress.tally
    return "\n".join(
        (
            f"seed {progress.seed}: {tally.kills} kills ({tally.web_kills} of the web server, {tally.worker_kills} of the"
            f" worker) in {progress.seconds:.0f} s",
            f"in flight at {tally.in_flight} of them ({tally.in_flight / tally.kills:.0%}), at {tally.captured} the money"
            " was taken already",
            f"{tally.purchases} purchases, {tally.charges} charges, {tally.refunds} refunds",
            f"{tally.unknowns} payments without an outcome at a kill, {tally.resolved} resolved",
            f"the gateway holds {_money(tally.taken)}",
            f"we booked         {_money(tally.booked)}",
        )
    )


def _money(sums: Counter[str]) -> str:
    return ", ".join(f"{sums[currency]} {currency}" for currency in sorted(sums))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many, those of the state file included")
    parser.add_argument("--seed", type=int, help="what chance begins with; moments still differ from run to run")
    parser.add_argument(
        "--state", type=Path, help="a file that keeps how far the run is: the same command goes on from it"
    )
    return parser.parse_args()


def _end(_number: int, _frame: object) -> NoReturn:
    raise SystemExit("ended; what was reckoned up is in the state file")


if __name__ == "__main__":
    main()
