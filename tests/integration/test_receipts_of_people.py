"""The receipt of a payment that a person of the account made: to the account's address and to that person's, each mailbox once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal.customers.models import Customer
from portal.events.rules import customer_actor
from portal.outbox.models import OutboxMessage
from portal.payments.operations.paying import confirm_payment
from portal.people.operations import add_person, join_person
from portal.people.rules import Role
from portal.settings import Settings
from portal.sign_in.operations.people import remove_person
from portal.worker import build_handlers, deliver_due
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import Caught, MailCatcher
from tests.support.merchant_settings import change_settings
from tests.support.notices import ACCOUNTANT
from tests.support.paying import PayingCustomer

CLERK = "clerk@lindqvist.example"
Send = Callable[[], dict[str, Caught]]


@pytest.fixture
def send(payer: PayingCustomer, settings: Settings, mail: MailCatcher) -> Send:
    """Delivers what is due, and returns the receipts by address; a mail that comes twice to one fails the test."""
    services = replace(payer.services, settings=settings.model_copy(update={"smtp_url": mail.url}))

    def deliver() -> dict[str, Caught]:
        deliver_due(services, build_handlers(bundled_renderer()))
        receipts = [caught for caught in mail.take() if "You paid" in str(caught.message["Subject"])]
        by_address = {str(caught.message["To"]): caught for caught in receipts}
        assert len(by_address) == len(receipts)
        return by_address

    return deliver


def own_address(payer: PayingCustomer) -> str:
    (customer,) = payer.rows(Customer, id=payer.scope.customer_id)
    return str(customer.email)


def add(payer: PayingCustomer, address: str = CLERK, role: Role = Role.PAYER) -> str:
    with payer.services.database.unit_of_work() as session:
        person = add_person(session, payer.scope, address, role, name=None, actor=payer.actor, at=payer.clock.now())
        join_person(session, payer.scope, person, request_id=None, at=payer.clock.now())
        return person


def pay_as(payer: PayingCustomer, person: str | None, *, method: str | None = None) -> str:
    payment = payer.checkout(payer.invoice(), method=method)
    confirm_payment(
        payer.services, payer.scope, payment, version="", return_url="http://127.0.0.1/back", locale="en",
        actor=customer_actor(payer.scope.customer_id, person=person),
    )  # fmt: skip
    return payment


def test_receipt_goes_to_the_account_and_to_the_person_who_paid(payer: PayingCustomer, send: Send) -> None:
    clerk = add(payer)
    add(payer, "other@lindqvist.example")
    payment = pay_as(payer, clerk)

    receipts = send()

    assert set(receipts) == {own_address(payer), CLERK}
    assert f"/payments/{payment}" in receipts[CLERK].text
    assert receipts[CLERK].message["List-Unsubscribe"] is None
    assert send() == {}


def test_who_paid_is_who_confirmed_and_not_who_began(payer: PayingCustomer, send: Send) -> None:
    """The person chose what to pay; whoever has the account's own address pressed Pay."""
    clerk = add(payer)
    payment = payer.checkout(payer.invoice())
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.text("update events set actor_person = :person where merchant_id = :merchant and object_id = :payment"),
            {"person": clerk, "merchant": payer.scope.merchant_id, "payment": payment},
        )
    payer.confirm(payment)

    assert set(send()) == {own_address(payer)}


def test_removed_person_gets_none(payer: PayingCustomer, send: Send) -> None:
    clerk = add(payer)
    pay_as(payer, clerk)
    with payer.services.database.unit_of_work() as session:
        remove_person(session, payer.scope, clerk, actor=payer.actor, at=payer.clock.now())

    assert set(send()) == {own_address(payer)}


def test_person_removed_between_the_two_mails_gets_none(
    payer: PayingCustomer, send: Send, settings: Settings, mail: MailCatcher
) -> None:
    clerk = add(payer)
    pay_as(payer, clerk)
    services = replace(payer.services, settings=settings.model_copy(update={"smtp_url": mail.url}))
    deliver_due(services, build_handlers(bundled_renderer()), limit=due_now(payer))
    with payer.services.database.unit_of_work() as session:
        remove_person(session, payer.scope, clerk, actor=payer.actor, at=payer.clock.now())

    assert CLERK not in send()


def due_now(payer: PayingCustomer) -> int:
    """How many messages are due now, without those that they cause."""
    return len(payer.rows(OutboxMessage, done_at=None))


def test_mailbox_that_is_the_accounts_too_gets_one(payer: PayingCustomer, send: Send) -> None:
    """The account's address became the person's after the invitation, written in another case."""
    clerk = add(payer)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Customer).where(Customer.merchant_id == payer.scope.merchant_id).values(email=CLERK.upper())
        )
    pay_as(payer, clerk)

    assert len(send()) == 1


def test_mailbox_that_gets_copies_too_gets_one(payer: PayingCustomer, send: Send) -> None:
    accountant = add(payer, ACCOUNTANT)
    Account(payer.services, payer.scope, payer.slug).copy(ACCOUNTANT)
    pay_as(payer, accountant)

    receipts = send()

    assert set(receipts) == {own_address(payer), ACCOUNTANT}
    assert "See the payment" in receipts[ACCOUNTANT].text


def test_person_gets_none_where_the_merchant_sends_none(payer: PayingCustomer, send: Send) -> None:
    with payer.services.database.unit_of_work() as session:
        change_settings(
            session, payer.scope.merchant_id, {"notices": {"receipt": "never"}}, actor=OPERATOR, at=payer.clock.now()
        )
    pay_as(payer, add(payer))

    assert send() == {}


def test_link_for_the_person_signs_nobody_in(payer: PayingCustomer, send: Send) -> None:
    with payer.services.database.unit_of_work() as session:
        change_settings(
            session, payer.scope.merchant_id, {"notices": {"sign_in_links": True}}, actor=OPERATOR, at=payer.clock.now()
        )
    pay_as(payer, add(payer))

    receipts = send()

    assert "/sign-in/mail/" in receipts[own_address(payer)].text
    assert "/sign-in/mail/" not in receipts[CLERK].text + receipts[CLERK].html
