"""The checkout through its pages: choose, review, pay, cancel; and every way in which it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.payments.models import Payment
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_client import Page, PageClient
from tests.support.scripted_gateway import ScriptedGateway, lost


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def review(pages: PageClient, invoice: str, method: str) -> Page:
    choose = pages.get(f"/acme/checkout?invoice={invoice}")
    return pages.submit(choose, "Review $50.00", payment_method=method)


def confirmation(page: Page) -> tuple[str, dict[str, list[str]]]:
    form = page.form(action="/confirmation")
    return form.action, form.fields


def leave_failed_unseen(
    pages: PageClient, account: Account, invoice: str, method: str, gateway: ScriptedGateway
) -> None:
    """A payment that has failed at the gateway, where nobody has looked since."""
    holder = leave_pending(pages, invoice, method, gateway)
    gateway.settle(holder, State.FAILED, "card_declined")
    account.services.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a test's clock moves


def leave_pending(pages: PageClient, invoice: str, method: str, gateway: ScriptedGateway) -> str:
    """Pay, so that the gateway waits for somebody; tells the payment."""
    gateway.becomes.append(State.PENDING)
    answer = pages.post(*confirmation(review(pages, invoice, method)))
    return answer.headers["Location"].rpartition("/")[2]


def payments_of(account: Account) -> list[tuple[str, int]]:
    with account.database.unit_of_work() as session:
        rows = session.execute(
            sa.select(Payment.status, Payment.amount)
            .where(Payment.merchant_id == account.scope.merchant_id)
            .order_by(Payment.id)
        )
        return [(row.status, row.amount) for row in rows]


def test_invoice_is_paid_in_two_steps_with_a_saved_card(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    method, invoice = account.method(is_default=True), account.invoice(5000, number="ACME-7")

    page = review(pages, invoice, method)
    assert "Acme Software Inc." in page.text and "Visa" in page.text
    path, fields = confirmation(page)
    answer = pages.post(path, fields)

    payment_id = answer.headers["Location"].rpartition("/")[2]
    assert answer.headers["Location"] == f"/acme/payments/{payment_id}"
    assert gateway.captured == [payment_id]
    assert "Paid" in pages.get(answer.headers["Location"]).text
    assert "Paid" in pages.get(f"/acme/invoices/{invoice}").text


def test_default_method_is_chosen_beforehand_and_the_box_to_save_is_not_ticked(
    pages: PageClient, account: Account
) -> None:
    other, default = account.method(fingerprint="a"), account.method(is_default=True, fingerprint="b")
    invoice = account.invoice()

    form = pages.get(f"/acme/checkout?invoice={invoice}").form("Review $50.00")

    assert form.fields["payment_method"] == [default] != [other]
    assert "save_method" in form.names and "save_method" not in form.fields


def test_everything_overdue_is_paid_at_once(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    method = account.method(is_default=True)
    for days in (-3, -1):
        account.invoice(2500, due_in_days=days)
    account.invoice(900, due_in_days=9)

    page = pages.submit(pages.get("/acme/checkout?overdue=USD"), "Review $50.00", payment_method=method)
    pages.post(*confirmation(page))

    assert [outcome.money.amount for outcome in gateway.ledger.values() if outcome.money] == [5000]


def test_pay_posted_twice_pays_once(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    path, fields = confirmation(review(pages, account.invoice(), account.method()))

    first, second = pages.post(path, fields), pages.post(path, fields)

    assert first.headers["Location"] == second.headers["Location"]
    assert len(gateway.captured) == 1


def test_review_of_a_paid_checkout_leads_to_its_payment(pages: PageClient, account: Account) -> None:
    page = review(pages, account.invoice(), account.method())
    pages.post(*confirmation(page))

    assert pages.client.get(page.path).headers["Location"] == page.path.replace("/checkout/", "/payments/")


def test_amount_that_changed_meanwhile_is_shown_again_before_it_is_taken(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice(5000)
    path, fields = confirmation(review(pages, invoice, account.method()))
    account.change(Invoice, invoice, total=6000, subtotal=6000)

    again = Page(path, pages.post(path, fields, status=422))
    assert "The amount has changed" in again.text and gateway.ledger == {}
    pages.post(*confirmation(again))

    assert [outcome.money.amount for outcome in gateway.ledger.values() if outcome.money] == [6000]


def test_change_shown_by_the_review_itself_needs_no_second_question(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice(5000)
    page = review(pages, invoice, account.method())
    account.change(Invoice, invoice, total=6000, subtotal=6000)

    pages.post(*confirmation(pages.get(page.path)))

    assert [outcome.money.amount for outcome in gateway.ledger.values() if outcome.money] == [6000]


def test_unknown_outcome_is_shown_and_blocks_a_second_payment(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice, method = account.invoice(), account.method()
    gateway.answers.append(lost)
    gateway.look_ups = [lost] * 20

    answer = pages.post(*confirmation(review(pages, invoice, method)))

    assert "We do not know yet whether it went through" in pages.get(answer.headers["Location"]).text
    assert "cannot pay it twice" in pages.get(f"/acme/checkout?invoice={invoice}").text
    again = pages.post("/acme/checkout", {"invoice": invoice, "payment_method": method}, status=422)
    assert "cannot pay it twice" in Page("/acme/checkout", again).text


def test_gateway_is_asked_before_an_invoice_is_called_being_paid(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    """The first attempt has failed there, and nobody has looked since: the customer can pay at once."""
    invoice, method = account.invoice(), account.method()
    leave_failed_unseen(pages, account, invoice, method, gateway)

    page = pages.get(f"/acme/checkout?invoice={invoice}")

    assert "cannot pay it twice" not in page.text
    assert [status for status, _ in payments_of(account)] == ["failed"]


def test_gateway_is_asked_before_the_first_step_is_refused(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice, method = account.invoice(), account.method()
    leave_failed_unseen(pages, account, invoice, method, gateway)

    pages.post("/acme/checkout", {"invoice": invoice, "payment_method": method})

    assert [status for status, _ in payments_of(account)] == ["failed", "incomplete"]


def test_payment_that_came_through_meanwhile_is_shown_as_settled(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice, method = account.invoice(), account.method()
    gateway.settle(leave_pending(pages, invoice, method, gateway), State.SUCCEEDED)
    account.services.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a test's clock moves

    assert "This is already settled" in pages.get(f"/acme/checkout?invoice={invoice}").text


def test_gateway_is_asked_at_most_once_in_half_a_second(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice, method = account.invoice(), account.method()
    leave_pending(pages, invoice, method, gateway)
    account.services.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a test's clock moves

    for _ in range(3):
        assert "cannot pay it twice" in pages.get(f"/acme/checkout?invoice={invoice}").text
        pages.post("/acme/checkout", {"invoice": invoice, "payment_method": method}, status=422)

    assert [call for call, _ in gateway.calls].count("look_up") == 1


def test_review_of_an_invoice_that_another_payment_holds_leads_to_that_one(pages: PageClient, account: Account) -> None:
    """Begun at the very moment at which the other was confirmed: neither saw the other."""
    invoice = account.invoice(5000, amount_reserved=2000)
    holder = account.payment("pending", 2000, pays={invoice: 2000}, state="active")
    begun = account.payment(
        "incomplete", pays={invoice: 5000}, state="proposed", payment_method_id=account.method(), confirmed_at=None
    )

    page = pages.get(f"/acme/checkout/{begun}")

    assert "cannot pay it twice" in page.text
    assert page.link("See the payment").endswith(holder)


def test_declined_card_says_why_and_offers_another_way(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    gateway.becomes.append(State.FAILED)

    answer = pages.post(*confirmation(review(pages, invoice, account.method())))
    page = pages.get(answer.headers["Location"])

    assert "Nothing was taken" in page.text
    assert invoice in page.way("Pay $50.00 another way")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose a payment method"),
        ({"payment_method": "pm_nothing"}, "no longer saved"),
        ({"payment_method": "x" * 5000}, "no longer saved"),
        ({"payment_method": "pm_\udcff"}, "no longer saved"),
    ],
)
def test_faulty_method_is_reported_at_the_field_and_changes_nothing(
    pages: PageClient, account: Account, fields: dict[str, str], words: str
) -> None:
    invoice = account.invoice()

    answer = pages.client.post(
        "/acme/checkout",
        data={"invoice": invoice, **{name: value.encode("utf-8", "surrogateescape") for name, value in fields.items()}},
        headers={"Sec-Fetch-Site": "same-origin"},
    )

    assert answer.status_code in (400, 422)
    if answer.status_code == 422:
        page = Page("/acme/checkout", answer)
        assert words in page.text and invoice in answer.text
    assert payments_of(account) == []


def test_expired_card_is_reported_at_the_field(pages: PageClient, account: Account) -> None:
    invoice, expired = account.invoice(), account.method(exp_year=2020)

    answer = pages.post("/acme/checkout", {"invoice": invoice, "payment_method": expired}, status=422)

    assert "This card has expired" in Page("/acme/checkout", answer).text
    assert payments_of(account) == []


def test_checkout_without_an_invoice_is_refused(pages: PageClient, account: Account) -> None:
    answer = pages.post("/acme/checkout", {"payment_method": account.method()}, status=422)

    assert "Choose at least one invoice" in Page("/acme/checkout", answer).text


def test_two_currencies_are_never_one_payment(pages: PageClient, account: Account) -> None:
    dollars, euros = account.invoice(), account.invoice(currency="EUR")

    fields: dict[str, str | list[str]] = {"invoice": [dollars, euros], "payment_method": account.method()}
    answer = pages.post("/acme/checkout", fields, status=422)

    page = Page("/acme/checkout", answer)
    assert "A payment can only be in one currency" in page.text
    assert page.link("Cancel") == "/acme/invoices"
    assert payments_of(account) == []


def test_cancelled_checkout_leads_back_to_the_invoice_and_leaves_no_trace(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    page = review(pages, invoice, account.method())

    answer = pages.post(page.form(action="/cancellation").action)

    assert answer.headers["Location"] == f"/acme/invoices/{invoice}"
    assert pages.get(page.path).headline == "This checkout has ended"
    assert "Your first payment" in pages.get("/acme/payments").text and gateway.calls == []


def test_cancelled_checkout_cannot_be_paid(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    page = review(pages, account.invoice(), account.method())
    pages.post(page.form(action="/cancellation").action)

    path, fields = confirmation(page)
    pages.post(path, fields, status=409)

    assert gateway.ledger == {}


def test_new_method_leads_to_the_gateways_page_and_back_to_the_truth(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    answer = pages.post(*confirmation(review(pages, invoice, "new")))
    payment_id = answer.headers["Location"].rpartition("/")[2]
    assert (
        pages.get(answer.headers["Location"]).link("Continue to pay $50.00") == f"http://localhost:9/pay/{payment_id}"
    )

    gateway.pay_page(payment_id)
    account.services.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a test's clock moves

    assert "Paid" in pages.get(answer.headers["Location"]).text
    assert payments_of(account) == [("complete", 5000)]


def test_review_admits_the_gateways_origin_for_forms(pages: PageClient, account: Account) -> None:
    page = review(pages, account.invoice(), account.method())

    assert "form-action 'self' http://localhost:9" in page.response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("limit", "fields", "words"),
    [
        ("payment_attempts_per_customer_per_hour", {}, "The number of attempts an hour is limited"),
        (
            "payment_prompts_per_phone_per_hour",
            {"payment_method": "telephone", "channel": "cm.mtn", "phone": "+237677000012"},
            "A phone gets only a few requests an hour",
        ),
    ],
)
def test_limit_of_paying_says_that_nothing_was_taken_and_when_to_come_back(
    services: Services, account: Account, limit: str, fields: dict[str, str], words: str
) -> None:
    from tests.support.apps import app_on

    settings = services.settings.model_copy(update={limit: 1})
    pages = account.sign_in(app_on(replace(services, settings=settings)))
    method = account.method(is_default=True)

    def begin() -> Page:
        chosen = {"invoice": account.invoice(5000, currency="XAF"), "payment_method": method, **fields}
        return pages.get(pages.post("/acme/checkout", chosen).headers["Location"])

    pages.post(*confirmation(begin()))
    services.clock.advance(minutes=30, seconds=20)  # type: ignore[attr-defined]  # a test's clock moves
    second = begin()
    refused = Page(second.path, pages.post(*confirmation(second), status=429))

    assert "Nothing was taken" in refused.text and words in refused.text
    assert "at 11:42" in refused.text and "protects your account" not in refused.text
    assert refused.response.headers["Retry-After"] == str(29 * 60 + 40)
    assert refused.link("Back to the review") == second.path
    assert refused.form("Cancel").action.endswith("/cancellation")


def test_merchant_without_a_gateway_offers_no_payment(account: Account, app: Flask, services: Services) -> None:
    from portal.app import create_app
    from tests.support.bundled import bundled_renderer
    from tests.support.scripted_gateway import OneGateway

    pages = account.sign_in(
        create_app(services=replace(services, gateways=OneGateway(None)), renderer=bundled_renderer())
    )
    invoice = account.invoice()

    assert "Pay $50.00" not in pages.get(f"/acme/invoices/{invoice}").text
    answer = pages.post("/acme/checkout", {"invoice": invoice, "payment_method": account.method()}, status=409)
    assert "No payment method accepts USD here at the moment." in Page("/acme/checkout", answer).text
    assert payments_of(account) == []


def test_review_of_a_merchant_that_has_lost_its_gateway_has_ended(
    pages: PageClient, account: Account, app: Flask, services: Services
) -> None:
    from portal.app import create_app
    from tests.support.bundled import bundled_renderer
    from tests.support.scripted_gateway import OneGateway

    page = review(pages, account.invoice(), account.method())
    closed = account.sign_in(
        create_app(services=replace(services, gateways=OneGateway(None)), renderer=bundled_renderer())
    )

    path, fields = confirmation(page)
    for shown in (closed.get(page.path), Page(page.path, closed.post(path, fields, status=409))):
        assert shown.headline == "This checkout has ended"
        assert "no longer offered" in shown.text


def test_invoices_that_are_more_than_one_payment_can_be_are_refused_together(
    pages: PageClient, account: Account
) -> None:
    method = account.method()
    invoices = [account.invoice(999_999_999_999_999) for _ in range(3)]
    query = "&".join(f"invoice={invoice}" for invoice in invoices)
    choose = pages.get(f"/acme/checkout?{query}")

    form = choose.form(action="/checkout")
    answer = pages.post(form.action, {**form.fields, "payment_method": method}, status=422)

    assert "more than one payment can be" in answer.text
    assert payments_of(account) == []
