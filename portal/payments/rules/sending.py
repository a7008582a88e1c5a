"""When a confirmed payment may be sent to its gateway, and when it is certain that it never will be, as pure functions of instants.

A customer who pressed Pay is charged within ten minutes or not at all: nobody is charged an hour after they left.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.gateways.polling import RESEND_AFTER, next_check

SEND_WITHIN = timedelta(minutes=10)
"""How long after the press a request may be sent, or sent again."""
CLAIM_VALID_FOR = timedelta(seconds=5)
"""How long after its claim a process may still send. One that was stopped in between sends nothing: others count from the claim on."""
ARRIVES_WITHIN = timedelta(minutes=3)
"""How long a request may be on its way to the gateway. After that, one that the gateway does not know has never arrived."""
TAKE_OVER_AFTER = timedelta(seconds=3)
"""How long the process that confirmed a payment has to send it; after that the worker does."""


def is_in_time(confirmed_at: datetime, now: datetime) -> bool:
    """Return whether a payment that was confirmed then may be sent now."""
    return now < confirmed_at + SEND_WITHIN


def may_send(confirmed_at: datetime, claimed_at: datetime, now: datetime) -> bool:
    """Return whether a process that claimed a payment may send it now, at the moment of sending."""
    return is_in_time(confirmed_at, now) and now <= claimed_at + CLAIM_VALID_FOR


def may_resend(confirmed_at: datetime, last_sent_at: datetime, now: datetime) -> bool:
    """Return whether a request that the gateway does not know may be sent again: not while the last one may be in flight."""
    return is_in_time(confirmed_at, now) and now >= last_sent_at + RESEND_AFTER


def never_arrives_from(confirmed_at: datetime, last_sent_at: datetime) -> datetime:
    """Return the instant from which a request that the gateway does not know is certain never to arrive: nobody sends it any more,
    and none that was sent is on its way."""
    return max(confirmed_at + SEND_WITHIN, last_sent_at + ARRIVES_WITHIN)


def is_being_sent(last_sent_at: datetime | None, updated_at: datetime, now: datetime) -> bool:
    """Return whether a payment of which nothing is known yet was not sent, or is on its way with nothing heard of it since."""
    return last_sent_at is None or (updated_at < last_sent_at and last_sent_at > in_flight_since(now))


def in_flight_since(now: datetime) -> datetime:
    """Return the instant after which a request that was sent may still be on its way, now."""
    return now - RESEND_AFTER


def next_lookup(
    check_count: int, confirmed_at: datetime, last_sent_at: datetime, now: datetime
) -> tuple[int, datetime]:
    """Return the count of lookups and the instant of the next one, for a payment of which nothing is known yet.

    It follows the schedule, with one lookup more at the instant at which it may end as never sent, so that it does not hold its
    invoices longer.
    """
    due = next_check(check_count + 1, now)
    certain = never_arrives_from(confirmed_at, last_sent_at)
    return (check_count, certain) if now < certain < due else (check_count + 1, due)
