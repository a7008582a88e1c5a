"""Saved methods: consent, names, the default, removal with what depends on them, and what the gateway forgets."""

from __future__ import annotations

from contextlib import nullcontext as nothing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound

from portal import signals
from portal.audit.models import AuditEntry
from portal.gateways.contract import MethodDetails, State
from portal.merchants.models import Merchant
from portal.method_users import METHOD_USERS
from portal.outbox.jobs import deliver_next
from portal.outbox.models import OutboxMessage
from portal.payment_methods.errors import HasExpired, SuccessorMissing
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent
from portal.payment_methods.operations.methods import make_default, remember_method, rename_method
from portal.payment_methods.operations.removal import detach_method, remove_method
from portal.payment_methods.operations.uses import list_dependents
from portal.payments.errors import AmountChanged, MethodExpired
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import confirm_payment
from portal.payments.queries.shares import chosen_pricing, shown_version
from portal.public_ids import new_id
from tests.support.actors import CUSTOMER
from tests.support.paying import CONSENT, PayingCustomer
from tests.support.scripted_gateway import ABLE, lost


def add_method(payer: PayingCustomer, last4: str, **given: Any) -> str:
    """Another saved card of the payer."""
    at = payer.clock.now()
    method_id = new_id("pm", at)
    row = {
        "gateway": "sandbox", "token": f"tok_{last4}", "fingerprint": f"fp-{last4}", "type": "card", "brand": "mastercard",
        "last4": last4, "exp_month": 12, "exp_year": 2031, "status": "active", **given,
    }  # fmt: skip
    with payer.services.database.unit_of_work() as session:
        session.add(
            PaymentMethod(
                merchant_id=payer.scope.merchant_id,
                id=method_id,
                customer_id=payer.scope.customer_id,
                created_at=at,
                **row,
            )
        )
    return method_id


def remove(payer: PayingCustomer, method_id: str, move_to: str = "") -> None:
    with payer.services.database.unit_of_work() as session:
        remove_method(
            session,
            METHOD_USERS,
            payer.scope,
            method_id,
            move_to=move_to,
            has_fresh_code=True,
            actor=CUSTOMER,
            at=payer.clock.now(),
        )


def method(payer: PayingCustomer, method_id: str) -> PaymentMethod:
    (found,) = payer.rows(PaymentMethod, id=method_id)
    assert isinstance(found, PaymentMethod)
    return found


def deliver(payer: PayingCustomer) -> None:
    """Everything that is due now, once."""
    while deliver_next(payer.services, {"detach_method": detach_method, "receipt_mail": lambda *_: None}):
        pass


def detached(payer: PayingCustomer) -> list[str]:
    return [token for call, token in payer.gateway.calls if call == "detach"]


# --- consent ---


def test_method_kept_while_paying_has_the_words_that_were_agreed_to(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new", save=True)
    payer.gateway.pay_page(payment)
    payer.clock.advance(seconds=11)

    check_payments(payer.services)

    (consent,) = payer.rows(PaymentMethodConsent)
    assert (consent.payment_id, consent.wording, consent.locale) == (payment, CONSENT.wording, "en")
    assert consent.payment_method_id == payer.payment(payment).payment_method_id is not None


MASTERCARD = MethodDetails("card", "mastercard", "5100", 12, 2031, fingerprint="fp-5100", token="tok_5100")


def test_host_receives_a_signal_of_a_method_that_was_kept_while_paying(payer: PayingCustomer) -> None:
    received: list[str] = []

    def note(_merchant: str, **ids: str) -> None:
        received.append(ids["payment_method_id"])

    with signals.payment_method_added.connected_to(note):
        payment = payer.pay(payer.invoice(), method="new", save=True)
        payer.gateway.pay_page(payment)
        payer.gateway.ledger[payment] = replace(payer.gateway.ledger[payment], method=MASTERCARD)
        payer.clock.advance(seconds=11)
        check_payments(payer.services)

    assert received == [payer.payment(payment).payment_method_id]


def test_nothing_is_recorded_where_nothing_is_to_be_kept(payer: PayingCustomer) -> None:
    payer.pay(payer.invoice(), method="new")

    assert payer.rows(PaymentMethodConsent) == []


def test_without_the_customers_word_no_method_is_kept(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice(), method="new", save=True)
    confirm_payment(
        payer.services, payer.scope, payment, version="", return_url="http://127.0.0.1/", locale="en", actor=CUSTOMER
    )
    payer.gateway.pay_page(payment)
    payer.clock.advance(seconds=11)

    check_payments(payer.services)

    assert payer.status(payment) == "complete"
    assert not payer.gateway.pages[payment].save
    assert [each.last4 for each in payer.rows(PaymentMethod)] == ["4242"]


def test_card_number_in_the_gateways_words_is_not_kept(payer: PayingCustomer) -> None:
    facts = MethodDetails("card", "visa", "1111", holder="M 4242 4242 4242 4242", fingerprint="fp", token="tok_1")

    with payer.services.database.unit_of_work() as session:
        saved = remember_method(session, payer.scope, "sandbox", facts, actor=CUSTOMER, at=payer.clock.now())

    assert method(payer, saved).holder == "M •••• 4242"


# --- names and the default ---


def test_nickname_is_given_and_taken_away(payer: PayingCustomer) -> None:
    with payer.services.database.unit_of_work() as session:
        rename_method(session, payer.scope, payer.method_id, " Studio  card ", actor=CUSTOMER, at=payer.clock.now())
    assert method(payer, payer.method_id).nickname == "Studio card"

    with payer.services.database.unit_of_work() as session:
        rename_method(session, payer.scope, payer.method_id, "  ", actor=CUSTOMER, at=payer.clock.now())

    assert method(payer, payer.method_id).nickname is None
    acts = [act.action for act in payer.rows(AuditEntry, object_id=payer.method_id)]
    assert acts == ["payment_method.updated", "payment_method.updated"]


def test_default_is_one_at_a_time(payer: PayingCustomer) -> None:
    other = add_method(payer, "5100")

    for _ in range(2):
        with payer.services.database.unit_of_work() as session:
            make_default(session, payer.scope, other, actor=CUSTOMER, at=payer.clock.now())

    assert (method(payer, other).is_default, method(payer, payer.method_id).is_default) == (True, False)
    assert len(payer.rows(AuditEntry, action="payment_method.updated")) == 1


def test_card_that_has_run_out_cannot_become_the_default(payer: PayingCustomer) -> None:
    other = add_method(payer, "5100", exp_year=2020)

    with pytest.raises(HasExpired), payer.services.database.unit_of_work() as session:
        make_default(session, payer.scope, other, actor=CUSTOMER, at=payer.clock.now())


def test_method_of_somebody_else_is_not_there(payer: PayingCustomer, make_scope: Any) -> None:
    stranger, at = make_scope(), payer.clock.now()

    for change in (
        lambda session: rename_method(session, stranger, payer.method_id, "mine", actor=CUSTOMER, at=at),
        lambda session: make_default(session, stranger, payer.method_id, actor=CUSTOMER, at=at),
        lambda session: remove_method(
            session, METHOD_USERS, stranger, payer.method_id, move_to="", has_fresh_code=True, actor=CUSTOMER, at=at
        ),
    ):
        with pytest.raises(NoResultFound), payer.services.database.unit_of_work() as session:
            change(session)

    assert method(payer, payer.method_id).status == "active"


# --- removal ---


def test_last_method_is_removed_without_a_successor(payer: PayingCustomer) -> None:
    remove(payer, payer.method_id)

    row = method(payer, payer.method_id)
    assert (row.status, row.is_default, row.removed_at) == ("removed", False, payer.clock.now())
    assert [act.action for act in payer.rows(AuditEntry, object_id=payer.method_id)] == ["payment_method.removed"]


def test_only_other_method_takes_over_by_itself(payer: PayingCustomer) -> None:
    other = add_method(payer, "5100")

    remove(payer, payer.method_id)

    assert method(payer, other).is_default


def test_default_of_several_is_not_removed_before_another_is_chosen(payer: PayingCustomer) -> None:
    first, second = add_method(payer, "5100"), add_method(payer, "6011")

    for choice in ("", "pm_unknown", payer.method_id):
        with pytest.raises(SuccessorMissing):
            remove(payer, payer.method_id, choice)
    assert method(payer, payer.method_id).status == "active"

    remove(payer, payer.method_id, second)

    assert [method(payer, each).is_default for each in (first, second)] == [False, True]


def test_card_that_has_run_out_takes_nothing_over(payer: PayingCustomer) -> None:
    expired, good = add_method(payer, "5100", exp_year=2020), add_method(payer, "6011")

    with pytest.raises(SuccessorMissing):
        remove(payer, payer.method_id, expired)
    remove(payer, payer.method_id)

    assert method(payer, good).is_default


def test_method_that_nothing_depends_on_goes_without_a_choice(payer: PayingCustomer) -> None:
    spare = add_method(payer, "5100")
    add_method(payer, "6011")

    remove(payer, spare)

    assert method(payer, spare).status == "removed"
    assert method(payer, payer.method_id).is_default


def test_open_checkout_moves_along_and_is_shown_again_before_it_is_paid(payer: PayingCustomer) -> None:
    invoice, other = payer.invoice(), add_method(payer, "5100")
    payment = payer.checkout(invoice)
    on_screen = shown_version(payment, chosen_pricing("USD", 5000, 0, [(invoice, 5000, None)]), payer.method_id)

    remove(payer, payer.method_id, other)

    moved = payer.payment(payment)
    assert (moved.payment_method_id, moved.method_brand, moved.method_last4) == (other, "mastercard", "5100")
    with pytest.raises(AmountChanged):
        payer.confirm(payment, version=on_screen)
    assert payer.gateway.calls == []
    now_shown = shown_version(payment, chosen_pricing("USD", 5000, 0, [(invoice, 5000, None)]), other)
    payer.confirm(payment, version=now_shown)
    assert payer.status(payment) == "complete"


def test_what_depends_on_a_method_is_named(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    under_way = payer.pay(payer.invoice())
    payer.clock.advance(seconds=1)
    settled = payer.pay(payer.invoice())
    checkout = payer.checkout(payer.invoice(700))

    with payer.services.database.read() as reader:
        found = list_dependents(reader, METHOD_USERS, payer.scope, [payer.method_id], at=payer.clock.now())
        later = list_dependents(
            reader, METHOD_USERS, payer.scope, [payer.method_id], at=payer.clock.now() + timedelta(hours=4)
        )

    assert [(use.kind, use.id, use.amount) for use in found] == [
        ("payment", under_way, 5000),
        ("checkout", checkout, 700),
    ]
    assert [use.id for use in later] == [under_way]
    assert settled not in {use.id for use in found}


# --- what the gateway forgets ---


def test_removed_method_is_forgotten_at_the_gateway(payer: PayingCustomer) -> None:
    remove(payer, payer.method_id)

    deliver(payer)

    assert detached(payer) == ["tok_visa"]


def test_token_is_kept_while_a_payment_under_way_may_need_it(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(payer.invoice())
    remove(payer, payer.method_id)

    deliver(payer)
    assert detached(payer) == []

    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.clock.advance(hours=2)
    check_payments(payer.services)
    deliver(payer)

    assert payer.status(payment) == "complete"
    assert detached(payer) == ["tok_visa"]
    assert payer.wrong_row() is None


def test_order_that_never_arrived_is_not_resent_with_a_removed_method(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    payer.gateway.ledger.clear()
    remove(payer, payer.method_id)

    payer.clock.advance(seconds=11)
    check_payments(payer.services)
    assert payer.gateway.ledger == {}

    payer.clock.advance(hours=3)
    check_payments(payer.services)
    assert payer.status(payment) == "failed"


def test_token_that_is_saved_again_is_not_forgotten(payer: PayingCustomer) -> None:
    remove(payer, payer.method_id)
    add_method(payer, "4242", token="tok_visa", fingerprint="fp-visa")

    deliver(payer)

    assert detached(payer) == []


def test_detachment_that_the_gateway_does_not_answer_is_retried(payer: PayingCustomer) -> None:
    said: list[str] = []

    def refuse_once(token: str) -> bool:
        said.append(token)
        return len(said) > 1

    payer.gateway.detach = refuse_once  # type: ignore[method-assign]
    remove(payer, payer.method_id)

    deliver(payer)
    payer.clock.advance(minutes=1)
    deliver(payer)

    assert said == ["tok_visa", "tok_visa"]
    (message,) = payer.rows(OutboxMessage, kind="detach_method")
    assert message.done_at is not None


def test_gateway_that_cannot_detach_is_not_called(payer: PayingCustomer) -> None:
    payer.gateway.capabilities = replace(ABLE, setup_page=False)
    remove(payer, payer.method_id)

    deliver(payer)

    assert detached(payer) == []
    (message,) = payer.rows(OutboxMessage, kind="detach_method")
    assert message.dead_at is None


# --- a card is good to the end of its month at the merchant's, whatever the day is in Greenwich ---

LAST_EVENING = datetime(2026, 4, 1, 3, tzinfo=UTC)
"""The evening of March 31 in Seattle."""


@pytest.mark.parametrize(("zone", "counts"), [("America/Los_Angeles", True), ("UTC", False)])
def test_card_in_its_last_evening_at_the_merchants_can_be_the_default(
    payer: PayingCustomer, zone: str, counts: bool
) -> None:
    card = _in_its_last_evening(payer, zone)

    with payer.services.database.unit_of_work() as session, nothing() if counts else pytest.raises(HasExpired):
        make_default(session, payer.scope, card, actor=CUSTOMER, at=payer.clock.now())

    assert method(payer, card).is_default is counts


@pytest.mark.parametrize(("zone", "counts"), [("America/Los_Angeles", True), ("UTC", False)])
def test_card_in_its_last_evening_at_the_merchants_takes_over_from_a_removed_one(
    payer: PayingCustomer, zone: str, counts: bool
) -> None:
    card = _in_its_last_evening(payer, zone)

    remove(payer, payer.method_id)

    assert method(payer, card).is_default is counts


@pytest.mark.parametrize(("zone", "counts"), [("America/Los_Angeles", True), ("UTC", False)])
def test_card_in_its_last_evening_at_the_merchants_pays(payer: PayingCustomer, zone: str, counts: bool) -> None:
    card = _in_its_last_evening(payer, zone)

    with nothing() if counts else pytest.raises(MethodExpired):
        payer.pay(payer.invoice(), method=card)

    assert len(payer.gateway.captured) == counts


def _in_its_last_evening(payer: PayingCustomer, zone: str) -> str:
    payer.clock.move_to(LAST_EVENING)
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == payer.scope.merchant_id).values(timezone=zone))
    return add_method(payer, "1111", exp_month=3, exp_year=2026)
