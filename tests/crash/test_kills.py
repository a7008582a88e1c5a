"""Kills at random under load, a few of the many that `make crash` does: both ledgers agree."""

from __future__ import annotations

from random import Random

from tests.crash.kills import Tally, kill_again_and_again

KILLS = 5


def test_kills_at_random_under_load_leave_both_ledgers_equal(installation):
    tally = Tally()

    kill_again_and_again(installation, KILLS, Random(3), tally, name="kills", steered_share=1)

    assert tally.kills == KILLS
    assert tally.in_flight >= 0.6 * KILLS
    assert tally.resolved == tally.unknowns > 0
    assert tally.charges > 0 and tally.taken == tally.booked
