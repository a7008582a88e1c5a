"""What is late, unknown, gone aside or does not agree, with its age; for `portal doctor`. Asks the database alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from portal.database import Database
from portal.findings import Finding, Level
from portal.merchants.queries import MerchantProfile

_LATE = timedelta(minutes=5)
_MOST_LISTED = 20


def list_overdue(database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """One finding for each of them, or one that says that there is none."""
    yield from _waiting(database)
    yield _unknown(database)
    yield _unknown_refunds(database)
    yield from _events(database)
    yield from _differences(database, merchants)


def _waiting(database: Database) -> Iterator[Finding]:
    """Messages that nobody delivers mean that no worker runs; dead ones need a person."""
    from portal.outbox.queries import read_outbox

    with database.read() as reader:
        outbox = read_outbox(reader, late_before=datetime.now(UTC) - _LATE)
    late, dead = outbox.late_count, outbox.dead_count
    if late:
        yield Finding(
            Level.WARNING, "outbox", f"{late} messages are more than five minutes late: is `portal worker` running?"
        )
    if dead:
        yield Finding(Level.WARNING, "outbox", f"{dead} messages were given up after many tries; their rows say why")
    if not late and not dead:
        yield Finding(Level.OK, "outbox", "nothing is late")


def _unknown(database: Database) -> Finding:
    """A payment whose outcome stays unknown for a week is a person's matter: the gateway's own list tells what became of it."""
    from portal.payments.queries.at_gateways import read_unknown_payments
    from portal.payments.rules.statuses import OVERDUE_AFTER

    with database.read() as reader:
        count, oldest = read_unknown_payments(reader, before=datetime.now(UTC) - OVERDUE_AFTER)
    if oldest is None:
        return Finding(Level.OK, "payments", "no outcome has been unknown for a week")
    days = (datetime.now(UTC) - oldest).days
    return Finding(
        Level.WARNING,
        "payments",
        f"{count} have no known outcome, the oldest for {days} days: look them up at the gateway",
    )


def _unknown_refunds(database: Database) -> Finding:
    from portal.payments.rules.statuses import OVERDUE_AFTER
    from portal.refunds.queries import read_unknown_refunds

    now = datetime.now(UTC)
    with database.read() as reader:
        unknown = read_unknown_refunds(reader, before=now - OVERDUE_AFTER)
    if unknown.oldest_at is None:
        return Finding(Level.OK, "refunds", "no outcome has been unknown for a week")
    return Finding(
        Level.WARNING,
        "refunds",
        f"{unknown.unknown_count} have no known outcome, the oldest for {(now - unknown.oldest_at).days} days: look them up at the gateway",
    )


def _events(database: Database) -> Iterator[Finding]:
    """Events that nobody handles mean that no worker runs; those that went aside say by a code why."""
    from portal.provider_events.queries import list_dead_events, read_inbox
    from portal.provider_events.rules import LATE_AFTER

    now = datetime.now(UTC)
    with database.read() as reader:
        inbox, dead = read_inbox(reader), list_dead_events(reader, _MOST_LISTED)
    is_late = inbox.untried_at is not None and inbox.untried_at < now - LATE_AFTER
    if is_late:
        yield Finding(
            Level.WARNING, "events", "the oldest waits for more than five minutes: is `portal worker` running?"
        )
    for merchant_id, event_id, fault, dead_at in dead:
        yield Finding(
            Level.WARNING, "events", f"{event_id} of {merchant_id} was given up {_ago(dead_at, now)}: {fault}"
        )
    if inbox.dead_count > len(dead):
        yield Finding(Level.WARNING, "events", f"{inbox.dead_count} were given up in all; their rows say why")
    if not is_late and not dead:
        yield Finding(Level.OK, "events", f"none was given up, {inbox.waiting_count} wait for their turn")


def _differences(database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Each open break between a gateway's list and the ledger with its age, then how the last comparisons went."""
    from portal.reconciliation.queries import count_open_differences, list_comparisons, list_open_differences
    from portal.reconciliation.rules import OVERDUE_AFTER

    now = datetime.now(UTC)
    names = {merchant.id: f"{merchant.slug} ({merchant.mode})" for merchant in merchants}
    with database.read() as reader:
        differences, comparisons = list_open_differences(reader, _MOST_LISTED), list_comparisons(reader)
        count = sum(count_open_differences(reader)[0].values())
    for row in differences:
        there = f"{row.listed_amount} {row.listed_currency}" if row.listed_currency else "nothing"
        here = f"{row.booked_amount} {row.booked_currency}" if row.booked_currency else "nothing"
        yield Finding(
            Level.WARNING,
            "breaks",
            f"{names.get(row.merchant_id, row.merchant_id)}: {row.reference} is {row.kind}, found {_ago(row.found_at, now)}: "
            f"{row.gateway} took {there}, {here} is booked (minor units)",
        )
    if count > len(differences):
        yield Finding(Level.WARNING, "breaks", f"{count} are open in all; the oldest stand above")
    for compared in comparisons:
        sums = ", ".join(
            f"{currency} {sums['listed']} listed and {sums['booked']} booked"
            for currency, sums in sorted(compared.totals.items())
        )
        told = (
            f"{names.get(compared.merchant_id, compared.merchant_id)}: {compared.gateway} was compared "
            f"{_ago(compared.compared_until, now)}; {compared.charge_count} charges agree"
            f"{f', {sums}' if sums else ''}{f'; {compared.stranger_count} are not ours' if compared.stranger_count else ''}"
        )
        is_old = compared.compared_until < now - OVERDUE_AFTER
        yield Finding(Level.WARNING if is_old else Level.OK, "breaks", told)


def _ago(at: datetime, now: datetime) -> str:
    hours = int((now - at).total_seconds() // 3600)
    return f"{hours // 24} days ago" if hours >= 48 else f"{hours} hours ago"
