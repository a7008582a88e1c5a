"""Every death walked to, fifty seeds of fifty steps (two hundred in `make verify`), and planted bugs that are found by name."""

from __future__ import annotations

import pytest

from tests.simulation import cells
from tests.simulation.cells import reachable_cells
from tests.simulation.installation import installation
from tests.simulation.invariants import check
from tests.simulation.plants import PLANTS
from tests.simulation.run import STEPS, Failure, Report, run_seed
from tests.simulation.walks import walk
from tests.simulation.world import Broken, World

SEEDS_A_TEST = 25
SEEDS = 200
MOST_SEEDS_TO_FIND = 40


def test_every_crash_point_of_the_portal_has_its_cells_or_says_why_not():
    named = {cell.label for cell in reachable_cells()} | set(cells.NOT_OF_PAYMENTS)

    assert named == set(cells.labels())


@pytest.mark.parametrize(("label", "state"), sorted({(cell.label, cell.state) for cell in reachable_cells()}))
def test_every_reachable_death_is_gone_on_from_by_everybody(label, state):
    wanted = {cell for cell in reachable_cells() if (cell.label, cell.state) == (label, state)}

    visited = {cell for cell in wanted if cell in walk(cell).cells}

    assert visited == wanted


@pytest.mark.parametrize("first", range(1, SEEDS + 1, SEEDS_A_TEST))
def test_seeds_break_no_invariant(first):
    total = Report()

    for seed in range(first, first + SEEDS_A_TEST):
        total.add(run_seed(seed)[0])

    assert [(failure.seed, failure.step, failure.detail) for failure in total.failures] == []
    assert total.steps == SEEDS_A_TEST * STEPS
    assert total.captures
    assert total.crashes


def test_same_seed_tells_the_same_story():
    first, again = run_seed(3)[1], run_seed(3)[1]

    assert len(first) >= STEPS
    assert first == again


def test_prepared_statements_tell_the_same_story_as_sqlalchemy():
    statements = installation().database.statements
    prepared = [run_seed(seed)[1] for seed in (3, 4, 5)]

    statements.are_used = False
    try:
        plain = [run_seed(seed)[1] for seed in (3, 4, 5)]
    finally:
        statements.are_used = True

    assert prepared == plain


def test_entry_without_its_transaction_is_found():
    """SQLite would refuse it at the commit, and a run commits nothing."""
    world = World(installation(), 1)
    for position, amount in ((1, 5), (2, -5)):
        world.connection.execute(
            "insert into ledger_entries (merchant_id, transaction_id, position, account, amount, currency, digest)"
            " values (?, 'ltx_lost', ?, 'sales', ?, 'USD', x'00')",
            (world.merchant_id, position, amount),
        )

    with pytest.raises(Broken, match="an entry belongs to a transaction"):
        check(world)


@pytest.mark.parametrize("name", PLANTS)
def test_planted_bug_is_found_and_named_and_fails_again(name):
    found = _first_failure(name)

    again = run_seed(found.seed, plant=name)[0].failures[0]

    assert found.invariant == PLANTS[name].breaks
    assert (again.step, again.invariant, again.trace) == (found.step, found.invariant, found.trace)


def _first_failure(name: str) -> Failure:
    for seed in range(1, MOST_SEEDS_TO_FIND + 1):
        report, _ = run_seed(seed, plant=name)
        if report.failures:
            return report.failures[0]
    raise AssertionError(f"no one of {MOST_SEEDS_TO_FIND} seeds found {name}")
