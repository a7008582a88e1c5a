"""The pages below a pay link: what they show and what they never do, each state of the invoice, paying as a guest, and dead links."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.clock import MovableClock
from portal.emails.handlers import build_mail_handlers
from portal.gateways.contract import Capabilities, State
from portal.invoices.models import Invoice
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.tenancy import MerchantScope
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR, STAFF
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import MailCatcher
from tests.support.merchant_settings import change_settings
from tests.support.page_client import Page, PageClient
from tests.support.pay_links import guest_of, pay_path, revoke
from tests.support.scripted_gateway import ABLE, ScriptedGateway
from tests.support.statements import contents

CARD_ONLY = replace(ABLE, prompt_channels=())
SECRETS = ("Maya", "maya@lindqvist.example", "+237677123456", "677123456", "5100", "Studio card", "A-OTHER", "$77.00")


@pytest.fixture
def account(services: Services) -> Account:
    """A customer with all that a stranger with a link must not see: a name, an address, a telephone, a card, credit, another invoice."""
    made = make_account(services, email="maya@lindqvist.example", phone="+237677123456")
    made.method(is_default=True, brand="mastercard", last4="5100", nickname="Studio card")
    made.credit(7700)
    made.invoice(9900, number="A-OTHER")
    show_buyer(made, False)
    return made


def show_buyer(account: Account, is_shown: bool) -> None:
    """Whether the merchant lets pay links say whom an invoice is for."""
    with account.services.database.unit_of_work() as session:
        change_settings(
            session,
            account.scope.merchant_id,
            {"documents": {"pay_link_bill_to": is_shown}},
            actor=OPERATOR,
            at=account.now,
        )


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway(capabilities=CARD_ONLY)


@pytest.fixture
def guest(app: Flask) -> PageClient:
    """A browser of nobody."""
    return PageClient(app.test_client())


def path_of(account: Account, invoice: str) -> str:
    return pay_path(account.services, account.scope, invoice)


def reviewed(guest: PageClient, path: str, **fields: str) -> Page:
    return guest.submit(guest.get(path), action=path, payment_method="new", **fields)  # type: ignore[arg-type]  # status stays


def paid_page(guest: PageClient, path: str, gateway: ScriptedGateway) -> Page:
    """The page on which somebody comes back from the gateway, having paid there."""
    waiting = guest.submit(reviewed(guest, path), "Pay $50.00 to Acme Software Inc.")
    payment = waiting.path.rpartition("/")[2]
    gateway.pay_page(payment)
    return guest.get(gateway.pages[payment].return_url.removeprefix("http://127.0.0.1:5000"))


def test_page_shows_the_invoice_and_nothing_else_of_the_customer(guest: PageClient, account: Account) -> None:
    invoice = account.invoice(5000, number="A-1", description="Team plan")

    page = guest.get(path_of(account, invoice))

    assert page.headline == "Invoice A-1"
    for shown in ("Team plan", "Acme Software Inc.", "$50.00", "Due Mar 26, 2026", "Is this your account?"):
        assert shown in page.text
    for secret in SECRETS:
        assert secret not in page.html
    assert "nav" not in [element.tag for element in page.all("nav")]


def test_headers_keep_the_page_to_itself(guest: PageClient, account: Account) -> None:
    path = path_of(account, account.invoice())

    for at in (path, f"{path}/receipt.pdf", f"{path}/checkout/x", "/acme/pay/x", "/acme/pay/x/y/z"):
        headers = guest.client.get(at).headers
        assert headers["X-Robots-Tag"] == "noindex, nofollow", at
        assert headers["Cache-Control"] == "no-store", at
        assert headers["Referrer-Policy"] == "same-origin", at
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], at
    assert '<meta name="robots" content="noindex, nofollow">' in guest.get(path).html
    assert "X-Robots-Tag" not in guest.client.get("/acme/sign-in").headers


def test_whom_it_is_for_is_shown_unless_the_merchant_keeps_it(
    guest: PageClient, account: Account, clock: MovableClock
) -> None:
    invoice = account.invoice()
    account.change(
        Invoice, invoice, bill_to={"name": "Lindqvist Studio", "address": {"line1": "4 Elm Street", "country": "US"}}
    )
    path = path_of(account, invoice)
    show_buyer(account, True)
    assert "Lindqvist Studio" in guest.get(path).text
    assert "4 Elm Street" in guest.get(path).text

    show_buyer(account, False)
    clock.advance(seconds=6)

    assert "Lindqvist" not in guest.get(path).html
    assert "4 Elm Street" not in guest.get(path).html


def test_invoice_on_paper_is_there_where_it_may_say_whom_it_is_for(
    guest: PageClient, account: Account, clock: MovableClock
) -> None:
    path = path_of(account, account.invoice(5000, number="A-1"))
    assert guest.client.get(f"{path}/invoice.pdf").status_code == 404
    show_buyer(account, True)
    clock.advance(seconds=6)

    paper = guest.client.get(guest.get(path).link("Download PDF"))

    assert (paper.status_code, paper.mimetype, paper.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert "A-1" in paper.headers["Content-Disposition"]


# --- paying ---


def test_guest_pays_on_the_gateways_page_and_takes_the_receipt(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice(5000, number="A-1")
    path = path_of(account, invoice)

    review = reviewed(guest, path)
    assert review.headline == "Review and pay"
    for shown in ("Acme Software Inc.", "A-1", "$50.00", "Sandbox Pay", "Nothing of your payment method is saved."):
        assert shown in review.text
    waiting = guest.submit(review, "Pay $50.00 to Acme Software Inc.")
    assert waiting.path.startswith(f"{path}/payments/pay_")
    assert waiting.link("Continue to pay $50.00").startswith("http://localhost:9/pay/")
    payment = waiting.path.rpartition("/")[2]
    gateway.pay_page(payment)
    done = guest.get(waiting.path)

    assert done.headline == "Paid $50.00"
    assert "This page stays until Apr 2, 2026." in done.text
    assert gateway.captured == [payment]
    receipt = guest.client.get(done.link("Download receipt (PDF)"))
    assert (receipt.status_code, receipt.mimetype, receipt.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert "Paid" in guest.get(path).text
    for page in (review, waiting, done, guest.get(path)):
        for secret in SECRETS:
            assert secret not in page.html
        assert "4242" not in page.html


def test_receipt_is_mailed_to_the_stored_address_which_the_page_does_not_show(
    guest: PageClient, account: Account, gateway: ScriptedGateway, services: Services
) -> None:
    path = path_of(account, account.invoice())

    done = paid_page(guest, path, gateway)

    assert "The receipt also goes to the address that Acme has for this invoice." in done.text
    with services.database.unit_of_work() as session:
        kinds = [row.kind for row in session.query(OutboxMessage).filter_by(merchant_id=account.scope.merchant_id)]
    assert kinds.count("receipt_mail") == 1


def test_mailed_receipt_does_not_have_the_digits_of_what_somebody_else_paid_with(
    guest: PageClient, account: Account, gateway: ScriptedGateway, services: Services, mail: MailCatcher
) -> None:
    done = paid_page(guest, path_of(account, account.invoice()), gateway)
    office = replace(services, settings=services.settings.model_copy(update={"smtp_url": mail.url}))
    sent = {"object": done.path.rpartition("/")[2]}

    build_mail_handlers(bundled_renderer())["receipt_mail"](office, account.scope.merchant_id, sent, "obx_1")

    (caught,) = mail.take()
    assert "Visa" in caught.text and "4242" not in caught.text and "4242" not in caught.html


def test_customer_sees_the_payment_by_link_in_the_history(
    guest: PageClient, account: Account, gateway: ScriptedGateway, app: Flask
) -> None:
    done = paid_page(guest, path_of(account, account.invoice(5000, number="A-1")), gateway)
    own = account.sign_in(app)

    assert f"payments/{done.path.rpartition('/')[2]}" in own.get("/acme/payments").html
    assert (
        "Made by somebody with the invoice’s link, without signing in"
        in own.get(f"/acme/payments/{done.path.rpartition('/')[2]}").text
    )


def test_customer_does_not_see_the_digits_of_what_somebody_else_paid_with(
    guest: PageClient, account: Account, gateway: ScriptedGateway, app: Flask
) -> None:
    invoice = account.invoice(5000, number="A-1")
    done = paid_page(guest, path_of(account, invoice), gateway)
    payment = done.path.rpartition("/")[2]
    own = account.sign_in(app)

    for path in ("/acme/", "/acme/payments", f"/acme/payments/{payment}", f"/acme/invoices/{invoice}"):
        page = own.get(path)
        assert "4242" not in page.html, path
        assert "Visa" in page.text or path == "/acme/", path
    assert "4242" not in own.client.get("/acme/payments.csv").get_data(as_text=True)
    receipt = own.client.get(f"/acme/payments/{payment}/receipt.pdf").data
    assert "4242" not in PdfReader(io.BytesIO(receipt)).pages[0].extract_text()


def test_telephone_is_prompted_and_its_number_is_on_no_page_afterwards(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = ABLE
    path = path_of(account, account.invoice(5000, currency="XAF"))
    page = guest.get(path)
    assert page.form(action=path).fields["phone"] == [""]

    review = guest.submit(page, action=path, payment_method="telephone", channel="cm.mtn", phone="677000012")
    waiting = guest.submit(review, action="/confirmation")

    assert "+237677000012" in review.text.replace(" ", "")
    assert waiting.headline == "Approve on your phone"
    assert "000012" not in waiting.html.replace(" ", "")
    assert gateway.calls == [("prompt", waiting.path.rpartition("/")[2])]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"payment_method": ""}, "Choose a payment method."),
        ({"payment_method": "telephone", "channel": "cm.mtn", "phone": "12"}, "This is not a phone number of this operator."),
        ({"payment_method": "pm_" + "0" * 22}, "Choose a payment method."),
        ({"payment_method": "default"}, "Choose a payment method."),
        ({"payment_method": "telephone", "channel": "cm.mtn", "phone": "4242 4242 4242 4242"}, "That looks like a card number."),
        ({"payment_method": "new", "amount_choice": "split", "first_amount": "10"}, "This can only be paid in full."),
    ],
)  # fmt: skip
def test_choice_that_cannot_be_is_said_at_its_field(
    guest: PageClient, account: Account, gateway: ScriptedGateway, fields: dict[str, str], sentence: str
) -> None:
    gateway.capabilities = ABLE
    path = path_of(account, account.invoice(5000, currency="XAF"))

    answer = guest.post(path, fields, status=422)

    assert sentence in Page(path, answer).text
    assert gateway.calls == []


def test_saved_method_of_the_customer_pays_nothing(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    """The id is right, and the customer's own: whoever has the link does not pay with it, whatever is sent."""
    own = account.method(token="tok_visa")
    path = path_of(account, account.invoice())

    guest.post(path, {"payment_method": own, "use_credit": "yes", "save_method": "yes", "invoice": "x"}, status=422)

    assert gateway.calls == []


def test_amount_mode_of_the_invoice_is_what_the_page_offers(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    path = path_of(account, account.invoice(5000, amount_mode="editable", minimum_amount=1000))

    low = guest.submit(guest.get(path), action=path, status=422, amount_choice="other", amount="9.99")
    assert "This is less than the minimum." in low.text
    review = reviewed(guest, path, amount_choice="other", amount="15.00")
    waiting = guest.submit(review, "Pay $15.00 to Acme Software Inc.")
    payment = waiting.path.rpartition("/")[2]
    gateway.pay_page(payment)
    done = guest.get(waiting.path)

    assert gateway.ledger[payment].money == Money(1500, "USD")
    assert "$35.00 of it is still open" in done.text
    again = guest.get(path)
    assert "$35.00" in again.text
    assert again.link("Download receipt (PDF)").endswith(f"/receipt.pdf?payment={payment}")


def test_price_in_another_currency_can_be_chosen(guest: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    path = path_of(account, account.invoice(5000, prices={"EUR": 4600}))

    page = guest.get(guest.get(path).link("€46.00"))
    review = guest.submit(page, action=path, payment_method="new")
    guest.submit(review, action="/confirmation")

    assert [request.money for request in gateway.pages.values()] == [Money(4600, "EUR")]


def test_stopping_leads_back_to_the_invoice(guest: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    path = path_of(account, account.invoice())
    review = reviewed(guest, path)
    assert guest.submit(review, "Cancel").path == path

    waiting = guest.submit(reviewed(guest, path), "Pay $50.00 to Acme Software Inc.")
    back = guest.submit(waiting, "Stop, and pay another way")

    assert back.path == path
    assert "Review $50.00" in back.texts("button")


def test_eleventh_attempt_within_an_hour_waits(guest: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    path = path_of(account, account.invoice())
    for _ in range(10):
        waiting = guest.submit(reviewed(guest, path), "Pay $50.00 to Acme Software Inc.")
        guest.submit(waiting, "Stop, and pay another way")

    review = reviewed(guest, path)
    answer = guest.post(review.form("Pay $50.00 to Acme Software Inc.").action, {}, status=429)

    assert Page(path, answer).headline == "Too many payments in one hour"
    assert answer.headers["Retry-After"] == "3600"


# --- how the invoice stands ---


def test_payment_of_the_customer_is_named_without_anything_of_it(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    path = path_of(account, invoice)
    payment = account.payment("pending", pays={invoice: 5000}, state="active", amount=5000)
    account.change(Invoice, invoice, amount_reserved=5000)
    gateway.look_ups = [lambda truth: replace(truth, state=State.UNKNOWN)] * 9

    page = guest.get(path)

    assert "This invoice is being paid" in page.text
    assert payment not in page.html
    assert "4242" not in page.html
    assert page.buttons(path) == []
    assert "This invoice is being paid" in Page(path, guest.post(path, {"payment_method": "new"}, status=422)).text


def test_payment_by_the_link_is_led_to(guest: PageClient, account: Account) -> None:
    path = path_of(account, account.invoice())
    waiting = guest.submit(reviewed(guest, path), "Pay $50.00 to Acme Software Inc.")

    page = guest.get(path)

    assert page.way("See the payment") == waiting.path


def test_paid_elsewhere_says_so_and_has_no_receipt_here(guest: PageClient, account: Account) -> None:
    invoice = account.invoice()
    path = path_of(account, invoice)
    account.payment("complete", pays={invoice: 5000}, state="settled")
    account.change(Invoice, invoice, status="paid", amount_paid=5000, paid_at=account.now)

    page = guest.get(path)

    assert "There is nothing left to pay." in page.text
    assert "It was paid another way." in page.text
    assert "This page stays until Apr 2, 2026." in page.text
    assert guest.client.get(f"{path}/receipt.pdf").status_code == 404


def test_cancelled_invoice_says_so(guest: PageClient, account: Account) -> None:
    invoice = account.invoice()
    path = path_of(account, invoice)
    account.change(Invoice, invoice, status="void")

    page = guest.get(path)

    assert "Acme Software Inc. cancelled this invoice." in page.text
    assert page.buttons(path) == []


def test_refunded_payment_says_so(
    guest: PageClient, account: Account, gateway: ScriptedGateway, services: Services
) -> None:
    path = path_of(account, account.invoice())
    done = paid_page(guest, path, gateway)
    refund_payment(services, account.scope.merchant_id, done.path.rpartition("/")[2], 5000, reason=None, actor=STAFF)

    assert "$50.00 of it has been refunded." in guest.get(done.path).text
    assert "Refunded" in guest.get(path).text


def test_without_a_gateway_the_page_says_that_nothing_can_be_paid_here(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = Capabilities()

    page = guest.get(path_of(account, account.invoice()))

    assert "It cannot be paid here at the moment." in page.text
    assert "billing@acme.example" in page.text


@pytest.mark.parametrize("capabilities", [CARD_ONLY, Capabilities()])
def test_account_for_a_transfer_is_shown_and_nobody_says_here_that_it_was_paid(
    guest: PageClient, account: Account, gateway: ScriptedGateway, capabilities: Capabilities
) -> None:
    gateway.capabilities = capabilities
    iban = "DE89 3704 0044 0532 0130 00"
    with account.services.database.unit_of_work() as session:
        document = {"transfer": {"EUR": {"holder": "Acme GmbH", "iban": iban}}, "promises": {"days": 14}}
        change_settings(session, account.scope.merchant_id, document, actor=OPERATOR, at=account.now)
    path = path_of(account, account.invoice(5000, number="ACME-7", currency="EUR"))

    page = guest.get(path)

    for words in ("Pay by bank transfer", "Acme GmbH", iban, "€50.00", "ACME-7"):
        assert words in page.text
    assert "Code for your banking app: a transfer of €50.00" in page.html
    assert "I have paid" not in page.text and "Name a day" not in page.text
    assert guest.client.post(f"{path}/transfer").status_code in (400, 404)
    shown = [word for word in SECRETS if word in page.text]
    assert shown == []


def test_invoice_that_nobody_can_pay_has_no_account_for_a_transfer(guest: PageClient, account: Account) -> None:
    with account.services.database.unit_of_work() as session:
        document = {"transfer": {"USD": {"holder": "Acme GmbH", "account": "9876543210"}}}
        change_settings(session, account.scope.merchant_id, document, actor=OPERATOR, at=account.now)
    invoice = account.invoice(5000)
    path = path_of(account, invoice)
    assert "9876543210" in guest.get(path).text
    account.change(Invoice, invoice, status="void")

    assert "9876543210" not in guest.get(path).text


# --- dead links, and what is not the link's ---


def test_what_is_no_link_leads_to_sign_in_all_alike(guest: PageClient, account: Account, services: Services) -> None:
    path = path_of(account, account.invoice())
    other = make_account(services, "savane")
    foreign = pay_path(services, other.scope, other.invoice(), "savane").replace("/savane/", "/acme/")
    changed = path[:-1] + ("A" if path[-1] != "A" else "B")

    for dead in (
        foreign,
        changed,
        path[:-1],
        f"{path}A",
        "/acme/pay/x",
        "/acme/pay/" + "0" * 65,
        "/acme/pay/%F0%9F%92%B8",
    ):
        for below in ("", "/receipt.pdf", f"/checkout/pay_{'0' * 22}", f"/payments/pay_{'0' * 22}"):
            answer = guest.client.get(dead + below)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/acme/sign-in?link=ended"), dead + below


def test_dead_link_leads_to_sign_in_with_its_invoice_as_the_target(
    guest: PageClient, account: Account, app: Flask, services: Services
) -> None:
    invoice = account.invoice()
    path = path_of(account, invoice)
    revoke(services, account.scope, invoice)

    sign_in = guest.follow(path)

    assert sign_in.headline == "Sign in"
    assert "This link is no longer valid." in sign_in.text
    assert sign_in.form(action="/sign-in").fields["next"] == [f"/invoices/{invoice}"]
    assert guest.post(path, {"payment_method": "new"}).headers["Location"].endswith("link=ended")
    assert account.sign_in(app).follow(path).headline.startswith("Invoice")


def test_link_that_was_cut_at_a_full_stop_or_slash_is_the_same(guest: PageClient, account: Account) -> None:
    path = path_of(account, account.invoice(5000, number="A-1"))

    for written in (f"{path}.", f"{path}/"):
        assert guest.get(written).headline == "Invoice A-1"


def test_other_payments_are_not_below_the_link(guest: PageClient, account: Account, services: Services) -> None:
    invoice = account.invoice()
    path = path_of(account, invoice)
    own = account.payment("complete", pays={invoice: 100}, amount=100, state="settled")
    unconfirmed = account.payment("incomplete", pays={invoice: 5000}, state="proposed")
    anothers = guest_of(services, account.scope, account.invoice()).checkout()
    expected = guest.client.get("/acme/no-such-page").data

    for payment in (own, unconfirmed, anothers, "pay_" + "0" * 22, "x", "cus_" + "0" * 22):
        for below in (f"/payments/{payment}", f"/checkout/{payment}", f"/receipt.pdf?payment={payment}"):
            answer = guest.client.get(path + below)
            assert answer.status_code == 404, below
            assert len(answer.data) == len(expected)
        for below in ("confirmation", "cancellation"):
            guest.post(f"{path}/checkout/{payment}/{below}", status=404)


def test_session_of_whoever_is_signed_in_changes_nothing_there(
    account: Account, app: Flask, services: Services
) -> None:
    """A link that somebody else forwarded, opened where a customer is signed in: nobody's name, nobody's card."""
    path = path_of(account, account.invoice(5000, number="A-1"))
    reader = make_account(services, merchant_id=account.scope.merchant_id, name="Ines Roux").sign_in(app)

    page = reader.get(path)

    assert "Ines" not in page.html
    assert "Maya" not in page.html
    assert page.headline == "Invoice A-1"


def test_form_of_another_site_is_refused(guest: PageClient, account: Account) -> None:
    path = path_of(account, account.invoice())

    guest.post(path, {"payment_method": "new"}, status=403, sec_fetch_site="cross-site")


def test_token_is_neither_at_rest_nor_logged_nor_counted(
    guest: PageClient, account: Account, gateway: ScriptedGateway, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = path_of(account, account.invoice())

    paid_page(guest, path, gateway)
    guest.client.get(f"{path}x")
    guest.client.get(f"{path}/receipt.pdf")
    metrics = guest.client.get("/metrics").text

    proof = path.rpartition("/")[2][22:]
    logged = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for place in (repr(contents(services.database)), logged, metrics):
        assert proof not in place


def test_payment_that_fails_leads_back_to_the_invoice(
    guest: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    path = path_of(account, account.invoice())
    waiting = guest.submit(reviewed(guest, path), "Pay $50.00 to Acme Software Inc.")
    gateway.pay_page(waiting.path.rpartition("/")[2], State.FAILED)

    page = guest.get(waiting.path)

    assert page.headline == "Failed payment of $50.00"
    assert page.way("Pay another way") == path


def test_receipt_says_neither_the_method_nor_where_hidden_the_buyer(
    guest: PageClient, account: Account, gateway: ScriptedGateway, services: Services
) -> None:
    from portal.documents.papers import without_payer
    from portal.documents.queries import find_paper

    invoice = account.invoice()
    account.change(Invoice, invoice, bill_to={"name": "Lindqvist Studio"})
    done = paid_page(guest, path_of(account, invoice), gateway)
    with services.database.read() as reader:
        paper = find_paper(reader, MerchantScope(account.scope.merchant_id), done.path.rpartition("/")[2])
    assert paper is not None
    assert "Visa" in repr(paper.content)

    shown, hidden = without_payer(paper, with_buyer=True), without_payer(paper, with_buyer=False)

    assert "Visa" not in repr(shown.content)
    assert "Lindqvist Studio" in repr(shown.content)
    assert "Lindqvist" not in repr(hidden.content)
    assert len({paper.digest, shown.digest, hidden.digest}) == 3


@pytest.mark.parametrize(
    ("accepted", "language"), [("en-US,en;q=0.9", "de"), ("", "de"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr")]
)
def test_page_speaks_the_browsers_language_or_that_of_the_mail_which_led_there(
    services: Services, guest: PageClient, accepted: str, language: str
) -> None:
    account = make_account(services, locale="de")

    page = guest.get(path_of(account, account.invoice()), accept_language=accepted)

    assert f'<html lang="{language}"' in page.html
