"""What is chosen at the checkout is stored as it was chosen, priced anew at the confirmation, and sent to the gateway in that way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.checkout.queries import Checkout, get_checkout
from portal.errors import NotFound
from portal.gateways.contract import ChargeOutcome, ChargeRequest
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.payments.errors import (
    AmountChanged,
    AmountTooLow,
    DepositNotOffered,
    MethodMissing,
    MethodUnknown,
    NoInvoiceChosen,
)
from portal.payments.models import Payment
from portal.payments.operations.paying import check_ended_payment, confirm_payment
from portal.payments.rules.choices import (
    Amount,
    CreditAlone,
    Deposit,
    Exact,
    FirstPart,
    Full,
    Invoices,
    NewMethod,
    Preset,
    Prompt,
    Way,
)
from portal.public_ids import new_id
from portal.tenancy import Scope
from tests.support.paying import PayingCustomer, allow, grant_credit

AMOUNTS: tuple[Amount, ...] = (Full(), Deposit(), Preset(2000), Exact(2500), FirstPart(3000))
WAYS: tuple[Way | None, ...] = (
    None,
    NewMethod(),
    NewMethod(save=True),
    Prompt("cm.mtn", "+237677000012"),
    Prompt("cm.mtn", "+237677000012", save=True),
)


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("way", WAYS)
def test_checkout_has_the_choice_that_began_it(payer: PayingCustomer, amount: Amount, way: Way | None) -> None:
    """None stands for the saved method, which has an id."""
    allow(payer, amount_mode="editable", allow_split=True)
    choice = payer.choice(payer.invoice(5000, deposit_amount=1500), way=way, amount=amount)

    stored = checkout(payer, payer.checkout(*ids(choice), way=choice.way, amount=amount)).choice

    assert stored == replace(choice, what=replace(choice.what, currency="USD"))


@pytest.mark.parametrize("amount", [Preset(2500), Exact(2000)])
def test_top_up_has_the_choice_that_began_it_and_no_text(payer: PayingCustomer, amount: Amount) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000, (2500,))})
    choice = payer.choice(top_up="USD", amount=amount)

    payment = payer.checkout(top_up="USD", amount=amount)

    assert checkout(payer, payment).choice == choice
    assert (payer.payment(payment).description, payer.payment(payment).note) == ("", "")


@pytest.mark.parametrize("amount", [Full(), Deposit(), FirstPart(2000)])
def test_top_up_is_an_amount_of_its_own(payer: PayingCustomer, amount: Amount) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)}, allow_split=True)

    with pytest.raises(AmountTooLow):
        payer.checkout(top_up="USD", amount=amount)


def test_credit_that_pays_all_is_the_way_whatever_was_chosen_beside_it(payer: PayingCustomer) -> None:
    grant_credit(payer, 5000)

    payment = payer.checkout(payer.invoice(5000), use_credit=True)

    row = payer.payment(payment)
    assert checkout(payer, payment).choice.way == CreditAlone()
    assert (row.gateway, row.payment_method_id, row.method_type) == (None, None, "credit")
    payer.confirm(payment)
    assert payer.status(payment) == "complete"
    assert payer.gateway.calls == []
    assert payer.wrong_row() is None


def test_credit_that_pays_a_part_leaves_the_rest_to_the_way_that_was_chosen(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)

    payment = payer.checkout(payer.invoice(5000), way=NewMethod(), use_credit=True)

    assert checkout(payer, payment).choice.way == NewMethod()
    assert payer.payment(payment).gateway == payer.gateway.name


def test_credit_alone_does_not_pay_more_than_there_is(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)

    with pytest.raises(MethodMissing):
        payer.checkout(payer.invoice(5000), way=CreditAlone(), use_credit=True)


def test_payment_by_credit_has_no_gateway_to_look_for_late_money_at(payer: PayingCustomer) -> None:
    grant_credit(payer, 5000)
    payment = payer.pay(payer.invoice(5000), way=CreditAlone(), use_credit=True)

    check_ended_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.gateway.calls == []


@pytest.mark.parametrize(
    ("way", "called"), [(None, "charge"), (NewMethod(), "page"), (Prompt("cm.mtn", "+237677000012"), "prompt")]
)
def test_gateway_is_called_in_the_way_that_was_chosen(payer: PayingCustomer, way: Way | None, called: str) -> None:
    payment = payer.pay(payer.invoice(), way=way)

    assert payer.gateway.calls[0] == (called, payment)


@pytest.mark.parametrize(("locale", "text"), [("en", "Added credit"), ("fr", "Ajout de crédit")])
def test_gateway_is_sent_the_name_of_a_top_up_in_the_customers_language(
    payer: PayingCustomer, locale: str, text: str
) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)})
    orders = noting_orders(payer)
    payment = payer.checkout(top_up="USD", amount=Exact(2000))

    confirm_payment(
        payer.services,
        payer.scope,
        payment,
        version="",
        return_url="http://127.0.0.1/back",
        locale=locale,
        consent=None,
        actor=payer.actor,
    )

    assert [order.description for order in orders] == [text]


def test_deposit_that_changed_is_confirmed_again_before_it_is_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, deposit_amount=1500)
    payment = payer.checkout(invoice, amount=Deposit())
    change(payer, invoice, deposit_amount=1700)

    with pytest.raises(AmountChanged):
        payer.confirm(payment)

    pricing = checkout(payer, payment).price_now()
    assert pricing is not None and pricing.total == 1700
    assert payer.gateway.calls == []


def test_deposit_that_is_not_offered_any_more_is_not_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, deposit_amount=1500)
    payment = payer.checkout(invoice, amount=Deposit())
    change(payer, invoice, amount_credited=1000)

    with pytest.raises(DepositNotOffered):
        payer.confirm(payment)

    assert payer.gateway.calls == [] and payer.balance(invoice)[2] == 0


def test_deposit_of_an_invoice_without_one_is_refused(payer: PayingCustomer) -> None:
    with pytest.raises(DepositNotOffered):
        payer.checkout(payer.invoice(5000), amount=Deposit())

    assert payer.rows(Payment) == []


def test_same_choice_again_takes_the_place_of_the_first(payer: PayingCustomer) -> None:
    choice = payer.choice(payer.invoice(5000, deposit_amount=1500), amount=Deposit())

    first, second = (payer.checkout(*ids(choice), amount=choice.amount) for _ in range(2))

    assert (payer.status(first), payer.status(second)) == ("canceled", "incomplete")
    assert checkout(payer, first).choice == checkout(payer, second).choice


def test_choice_of_somebody_elses_is_refused_and_theirs_is_not_found(
    payer: PayingCustomer, make_scope: Callable[[], Scope]
) -> None:
    other_scope = make_scope()
    theirs = payer.invoice(5000, scope=other_scope)

    with pytest.raises(NoInvoiceChosen):
        payer.checkout(theirs)
    with pytest.raises(MethodUnknown):
        payer.checkout(payer.invoice(), method=new_id("pm", payer.clock.now()))
    mine = payer.checkout(payer.invoice())
    with payer.services.database.read() as reader, pytest.raises(NotFound):
        get_checkout(reader, other_scope, mine, PaymentOptions())


def test_payment_that_was_not_chosen_here_has_no_checkout(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    write(payer, payment, way=None, amount_choice=None)

    with pytest.raises(NotFound):
        checkout(payer, payment)


@pytest.mark.parametrize(
    "broken",
    [
        {"way": "saved_method", "payment_method_id": None},
        {"way": "prompt"},
        {"way": "prompt", "channel": "cm.mtn"},
        {"way": "credit"},
        {"way": "credit", "gateway": None},
        {"way": "new_method", "gateway": None},
        {"way": None, "gateway": None},
        {"way": "by pigeon"},
        {"amount_choice": None},
        {"amount_choice": "a lot"},
        {"credit_amount": 5000},
    ],
)
def test_database_refuses_a_choice_that_is_not_whole(payer: PayingCustomer, broken: dict[str, Any]) -> None:
    payment = payer.checkout(payer.invoice(5000), way=NewMethod())

    with pytest.raises(IntegrityError):
        write(payer, payment, **broken)


# --- support ---


def checkout(payer: PayingCustomer, payment: str) -> Checkout:
    with payer.services.database.read() as reader:
        return get_checkout(reader, payer.scope, payment, PaymentOptions())


def ids(choice: Any) -> tuple[str, ...]:
    assert isinstance(choice.what, Invoices)
    return choice.what.ids


def noting_orders(payer: PayingCustomer) -> list[ChargeRequest]:
    """The orders that charge a saved method from now on."""
    orders: list[ChargeRequest] = []
    charge = payer.gateway.charge

    def note(request: ChargeRequest) -> ChargeOutcome:
        orders.append(request)
        return charge(request)

    payer.gateway.charge = note  # type: ignore[method-assign]
    return orders


def change(payer: PayingCustomer, invoice: str, **values: Any) -> None:
    _write(payer, Invoice, invoice, **values)


def write(payer: PayingCustomer, payment: str, **values: Any) -> None:
    _write(payer, Payment, payment, **values)


def _write(payer: PayingCustomer, table: Any, row_id: str, **values: Any) -> None:
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(table).where(table.merchant_id == payer.scope.merchant_id, table.id == row_id).values(**values)
        )
