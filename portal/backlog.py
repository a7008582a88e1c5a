"""Stuck work and open differences with their age, for `portal doctor`. Reads only the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from portal.database import Database
from portal.findings import Finding, Level
from portal.merchants.queries import MerchantProfile

_LATE = timedelta(minutes=5)
_MOST_LISTED = 20
_REFUSALS_DAYS = 30
_UNSENT_AFTER = timedelta(minutes=1)


def list_backlog(database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Yield a finding for each problem, and an `ok` for each kind of work without one."""
    yield from _outbox(database)
    yield from _refused_mails(database)
    yield _unsent_payments(database)
    yield _unknown_payments(database)
    yield _unknown_refunds(database)
    yield from _events(database)
    yield from _differences(database, merchants)


def _outbox(database: Database) -> Iterator[Finding]:
    """Late messages mean that no worker is running; dead letters need a person."""
    from portal.outbox.queries import read_outbox

    with database.read() as reader:
        outbox = read_outbox(reader, late_before=datetime.now(UTC) - _LATE)
    late, dead = outbox.late_count, outbox.dead_count - outbox.refused_count
    if late:
        yield Finding(
            Level.WARNING, "outbox", f"{late} messages are more than five minutes late: is `portal worker` running?"
        )
    if dead:
        yield Finding(
            Level.WARNING, "outbox", f"{dead} messages are dead letters: see `last_error` in `outbox_messages`"
        )
    if not late and not dead:
        yield Finding(Level.OK, "outbox", "nothing is late")


def _refused_mails(database: Database) -> Iterator[Finding]:
    """Mails that the mail server refused for good: those of one recipient are for the merchant, all others for the operator."""
    from portal.outbox.queries import list_refusals

    now = datetime.now(UTC)
    with database.read() as reader:
        refusals = list_refusals(reader, since=now - timedelta(days=_REFUSALS_DAYS))
    if not refusals:
        return
    count, last_at = sum(row.mail_count for row in refusals), max(row.last_at for row in refusals)
    reasons = "; ".join(f"{row.step}, {row.code or 'not supported'}: {row.mail_count}" for row in refusals)
    yield Finding(
        Level.WARNING,
        "mail",
        f"{count} {'mail was' if count == 1 else 'mails were'} refused permanently by the mail server in {_REFUSALS_DAYS} days, the last {_ago(last_at, now)} "
        f"({reasons}): see `refused_step` in `outbox_messages`",
    )


def _unsent_payments(database: Database) -> Finding:
    """A payment is sent within seconds, if not by the server then by a worker; ten minutes after the press never any more."""
    from portal.payments.queries.at_gateways import read_unsent_payments

    with database.read() as reader:
        count, _ = read_unsent_payments(reader, before=datetime.now(UTC) - _UNSENT_AFTER)
    if not count:
        return Finding(Level.OK, "payments", "none waits to be sent")
    return Finding(
        Level.WARNING,
        "payments",
        f"{count} were confirmed more than a minute ago and not sent: is `portal worker` running, does the gateway answer?",
    )


def _unknown_payments(database: Database) -> Finding:
    """After a week without an outcome a person has to look the payment up at the gateway."""
    from portal.payments.queries.at_gateways import read_unknown_payments
    from portal.payments.rules.statuses import STUCK_AFTER

    with database.read() as reader:
        count, oldest = read_unknown_payments(reader, before=datetime.now(UTC) - STUCK_AFTER)
    if oldest is None:
        return Finding(Level.OK, "payments", "no outcome has been unknown for a week")
    days = (datetime.now(UTC) - oldest).days
    return Finding(
        Level.WARNING,
        "payments",
        f"{count} have no known outcome, the oldest for {days} days: look them up at the gateway",
    )


def _unknown_refunds(database: Database) -> Finding:
    from portal.payments.rules.statuses import STUCK_AFTER
    from portal.refunds.queries import read_unknown_refunds

    now = datetime.now(UTC)
    with database.read() as reader:
        unknown = read_unknown_refunds(reader, before=now - STUCK_AFTER)
    if unknown.oldest_at is None:
        return Finding(Level.OK, "refunds", "no outcome has been unknown for a week")
    return Finding(
        Level.WARNING,
        "refunds",
        f"{unknown.unknown_count} have no known outcome, the oldest for {(now - unknown.oldest_at).days} days: look them up at the gateway",
    )


def _events(database: Database) -> Iterator[Finding]:
    """Late events mean that no worker is running; each dead letter has a code for its reason."""
    from portal.provider_events.queries import list_dead_events, read_inbox
    from portal.provider_events.rules import LATE_AFTER

    now = datetime.now(UTC)
    with database.read() as reader:
        inbox, dead = read_inbox(reader), list_dead_events(reader, _MOST_LISTED)
    is_late = inbox.untried_at is not None and inbox.untried_at < now - LATE_AFTER
    if is_late:
        yield Finding(
            Level.WARNING, "events", "the oldest has waited for more than five minutes: is `portal worker` running?"
        )
    for merchant_id, event_id, fault, dead_at in dead:
        yield Finding(
            Level.WARNING, "events", f"{event_id} of {merchant_id} became a dead letter {_ago(dead_at, now)}: {fault}"
        )
    if inbox.dead_count > len(dead):
        yield Finding(
            Level.WARNING, "events", f"{inbox.dead_count} are dead letters in all: see `fault` in `provider_events`"
        )
    if not is_late and not dead:
        yield Finding(Level.OK, "events", f"no dead letters, {inbox.waiting_count} waiting")


def _differences(database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Each open difference between a gateway's list and the ledger with its age, then the last comparisons."""
    from portal.reconciliation.queries import count_open_differences, list_comparisons, list_open_differences
    from portal.reconciliation.rules import STALE_AFTER

    now = datetime.now(UTC)
    names = {merchant.id: f"{merchant.slug} ({merchant.mode})" for merchant in merchants}
    with database.read() as reader:
        differences, comparisons = list_open_differences(reader, _MOST_LISTED), list_comparisons(reader)
        count = sum(count_open_differences(reader)[0].values())
    for row in differences:
        listed = f"{row.listed_amount} {row.listed_currency}" if row.listed_currency else "nothing"
        booked = f"{row.booked_amount} {row.booked_currency}" if row.booked_currency else "nothing"
        yield Finding(
            Level.WARNING,
            "differences",
            f"{names.get(row.merchant_id, row.merchant_id)}: {row.reference} is {row.kind}, found {_ago(row.found_at, now)}: "
            f"{row.gateway} lists {listed}, the ledger has {booked} (minor units)",
        )
    if count > len(differences):
        yield Finding(Level.WARNING, "differences", f"{count} are open in all; the oldest are listed above")
    for compared in comparisons:
        sums = ", ".join(
            f"{currency} {sums['listed']} listed and {sums['booked']} booked"
            for currency, sums in sorted(compared.totals.items())
        )
        unknown = compared.unknown_charge_count
        sentence = (
            f"{names.get(compared.merchant_id, compared.merchant_id)}: {compared.gateway} was compared "
            f"{_ago(compared.compared_until, now)}; {compared.charge_count} charges agree"
            f"{f', {sums}' if sums else ''}{f'; {unknown} are not ours' if unknown else ''}"
        )
        is_stale = compared.compared_until < now - STALE_AFTER
        yield Finding(Level.WARNING if is_stale else Level.OK, "differences", sentence)


def _ago(at: datetime, now: datetime) -> str:
    hours = int((now - at).total_seconds() // 3600)
    return f"{hours // 24} days ago" if hours >= 48 else f"{hours} hours ago"
