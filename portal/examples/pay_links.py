"""Examples of the pages below a pay link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from portal.checkout.pages import (
    AmountChoice,
    ChoiceSum,
    ChoosePage,
    CurrencyOffer,
    NamedAmount,
    ReviewPage,
    TelephoneChoice,
)
from portal.examples.invoices import TRANSFER
from portal.examples.parts import NOW, Example, example_id
from portal.guest_checkout.pages import PayLinkPage, PayLinkPaymentPage, PayLinkReviewPage
from portal.invoices.pages import CreditNoteRow, InvoiceLine, InvoicePage, Party, TaxSum
from portal.payment_methods.pages import MethodLabel
from portal.payments.pages import PaidInvoice, PaymentPage

PATH = "/acme/pay/" + "0Yc3mQ9sT7vLkPzE0000019mQ3vX" * 2
_PAYMENT = example_id("pay", 1)
_RECEIPT = f"{PATH}/receipt.pdf?payment={_PAYMENT}"
_LAST_DAY = date(2026, 4, 2)


def pay_link_examples() -> Iterator[Example]:
    """The invoice in each state, the review, and a payment in each."""
    yield from _invoices()
    yield from _reviews()
    yield from _payments()


def _invoices() -> Iterator[Example]:
    lines = (
        InvoiceLine("Team plan, November", Decimal(1), Decimal(22183), 22183, "1 to 30 November"),
        InvoiceLine("Support hours", Decimal("1.5"), None, 0),
    )
    invoice = InvoicePage(
        example_id("inv", 1), "ACME-0419", "Team plan, November", "open", "USD", date(2026, 3, 5), date(2026, 3, 26), 0,
        Party("Acme Software Inc."), Party("Lindqvist Studio", ("4 Elm Street", "Seattle, WA 98101", "United States")), lines,
        (TaxSum(Decimal(8), 1775),), 22183, 23958, 0, 0, 23958, (), (), None, None, None, amount_left=23958,
    )  # fmt: skip
    choice = ChoosePage(
        (), (), (), 23958, "USD", "Acme Software Inc.", "Sandbox Pay", "new", page_types=("card", "mobile_money", "bank_account"),
        sum=ChoiceSum(1, 23958, 23958, charge=23958),
    )  # fmt: skip
    unknown = ChoiceSum(1, 23958, None)
    page = PayLinkPage(PATH, "payable", invoice, None, "Acme Software Inc.", choice, has_mail=True)
    amounts = AmountChoice(
        (NamedAmount("deposit", "deposit", 5000), NamedAmount("full", "full", 23958), NamedAmount("10000", "preset", 10000)), "full",
        is_editable=True, minimum=1000, maximum=23958,
    )  # fmt: skip
    phone = TelephoneChoice((("cm.mtn", "MTN MoMo"), ("cm.orange", "Orange Money")), "cm.mtn", "")
    ways = replace(choice, telephone=phone, chosen="telephone")
    offers = (
        CurrencyOffer("USD", 23958, f"{PATH}?currency=USD", True),
        CurrencyOffer("EUR", 21800, f"{PATH}?currency=EUR"),
    )
    paid = replace(
        page, state="paid", choice=None, receipt_url=_RECEIPT, ends_on=_LAST_DAY,
        invoice=replace(invoice, status="paid", amount_paid=23958, amount_due=0, amount_left=0, paid_on=NOW.date()),
    )  # fmt: skip
    held = replace(page, choice=None, invoice=replace(invoice, amount_left=0))
    variants = {
        "": page,
        "-for-whom": replace(page, buyer=invoice.buyer, has_mail=False, pdf_url=f"{PATH}/invoice.pdf"),
        "-overdue": replace(page, invoice=replace(invoice, days_overdue=14)),
        "-amounts": replace(page, choice=replace(choice, amount_choice=amounts)),
        "-after-refusal": replace(
            page, choice=replace(choice, amount_choice=replace(amounts, is_after_refusal=True, chosen="other"), sum=unknown),
        ),
        "-ways": replace(page, choice=replace(ways, currencies=offers, is_gateway_slow=True)),
        "-part-paid": replace(
            page, receipt_url=_RECEIPT, choice=replace(choice, amount=10000),
            invoice=replace(
                invoice, status="partially_paid", amount_paid=10000, amount_credited=3958, amount_left=10000,
                credit_notes=(CreditNoteRow("CN-12", date(2026, 3, 9), 3958),),
            ),
        ),
        "-no-way-fault": replace(page, choice=replace(choice, chosen="", faults={"payment_method": "missing"})),
        "-currency-fault": replace(page, choice=replace(choice, faults={"payment_method": "currency", "amount": "not_allowed"})),
        "-ours": replace(held, state="ours", payment_url=f"{PATH}/payments/{_PAYMENT}"),
        "-being-paid": replace(held, state="being_paid"),
        "-paid": paid,
        "-paid-elsewhere": replace(paid, receipt_url=None),
        "-credited": replace(paid, receipt_url=None, invoice=replace(paid.invoice, amount_paid=0, amount_credited=23958)),
        "-refunded": replace(paid, invoice=replace(paid.invoice, amount_refunded=23958, refunded_on=NOW.date())),
        "-part-refunded": replace(paid, invoice=replace(paid.invoice, amount_refunded=5000, refunded_on=NOW.date())),
        "-returning": replace(paid, invoice=replace(paid.invoice, amount_returning=23958)),
        "-void": replace(page, state="void", choice=None, ends_on=_LAST_DAY, invoice=replace(invoice, status="void", amount_left=0)),
        "-uncollectible": replace(
            page, state="uncollectible", choice=None, ends_on=_LAST_DAY,
            invoice=replace(invoice, status="uncollectible", amount_left=0),
        ),
        "-closed": replace(page, state="closed", choice=None),
        "-transfer": replace(page, state="closed", choice=None, transfer=TRANSFER),
    }  # fmt: skip
    for kind in ("unreadable", "low", "high", "rest", "unchargeable", "not_allowed", "card_number"):
        wrong = replace(
            choice, amount_choice=replace(amounts, chosen="other", typed="9.99"), sum=unknown, faults={"amount": kind}
        )
        variants[f"-amount-{kind}"] = replace(page, choice=wrong)
    fixed = replace(choice, amount_choice=replace(amounts, is_editable=False), faults={"amount": "unchargeable"})
    variants["-deposit-fault"] = replace(page, choice=fixed)
    for kind in ("unreadable", "card_number"):
        variants[f"-phone-{kind}"] = replace(page, choice=replace(ways, faults={"phone": kind}))
    for name, shown in variants.items():
        yield Example(f"pay-link{name}", "pay_links/invoice.html", shown)


def _reviews() -> Iterator[Example]:
    share = PaidInvoice(example_id("inv", 1), "ACME-0419", "Team plan, November", 23958)
    ready = ReviewPage(
        _PAYMENT, "ready", 23958, "USD", "Acme Software Inc.", (share,), None, "Sandbox Pay", "v" * 16, PATH, PATH
    )  # fmt: skip
    until = datetime(2026, 3, 19, 11, 20, tzinfo=NOW.tzinfo)
    ended = replace(ready, state="expired", amount=0, shares=())
    variants = {
        "": ready,
        "-phone": replace(ready, phone="+237677000012", amount=12500, currency="XAF"),
        "-changed": replace(ready, state="changed", is_gateway_slow=True),
        "-part": replace(ready, amount=10000, shares=(replace(share, amount=10000, left=13958, left_currency="USD"),)),
        "-in-progress": replace(ended, state="in_progress", other_payment_id=example_id("pay", 2)),
        "-in-progress-elsewhere": replace(ended, state="in_progress"),
        "-settled": replace(ended, state="settled", other_payment_id=example_id("pay", 2)),
        "-settled-elsewhere": replace(ended, state="settled"),
        "-expired": replace(ended, ended_by="time"),
        "-superseded": replace(ended, ended_by="customer"),
        "-withdrawn": replace(ended, ended_by="change"),
        "-too-many": replace(ready, state="too_many", until=until),
        "-too-many-prompts": replace(ready, state="too_many_prompts", until=until),
    }
    for name, shown in variants.items():
        yield Example(
            f"pay-link-review{name}", "pay_links/review.html", PayLinkReviewPage(PATH, shown, not name.endswith("part"))
        )


def _payments() -> Iterator[Example]:
    share = PaidInvoice(example_id("inv", 1), "ACME-0419", "Team plan, November", 23958, is_paid=True)
    pay = PaymentPage(
        _PAYMENT, "complete", 23958, "USD", "Acme Software Inc.", NOW, "Sandbox Pay", MethodLabel("card", "visa"), (share,), (),
        is_new=True, state="complete",
    )  # fmt: skip
    at_page = replace(pay, status="requires_action", state="requires_action", method=None, can_cancel=True)
    prompt = replace(
        pay, status="pending", state="pending", method=MethodLabel("mobile_money", "mtn"), can_cancel=True, last_checked_at=NOW,
    )  # fmt: skip
    over = replace(pay, status="canceled", state="canceled", retry_url=PATH)
    variants = {
        "paid": pay,
        "paid-earlier": replace(pay, is_new=False, at=NOW - timedelta(days=3)),
        "paid-part": replace(pay, amount=10000, shares=(replace(share, amount=10000, is_paid=False, left=13958, left_currency="USD"),)),
        "surplus": replace(pay, surplus=23958, shares=()),
        "refunded": replace(pay, status="refunded", state="refunded", amount_refunded=23958),
        "returning": replace(pay, state="returning", amount_returning=500, amount_refunded=10000),
        "at-gateway": replace(at_page, continue_url="http://localhost:9/pay/pg_1"),
        "at-gateway-closed": at_page,
        "phone": replace(prompt, dial="*126#"),
        "phone-late": replace(prompt, is_late=True, could_not_stop=True),
        "bank": replace(prompt, method=MethodLabel("bank_account", None, bank_name="Chase")),
        "pending": replace(prompt, method=MethodLabel("card", "visa"), can_cancel=False),
        "processing": replace(pay, status="processing", state="processing", last_checked_at=NOW),
        "being-sent": replace(pay, status="processing", state="sending", is_being_sent=True, is_unsent=True, can_cancel=True),
        "on-its-way": replace(pay, status="processing", state="sending", is_being_sent=True),
        "being-stopped": replace(pay, status="pending", state="processing", is_being_stopped=True),
        "not-stopped": replace(pay, status="processing", state="processing", could_not_stop=True),
        "unasked": replace(pay, status="processing", state="processing", method=None, is_unasked=True),
        "unasked-for-good": replace(pay, status="pending", state="processing", method=None, is_unasked=True, can_cancel=True),
        "incomplete": replace(pay, status="incomplete", state="incomplete", continue_url=f"{PATH}/checkout/{_PAYMENT}"),
        "stopped": replace(over, failure_code="page_canceled"),
        "canceled": over,
        "expired": replace(over, status="expired", state="expired"),
        "expired-and-paid-since": replace(over, status="expired", state="expired", retry_url=None),
        "failed": replace(over, status="failed", state="failed", failure_code="card_declined"),
        "failed-unknown": replace(over, status="rejected", state="rejected", failure_code=None),
        "failed-and-paid-since": replace(over, status="failed", state="failed", failure_code="insufficient_funds", retry_url=None),
    }  # fmt: skip
    for name, shown in variants.items():
        is_captured = shown.status in ("complete", "refunded")
        page = PayLinkPaymentPage(
            PATH, shown, _RECEIPT if is_captured else None, _LAST_DAY if shown.shares and is_captured else None, True
        )
        yield Example(f"pay-link-payment-{name}", "pay_links/payment.html", page)
