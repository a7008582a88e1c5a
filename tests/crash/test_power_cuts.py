"""Power cuts while customers pay, on SQLite: what was reported to anybody is there afterwards, and the ledger is proved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.crash.powered_day import PoweredDay
from tests.crash.powered_disk import PoweredDisk
from tests.support.databases import Run, migrated_sqlite_file


@pytest.fixture
def live_a_day(run: Run, tmp_path: Path) -> Callable[..., PoweredDay]:
    """A day of payments, lived with these pragmas beside the portal's own."""

    def live(*pragmas: str) -> PoweredDay:
        day = PoweredDay(migrated_sqlite_file(run), tmp_path, PoweredDisk("powered"))
        day.live(*pragmas)
        return day

    return live


def test_nothing_that_was_reported_is_lost_in_a_power_cut(live_a_day: Callable[..., PoweredDay]) -> None:
    day = live_a_day()

    assert len(day.promises) == 3 * 5
    assert day.faults_after_cuts() == []


def test_nothing_is_lost_whatever_part_of_the_unsynced_writes_reached_the_disk(
    live_a_day: Callable[..., PoweredDay],
) -> None:
    day = live_a_day()

    assert day.faults_after_ragged_cuts(Random(1), every=7) == []


@pytest.mark.parametrize("pragma", ["synchronous=NORMAL", "synchronous=OFF"])
def test_loss_is_found_where_commits_are_not_synced(live_a_day: Callable[..., PoweredDay], pragma: str) -> None:
    """The control: the same cuts find what a lower setting loses, so that finding nothing above means something."""
    day = live_a_day(pragma)

    faults = day.faults_after_cuts()

    assert any("is lost" in fault for fault in faults)
