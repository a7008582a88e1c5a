"""When a payment may be sent, and when it is certain that it never will be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.payments.rules import sending

PRESSED = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def after(**time: float) -> datetime:
    return PRESSED + timedelta(**time)


def test_nothing_is_sent_from_ten_minutes_after_the_press_on() -> None:
    assert sending.is_in_time(PRESSED, after(minutes=10) - MOMENT)
    assert not sending.is_in_time(PRESSED, after(minutes=10))


@pytest.mark.parametrize(
    ("claimed_at", "now", "may"),
    [
        (after(seconds=1), after(seconds=6), True),
        (after(seconds=1), after(seconds=6) + MOMENT, False),  # The process was stopped in between.
        (after(minutes=9, seconds=58), after(minutes=10) - MOMENT, True),
        (after(minutes=9, seconds=58), after(minutes=10), False),
    ],
)
def test_a_claim_is_good_for_five_seconds_and_never_past_the_ten_minutes(
    claimed_at: datetime, now: datetime, may: bool
) -> None:
    assert sending.may_send(PRESSED, claimed_at, now) is may


def test_nothing_is_resent_while_the_last_request_may_be_in_flight() -> None:
    assert not sending.may_resend(PRESSED, after(minutes=2), after(minutes=2, seconds=10) - MOMENT)
    assert sending.may_resend(PRESSED, after(minutes=2), after(minutes=2, seconds=10))
    assert not sending.may_resend(PRESSED, after(minutes=2), after(minutes=10))


@pytest.mark.parametrize(
    ("last_sent_at", "certain_at"),
    [(after(seconds=1), after(minutes=10)), (after(minutes=9, seconds=59), after(minutes=12, seconds=59))],
)
def test_an_end_waits_for_what_is_on_its_way(last_sent_at: datetime, certain_at: datetime) -> None:
    assert sending.never_arrives_from(PRESSED, last_sent_at) == certain_at


def test_claims_and_flights_end_before_an_end_is_certain() -> None:
    """A request leaves at the latest when its claim runs out, and has arrived before anybody may call it lost."""
    assert sending.CLAIM_VALID_FOR + timedelta(minutes=2) < sending.ARRIVES_WITHIN


@pytest.mark.parametrize(
    ("check_count", "now", "following"),
    [
        (0, after(seconds=10), (1, after(seconds=40))),
        (3, after(minutes=6), (3, after(minutes=10))),  # One more, when the end is certain.
        (3, after(minutes=10), (4, after(minutes=25))),
        (5, after(hours=2), (6, after(hours=5))),
    ],
)
def test_lookups_follow_the_schedule_with_one_more_when_the_end_is_certain(
    check_count: int, now: datetime, following: tuple[int, datetime]
) -> None:
    assert sending.next_lookup(check_count, PRESSED, after(seconds=1), now) == following


@pytest.mark.parametrize(
    ("last_sent_at", "updated_at", "now", "is_being_sent"),
    [
        (None, PRESSED, after(minutes=5), True),
        (after(seconds=1), PRESSED, after(seconds=10), True),
        (after(seconds=1), PRESSED, after(seconds=11), False),
        (after(seconds=1), after(seconds=3), after(seconds=4), False),  # Something was heard since.
        (after(seconds=60), after(seconds=3), after(seconds=61), True),
    ],
)
def test_payment_is_being_sent_until_something_is_heard_of_it(
    last_sent_at: datetime | None, updated_at: datetime, now: datetime, is_being_sent: bool
) -> None:
    assert sending.is_being_sent(last_sent_at, updated_at, now) is is_being_sent
