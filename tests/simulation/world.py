"""One run's world: the portal, its clock, the provider and the network; and the operations of processes that may die in them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple, cast

from sqlalchemy.exc import NoResultFound

from portal.clock import MovableClock
from portal.errors import PortalError
from portal.gateway_calls import NoTurns
from portal.gateways.contract import EventRefused, Gateway
from portal.gateways.registry import Gateways
from portal.method_users import METHOD_USERS
from portal.outbox.jobs import Handler
from portal.payments.rules.statuses import UNSETTLED
from portal.provider_events.rules import next_try
from portal.services import Services
from tests.simulation.cells import NOT_OF_PAYMENTS, Cell, why_unreachable
from tests.simulation.installation import Installation, Payer
from tests.simulation.line import Line
from tests.simulation.provider import Event, Provider

Plant = Callable[[Line], Gateway]
STALLS = (2, 4, 7, 61, 301, 660)
"""For how many seconds a process is stopped that stops."""
NEVER = 0
"""The crash point to die at, of those that a process passes; the first is 1."""


class Broken(Exception):
    """Something does not hold. `invariant` names what."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, and nothing of the process runs on."""


@dataclass
class Process:
    """Somebody's one operation. `about` is the payment that it was called for; `dies_at` a label, or the how-manieth crash point.

    `is_overtaken`: time passed, and others did something perhaps, while it waited for the provider.
    """

    actor: str
    about: str | None
    line: Line
    dies_at: str | int = NEVER
    died_at: str | None = None
    passed: int = 0
    is_overtaken: bool = False
    delivered: list[str] = field(default_factory=list)

    def reach(self, label: str) -> None:
        self.passed += 1
        if self.dies_at in (label, self.passed):
            self.died_at = label
            raise Killed(label)


@dataclass
class Threads(NoTurns):
    """What becomes of the calls of one request: `made` by its own thread as long as it waits, `late` by another one that goes on
    without it, or `never`, since no thread was free. `late` ones are added to `detached`."""

    fate: str
    detached: list[partial]

    def send(self, subject: str, call: Callable[[], object], *, merchant_id: str = "") -> None:
        if self.fate == "made":
            call()
        elif self.fate == "late":
            assert isinstance(call, partial) and isinstance(call.args[0], Services), "a call takes the services first"
            self.detached.append(call)

    def ask(self, subject: str, call: Callable[[], object]) -> None:
        if self.fate == "made":
            call()


@dataclass
class Death:
    """A process that died at a crash point; it becomes a cell when somebody comes to go on with its work."""

    label: str
    state: str
    answer: str | None
    has_event: bool = False


class PaymentRow(NamedTuple):
    """What the simulation looks at of a payment."""

    id: str
    customer_id: str
    status: str
    currency: str
    amount: int
    credit_amount: int
    amount_refunded: int
    kind: str
    was_sent: bool
    confirmed_at: int | None
    failure_code: str | None
    pay_link_id: str | None

    @property
    def charge_amount(self) -> int:
        return self.amount - self.credit_amount


class World:
    """Everything is decided by `chance`, so that the same seed is the same run. `trace` tells what happened, a line a step."""

    def __init__(
        self, installation: Installation, seed: int, *, plant: Plant | None = None, fault_rate: float = 0.0
    ) -> None:
        installation.database.begin_run()
        self.installation = installation
        self.database = installation.database
        self.connection = installation.database.connection
        self.merchant_id = installation.merchant_id
        self.payers = installation.payers
        self.chance = Random(seed)
        self.clock = MovableClock(installation.started_at)
        self.provider = Provider(self.chance, self.clock)
        self.fault_rate = fault_rate
        self.mail_fault_rate = fault_rate / 2
        self.handover_rate = self.stall_rate = 0.0
        self.detached: list[partial] = []
        self.meanwhile: Callable[[World], None] | None = None
        self.plant = plant
        self.mails: Counter[tuple[str, str, str]] = Counter()
        self.deaths: dict[str, Death] = {}
        self.cells: set[Cell] = set()
        self.answers: Counter[str] = Counter()
        self.crash_count = self.overtaken_count = 0
        self.trace: list[str] = []
        self._running: list[Process] = []
        self._written = (-1, -1)
        self._labels: dict[str, str] = {}

    def operate(
        self,
        actor: str,
        words: str,
        work: Callable[[Services], object],
        *,
        about: str | None = None,
        brings: str | None = None,
        dies_at: str | int = NEVER,
        faults: list[str] | None = None,
        fate: str | None = None,
    ) -> str:
        """Let a process of its own do `work`; tells what came of it. It may die, or refuse with a named fault; no other end is allowed.

        `brings` is the event that it was called with. `faults` are what happens to its calls, by chance where there are none.
        `fate` is as for `Threads`, by chance where it is not given: only a customer's request spares the threads of a server.
        """
        self.clock.advance(milliseconds=1)
        line = Line(self.provider, self.chance, self.clock, lambda: self.database.in_transaction)
        line.fault_rate = 0.0 if faults is not None else self.fault_rate
        line.faults = list(faults or ())
        process = Process(actor, about, line, dies_at)
        process.delivered += [brings] if brings else []
        line.meanwhile = lambda: self._let_others(process)
        gateway = self.plant(line) if self.plant else cast(Gateway, line)
        services = Services(
            self.installation.settings, self.database, _One(gateway), METHOD_USERS, self.clock,
            lambda label: self._reach(process, label), self.chance.random, Threads(fate or self._fate(actor), self.detached),
        )  # fmt: skip
        self._running.append(process)
        try:
            result = str(work(services))
        except Killed:
            result = f"killed at {process.died_at}"
        except (PortalError, NoResultFound, EventRefused) as fault:
            result = type(fault).__name__
        finally:
            self._running.pop()
        self.answers.update(line.reported.values())
        self._note_end(process)
        answers = ", ".join(f"{self.name(reference)} {answer}" for reference, answer in line.reported.items())
        self.tell(f"{actor} {words}: {result}" + (f" ({answers})" if answers else ""))
        if self.database.in_transaction:
            raise Broken("no transaction is left open", words)
        return result

    def go_on(self, call: partial, *, dies_at: str | int = NEVER, faults: list[str] | None = None) -> str:
        """Let the thread of a request that was answered make its call."""
        _, *arguments = call.args

        def work(services: Services) -> str:
            call.func(services, *arguments, **call.keywords)
            return "done"

        return self.operate("thread", f"goes on with {call.func.__name__}", work, dies_at=dies_at, faults=faults)

    def handler(self, kind: str) -> Handler:
        """What delivers messages of this kind: a mail server that takes what it is given, or fails."""
        return partial(self._deliver, kind)

    def note_event(self, event: Event) -> None:
        """An event has come, and was answered."""
        if self._running:
            # It came while somebody waited: who goes on by it, and who by themselves, cannot be distinguished.
            self.deaths.pop(event.reference, None)
            return
        death = self.deaths.get(event.reference)
        if death is None:
            return
        death.has_event = True
        if death.state not in UNSETTLED and not event.reference.startswith("re_"):
            # Nobody asks after what has come to its end: the event alone is the sequel.
            self._sequel(event.reference, "webhook", death.answer or "none")

    def pass_time(self, **amount: float) -> None:
        self.clock.advance(**amount)
        self.provider.receive()

    def tell(self, line: str) -> None:
        depth = "  " * len(self._running)
        self.trace.append(f"{self.clock.now() - self.installation.started_at} {depth}{line}")

    def name(self, row_id: str) -> str:
        """What a row is called in the trace: ids are random, and the same seed tells the same story."""
        head = row_id.partition("_")[0]
        if row_id not in self._labels:
            count = sum(1 for known in self._labels if known.startswith(f"{head}_"))
            self._labels[row_id] = f"{head}#{count + 1}"
        return self._labels[row_id]

    def what_changed(self) -> tuple[bool, bool]:
        """Whether anything was written since the last call: here, and at the provider."""
        before, self._written = self._written, (self.connection.total_changes, self.provider.event_count)
        return self._written[0] != before[0], self._written[1] != before[1]

    def payer(self, customer_id: str) -> Payer:
        return next(payer for payer in self.payers if payer.scope.customer_id == customer_id)

    def payments(self, *statuses: str) -> list[PaymentRow]:
        """The payments as they are committed, oldest first; of these statuses, or all."""
        rows = self.connection.execute(
            "select id, customer_id, status, currency, amount, credit_amount, amount_refunded, kind, sent_at is not null,"
            " confirmed_at, failure_code, pay_link_id from payments order by rowid"
        )
        found = list(map(PaymentRow._make, rows))
        return [row for row in found if row.status in statuses] if statuses else found

    def status(self, payment_id: str) -> str:
        """Its status; "absent" for a reference that only a planted bug knows."""
        row = self.connection.execute("select status from payments where id = ?", (payment_id,)).fetchone()
        return str(row[0]) if row else "absent"

    def _deliver(
        self, kind: str, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
    ) -> None:
        if self.chance.random() < self.mail_fault_rate:
            raise ConnectionError("the mail server is away")
        self._running[-1].delivered.append(message_id)
        self.mails[(kind, str(payload.get("payment") or payload.get("object")), message_id)] += 1

    def _fate(self, actor: str) -> str:
        if actor != "customer" or self.chance.random() >= self.handover_rate:
            return "made"
        return self.chance.choice(("late", "never"))

    def _reach(self, process: Process, label: str) -> None:
        process.reach(label)
        if label == "payment.send_claimed" and self.chance.random() < self.stall_rate:
            # Stopped by its machine, and going on as though no time had passed; others do something meanwhile.
            process.is_overtaken = True
            self.tell(f"{process.actor} is stopped at {label}")
            self.pass_time(seconds=self.chance.choice(STALLS))
            self._let_others(process)

    def _let_others(self, process: Process) -> None:
        if self.meanwhile is None or len(self._running) > 1:
            return
        before = self.clock.now()
        self.meanwhile(self)
        process.is_overtaken = process.is_overtaken or self.clock.now() > before

    def _note_end(self, process: Process) -> None:
        if process.died_at is not None:
            self.crash_count += 1
        touched = {*process.line.reported, *process.delivered, process.about if process.actor == "customer" else None}
        if process.is_overtaken or self._running or process.actor == "thread":
            # What a death or a sequel means when others went on meanwhile has no one state: it is counted, and the invariants
            # are checked.
            self.overtaken_count += 1
            for subject in touched | self._claimed_since():
                self.deaths.pop(subject or "", None)
            return
        touched |= self._handled_events(process) | self._ended_unasked(process)
        if process.died_at == "event.stored" and process.about in self.deaths:
            self.deaths[process.about].has_event = True  # It was not answered, and the worker finds it all the same.
        if process.died_at is not None and process.died_at not in NOT_OF_PAYMENTS:
            touched.discard(self._note_death(process, process.died_at))
        for subject in [subject for subject in self.deaths if subject in touched]:
            death = self.deaths[subject]
            met = process.line.reported.get(subject, "none")
            if process.actor == "webhook" and death.label != "event.stored":
                continue  # It is stored already: to send it again moves nothing.
            is_looked_up = death.label.startswith("payment.") and death.state in UNSETTLED | {"incomplete"}
            has_ended_unasked = death.label == "payment.intent_committed" and self.status(subject) not in UNSETTLED
            if met == "none" and is_looked_up and not has_ended_unasked:
                # It looked nothing up: somebody just had, or it was refused. Or the payment was confirmed now and is not sent yet:
                # who sends it goes on with that.
                if death.label == "payment.intent_written" and self.status(subject) != death.state:
                    del self.deaths[subject]
                continue
            actor = "webhook" if process.actor == "worker" and death.has_event else process.actor
            self._sequel(subject, actor, met if death.answer is None else death.answer)

    def _note_death(self, process: Process, label: str) -> str:
        """Tells what the process had in hand."""
        subject, payment_id = self._subject(process, label)
        if not payment_id:
            return subject  # A mail about an invoice or a method, of which no payment depends.
        if label == "event.stored" and subject not in self._waiting_events():
            return subject  # Another copy of what is done with.
        state = self.status(payment_id)
        answer = "none" if label.startswith(("outbox.", "event.")) else process.line.reported.get(subject)
        self.deaths[subject] = Death(label, state, answer)
        return subject

    def _subject(self, process: Process, label: str) -> tuple[str, str]:
        """What the process had in hand, and the payment that it belongs to."""
        if label.startswith("outbox."):
            row = self.connection.execute(
                "select id, coalesce(json_extract(payload, '$.payment'), json_extract(payload, '$.object')), kind from outbox_messages"
                " where done_at is null and leased_until is not null order by leased_until desc limit 1"
            ).fetchone()
            # That a payment failed is mailed about too, and nothing of it depends on that.
            return str(row[0]), "" if row[2] == "payment_failed_mail" else self._payment_of(str(row[1]))
        if label.startswith("event."):
            return self._event_in_hand(process)
        if label == "refund.looked_up":
            refund_id = [reference for reference in process.line.reported if reference.startswith("re_")][-1]
            return refund_id, self._payment_of(refund_id)
        if label.startswith("refund."):
            row = self.connection.execute("select id, payment_id from refunds order by rowid desc limit 1").fetchone()
            return str(row[0]), str(row[1])
        if label == "payment.send_claimed":
            claimed_id = self._just_claimed(process)
            return claimed_id, claimed_id
        reported = [reference for reference in process.line.reported if reference.startswith("pay_")]
        subject = reported[-1] if reported and ".intent_" not in label else process.about
        assert subject is not None, "a payment was in hand"
        return subject, subject

    def _claimed_since(self) -> set[str]:
        """Payments whose intent alone was there at a death, and which somebody has set out to send."""
        unsent = [subject for subject, death in self.deaths.items() if death.label == "payment.intent_committed"]
        sent = self.connection.execute("select id from payments where sent_at is not null").fetchall() if unsent else []
        return {str(row[0]) for row in sent} & set(unsent)

    def _just_claimed(self, process: Process) -> str:
        """The payment that was claimed last, and not sent yet: of it the process has heard at most that the provider does not know it."""
        rows = self.connection.execute(
            "select id from payments where last_sent_at = (select max(last_sent_at) from payments)"
        ).fetchall()
        return next(str(row[0]) for row in rows if process.line.reported.get(row[0], "absent") == "absent")

    def _event_in_hand(self, process: Process) -> tuple[str, str]:
        """The event that was brought, or that the worker has just taken by moving its time on; and its payment."""
        now = self.clock.now()
        rows = self.connection.execute(
            "select event_id, reference, attempts, due_at from provider_events order by rowid"
        )
        for event_id, reference, attempts, due_at in rows.fetchall():
            is_taken = attempts and due_at == _microseconds(next_try(attempts, now))
            if event_id in process.delivered or (process.actor == "worker" and is_taken):
                return str(event_id), self._payment_of(str(reference))
        raise AssertionError("whoever dies over an event has one in hand")

    def _payment_of(self, reference: str) -> str:
        """The payment that one of our references at the provider belongs to; "" for an invoice or a method, which a mail may be about."""
        if reference.startswith("pay_"):
            return reference
        row = self.connection.execute("select payment_id from refunds where id = ?", (reference,)).fetchone()
        return str(row[0]) if row else ""

    def _handled_events(self, process: Process) -> set[str | None]:
        """The events that somebody died over and that this worker has now done with."""
        if process.actor != "worker":
            return set()
        waiting = self._waiting_events()
        return {subject for subject in self.deaths if subject.startswith("evt_") and subject not in waiting}

    def _waiting_events(self) -> set[str]:
        rows = self.connection.execute("select event_id from provider_events where due_at is not null")
        return {str(row[0]) for row in rows}

    def _ended_unasked(self, process: Process) -> set[str | None]:
        """The payments that somebody died over before they were sent, and that have ended without a call."""
        if process.actor != "worker":
            return set()
        return {
            subject
            for subject, death in self.deaths.items()
            if death.label == "payment.intent_committed" and self.status(subject) not in UNSETTLED
        }

    def _sequel(self, subject: str, retrier: str, answer: str) -> None:
        death = self.deaths.pop(subject)
        cell = Cell(death.label, death.state, answer, retrier)
        reason = why_unreachable(cell)
        if reason is not None:
            raise Broken("only reachable cells are visited", f"{cell}, but {reason}")
        self.cells.add(cell)


def _microseconds(at: datetime) -> int:
    """An instant as SQLite keeps it."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass(frozen=True)
class _One(Gateways):
    gateway: Gateway

    def find(self, merchant_id: str) -> Gateway | None:
        return self.gateway

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        return self.gateway if name == self.gateway.name else None


class Faults(logging.Handler):
    """Failures that the portal logs and goes on after: none is expected in a simulation but those of its own provider and mail."""

    EXPECTED = frozenset(
        {
            "payment.outcome_contradicted",
            "refund.outcome_contradicted",
            "message.dead_lettered",
            "event.dead_lettered",
            "difference.found",
        }
    )

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.unexpected: list[str] = []

    def check(self) -> None:
        """Raises Broken where the portal logged a failure that nobody expected."""
        if self.unexpected:
            raise Broken("nothing fails but by a named fault", "; ".join(self.unexpected))

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() not in self.EXPECTED:
            fault = record.exc_info[1] if record.exc_info else None
            self.unexpected.append(f"{record.getMessage()} {fault!r}")


@contextmanager
def faults_shown() -> Iterator[Faults]:
    """The portal's log for the length of the block: only its failures, and only for the simulation to see."""
    faults, logger = Faults(), logging.getLogger("portal")
    before = logger.level, logger.propagate
    logger.addHandler(faults)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield faults
    finally:
        logger.removeHandler(faults)
        logger.setLevel(before[0])
        logger.propagate = before[1]
