"""The background work of a process: delivers the outbox and runs the periodic jobs. A composition root."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from portal.documents.typesetting import Typesetter
from portal.emails.handlers import build_mail_handlers
from portal.events.operations import delete_old_events
from portal.gateway_calls import CallsSideBySide
from portal.ledger.jobs import seal_ledger
from portal.merchants.queries import list_merchants
from portal.notices.jobs import remind_of_invoices
from portal.outbox.jobs import Handler, delete_delivered, deliver_next
from portal.payment_methods.jobs import check_setups, mail_expiring_methods
from portal.payment_methods.operations.removal import detach_method
from portal.payments.jobs import check_payments, expire_checkouts, send_payments
from portal.privacy.jobs import delete_exports, erase_customers, erase_late_arrivals, make_exports
from portal.provider_events.jobs import handle_events
from portal.reconciliation.jobs import compare_charges
from portal.refunds.jobs import check_refunds
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.sign_in.operations import delete_old_rows
from portal.statement.jobs import announce_ready_statements

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
_MAX_AT_ONCE = 100
_END_WITHIN_SECONDS = 8


def build_handlers(renderer: Renderer, typesetter: Typesetter | None = None) -> Mapping[str, Handler]:
    """Return the handler of each kind of message in the outbox; without a typesetter mails carry no papers."""
    return {**build_mail_handlers(renderer, typesetter), "detach_method": detach_method}


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs of a worker that run one after the other, beside those of other lanes. `calls_at_once` is how many calls to gateways they
    make at a time, None where they make them one by one."""

    name: str
    calls_at_once: int | None = None


ORDERS = Lane("orders", 24)
"""So many that a minute is enough for a hundred payments of one merchant, which has sixteen of them, at a gateway which takes ten seconds
not to answer; and that those of other merchants need not wait for it."""
LOOKUPS = Lane("lookups", 12)
OTHERS = Lane("jobs")
COPIES = Lane("copies")
"""What reads or changes much at a time, such as all that is held about a customer, and may take a minute."""


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job; `run` returns how many rows it processed."""

    name: str
    every: timedelta
    run: Callable[[Services], int]
    lane: Lane = OTHERS


def clean_up(services: Services) -> int:
    """Delete rows whose retention has ended."""
    at, database = services.clock.now(), services.database
    count = database.run(lambda session: delete_old_rows(session, at=at) + delete_delivered(session, at=at))
    with database.read() as reader:
        merchants = list_merchants(reader)
    for merchant in merchants:
        with database.unit_of_work() as session:
            count += delete_old_events(session, merchant.id, retention_days=services.settings.events_days, at=at)
    return count


JOBS: tuple[Job, ...] = (
    Job("handled", timedelta(seconds=1), handle_events),
    Job("sent", timedelta(seconds=1), send_payments, ORDERS),
    Job("checked", timedelta(seconds=2), check_payments, LOOKUPS),
    Job("checked_refunds", timedelta(seconds=2), check_refunds),
    Job("checked_setups", timedelta(seconds=2), check_setups),
    Job("sealed", timedelta(seconds=5), seal_ledger),
    Job("expired", timedelta(seconds=30), expire_checkouts),
    Job("compared", timedelta(minutes=5), compare_charges),
    Job("mailed_expiring", timedelta(days=1), mail_expiring_methods),
    Job("reminded", timedelta(minutes=15), remind_of_invoices),
    Job("announced_statements", timedelta(minutes=1), announce_ready_statements, COPIES),
    Job("exported", timedelta(seconds=5), make_exports, COPIES),
    Job("deleted_exports", timedelta(minutes=15), delete_exports),
    Job("erased", timedelta(seconds=30), erase_customers, COPIES),
    Job("erased_late", timedelta(minutes=1), erase_late_arrivals, COPIES),
    Job("cleaned", timedelta(minutes=5), clean_up),
)
"""In the order in which one round runs them. What waits for gateways longest has lanes of its own: a gateway that does not answer must
not keep a payment at another one from being sent within its minute, and neither must another merchant's (`CallsSideBySide`)."""


@dataclass(slots=True)
class Schedule:
    """When each job ran last in this process; every job quickly finds nothing to do, so nothing is stored over a restart."""

    jobs: tuple[Job, ...] = JOBS
    last_runs: dict[str, datetime] = field(default_factory=dict)

    def run_due(self, services: Services) -> dict[str, int]:
        """Run what is due; a job that fails is logged, and the others still run."""
        counts: dict[str, int] = {}
        for job in self.jobs:
            at = services.clock.now()
            last = self.last_runs.get(job.name)
            if last is not None and timedelta(0) <= at - last < job.every:
                continue
            self.last_runs[job.name] = at
            try:
                counts[job.name] = job.run(services)
            except Exception:  # The next round tries again; the traceback is for the operator.
                _log.exception("job.failed", extra={"job": job.name})
                counts["failed_jobs"] = counts.get("failed_jobs", 0) + 1
        return counts


def run_once(services: Services, handlers: Mapping[str, Handler], *, jobs: tuple[Job, ...] = JOBS) -> dict[str, int]:
    """Do everything that is due now, once; return the messages done, retried and dead-lettered, and the rows of each job."""
    counts = Schedule(jobs).run_due(services)
    delivered = deliver_due(services, handlers)
    return {**counts, **delivered}


def run_forever(
    services: Services,
    handlers: Mapping[str, Handler],
    stop: threading.Event,
    *,
    jobs: tuple[Job, ...] = JOBS,
) -> None:
    """Work until `stop` is set; current work is finished first, which takes less than ten seconds.

    Each lane of jobs has its own thread, so that a gateway which does not respond delays neither mail nor other gateways. An
    unreachable database is retried.
    """

    def deliver() -> bool:
        return sum(deliver_due(services, handlers, stop=stop, limit=_MAX_AT_ONCE).values()) >= _MAX_AT_ONCE

    lanes = {job.lane: _calls_of(job.lane) for job in jobs}
    # Daemons: a lookup that is still running when the time is up is repeated by the next worker.
    threads = [
        threading.Thread(target=_repeat, args=(stop, _runner(services, lane, calls, jobs)), name=lane.name, daemon=True)
        for lane, calls in lanes.items()
    ]
    _log.info("worker.started")
    for thread in threads:
        thread.start()
    _repeat(stop, deliver)
    until = time.monotonic() + _END_WITHIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    for calls in lanes.values():
        if calls is not None:
            calls.finish(max(0.0, until - time.monotonic()))
    _log.info("worker.stopped")


def _calls_of(lane: Lane) -> CallsSideBySide | None:
    return None if lane.calls_at_once is None else CallsSideBySide(lane.calls_at_once)


def _runner(services: Services, lane: Lane, calls: CallsSideBySide | None, jobs: tuple[Job, ...]) -> Callable[[], bool]:
    """Return what runs the due jobs of a lane."""
    schedule = Schedule(tuple(job for job in jobs if job.lane == lane))
    if calls is not None:
        services = replace(services, calls=calls)

    def run_jobs() -> bool:
        schedule.run_due(services)
        return False

    return run_jobs


def _repeat(stop: threading.Event, work: Callable[[], bool]) -> None:
    """Do `work` again and again until `stop` is set, with a pause unless it says that there is more."""
    while not stop.is_set():
        is_busy = False
        try:
            is_busy = work()
        except Exception:  # No error may end the worker, which would stop all mail and reconciliation.
            _log.exception("worker.failed")
        if not is_busy:
            stop.wait(_PAUSE_SECONDS)


def deliver_due(
    services: Services,
    handlers: Mapping[str, Handler],
    *,
    stop: threading.Event | None = None,
    limit: int | None = None,
) -> dict[str, int]:
    """Deliver what is due, up to `limit` messages or until `stop` is set."""
    counts = {"done": 0, "retried": 0, "dead": 0}
    while (limit is None or sum(counts.values()) < limit) and not (stop and stop.is_set()):
        outcome = deliver_next(services, handlers)
        if outcome is None:
            break
        counts[outcome] += 1
    return counts


def stop_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT end the worker of this process cleanly."""

    def request_stop(_number: int, _frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
