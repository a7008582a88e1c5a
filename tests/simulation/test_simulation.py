"""Every death walked to, five hundred seeds of fifty steps, and planted bugs that are found by name."""

from __future__ import annotations

import pytest

from tests.simulation import cells
from tests.simulation.cells import reachable_cells
from tests.simulation.plants import PLANTS
from tests.simulation.run import STEPS, Report, run_seed
from tests.simulation.walks import walk

SEEDS_A_TEST = 25
SEEDS = 500
MOST_SEEDS_TO_FIND = 40


def test_every_crash_point_of_the_portal_has_its_cells():
    assert {cell.label for cell in reachable_cells()} == set(cells.labels())


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

    assert [(failure.seed, failure.step, failure.told) for failure in total.failures] == []
    assert total.steps == SEEDS_A_TEST * STEPS
    assert total.captures
    assert total.crashes


def test_same_seed_tells_the_same_story():
    first, again = run_seed(3)[1], run_seed(3)[1]

    assert len(first) >= STEPS
    assert first == again


@pytest.mark.parametrize("name", PLANTS)
def test_planted_bug_is_found_and_named(name):
    reports = (run_seed(seed, plant=name)[0] for seed in range(1, MOST_SEEDS_TO_FIND + 1))

    found = next((report.failures[0] for report in reports if report.failures), None)

    assert found is not None, f"no one of {MOST_SEEDS_TO_FIND} seeds found it"
    assert found.invariant == PLANTS[name].breaks


def test_failing_seed_fails_again_at_the_same_step():
    failures = [run_seed(7, plant="reference_reuse")[0].failures for _ in range(2)]

    assert failures[0]
    assert [failure[0].step for failure in failures] == [failures[0][0].step] * 2
