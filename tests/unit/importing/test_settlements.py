"""How an imported invoice stands, and what another file may change of one that is here."""

from __future__ import annotations

import pytest

from portal.importing.rules.invoice_changes import Plan, Standing, plan_change
from portal.importing.rules.refusals import ValueRefused
from portal.importing.rules.settlements import Settlement, settle


def settled(word: str | None, paid: int | None = None, refunded: int | None = None, total: int = 10_000) -> Settlement:
    return settle(word, total=total, paid=paid, refunded=refunded, currency="USD")


@pytest.mark.parametrize(
    ("word", "paid", "refunded", "settlement"),
    [
        (None, None, None, Settlement("open")),
        ("open", 0, None, Settlement("open")),
        ("open", 5_000, None, Settlement("partially_paid", 5_000)),
        (None, 10_000, None, Settlement("paid", 10_000)),
        ("open", 10_000, None, Settlement("paid", 10_000)),
        ("partially_paid", 5_000, None, Settlement("partially_paid", 5_000)),
        ("paid", None, None, Settlement("paid", 10_000)),
        ("paid", 10_000, None, Settlement("paid", 10_000)),
        ("refunded", None, None, Settlement("paid", 10_000, 10_000)),
        ("refunded", None, 2_000, Settlement("paid", 10_000, 2_000)),
        ("partially_refunded", None, 2_000, Settlement("paid", 10_000, 2_000)),
        ("partially_refunded", None, None, Settlement("paid", 10_000)),
        ("void", 0, None, Settlement("void")),
        ("draft", None, None, Settlement("draft")),
        ("uncollectible", None, None, Settlement("uncollectible")),
        ("uncollectible", 2_000, None, Settlement("uncollectible", 2_000)),
    ],
)
def test_status_and_amounts_say_how_it_stands(word, paid, refunded, settlement):
    assert settled(word, paid, refunded) == settlement


@pytest.mark.parametrize(
    ("word", "left", "total", "settlement"),
    [
        (None, 10_000, 10_000, Settlement("open")),
        (None, 4_000, 10_000, Settlement("partially_paid", 6_000)),
        ("partially_paid", 4_000, 10_000, Settlement("partially_paid", 6_000)),
        (None, 0, 10_000, Settlement("paid", 10_000)),
        ("paid", 0, 10_000, Settlement("paid", 10_000)),
        ("void", 0, 10_000, Settlement("void")),
        (None, 0, 0, Settlement("paid")),
        (None, -5_000, -5_000, Settlement("open")),
    ],
)
def test_what_is_left_says_what_is_paid(word, left, total, settlement):
    assert settle(word, total=total, paid=None, left=left, refunded=None, currency="USD") == settlement


@pytest.mark.parametrize(
    ("word", "paid", "left", "total", "reason"),
    [
        ("paid", None, 1, 10_000, "amount_paid is 99.99 of 100.00"),
        (None, 5_000, 4_000, 10_000, "open_balance is 40.00 of 100.00"),
        (None, None, 10_001, 10_000, "open_balance is not between"),
        (None, None, -1, 10_000, "open_balance is not between"),
        (None, None, -2_000, -5_000, "used already"),
    ],
)
def test_balance_that_contradicts_the_rest_is_refused(word, paid, left, total, reason):
    with pytest.raises(ValueRefused, match=reason):
        settle(word, total=total, paid=paid, left=left, refunded=None, currency="USD")


@pytest.mark.parametrize(("word", "status"), [(None, "paid"), ("open", "paid"), ("void", "void"), ("draft", "draft")])
def test_nothing_to_pay_is_paid(word, status):
    assert settled(word, 0, total=0) == Settlement(status)


@pytest.mark.parametrize(
    ("word", "paid", "refunded", "total", "reason"),
    [
        ("paid", 5_000, None, 10_000, "amount_paid is 50.00 of 100.00"),
        ("paid", 0, None, 10_000, "amount_paid is 0.00 of 100.00"),
        ("open", 10_001, None, 10_000, "more than the total"),
        (None, -1, None, 10_000, "below zero"),
        ("void", 1, None, 10_000, "status is void, but amount_paid"),
        ("draft", 1, None, 10_000, "status is draft, but amount_paid"),
        ("partially_paid", None, None, 10_000, "--map amount_paid"),
        ("uncollectible", 10_000, None, 10_000, "amount_paid is the total"),
        ("refunded", None, 10_001, 10_000, "amount_refunded is not between"),
        ("refunded", None, 0, 10_000, "amount_refunded is nothing"),
        ("paid", None, None, -10_000, "credit note"),
        ("void", None, None, -10_000, "credit note"),
        (None, 500, None, -10_000, "credit note cannot be paid"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(word, paid, refunded, total, reason):
    with pytest.raises(ValueRefused, match=reason):
        settled(word, paid, refunded, total)


def here(
    status: str = "open", paid: int = 0, credited: int = 0, reserved: int = 0, imported: int | None = None
) -> Standing:
    return Standing(status, 10_000, paid, credited, reserved, paid if imported is None else imported)


OPEN, PAID, HALF = Settlement("open"), Settlement("paid", 10_000), Settlement("partially_paid", 5_000)
VOID, WRITTEN_OFF, DRAFT = Settlement("void"), Settlement("uncollectible"), Settlement("draft")


@pytest.mark.parametrize(
    ("standing", "wanted", "plan"),
    [
        (here(), OPEN, Plan()),
        (here(), PAID, Plan(payment=10_000)),
        (here(), HALF, Plan(payment=5_000)),
        (here(), VOID, Plan(ends_as="void")),
        (here(), WRITTEN_OFF, Plan(ends_as="uncollectible")),
        (here(), DRAFT, Plan()),
        (here("draft"), DRAFT, Plan()),
        (here("draft"), OPEN, Plan(opens=True)),
        (here("draft"), PAID, Plan(opens=True, payment=10_000)),
        (here("draft"), VOID, Plan(ends_as="void")),
        (here("partially_paid", 5_000), HALF, Plan()),
        (here("partially_paid", 5_000), OPEN, Plan()),
        (here("partially_paid", 5_000), PAID, Plan(payment=5_000)),
        (here("partially_paid", 7_000, imported=0), HALF, Plan()),
        (here("partially_paid", 5_000), WRITTEN_OFF, Plan(ends_as="uncollectible")),
        (here("paid", 10_000), OPEN, Plan()),
        (here("paid", 10_000), VOID, Plan()),
        (here("paid", 10_000, imported=0), PAID, Plan()),
        (here("void"), OPEN, Plan()),
        (here("uncollectible"), OPEN, Plan()),
        (here("uncollectible"), PAID, Plan(opens=True, payment=10_000)),
        (here(reserved=10_000), OPEN, Plan()),
    ],
)
def test_same_content_moves_forward_and_never_back(standing, wanted, plan):
    assert plan_change(standing, 10_000, wanted, is_same_content=True) == plan


@pytest.mark.parametrize(
    ("standing", "wanted", "is_same", "reason"),
    [
        (here(reserved=10_000), PAID, True, "a payment of it is under way"),
        (here(reserved=10_000), OPEN, False, "a payment of it is under way"),
        (here("partially_paid", 5_000, imported=0), PAID, True, "partly paid here"),
        (here("partially_paid", 5_000), VOID, True, "is partly paid"),
        (here("void"), PAID, True, "void here"),
        (here(credited=1), PAID, True, "credited here"),
        (here("paid", 10_000), OPEN, False, "it is paid"),
        (here("partially_paid", 5_000), OPEN, False, "is partly paid"),
        (here(credited=1), OPEN, False, "paid or credited"),
        (here("void"), OPEN, False, "void here"),
        (here("uncollectible"), OPEN, False, "written off here"),
    ],
)
def test_change_of_what_happened_here_is_refused(standing, wanted, is_same, reason):
    with pytest.raises(ValueRefused, match=reason):
        plan_change(standing, 10_000, wanted, is_same_content=is_same)


@pytest.mark.parametrize(
    ("standing", "wanted", "plan"),
    [
        (here(), OPEN, Plan(rewrites=True)),
        (here(), PAID, Plan(rewrites=True, payment=10_000)),
        (here("draft"), DRAFT, Plan(rewrites=True)),
        (here("draft"), OPEN, Plan(rewrites=True, opens=True)),
        (here(), VOID, Plan(rewrites=True, ends_as="void")),
    ],
)
def test_other_content_rewrites_what_nobody_touched(standing, wanted, plan):
    assert plan_change(standing, 10_000, wanted, is_same_content=False) == plan
