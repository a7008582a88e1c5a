"""Pay links: made, revoked, ended; and paying by one: the customer's money rules hold, and nothing of the customer's is used or shown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.audit.models import AuditEntry
from portal.errors import NotFound
from portal.events.rules import pay_link_actor
from portal.gateways.contract import State
from portal.invoices.operations.invoices import void_invoice
from portal.pay_links.errors import NotToBePaid
from portal.pay_links.models import PayLink
from portal.pay_links.operations import create_pay_link, pay_link_url
from portal.pay_links.queries import find_pay_link
from portal.pay_links.rules import link_of, link_token
from portal.payment_methods.models import PaymentMethod
from portal.payments.errors import CheckoutEnded, InvoiceBeingPaid, InvoiceSettled, TooManyAttempts, TooManyPrompts
from portal.payments.models import Payment
from portal.payments.operations.by_link import cancel_by_link, confirm_by_link, get_by_link
from portal.payments.operations.checkouts import find_refused_amount
from portal.payments.rules.choices import Exact, Prompt
from portal.sign_in.operations.access import block_customer
from portal.tenancy import MerchantScope
from tests.support.actors import OPERATOR
from tests.support.derived import stale_counts, stale_terms
from tests.support.pay_links import PAGE, Guest, guest_of, make_pay_link, revoke
from tests.support.paying import Killed, PayingCustomer, carry_on, grant_credit, killing_at
from tests.support.statements import contents

PHONE = "+237677000000"
CRASHES = (
    "payment.intent_written", "payment.intent_committed", "payment.send_claimed", "payment.gateway_answered", "payment.outcome_recorded",
)  # fmt: skip


def url_for_mail(payer: PayingCustomer, invoice: str) -> str | None:
    """What a mail that is sent now has."""
    scope = MerchantScope(payer.scope.merchant_id)
    return payer.services.database.run(
        lambda session: pay_link_url(
            session, payer.services.settings, scope, payer.slug, invoice, actor=OPERATOR, at=payer.clock.now()
        )
    )


def is_open(payer: PayingCustomer, link_id: str) -> bool:
    with payer.services.database.read() as reader:
        found = find_pay_link(reader, payer.scope.merchant_id, link_id, now=payer.clock.now())
    return found is not None and found.is_open


# --- the link ---


def test_invoice_has_one_link_which_its_mails_have_too(payer: PayingCustomer) -> None:
    invoice = payer.invoice()

    first = make_pay_link(payer.services, payer.scope, invoice)

    assert make_pay_link(payer.services, payer.scope, invoice) == first
    token = link_token(payer.services.settings.keys, payer.scope.merchant_id, first)
    assert url_for_mail(payer, invoice) == f"http://127.0.0.1:5000/{payer.slug}/pay/{token}"
    (made,) = payer.rows(AuditEntry, action="pay_link.created")
    assert (made.object_id, made.details, made.actor_id) == (first, {"invoice": invoice}, OPERATOR.id)


def test_links_made_at_once_are_one(payer: PayingCustomer) -> None:
    invoice, start = payer.invoice(), threading.Barrier(6)

    def make(_number: int) -> str:
        start.wait()
        return make_pay_link(payer.services, payer.scope, invoice)

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(make, range(6)))

    assert len(made) == len(payer.rows(PayLink)) == 1
    assert len(payer.rows(AuditEntry, action="pay_link.created")) == 1


def test_token_proves_one_link_of_one_merchant(payer: PayingCustomer, make_scope) -> None:
    keys, merchant_id = payer.services.settings.keys, payer.scope.merchant_id
    link = make_pay_link(payer.services, payer.scope, payer.invoice())
    token = link_token(keys, merchant_id, link)

    assert link_of(keys, merchant_id, token) == link
    assert link_of((b"a newer secret of thirty-two bytes!", *keys), merchant_id, token) == link
    assert link_of(keys, make_scope().merchant_id, token) is None
    assert link_of((b"another secret of thirty-two bytes",), merchant_id, token) is None
    for wrong in (
        token[:-1],
        token + "A",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "0" * 22 + token[22:],
        link,
        "",
    ):
        assert link_of(keys, merchant_id, wrong) is None


def test_revoked_link_is_closed_and_mails_bring_no_other_until_somebody_makes_one(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    first = make_pay_link(payer.services, payer.scope, invoice)

    assert revoke(payer.services, payer.scope, invoice)

    assert not is_open(payer, first)
    assert not revoke(payer.services, payer.scope, invoice)
    assert url_for_mail(payer, invoice) is None
    second = make_pay_link(payer.services, payer.scope, invoice)
    assert second != first
    assert (is_open(payer, first), is_open(payer, second)) == (False, True)
    assert (url_for_mail(payer, invoice) or "").endswith(
        link_token(payer.services.settings.keys, payer.scope.merchant_id, second)
    )
    assert [entry.object_id for entry in payer.rows(AuditEntry, action="pay_link.revoked")] == [first]


def test_link_ends_two_weeks_after_its_invoice_is_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    link = make_pay_link(payer.services, payer.scope, invoice)
    payer.clock.advance(days=300)
    assert is_open(payer, link)

    payer.pay(invoice)

    assert is_open(payer, link)
    payer.clock.advance(days=14, seconds=-1)
    assert is_open(payer, link)
    payer.clock.advance(seconds=1)
    assert not is_open(payer, link)
    assert url_for_mail(payer, invoice) is None


def test_link_ends_two_weeks_after_its_invoice_is_cancelled(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    link = make_pay_link(payer.services, payer.scope, invoice)
    payer.services.database.run(
        lambda session: void_invoice(session, payer.scope.merchant_id, invoice, actor=OPERATOR, at=payer.clock.now())
    )

    assert is_open(payer, link)
    payer.clock.advance(days=14)
    assert not is_open(payer, link)


def test_link_of_a_blocked_customer_is_closed(payer: PayingCustomer) -> None:
    link = make_pay_link(payer.services, payer.scope, payer.invoice())

    payer.services.database.run(
        lambda session: block_customer(session, payer.scope, actor=OPERATOR, at=payer.clock.now())
    )

    assert not is_open(payer, link)


def test_invoice_that_nobody_pays_gets_no_link(payer: PayingCustomer, make_scope) -> None:
    paid = payer.invoice()
    payer.pay(paid)
    anothers = payer.invoice(scope=make_scope())

    with pytest.raises(NotToBePaid):
        make_pay_link(payer.services, payer.scope, paid)
    for unknown in (anothers, "inv_" + "0" * 22, "x"):
        with pytest.raises(NotFound), payer.services.database.unit_of_work() as session:
            create_pay_link(
                session, MerchantScope(payer.scope.merchant_id), unknown, actor=OPERATOR, at=payer.clock.now()
            )
    assert payer.rows(PayLink) == []


# --- paying by it ---


def pay_on_page(payer: PayingCustomer, guest: Guest) -> str:
    payment = guest.pay()
    payer.gateway.pay_page(payment)
    payer.record(payment)
    return payment


def test_payment_by_link_pays_the_invoice_and_says_by_whom(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)

    payment = pay_on_page(payer, guest)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.gateway.captured == [payment]
    row = payer.payment(payment)
    assert (row.status, row.pay_link_id, row.customer_id, row.listed) == (
        "complete", guest.link_id, payer.scope.customer_id, True,
    )  # fmt: skip
    assert (stale_counts(payer.services.database), stale_terms(payer.services.database)) == ({}, set())
    acts = {entry.action: (entry.actor_type, entry.actor_id) for entry in payer.rows(AuditEntry, object_id=payment)}
    assert acts["payment.created"] == acts["payment.processing"] == ("customer", guest.link_id)
    assert payer.wrong_row() is None


def test_gateway_learns_nothing_of_the_customer_and_nothing_is_saved(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)

    payment = pay_on_page(payer, guest)

    request = payer.gateway.pages[payment]
    assert (request.payer.id, request.payer.name, request.payer.email, request.payer.phone, request.payer.known_token) == (
        guest.link_id, None, None, None, None,
    )  # fmt: skip
    assert not request.save
    assert [method.id for method in payer.rows(PaymentMethod)] == [payer.method_id]
    assert payer.payment(payment).payment_method_id is None


def test_telephone_of_a_payment_by_link_is_not_kept_as_a_method(payer: PayingCustomer) -> None:
    guest = guest_of(payer.services, payer.scope, payer.invoice())

    payment = guest.pay(Prompt("cm.mtn", PHONE, save=True))
    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)

    assert payer.status(payment) == "complete"
    assert [method.id for method in payer.rows(PaymentMethod)] == [payer.method_id]


def test_token_is_in_the_return_address_that_leaves_and_never_at_rest(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    assert url_for_mail(payer, invoice)

    payment = pay_on_page(payer, guest)

    token = link_token(payer.services.settings.keys, payer.scope.merchant_id, guest.link_id)
    assert payer.gateway.pages[payment].return_url == PAGE.replace("{pay_link}", token) + payment
    at_rest = repr(contents(payer.services.database))
    assert token not in at_rest
    assert token[22:] not in at_rest
    assert guest.link_id in at_rest


def test_credit_of_the_customer_is_left_alone(payer: PayingCustomer) -> None:
    grant_credit(payer, 4000)
    guest = guest_of(payer.services, payer.scope, payer.invoice())

    payment = pay_on_page(payer, guest)

    row = payer.payment(payment)
    assert (row.amount, row.credit_amount, row.use_credit) == (5000, 0, False)


@pytest.mark.parametrize(
    "change", ["use_credit = not use_credit", "save_method = not save_method", "kind = 'top_up'", "split_of = 'pay_1'", "method"]
)  # fmt: skip
def test_database_itself_refuses_what_is_the_customers(payer: PayingCustomer, change: str) -> None:
    payment = guest_of(payer.services, payer.scope, payer.invoice()).checkout()
    change = f"payment_method_id = '{payer.method_id}'" if change == "method" else change
    if payer.services.database.is_sqlite:
        change = change.replace("not use_credit", "1").replace("not save_method", "1")

    with pytest.raises(IntegrityError), payer.services.database.unit_of_work() as session:
        session.execute(
            sa.text(
                f"update payments set {change} where merchant_id = '{payer.scope.merchant_id}' and id = '{payment}'"
            )
        )


def test_amount_mode_of_the_invoice_holds(payer: PayingCustomer) -> None:
    invoice = payer.invoice(amount_mode="editable", minimum_amount=1000)
    guest = guest_of(payer.services, payer.scope, invoice)

    payment = guest.pay(amount=Exact(1500))
    payer.gateway.pay_page(payment)
    payer.record(payment)

    assert payer.balance(invoice) == ("partially_paid", 1500, 0)


def test_payment_of_anybody_else_is_not_there(payer: PayingCustomer) -> None:
    """The customer's own payment of the same invoice, one by a link that was revoked since, one by another invoice's link."""
    invoice = payer.invoice()
    own = payer.checkout(invoice)
    before = guest_of(payer.services, payer.scope, invoice).checkout()
    revoke(payer.services, payer.scope, invoice)
    anothers = guest_of(payer.services, payer.scope, payer.invoice()).checkout()
    guest = guest_of(payer.services, payer.scope, invoice)

    for payment in (own, before, anothers, "pay_" + "0" * 22, "x"):
        with pytest.raises(NotFound), payer.services.database.read() as reader:
            get_by_link(reader, guest.link, payment)
        with pytest.raises(NotFound):
            guest.confirm(payment)
        with pytest.raises(NotFound):
            cancel_by_link(payer.services, guest.link, payment, actor=pay_link_actor(guest.link_id))
    assert payer.gateway.calls == []


def test_checkouts_of_customer_and_link_leave_each_other_alone(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    own, by_link = payer.checkout(invoice), guest.checkout()

    again = guest.checkout()

    assert (payer.status(own), payer.status(by_link), payer.status(again)) == ("incomplete", "canceled", "incomplete")
    assert [payer.payment(id).listed for id in (own, by_link, again)] == [True, False, False]


def test_link_revoked_after_its_page_was_shown_pays_nothing(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    payment, link = guest.checkout(), guest.link
    revoke(payer.services, payer.scope, invoice)

    with pytest.raises(CheckoutEnded):
        confirm_by_link(
            payer.services,
            link,
            payment,
            actor=pay_link_actor(link.id),
            version="",
            page_url=PAGE + payment,
            locale="en",
        )

    assert payer.balance(invoice) == ("open", 0, 0)
    assert payer.gateway.calls == []


def test_insufficient_funds_of_one_are_not_shown_to_the_other(payer: PayingCustomer) -> None:
    invoice = payer.invoice(amount_mode="editable_after_insufficient_funds")
    guest = guest_of(payer.services, payer.scope, invoice)
    payer.gateway.becomes = [State.FAILED]
    payment = payer.pay(invoice)
    with payer.services.database.unit_of_work() as session:
        session.get_one(Payment, (payer.scope.merchant_id, payment)).failure_code = "insufficient_funds"

    with payer.services.database.read() as reader:
        own = find_refused_amount(reader, payer.scope, [invoice], "USD")
        theirs = find_refused_amount(reader, payer.scope, [invoice], "USD", pay_link_id=guest.link_id)

    assert (own, theirs) == (5000, None)


# --- limits ---


def test_link_has_ten_attempts_an_hour_and_takes_none_of_the_customers(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    for _ in range(10):
        payment = guest.pay()
        payer.gateway.pay_page(payment, State.FAILED)
        payer.record(payment)

    with pytest.raises(TooManyAttempts):
        guest.pay()

    assert len(payer.gateway.ledger) == 10
    assert payer.balance(invoice) == ("open", 0, 0)
    payer.clock.advance(hours=1)
    guest.confirm(guest.checkout())


def test_attempts_by_link_leave_the_customer_all_of_its_own(payer: PayingCustomer) -> None:
    settings = payer.services.settings.model_copy(update={"payment_attempts_per_customer_per_hour": 1})
    payer.services = replace(payer.services, settings=settings)
    guest = guest_of(payer.services, payer.scope, payer.invoice())
    pay_on_page(payer, guest)

    payer.pay(payer.invoice())

    with pytest.raises(TooManyAttempts):
        payer.pay(payer.invoice())


def test_link_prompts_three_times_an_hour_whatever_the_number(payer: PayingCustomer) -> None:
    guest = guest_of(payer.services, payer.scope, payer.invoice())
    for number in range(3):
        payment = guest.pay(Prompt("cm.mtn", f"+23767700001{number}"))
        payer.gateway.settle(payment, State.FAILED, "payer_canceled")
        payer.record(payment)

    with pytest.raises(TooManyPrompts):
        guest.pay(Prompt("cm.mtn", PHONE))
    pay_on_page(payer, guest)


def test_telephone_is_prompted_three_times_an_hour_by_links_whichever(payer: PayingCustomer) -> None:
    for _ in range(3):
        guest_of(payer.services, payer.scope, payer.invoice()).pay(Prompt("cm.mtn", PHONE))

    with pytest.raises(TooManyPrompts):
        guest_of(payer.services, payer.scope, payer.invoice()).pay(Prompt("cm.mtn", PHONE))
    payer.pay(payer.invoice(), way=Prompt("cm.mtn", PHONE))


# --- at once, and killed ---


def test_guest_and_customer_at_once_pay_once(payer: PayingCustomer) -> None:
    """Ten rounds: whoever comes second is refused, and one charge is made."""
    for _ in range(10):
        invoice = payer.invoice()
        guest = guest_of(payer.services, payer.scope, invoice)
        own, theirs = (
            payer.checkout(invoice),
            guest.checkout(Prompt("cm.mtn", f"+2376{payer.clock.now():%H%M%S%f}"[:13])),
        )
        payer.gateway.becomes = [State.SUCCEEDED]
        start = threading.Barrier(2)

        def press(confirm, payment, start=start) -> bool:
            start.wait()
            try:
                confirm(payment)
            except (InvoiceBeingPaid, InvoiceSettled):
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(press, payer.confirm, own), pool.submit(press, guest.confirm, theirs)]
            went_through = [each.result() for each in done]

        assert sorted(went_through) == [False, True]
        assert payer.balance(invoice) == ("paid", 5000, 0)
        assert len([id for id in payer.gateway.captured if id in (own, theirs)]) == 1
        payer.clock.advance(hours=2)
    assert payer.wrong_row() is None


def test_pressed_often_pays_once(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    payment = guest.checkout()

    for _ in range(3):
        guest.confirm(payment)

    assert payer.gateway.calls.count(("page", payment)) == 1
    assert payer.balance(invoice) == ("open", 0, 5000)


@pytest.mark.parametrize("label", CRASHES)
def test_killed_anywhere_pays_once_or_not_at_all(payer: PayingCustomer, label: str) -> None:
    invoice = payer.invoice()
    guest = guest_of(payer.services, payer.scope, invoice)
    payment = guest.checkout(Prompt("cm.mtn", PHONE))
    payer.gateway.becomes = [State.SUCCEEDED]

    with pytest.raises(Killed):
        guest.confirm(payment, services=payer.with_crash_point(killing_at(label)))
    payer.clock.advance(minutes=1)
    carry_on(payer)

    is_paid = label != "payment.intent_written"
    assert payer.balance(invoice) == (("paid", 5000, 0) if is_paid else ("open", 0, 0))
    assert payer.gateway.captured == ([payment] if is_paid else [])
    assert payer.rows(PaymentMethod) and payer.wrong_row() is None


def test_page_that_the_worker_opens_has_the_token_too(payer: PayingCustomer) -> None:
    """The process that took the press is dead: who sends the payment derives the return address anew."""
    guest = guest_of(payer.services, payer.scope, payer.invoice())
    payment = guest.checkout()
    with pytest.raises(Killed):
        guest.confirm(payment, services=payer.with_crash_point(killing_at("payment.intent_committed")))

    payer.clock.advance(minutes=1)
    carry_on(payer)

    token = link_token(payer.services.settings.keys, payer.scope.merchant_id, guest.link_id)
    assert token in payer.gateway.pages[payment].return_url
    assert payer.gateway.pages[payment].payer.email is None
