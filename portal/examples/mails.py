"""Examples of every mail in every state, in a theme's colours; figures and people are made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from portal.emails.pages import (
    ConfirmationMail,
    CopyInvitationMail,
    EmailChangedMail,
    InvoiceMail,
    MailBrand,
    MethodChangedMail,
    MethodExpiringMail,
    NewDeviceMail,
    PasskeyChangedMail,
    PaymentFailedMail,
    PersonInvitedMail,
    PrivacyMail,
    QuestionMail,
    ReceiptLine,
    ReceiptMail,
    RefundMail,
    ReminderMail,
    SignInMail,
    StatementBalance,
    StatementMail,
    SurplusMail,
)
from portal.emails.rendering import themed_mail_brand
from portal.examples.parts import NOW, VISA
from portal.gateways.contract import FAILURE_CODES
from portal.theming.themes import Theme

_LINK = "https://portal.example/acme/invoices/inv_0Yc3mQ9sT7vLkPzE000001"
_PAYEE = "Acme Software Inc."
_LINES = (ReceiptLine("Team plan, March", "ACME-0412", 20000), ReceiptLine("", "ACME-0413", 3958))
_REFERENCE = "pay_0Yc3mQ9sT7vLkPzE000001"


@dataclass(frozen=True, slots=True)
class MailExample:
    """One state of a mail; `template` is its path without `.txt` and `.html`."""

    name: str
    template: str
    page: object


def example_mail_brand(theme: Theme, locale: str) -> MailBrand:
    """Return how the examples look in a theme."""
    brand = themed_mail_brand(theme, name="Acme", legal_name=_PAYEE, locale=locale)
    return replace(brand, support_email=brand.support_email or "billing@acme.example")


def mail_examples(brand: MailBrand) -> Iterator[MailExample]:
    """Every mail, each state of it once."""
    for name, page in _pages(brand):
        yield MailExample(name, f"emails/{name.partition(':')[0]}", page)


def _pages(brand: MailBrand) -> Iterator[tuple[str, object]]:
    yield "sign_in", SignInMail(brand, "K7QM-2XPA", "https://portal.example/acme/sign-in/link/tok")
    yield from _money(brand)
    yield from _invoices(brand)
    yield from _account(brand)
    yield from _people(brand)


def _money(brand: MailBrand) -> Iterator[tuple[str, object]]:
    receipt = ReceiptMail(brand, _PAYEE, 23958, "USD", NOW, VISA, _LINES, _LINK, _REFERENCE)
    yield "receipt", receipt
    yield "receipt:credit", replace(receipt, credit_amount=5000)
    yield "receipt:all-credit", replace(receipt, credit_amount=23958)
    yield "receipt:top-up", replace(receipt, lines=(), is_top_up=True)
    yield "receipt:copy", replace(receipt, brand=replace(brand, copy_of="maya@lindqvist.example"))
    refund = RefundMail(brand, _PAYEE, 2000, "USD", VISA, _LINK, "ref_0Yc3mQ9sT7vLkPzE000001")
    yield "refund", refund
    yield "refund:came-back", replace(refund, has_come_back=True)
    yield "surplus", SurplusMail(brand, _PAYEE, 2000, "USD", _LINK, _REFERENCE)
    failed = PaymentFailedMail(brand, 23958, "USD", VISA, "card_declined", _LINES, _LINK, _LINK, _REFERENCE)
    for code in sorted(FAILURE_CODES):
        yield f"payment_failed:{code}", replace(failed, failure_code=code)
    yield "payment_failed:nothing-open", replace(failed, lines=())


def _invoices(brand: MailBrand) -> Iterator[tuple[str, object]]:
    due_on = date(2026, 4, 2)
    stoppable = replace(brand, unsubscribe_url=f"{_LINK}/stop", notices_url=f"{_LINK}/notices")
    invoice = InvoiceMail(
        stoppable, "ACME-0412", "Team plan, March", 20000, 20000, "USD", due_on, _LINES, 3200, True, _LINK
    )
    yield "invoice", invoice
    yield "invoice:part", replace(invoice, amount_due=5000, lines=(), tax=0)
    yield "invoice:not-payable", replace(invoice, is_payable=False, title="")
    yield "invoice:open-to-all", replace(invoice, opens_to_all=True)
    yield "invoice:signs-in", replace(invoice, brand=replace(stoppable, signs_in=True))
    reminder = ReminderMail(
        stoppable, "ACME-0412", "Team plan, March", 20000, "USD", due_on, 3, False, False, _LINK, f"{_LINK}/ask"
    )
    yield "reminder", reminder
    yield "reminder:today", replace(reminder, days=0)
    yield "reminder:overdue", replace(reminder, days=7, is_overdue=True)
    yield "reminder:partly-paid", replace(reminder, days=1, is_overdue=True, is_partly_paid=True, title="")
    yield "reminder:open-to-all", replace(reminder, opens_to_all=True)
    balances = (StatementBalance(12000, "USD", True), StatementBalance(-500, "EUR"), StatementBalance(0, "XAF", True))
    statement = StatementMail(stoppable, _PAYEE, date(2026, 2, 1), date(2026, 2, 28), balances, _LINK)
    yield "statement", statement
    for balance in (*balances, StatementBalance(0, "USD")):
        yield f"statement:{balance.currency}-{balance.is_open}", replace(statement, balances=(balance,))


def _account(brand: MailBrand) -> Iterator[tuple[str, object]]:
    for purpose in ("identity", "new_address", "undo"):
        yield f"confirmation:{purpose}", ConfirmationMail(brand, "K7QM-2XPA", 10, purpose)
    yield "email_changed", EmailChangedMail(brand, "m•••@studio.example", NOW, NOW + timedelta(days=3), _LINK)
    expiring = MethodExpiringMail(brand, VISA, "Studio card", "04/2026", False, True, True, _LINK)
    yield "method_expiring", expiring
    yield (
        "method_expiring:expired",
        replace(expiring, has_expired=True, is_default=False, can_replace=False, nickname=None),
    )
    changed = MethodChangedMail(brand, VISA, "Studio card", NOW, False, _LINK)
    yield "method_changed", changed
    yield "method_changed:removed", replace(changed, is_removed=True, nickname=None)
    device = NewDeviceMail(brand, "Firefox", "Linux", "203.0.113.0", NOW, _LINK)
    yield "new_device", device
    yield "new_device:unknown", replace(device, browser="", system="", network="")
    passkey = PasskeyChangedMail(brand, "Firefox", "Linux", NOW, False, _LINK)
    yield "passkey_changed", passkey
    yield "passkey_changed:removed", replace(passkey, browser="", system="", is_removed=True)


def _people(brand: MailBrand) -> Iterator[tuple[str, object]]:
    for role in ("owner", "payer", "viewer"):
        yield f"person_invited:{role}", PersonInvitedMail(brand, "maya@lindqvist.example", role, 7, _LINK)
    yield "person_invited:nobody", PersonInvitedMail(brand, "", "payer", 7, _LINK)
    yield "copy_invitation", CopyInvitationMail(brand, "maya@lindqvist.example", 7, _LINK)
    for kind in ("export", "requested", "erased"):
        yield f"privacy:{kind}", PrivacyMail(brand, kind, NOW + timedelta(days=7), "" if kind == "erased" else _LINK)
    question = QuestionMail(
        brand, "Maya Lindqvist", "maya@lindqvist.example", "ACME-0412", "amount", ("Why is it more than last month?",)
    )
    yield "question", question
    yield "question:about-nothing", replace(question, number="", address="", topic="other")
