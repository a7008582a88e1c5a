"""Prints the tables of docs/signing-in.md: `python -m tests.attacks`. Takes some minutes."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from portal.database import Database
from portal.migrations import upgrade
from portal.settings import Settings
from tests.attacks.sign_in import (
    AGAINST_A_MERCHANT,
    ATTACKERS,
    HOME,
    POSSIBLE_CODES,
    Attacker,
    Browser,
    World,
    arrive,
    besiege,
    known_browser,
    overrun,
)
from tests.support.databases import keep_in_memory

ARRIVALS = (1, 9, 19, 29, 44, 59)
A_TENTH = {"sign_in_mails_per_hour": 500, "sign_in_failures_per_hour": 2500}


def main() -> None:
    """Print what each attacker can do to one owner and to one merchant."""
    keep_in_memory()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        database = Database(f"sqlite:///{folder}/portal.db")
        upgrade(database)
        settings = Settings.load(
            {"PORTAL_SECRET_KEY": "s" * 40, "PORTAL_DATABASE_URL": f"sqlite:///{folder}/portal.db"}
        )
        print(
            "| attacker | new browser | known browser | mails | guesses | chance |\n|---|---|---|---|---|---|",
            flush=True,
        )
        for attacker in ATTACKERS:
            print(owner_row(database, settings, attacker), flush=True)
        print(
            "\n| attacker | requests | elsewhere | known browser | guesses | a hit in |\n|---|---|---|---|---|---|",
            flush=True,
        )
        small = settings.model_copy(update={name: value for name, value in A_TENTH.items() if hasattr(settings, name)})
        for attacker in AGAINST_A_MERCHANT:
            print(merchant_row(database, small, attacker), flush=True)
        database.dispose()


def owner_row(database: Database, settings: Settings, attacker: Attacker) -> str:
    """How the owner got in at six instants of the hour, in a new browser and in a known one; and the hour as a whole."""
    ways: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for is_known in ways:
        for minutes in ARRIVALS:
            world = World(database, settings)
            browser = known_browser(world) if is_known else Browser(HOME)
            besiege(world, attacker, minutes=minutes)
            ways[is_known][arrive(world, browser)] += 1
    siege = besiege(World(database, settings), attacker, minutes=60)
    return (
        f"| {attacker.name} | {_said(ways[False])} | {_said(ways[True])} | {siege.mail_count} | {siege.guess_count}"
        f" | {siege.chance:.1e} |"
    )


def merchant_row(database: Database, settings: Settings, attacker: Attacker) -> str:
    """Whether customers of elsewhere get in after the attack, and how long the attack has to last for one code to be right."""
    world = World(database, settings)
    owner = known_browser(world)
    run = overrun(world, attacker, patience=150)
    world.deliver()
    stranger = arrive(world, Browser(HOME))
    world.clock.advance(minutes=2)
    known = arrive(world, owner)
    years = POSSIBLE_CODES / (run.guess_count if run.guess_count <= 100 else 10 * run.guess_count) / 24 / 365.25
    return f"| {attacker.name} | {run.request_count} | {stranger} | {known} | {run.guess_count} | {years:,.0f} years |"


def _said(ways: Counter[str]) -> str:
    return ", ".join(f"{way} {count}" for way, count in sorted(ways.items()))


if __name__ == "__main__":
    main()
