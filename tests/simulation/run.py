"""One seed from its beginning to its rest: fifty things happen, the invariants are checked after each, then the world calms down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from portal.payments.rules.statuses import UNSETTLED
from portal.refunds.jobs import check_refunds
from portal.worker import JOBS
from tests.simulation import moves
from tests.simulation.cells import Cell
from tests.simulation.installation import installation
from tests.simulation.invariants import check, check_rest, prove
from tests.simulation.plants import PLANTS
from tests.simulation.world import Broken, Faults, World, faults_shown

STEPS = 50
PROOF_EVERY = 25
"""Steps between two of the portal's own proofs of the ledger, which read all of it, before the last one at rest; our own sums are
checked after each step."""
HANDOVER_RATE = 0.15
"""How many of the customers' requests have no thread for their calls, or are answered before these are made."""
STALL_RATE = 0.1
"""How many processes are stopped for a while between their claim of a payment and its sending."""
_WEATHERS = (0.0, 0.05, 0.15, 0.4)
_MOST_ROUNDS = 15
_REFUNDS = tuple(job for job in moves.ROUND if job.run is check_refunds)


@dataclass(frozen=True)
class Failure:
    """Where a seed broke what. `trace` is what had happened until then, a line each."""

    seed: int
    step: int
    invariant: str
    detail: str
    trace: tuple[str, ...]


@dataclass
class Report:
    """What one seed, or many, came to."""

    seeds: int = 0
    steps: int = 0
    crashes: int = 0
    overtaken: int = 0
    captures: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    cells: set[Cell] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.crashes += other.crashes
        self.overtaken += other.overtaken
        self.captures += other.captures
        self.answers += other.answers
        self.cells |= other.cells
        self.failures += other.failures


def run_seed(seed: int, *, steps: int = STEPS, plant: str | None = None) -> tuple[Report, list[str]]:
    """Run one seed; tells what it came to, and what happened, a line each. The same seed is the same run."""
    planted = PLANTS[plant] if plant else None
    weather = Random(seed).choice(_WEATHERS)
    world = World(installation(), seed, plant=planted.wrap if planted else None, fault_rate=weather)
    if planted:
        planted.prepare(world.connection)
    world.meanwhile = moves.aside
    world.handover_rate, world.stall_rate = HANDOVER_RATE, STALL_RATE
    report = Report(seeds=1)
    at = 0
    with faults_shown() as faults:
        try:
            for at in range(1, steps + 1):
                moves.step(world)
                _check(world, faults)
                if at % PROOF_EVERY == 0 and at < steps:
                    prove(world)
            rest(world)
            _check(world, faults)
            check_rest(world)
        except (Broken, AssertionError) as fault:
            invariant = fault.invariant if isinstance(fault, Broken) else "no assertion fails"
            report.failures.append(Failure(seed, at, invariant, str(fault), tuple(world.trace)))
            world.database.give_up()
    report.steps, report.crashes, report.overtaken = at, world.crash_count, world.overtaken_count
    report.captures, report.answers, report.cells = len(world.provider.captures), world.answers, world.cells
    return report, world.trace


def report_seed(seed: int, *, steps: int = STEPS, plant: str | None = None) -> Report:
    """As `run_seed`, without the story: for processes that run many."""
    return run_seed(seed, steps=steps, plant=plant)[0]


def rest(world: World) -> None:
    """Let the world calm down: every call answers, what is open at the provider ends or is left for good, and time passes.

    No event is sent any more: asking alone finds everything out.
    """
    world.fault_rate = world.mail_fault_rate = world.handover_rate = world.stall_rate = 0.0
    world.detached.clear()  # The web server was started anew.
    world.meanwhile = None
    world.provider.events.clear()
    world.pass_time(minutes=3)
    for _ in range(len(world.provider.charges)):
        if world.chance.random() < 0.7:
            moves.payer_acts(world)
    for reference, (_, outcome) in list(world.provider.refunds.items()):
        if outcome.state.value == "pending":
            world.provider.finish_refund(reference, world.chance.choice(("succeeded", "declined")))
    for _ in range(_MOST_ROUNDS):
        # Longer than a payment may take, than any pause between two questions, and between two comparisons of lists.
        world.pass_time(hours=25)
        moves.work_round(world)
        if not _is_busy(world):
            break
        _end_what_cannot_be_called_off(world)
    # A refund that was reported complete is looked up for a month.
    for days in (4, 10, 20) if world.provider.refunds else ():
        world.pass_time(days=days)
        moves.work_round(world, _REFUNDS)
    moves.work_round(world, JOBS)


def _is_busy(world: World) -> bool:
    pending = world.connection.execute("select count(*) from refunds where status = 'pending'").fetchone()[0]
    waiting = world.connection.execute(
        "select count(*) from outbox_messages where done_at is null and dead_at is null"
    ).fetchone()[0]
    return bool(pending or waiting or world.payments("incomplete", *UNSETTLED))


def _end_what_cannot_be_called_off(world: World) -> None:
    for charge in world.provider.charges.values():
        if charge.state.value == "pending" and not charge.can_be_canceled:
            world.provider.finish(charge, "succeeded")


def _check(world: World, faults: Faults) -> None:
    faults.check()
    check(world)
