"""Payments that the version before stored, by sums and in the language of whoever paid: the migration names what they were."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from portal.checkout.queries import get_checkout
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.migrations import downgrade, upgrade
from portal.payments.rules.choices import (
    Amount,
    CreditAlone,
    Deposit,
    Exact,
    FirstPart,
    Full,
    NewMethod,
    Preset,
    Prompt,
    SavedMethod,
    Way,
    read_amount,
    read_way,
)
from tests.support.paying import PayingCustomer, allow, grant_credit

BEFORE = "2026_11_29_events"
USUAL = {"USD": AmountLimits(100, 9000, (2500, 7500))}


@pytest.fixture
def able(payer: PayingCustomer) -> PayingCustomer:
    allow(
        payer,
        amount_mode="editable",
        allow_split=True,
        top_ups={"USD": AmountLimits(100, 9000, (3000,))},
        amounts=USUAL,
    )
    return payer


@pytest.mark.parametrize(
    ("invoice", "amount"),
    [
        ({}, Full()),
        ({"deposit_amount": 1500}, Deposit()),
        ({"preset_amounts": (2000,)}, Preset(2000)),
        ({}, Preset(2500)),
        ({"minimum_amount": 200}, Exact(2500)),
        ({}, Exact(1234)),
        ({}, FirstPart(2500)),
    ],
    ids=["full", "deposit", "own preset", "usual preset", "no preset of its own", "exact", "first part"],
)
def test_amount_is_named_as_what_it_was(able: PayingCustomer, invoice: dict[str, Any], amount: Amount) -> None:
    payment = able.checkout(able.invoice(5000, **invoice), amount=amount)
    assert before(able, payment, "is_partial", "splits") == (
        not isinstance(amount, Full),
        isinstance(amount, FirstPart),
    )

    migrate(able)

    assert read_amount(able.payment(payment)) == amount


def test_amount_of_several_invoices_was_typed(able: PayingCustomer) -> None:
    payment = able.checkout(able.invoice(5000), able.invoice(5000), amount=Exact(7500))
    before(able, payment)

    migrate(able)

    assert read_amount(able.payment(payment)) == Exact(7500)


@pytest.mark.parametrize("way", [None, NewMethod(), NewMethod(save=True), Prompt("cm.mtn", "+237677000012", save=True)])
def test_way_is_named_as_what_it_was(able: PayingCustomer, way: Way | None) -> None:
    """None stands for the saved method, which has an id."""
    payment = able.checkout(able.invoice(5000), way=way)
    before(able, payment)

    migrate(able)

    assert read_way(able.payment(payment)) == (way or SavedMethod(able.method_id))


def test_method_that_a_payment_saved_was_a_new_one(able: PayingCustomer) -> None:
    payment = able.pay(able.invoice(5000), way=NewMethod(save=True))
    able.gateway.pay_page(payment)
    able.record(payment)
    assert able.payment(payment).payment_method_id is not None
    before(able, payment)

    migrate(able)

    assert read_way(able.payment(payment)) == NewMethod(save=True)


@pytest.mark.parametrize("is_paid", [False, True])
def test_credit_was_no_gateway(able: PayingCustomer, is_paid: bool) -> None:
    grant_credit(able, 5000)
    payment = able.checkout(able.invoice(5000), way=CreditAlone(), use_credit=True)
    if is_paid:
        able.confirm(payment)
    assert before(able, payment, "gateway") == ("credit",)

    migrate(able)

    assert (read_way(able.payment(payment)), able.payment(payment).gateway) == (CreditAlone(), None)
    assert able.wrong_row() is None
    able.confirm(payment)
    assert able.status(payment) == "complete"


@pytest.mark.parametrize("amount", [Preset(3000), Exact(2500)])
def test_money_in_advance_loses_the_text_that_somebody_read(able: PayingCustomer, amount: Amount) -> None:
    payment = able.checkout(top_up="USD", amount=amount)
    assert before(able, payment, "description", "is_partial") == ("Money in advance", False)
    _execute(able, "update payments set description = 'Avance' where kind = 'top_up'")

    migrate(able)

    assert (able.payment(payment).description, read_amount(able.payment(payment))) == ("", amount)


def test_imported_payment_stays_one_that_nobody_chose_here(able: PayingCustomer) -> None:
    payment = able.pay(able.invoice(5000))
    before(able, payment)
    _execute(able, "update payments set opened_at = null, gateway = 'credit', payment_method_id = null")

    migrate(able)

    row = able.payment(payment)
    assert (row.way, row.amount_choice, row.gateway) == (None, None, "credit")


def test_checkout_that_was_open_is_paid_after_the_migration(able: PayingCustomer) -> None:
    invoice = able.invoice(5000, deposit_amount=1500)
    payment = able.checkout(invoice, amount=Deposit())
    before(able, payment)

    migrate(able)

    with able.services.database.read() as reader:
        assert get_checkout(reader, able.scope, payment, PaymentOptions()).choice.amount == Deposit()
    able.confirm(payment)
    assert able.balance(invoice) == ("partially_paid", 1500, 0)
    assert able.wrong_row() is None


def before(payer: PayingCustomer, payment: str, *columns: str) -> tuple[Any, ...]:
    """Take the schema back to that of the version before; gives these columns of the payment, as that one had them."""
    downgrade(payer.services.database, BEFORE)
    payer.services.database.dispose()  # No connection goes on with what it has prepared for the other tables.
    if not columns:
        return ()
    table = sa.table("payments", sa.column("id"), *(sa.column(name) for name in columns))
    with payer.services.database.read() as reader:
        row = reader.execute(sa.select(*(table.c[name] for name in columns)).where(table.c.id == payment)).one()
    flags = {"is_partial", "splits"}
    return tuple(bool(value) if name in flags else value for name, value in zip(columns, row, strict=True))


def migrate(payer: PayingCustomer) -> None:
    upgrade(payer.services.database)
    payer.services.database.dispose()


def _execute(payer: PayingCustomer, statement: str) -> None:
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.text(statement))
