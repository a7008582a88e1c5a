"""A choice is stored as it was made, and read back as the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.payments.rules.choices import (
    CHOICE_COLUMNS,
    Amount,
    Choice,
    CreditAlone,
    Deposit,
    Exact,
    FirstPart,
    Full,
    Invoices,
    NewMethod,
    Preset,
    Prompt,
    SavedMethod,
    TopUp,
    amount_of,
    read_amount,
    read_choice,
    read_way,
    stored_choice,
)

SUMS = st.integers(1, 10**13)
TEXTS = st.text(min_size=1, max_size=40)
IDS = st.from_regex(r"inv_[0-9A-Za-z]{22}", fullmatch=True)
AMOUNTS = st.one_of(
    st.just(Full()), st.just(Deposit()), st.builds(Preset, SUMS), st.builds(Exact, SUMS), st.builds(FirstPart, SUMS)
)
WAYS = st.one_of(
    st.builds(SavedMethod, TEXTS),
    st.builds(NewMethod, st.booleans()),
    st.builds(Prompt, TEXTS, TEXTS, st.booleans()),
    st.just(CreditAlone()),
)
CURRENCIES = st.sampled_from(["USD", "EUR", "XAF"])
WHAT = st.one_of(
    st.builds(Invoices, st.lists(IDS, min_size=1, max_size=3, unique=True).map(tuple), CURRENCIES, st.none() | TEXTS),
    st.builds(TopUp, CURRENCIES),
)


@given(st.builds(Choice, WHAT, WAYS, AMOUNTS, st.booleans()), SUMS, st.integers(1, 3))
def test_stored_choice_is_read_as_it_was_made(choice: Choice, total: int, reached: int) -> None:
    ids = choice.what.ids if isinstance(choice.what, Invoices) else ()
    columns = stored_choice(choice, unreached_ids=ids[reached:])

    stored = store(choice, total, **columns)

    assert read_choice(stored, ids[:reached]) == choice


def test_stored_choice_has_every_column_that_is_read() -> None:
    choice = Choice(TopUp("USD"), NewMethod(), Exact(100))

    assert {*stored_choice(choice), "currency", "amount"} == set(CHOICE_COLUMNS)


@pytest.mark.parametrize(
    ("amount", "kind", "named"),
    [
        (Full(), "full", None),
        (Deposit(), "deposit", None),
        (Preset(5), "preset", 5),
        (Exact(6), "exact", 6),
        (FirstPart(7), "first_part", 7),
    ],
)
def test_each_amount_has_a_name_of_its_own(amount: Amount, kind: str, named: int | None) -> None:
    assert stored_choice(Choice(TopUp("USD"), NewMethod(), amount))["amount_choice"] == kind
    assert amount_of(amount) == named


def test_way_stores_nothing_of_another_one() -> None:
    prompt = stored_choice(Choice(TopUp("USD"), Prompt("cm.mtn", "+237670000001", True)))
    saved = stored_choice(Choice(TopUp("USD"), SavedMethod("pm_1")))

    assert (prompt["way"], prompt["payment_method_id"]) == ("prompt", None)
    assert (saved["way"], saved["channel"], saved["phone"], saved["save_method"]) == ("saved_method", None, None, False)


def test_method_that_was_saved_by_a_payment_was_not_chosen_for_it() -> None:
    """A new method is written to the payment when it is saved; what was chosen stays a new method."""
    stored = store(Choice(TopUp("USD"), NewMethod(save=True)), 100, payment_method_id="pm_1")

    assert read_way(stored) == NewMethod(save=True)


def test_payment_that_nobody_chose_here_has_no_choice() -> None:
    imported = store(Choice(Invoices(("inv_1",), "USD"), NewMethod()), 100, way=None, amount_choice=None)

    assert read_choice(imported, ["inv_1"]) is None
    with pytest.raises(LookupError):
        read_amount(imported)


def store(choice: Choice, total: int, **given: Any) -> Any:
    """A payment's columns: pricing gives it a currency and an amount, which is the chosen one where one was named."""
    amount = amount_of(choice.amount) or total
    columns = {"currency": choice.what.currency, "amount": amount, **stored_choice(choice), **given}
    return SimpleNamespace(**columns)
