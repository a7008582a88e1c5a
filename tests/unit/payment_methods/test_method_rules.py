"""When a card has run out, and which method is proposed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from portal.payment_methods.rules import method_state, preferred_method


@dataclass(frozen=True)
class Card:
    exp_month: int | None = None
    exp_year: int | None = None
    status: str = "active"


@pytest.mark.parametrize(
    ("today", "state"),
    [
        (date(2026, 3, 6), "active"),
        (date(2026, 3, 7), "expiring"),
        (date(2026, 4, 30), "expiring"),
        (date(2026, 5, 1), "expired"),
    ],
)
def test_card_is_good_until_the_end_of_its_month(today: date, state: str) -> None:
    assert method_state(Card(4, 2026), today) == state


def test_card_of_december_is_good_until_the_new_year() -> None:
    assert method_state(Card(12, 2026), date(2026, 12, 31)) == "expiring"
    assert method_state(Card(12, 2026), date(2027, 1, 1)) == "expired"


def test_method_without_expiry_stays_active_and_one_that_a_left_gateway_keeps_does_not() -> None:
    assert method_state(Card(), date(2099, 1, 1)) == "active"
    assert method_state(Card(12, 2099, "expired"), date(2026, 1, 1)) == "elsewhere"
    assert preferred_method([Card(12, 2099, "expired")], date(2026, 1, 1)) is None


def test_first_method_that_has_not_run_out_is_proposed() -> None:
    old, good = Card(1, 2020), Card(1, 2030)

    assert preferred_method([old, good], date(2026, 1, 1)) is good
    assert preferred_method([old], date(2026, 1, 1)) is None
