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
from portal.payments.operations.paying import confirm_payment, look_for_late_money
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
from tests.support.paying import Till, allow, give_credit

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
def test_checkout_has_the_choice_that_began_it(till: Till, amount: Amount, way: Way | None) -> None:
    """None stands for the saved method, which has an id."""
    allow(till, amount_mode="editable", allow_split=True)
    choice = till.choice(till.invoice(5000, deposit_amount=1500), way=way, amount=amount)

    stored = checkout(till, till.checkout(*ids(choice), way=choice.way, amount=amount)).choice

    assert stored == replace(choice, what=replace(choice.what, currency="USD"))


@pytest.mark.parametrize("amount", [Preset(2500), Exact(2000)])
def test_top_up_has_the_choice_that_began_it_and_no_text(till: Till, amount: Amount) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000, (2500,))})
    choice = till.choice(top_up="USD", amount=amount)

    payment = till.checkout(top_up="USD", amount=amount)

    assert checkout(till, payment).choice == choice
    assert (till.payment(payment).description, till.payment(payment).note) == ("", "")


@pytest.mark.parametrize("amount", [Full(), Deposit(), FirstPart(2000)])
def test_top_up_is_an_amount_of_its_own(till: Till, amount: Amount) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)}, allow_split=True)

    with pytest.raises(AmountTooLow):
        till.checkout(top_up="USD", amount=amount)


def test_credit_that_pays_all_is_the_way_whatever_was_chosen_beside_it(till: Till) -> None:
    give_credit(till, 5000)

    payment = till.checkout(till.invoice(5000), use_credit=True)

    row = till.payment(payment)
    assert checkout(till, payment).choice.way == CreditAlone()
    assert (row.gateway, row.payment_method_id, row.method_type) == (None, None, "credit")
    till.confirm(payment)
    assert till.status(payment) == "complete"
    assert till.gateway.calls == []
    assert till.wrong_row() is None


def test_credit_that_pays_a_part_leaves_the_rest_to_the_way_that_was_chosen(till: Till) -> None:
    give_credit(till, 2000)

    payment = till.checkout(till.invoice(5000), way=NewMethod(), use_credit=True)

    assert checkout(till, payment).choice.way == NewMethod()
    assert till.payment(payment).gateway == till.gateway.name


def test_credit_alone_does_not_pay_more_than_there_is(till: Till) -> None:
    give_credit(till, 2000)

    with pytest.raises(MethodMissing):
        till.checkout(till.invoice(5000), way=CreditAlone(), use_credit=True)


def test_payment_by_credit_has_no_gateway_to_look_for_late_money_at(till: Till) -> None:
    give_credit(till, 5000)
    payment = till.pay(till.invoice(5000), way=CreditAlone(), use_credit=True)

    look_for_late_money(till.services, till.scope.merchant_id, payment)

    assert till.gateway.calls == []


@pytest.mark.parametrize(
    ("way", "called"), [(None, "charge"), (NewMethod(), "page"), (Prompt("cm.mtn", "+237677000012"), "prompt")]
)
def test_gateway_is_called_in_the_way_that_was_chosen(till: Till, way: Way | None, called: str) -> None:
    payment = till.pay(till.invoice(), way=way)

    assert till.gateway.calls[0] == (called, payment)


@pytest.mark.parametrize(("locale", "text"), [("en", "Money in advance"), ("fr", "Avance")])
def test_gateway_is_sent_the_name_of_a_top_up_in_the_customers_language(till: Till, locale: str, text: str) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)})
    orders = noting_orders(till)
    payment = till.checkout(top_up="USD", amount=Exact(2000))

    confirm_payment(
        till.services,
        till.scope,
        payment,
        version="",
        return_url="http://127.0.0.1/back",
        locale=locale,
        consent=None,
        actor=till.actor,
    )

    assert [order.description for order in orders] == [text]


def test_deposit_that_changed_is_asked_about_before_it_is_paid(till: Till) -> None:
    invoice = till.invoice(5000, deposit_amount=1500)
    payment = till.checkout(invoice, amount=Deposit())
    change(till, invoice, deposit_amount=1700)

    with pytest.raises(AmountChanged):
        till.confirm(payment)

    pricing = checkout(till, payment).price_now()
    assert pricing is not None and pricing.total == 1700
    assert till.gateway.calls == []


def test_deposit_that_is_not_offered_any_more_is_not_paid(till: Till) -> None:
    invoice = till.invoice(5000, deposit_amount=1500)
    payment = till.checkout(invoice, amount=Deposit())
    change(till, invoice, amount_credited=1000)

    with pytest.raises(DepositNotOffered):
        till.confirm(payment)

    assert till.gateway.calls == [] and till.balance(invoice)[2] == 0


def test_deposit_of_an_invoice_without_one_is_refused(till: Till) -> None:
    with pytest.raises(DepositNotOffered):
        till.checkout(till.invoice(5000), amount=Deposit())

    assert till.rows(Payment) == []


def test_same_choice_again_takes_the_place_of_the_first(till: Till) -> None:
    choice = till.choice(till.invoice(5000, deposit_amount=1500), amount=Deposit())

    first, second = (till.checkout(*ids(choice), amount=choice.amount) for _ in range(2))

    assert (till.status(first), till.status(second)) == ("canceled", "incomplete")
    assert checkout(till, first).choice == checkout(till, second).choice


def test_choice_of_somebody_elses_is_refused_and_theirs_is_not_found(
    till: Till, make_scope: Callable[[], Scope]
) -> None:
    other_scope = make_scope()
    theirs = till.invoice(5000, scope=other_scope)

    with pytest.raises(NoInvoiceChosen):
        till.checkout(theirs)
    with pytest.raises(MethodUnknown):
        till.checkout(till.invoice(), method=new_id("pm", till.clock.now()))
    mine = till.checkout(till.invoice())
    with till.services.database.read() as reader, pytest.raises(NotFound):
        get_checkout(reader, other_scope, mine, PaymentOptions())


def test_payment_that_was_not_chosen_here_has_no_checkout(till: Till) -> None:
    payment = till.pay(till.invoice())
    write(till, payment, way=None, amount_choice=None)

    with pytest.raises(NotFound):
        checkout(till, payment)


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
def test_database_refuses_a_choice_that_is_not_whole(till: Till, broken: dict[str, Any]) -> None:
    payment = till.checkout(till.invoice(5000), way=NewMethod())

    with pytest.raises(IntegrityError):
        write(till, payment, **broken)


# --- support ---


def checkout(till: Till, payment: str) -> Checkout:
    with till.services.database.read() as reader:
        return get_checkout(reader, till.scope, payment, PaymentOptions())


def ids(choice: Any) -> tuple[str, ...]:
    assert isinstance(choice.what, Invoices)
    return choice.what.ids


def noting_orders(till: Till) -> list[ChargeRequest]:
    """The orders that charge a saved method from now on."""
    orders: list[ChargeRequest] = []
    charge = till.gateway.charge

    def note(request: ChargeRequest) -> ChargeOutcome:
        orders.append(request)
        return charge(request)

    till.gateway.charge = note  # type: ignore[method-assign]
    return orders


def change(till: Till, invoice: str, **values: Any) -> None:
    _write(till, Invoice, invoice, **values)


def write(till: Till, payment: str, **values: Any) -> None:
    _write(till, Payment, payment, **values)


def _write(till: Till, table: Any, row_id: str, **values: Any) -> None:
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(table).where(table.merchant_id == till.scope.merchant_id, table.id == row_id).values(**values)
        )
