"""What the pages say about money is so: each state of payment, invoice and method on every page that mentions it.

A case is a customer in one state. Every sentence about money that its pages show is a claim with a condition, checked against the
state; a new sentence without a condition fails, and so does a new status without a case. A second test lays all states into one
account and compares figures and counts between the pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.assets import TEMPLATES
from portal.invoices.rules import InvoiceStatus
from portal.pay_links.models import PayLink
from portal.pay_links.rules import PREFIX, link_token
from portal.payments.models import Payment
from portal.payments.rules.statuses import CAPTURED, PAYMENT_STATUSES, UNSETTLED, WAITING
from portal.public_ids import new_id
from portal.rendering import catalogues
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_checks import text_of
from tests.support.page_client import Page, PageClient

PAGES = (
    "overview.html", "invoices/list.html", "invoices/detail.html", "checkout/choose.html", "checkout/review.html",
    "payments/detail.html", "payments/list.html", "components/failure.html", "components/timeline.html", "components/status.html",
    "pay_links/invoice.html", "pay_links/review.html", "pay_links/payment.html", "components/payment_rows.html", "components/payment_panel.html", "components/slow_gateway.html",
    "components/review.html",
)  # fmt: skip
TOTAL = 5000


@dataclass(frozen=True)
class Truth:
    """What is so of a case: a customer with at most one invoice and one payment of it. Amounts in minor units.

    `payment` and `invoice` are their statuses ("" for none), `shown` the payment's as pages show it. `owed` is free to be paid, `held` by
    the payment. `refunded` was sent back, `returning` is on its way back.
    """

    payment: str = ""
    shown: str = ""
    invoice: str = "open"
    owed: int = 0
    held: int = 0
    refunded: int = 0
    returning: int = 0
    is_overdue: bool = False
    way: str = "card"
    is_late: bool = False
    is_credited: bool = False
    failure: str = ""
    is_sending: bool = False
    is_stopping: bool = False
    method: str = "active"
    said: str = ""

    @property
    def captured(self) -> bool:
        return self.payment in CAPTURED

    @property
    def unsettled(self) -> bool:
        return self.payment in UNSETTLED

    @property
    def moving(self) -> bool:
        return self.shown == "pending"

    @property
    def on_its_way(self) -> bool:
        """What stands under that heading, outside of what is owed: nobody has to do anything about it."""
        return self.shown in ("sending", "processing", "pending")

    @property
    def checked(self) -> bool:
        return self.shown == "processing"

    @property
    def waiting(self) -> bool:
        return self.shown == "requires_action"

    @property
    def settled(self) -> bool:
        return not self.owed and not self.held

    @property
    def went_back(self) -> bool:
        return self.refunded > 0 or self.returning > 0

    @property
    def on_phone(self) -> bool:
        return self.moving and self.way == "phone" and not self.is_late


OF_A_MAIL = r"[Tt]he receipt is on its way|Receipt sent|The receipt could not be delivered"
"""Said of a payment that was made here; no case of these was (`test_pages_after_pay.py`)."""
Claim = tuple[str, Callable[[Truth], bool]]

# In this order, and each text is taken out once it is found: a denial before what it denies, the special before the general.
CLAIMS: list[Claim] = [
    # What is so of the whole account.
    (r"Nothing is due, and no payment is on its way\.|All your invoices are settled\.", lambda t: t.settled),
    (r"Everything that is due is on its way\.", lambda t: not t.owed and t.on_its_way),
    (r"Nothing to pay at the moment", lambda t: not t.owed and t.on_its_way),
    (r"Nothing else to pay\.", lambda t: not t.owed and t.waiting),
    (r"Nothing to pay|There is nothing to pay now", lambda t: not t.owed and not t.unsettled),
    (r"There is nothing left to pay\.?|This is already settled|Already settled|[Ss]ettled on|\bSettled\b",
     lambda t: t.settled and t.invoice in ("paid", "void", "uncollectible")),
    (r"A credit note covers all of it\.", lambda t: t.is_credited),
    (r"You are up to date|Nothing overdue", lambda t: not t.is_overdue),
    (r"What you have paid is settled|No payment is on its way", lambda t: not t.unsettled),
    (r"No failed payments", lambda t: t.payment not in ("failed", "rejected")),
    (r"No refunds so far", lambda t: not t.went_back),
    (r"You approve it now(.*?Paid)?|It is accepted until|You do nothing(.*?Expired)?|The request ends by itself", lambda t: t.moving and t.is_late),
    (r"You say that you paid by transfer|got your message on|stays open here until the money is booked", lambda t: t.said == "transfer" and t.owed > 0),
    (r"You say that you will pay on|Until then no reminder is sent", lambda t: t.said == "day" and t.owed > 0),
    # Owed.
    (r"You owe|1 overdue by|Not counted above|Stays open|stays open|[Ss]till open|is open again|What can be paid|the next due|invoices?, due", lambda t: t.owed > 0),
    (r"the overdue invoice|everything overdue|\d overdue, the oldest|Overdue (by|since)|overdue by|Was due|\$[\d.]+ overdue", lambda t: t.is_overdue),
    (r"Pay all, \$|Pay \$|Review \$|Continue to pay \$|You pay\$", lambda t: t.owed > 0 or t.waiting),
    # Under way.
    (r"has not answered the request", lambda t: t.moving and t.is_late),
    (r"A payment was begun with this link|Another payment for it has been started|This invoice is being paid", lambda t: t.held > 0),
    (r"(Your payment is b|B)eing sent( to)?|is being sent|Nothing has been charged yet|We send it as soon as|within ten minutes or not at all|There is nothing to do, and you pay only once",
     lambda t: t.is_sending),
    (r"being stopped|Until that is done, it may still go through", lambda t: t.is_stopping),
    (r"[Nn]ever sent|We could not send it within ten minutes|Nothing was charged(, and nothing will be)?", lambda t: t.failure == "not_sent"),
    (r"[Nn]othing was taken now", lambda t: t.settled),
    (OF_A_MAIL, lambda t: t.payment == "complete"),
    (r"Download receipt \(PDF\)|\bReceipt\b", lambda t: t.payment in ("complete", "partially_refunded", "refunded")),
    (r"The receipt goes to|The payment’s page is your receipt|The receipt is shown here|and nothing is saved", lambda t: t.owed > 0),
    (r"The receipt also goes to|Nothing of your payment method was saved", lambda t: t.payment == "complete"),
    (r"It was paid another way", lambda t: t.captured or t.invoice == "paid"),
    (r"is being refunded|Refund on its way|On its way to you", lambda t: t.returning > 0),
    (r"What is on its way cannot be paid twice\.", lambda t: t.unsettled),
    (r"Your bank is sending it|two working days", lambda t: t.moving and t.way == "bank"),
    (r"[Oo]n its way|On their way|Waiting for the money|the invoice counts as being paid", lambda t: t.on_its_way),
    (r"[Bb]eing checked|We do not know yet|No clear answer yet; we keep checking|is not known yet|Do not pay again|You cannot be charged twice",
     lambda t: t.checked),
    (r"To confirm|[Ww]aiting for your confirmation|\$[\d.]+ to confirm|[Cc]onfirm your payment|Finish your payment|[Yy]our bank (needs|asked) you to confirm|Confirm \$"
     r"|Continue to confirm|Confirm on your bank’s page|You pay on the .* page|Finish it on the payment provider’s page|Choose a payment method there"
     r"|with your bank|[Tt]o be paid on the payment provider’s page",
     lambda t: t.waiting),
    (r"You cannot pay it twice|This is being paid|Already being paid|Being paid|Another payment for it", lambda t: t.held > 0),
    (r"Approve on your phone|Waiting for your PIN|Enter your PIN there|The request ends at|min \d+ s left|Unlock your phone|then enter your PIN",
     lambda t: t.on_phone),
    (r"Still no answer|No answer within|What can still happen|Send the request again|Both cancel the first request|went out at", lambda t: t.moving and t.is_late),
    (r"Stop, and pay another way", lambda t: t.unsettled),
    (r"[Tt]he .* page could not be opened|, and there is nothing to do|We did not receive the payment page", lambda t: t.way == "lost page"),
    # Over.
    (r"[Nn]othing (was|has been) taken( (yet|now|so far))?|No money reached us|nothing is taken",
     lambda t: not t.captured),
    (r"Paid in full|What you paid|Paid \$", lambda t: t.payment == "complete" and t.invoice == "paid"),
    (r"Partly refunded", lambda t: t.refunded > 0 and t.payment == "partially_refunded"),
    (r"Refunded|refunded|Sent on|Refund to|It can take a few days", lambda t: t.refunded > 0 or t.returning > 0),
    (r"Part paid|Paid so far", lambda t: t.invoice == "partially_paid"),
    (r"Paid elsewhere", lambda t: t.captured),
    (r"\bPaid\b", lambda t: (t.captured and not t.returning) or t.invoice == "paid"),
    (r"did not go through|\bFailed\b|Failed payment|Declined|declined it|It did not go through|The payment provider had a problem|refused the PIN|could not confirm it was you", lambda t: t.payment in ("failed", "rejected")),
    (r"cancelled this invoice", lambda t: t.invoice == "void"),
    (r"no longer expects payment of this invoice|Written off", lambda t: t.invoice == "uncollectible"),
    (r"You stopped (this payment|it)", lambda t: t.failure == "page_canceled"),
    (r"The request was cancelled", lambda t: t.failure == "payer_canceled"),
    (r"Cancelled|This payment was cancelled", lambda t: t.payment == "canceled" or t.invoice == "void"),
    (r"There was no answer from your phone|No answer from your phone", lambda t: t.failure == "timeout"),
    (r"[Nn]ot finished in time|never confirmed|was left unfinished on the payment provider’s page|Left unfinished", lambda t: t.payment in ("abandoned", "expired")),
    (r"(This payment is )?[Nn]ot finished", lambda t: t.payment == "incomplete"),
    # Methods.
    (r"expires soon|Expires soon|It can be used until the end of", lambda t: t.method == "expiring"),
    (r"has expired|It expired in", lambda t: t.method == "expired"),
    (r"Expired", lambda t: t.payment == "expired" or t.method == "expired"),
    (r"No longer usable", lambda t: t.method == "elsewhere"),
]  # fmt: skip

# Sentences with a word of money that promise or ask something whatever the state is, or stand on pages that only an input leads to.
SAID_ANYWHERE = """
Pay by bank transfer|I have paid|Name a day to pay|Promise to pay|Up to %(day)s. It is a promise: nothing is paid by it.|No payment matches “%(text)s”
No payment matches these filters|We only looked at payments that match the other filters. Check the spelling, or remove a filter.|Search payments|Remove this filter
We looked at the reference, invoice number, description and amount of your only payment.
We looked at references, invoice numbers, descriptions and amounts of all %(total)s payments.
Recent payments|All payments|Payments, newest first|Pay with|Payment methods|Payments|Payments for this invoice|Pay another amount|Pay another way
Pay what is still open|Pay other invoices|Pay other invoices at the same time|Pay the rest|Pay the rest another way|Choose what to pay|Choose a payment method.
Everything|You pay|Of which now|Second payment, another payment method|First payment|In two payments|Amount to pay now|The payment method pays the rest.
A part now, the rest right after with another payment method.|This can only be paid in full.|What can be paid|Review and pay|Your credit
%(payee)s needs it before you pay. It is printed on new invoices.|You can check everything before you pay.|You can check everything before you pay. However often you press, you pay once.
However often you press, you pay once.|The next page shows what you pay.|Nothing is taken yet. You can check everything on the next page.|See the payment
See your payments|See all payments|Pay %(amount)s another way|the rest|Payment|Payment of|Payment of %(amount)s|Due|Due date|due %(day)s|Due %(day)s
An invoice moves here once it is paid in full.|No paid invoices yet|Your first payment will be listed here.|Your invoices will be listed here, with what is left to pay.
All your payments are one tab away.|That is good news. All your payments are one tab away.|No payments here|No payments yet|To pay|Overdue|not counted above
A refund will appear below its payment.|Ask about this payment|Refund|A payment that also paid other invoices was refunded in part.|Payment details
You started the payment|This is the first of two payments|Cancel this payment|Mobile money, approved on your phone|On your phone|Use your credit first
Used first when you next pay, unless you choose otherwise.|You can use your credit, up to its amount.|Your credit covers it all; nothing else is charged.
Your phone will ask you to approve it.|Your bank may ask you to confirm.|A new payment method|A new payment method, on the %(gateway)s page
Afterwards, with another payment method|No payment method accepts %(currency)s here at the moment.|Choose another payment method|Payment method|No payment method|We asked %(gateway)s for a payment page
%(payee)s keeps it as credit for your next payment.|It cannot be paid here. Write to %(address)s.|A payment can only be in one currency.|These invoices together are more than one payment can be.|Payment pending
These invoices are in different currencies. Pay them one after the other; nothing has been taken.|Something you chose is already settled|About an invoice or a payment:
It has been left out. What is below can be paid.|It was paid or cancelled. Nothing was taken now.|This card has expired|This card has expired. Choose another payment method.
This payment method is no longer saved. Choose another one.|This payment method does not accept %(currency)s. Choose another one.|Too many payments in one hour
The number of attempts an hour is limited, to protect against stolen cards. You can pay at %(time)s.|The amount is above your current limit
A phone gets only a few requests an hour. You can send another one at %(time)s, or use another payment method now.|It was open for too long.
It was cancelled, or a newer one took its place.|This payment method is no longer accepted|This amount cannot be paid with this payment method
There was not enough money. You can pay a part now and the rest later.|The first payment must cover a part of each of these invoices: at least %(least)s. Or leave the last ones out.
This amount cannot be split over these invoices: some can only be paid in full, or have limits of their own. Leave those out, or choose another amount.
Your bank returned it unpaid.|Your bank returned the payment unpaid|%(amount)s of it came after what it was for had been paid another way or cancelled. It was added to your credit.
A refund of %(amount)s did not go through|To have it refunded:|Nothing on the screen? Dial %(code)s.|Nothing on the screen? Check the messages from your operator.
%(gateway)s asks for the number on its own page, then brings you back.|Back to overview|Back to the review|Confirm|Last checked at %(time)s
There is nothing to do. This page updates itself; you can also close it.|It has not been stopped|It may still go through. We keep checking, and this page will show the outcome.|The amount is above your limit. Nothing was taken.|Save this payment method for next time
%(gateway)s is slow to answer at the moment|You can still pay, and you pay only once. If we cannot send your payment within ten minutes, nothing is charged.
Pay all of it, or leave at least %(least)s to pay later: %(gateway)s charges no less than that.
%(gateway)s charges at least %(least)s. Pay this together with something else, or with your credit.|%(amount)s is too little to be paid on its own
%(gateway)s charges at least %(least)s. Pay it together with your next invoice.|Nothing of your payment method is saved.
It cannot be paid here at the moment.|Review the payment|Pay link|Made by somebody with the invoice’s link, without signing in
%(amount)s of it came after the invoice had been paid another way or cancelled. It was added to the customer’s credit with %(payee)s.
""".strip().replace("\n", "|").split("|")  # fmt: skip
MONEY_WORDS = re.compile(
    r"\b(paid|unpaid|pays?|paying|payments?|owes?|taken?|took|refund(ed)?|back|way|confirm(ed)?|overdue|open|receipt|settled|due|nothing"
    r"|checked|stopped|cancelled|expired?s?|unfinished|finished|answer|charged?|approve|refused|failed)\b",
    re.IGNORECASE,
)


class _Values(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return {"amount": "$1.00", "num": "7", "count": "7"}.get(name, "X")


_VALUES = _Values()


def test_every_sentence_about_money_has_a_condition() -> None:
    said = {
        text
        for name in PAGES
        for _, message, _, _ in catalogues._extract_template(BytesIO((TEMPLATES / name).read_bytes()))
        for text in ([message] if isinstance(message, str) else message)
    }
    about_money = {text for text in said if MONEY_WORDS.search(text)}

    patterns = [re.compile(pattern) for pattern, _ in CLAIMS]
    written = {text: text % _VALUES for text in about_money - set(SAID_ANYWHERE)}
    without = {text for text, as_shown in written.items() if not any(pattern.search(as_shown) for pattern in patterns)}
    assert without == set()


# --- the cases ---


def cases() -> Iterator[tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]]:
    """Each case: its name, what makes its invoice and payment, and what is so then."""
    for status in PAYMENT_STATUSES:
        for way, given in _WAYS.items():
            if way in ("unsent", "just sent", "stopping phone"):
                if status in (WAITING if way == "stopping phone" else {"processing"}):
                    yield _payment_case(status, way, given)
            elif way in ("card", "overdue") or status in UNSETTLED:
                yield _payment_case(status, way, given)
    for amount, state in ((TOTAL, "complete"), (1500, "complete"), (TOTAL, "pending"), (1500, "pending")):
        yield _refund_case(amount, state)
    yield _payment_case("complete", "elsewhere", {"gateway": "import", **_PAGE})
    for code in ("page_canceled", "payer_canceled"):
        yield _payment_case("canceled", f"phone {code}", {"failure_code": code, **_WAYS["phone"]})
    yield _payment_case("expired", "phone timeout", {"failure_code": "timeout", **_WAYS["phone"]})
    yield _payment_case("failed", "never sent", {"failure_code": "not_sent", "sent_at": None})
    for invoice_status in InvoiceStatus:
        yield _invoice_case(invoice_status.value)
    yield (
        "credited",
        lambda account: (account.invoice(status="paid", amount_credited=TOTAL), None),
        Truth(invoice="paid", is_credited=True),
    )
    yield "nothing", lambda account: (None, None), Truth(invoice="")
    for said in ("transfer", "day"):
        yield _promise_case(said)
    for state, columns in _METHODS.items():
        yield _method_case(state, columns)


_PAGE: dict[str, Any] = {"method_type": None, "method_brand": None, "method_last4": None}
_WAYS: dict[str, dict[str, Any]] = {
    "card": {"action_url": "http://localhost:9/3ds"},
    "overdue": {"action_url": "http://localhost:9/3ds"},
    "bank": {"method_type": "bank_account", "method_brand": "Chase", "action_url": "http://localhost:9/bank"},
    "phone": {"method_type": "mobile_money", "method_brand": "mtn_momo", "method_last4": "0012", "action_url": "http://localhost:9/phone"},
    "late phone": {"method_type": "mobile_money", "method_brand": "mtn_momo", "method_last4": "0012", "action_url": "http://localhost:9/phone"},
    "stopping phone": {"method_type": "mobile_money", "method_brand": "mtn_momo", "method_last4": "0012", "stop_requested_at": datetime(2026, 3, 19, tzinfo=UTC)},
    "page": {**_PAGE, "action_url": "http://localhost:9/page", "gateway_page_reference": "pg_1"},
    "lost page": _PAGE,
    "unsent": {"sent_at": None, "action_url": None},
    "just sent": {"action_url": None},
}  # fmt: skip
_METHODS: dict[str, dict[str, Any]] = {
    "active": {},
    "expiring": {"exp_month": 4, "exp_year": 2026},
    "expired": {"exp_month": 2, "exp_year": 2026},
    "elsewhere": {"status": "expired"},
}


def _payment_case(
    status: str, way: str, given: dict[str, Any]
) -> tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]:
    is_held, is_paid = status in UNSETTLED, status in CAPTURED
    is_overdue, is_late = way == "overdue" and not is_held and not is_paid, way == "late phone" and status == "pending"
    state = "active" if is_held else "settled" if is_paid else "proposed" if status == "incomplete" else "released"

    def make(account: Account) -> tuple[str, str]:
        columns: dict[str, Any] = {"reserved": TOTAL} if is_held else {}
        invoice = account.invoice(
            TOTAL,
            status="paid" if is_paid else "open",
            amount_paid=TOTAL if is_paid else 0,
            amount_reserved=columns.get("reserved", 0),
            paid_at=account.now if is_paid else None,
            due_in_days=-3 if way == "overdue" else 7,
        )
        sent_at = account.now - timedelta(minutes=4) if is_late else account.now
        refunded = {"refunded": TOTAL, "partially_refunded": 1500}.get(status, 0)
        written_at = {"updated_at": sent_at - timedelta(seconds=1)} if way == "just sent" else {}
        payment = account.payment(
            status, pays={invoice: TOTAL}, state=state, amount_refunded=refunded,
            **{"checked_at": account.now, "sent_at": sent_at, "created_at": sent_at, **written_at, **given, **_unconfirmed(status)},
        )  # fmt: skip
        if refunded:
            account.refund(payment, refunded)
        return invoice, payment

    is_sending = way in ("unsent", "just sent")
    is_stopping = way == "stopping phone"
    nobody_is_asked = is_held and way in ("lost page", "stopping phone")
    shown = "sending" if is_sending else "processing" if nobody_is_asked else status
    kind = "phone" if "phone" in way else way
    return (
        f"{status} {way}",
        make,
        Truth(
            payment=status,
            shown=shown,
            invoice="paid" if is_paid else "open",
            owed=0 if is_held or is_paid else TOTAL,
            held=TOTAL if is_held else 0,
            refunded={"refunded": TOTAL, "partially_refunded": 1500}.get(status, 0),
            is_overdue=is_overdue,
            way=kind,
            is_late=is_late,
            failure=given.get("failure_code", ""),
            is_sending=is_sending,
            is_stopping=is_stopping,
        ),
    )


def _unconfirmed(status: str) -> dict[str, Any]:
    if status == "incomplete":
        return {"confirmed_at": None, "sent_at": None, "checked_at": None, "action_url": None}
    return {} if status in UNSETTLED else {"action_url": None}


def _refund_case(amount: int, state: str) -> tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]:
    status = "refunded" if amount == TOTAL else "partially_refunded"

    def make(account: Account) -> tuple[str, str]:
        invoice = account.invoice(TOTAL, status="paid", amount_paid=TOTAL)
        payment = account.payment(status, pays={invoice: TOTAL}, amount_refunded=amount)
        account.refund(payment, amount, state)
        return invoice, payment

    is_pending = state == "pending"
    return f"{status} {state}", make, Truth(
        payment=status, shown="returning" if is_pending else status, invoice="paid",
        refunded=0 if is_pending else amount, returning=amount if is_pending else 0,
    )  # fmt: skip


def _invoice_case(status: str) -> tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]:
    paid = {"paid": TOTAL, "partially_paid": 2000}.get(status, 0)

    def make(account: Account) -> tuple[str | None, str | None]:
        invoice = account.invoice(TOTAL, status=status, amount_paid=paid)
        return (None if status == "draft" else invoice), None

    owed = TOTAL - paid if status in ("open", "partially_paid") else 0
    return f"invoice {status}", make, Truth(invoice="" if status == "draft" else status, owed=owed)


def _promise_case(said: str) -> tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]:
    def make(account: Account) -> tuple[str, None]:
        invoice = account.invoice(TOTAL)
        account.promise(invoice, said)
        return invoice, None

    return f"promise {said}", make, Truth(owed=TOTAL, said=said)


def _method_case(
    state: str, columns: dict[str, Any]
) -> tuple[str, Callable[[Account], tuple[str | None, str | None]], Truth]:
    def make(account: Account) -> tuple[str, None]:
        account.method(is_default=True, **columns)
        return account.invoice(TOTAL), None

    return f"method {state}", make, Truth(owed=TOTAL, method=state)


# --- the walk ---


def test_no_page_says_anything_that_is_not_so(app: Flask, services: Services) -> None:
    first = make_account(services)
    seen: set[str] = set()
    faults = []
    for name, make, truth in cases():
        account = make_account(services, merchant_id=first.scope.merchant_id)
        with account.together():
            invoice, payment = make(account)
        pages = account.sign_in(app)
        shown = [(path, f"/acme{path}", pages.client) for path in _paths(invoice, payment, truth)]
        for path, address, client in [*shown, *_below_link(app, account, invoice, payment)]:
            # Not through the checks of a PageClient, which other tests make of each page: they take longer than the page.
            answer = client.get(address, headers={"Sec-Fetch-Site": "none"})
            assert answer.status_code == 200, (name, path)
            html = answer.get_data(as_text=True)
            main = html.partition("<main")[2].partition("</main>")[0]
            said = words_of("<main" + main)
            faults += [f"{name}: {path}: {fault}" for fault in _faults(said, truth, seen)]
            faults += [f"{name}: {path}: {fault}" for fault in _false_ticks(main, path, truth)]
            faults += [f"{name}: {path}: {fault}" for fault in _wrong_figures(main, path, truth)]

    assert "\n".join(faults) == ""
    # Each claim was made somewhere: a claim that is never made is a claim that nobody checks.
    assert {pattern for pattern, _ in CLAIMS} - seen == {OF_A_MAIL}


def _paths(invoice: str | None, payment: str | None, truth: Truth) -> Iterator[str]:
    yield from ("/", "/invoices", "/payments", "/checkout")
    if truth.way == "card":
        yield from ("/invoices?status=all", "/invoices?status=overdue", "/invoices?status=paid")
        yield from ("/payments?status=pending", "/payments?status=failed", "/payments?status=refunded")
    if truth.method != "active":
        yield "/payment-methods"
    if invoice:
        yield f"/invoices/{invoice}"
        yield f"/checkout?invoice={invoice}"
    if payment:
        yield f"/payments/{payment}"
        if truth.payment == "incomplete":
            yield f"/checkout/{payment}"


def _below_link(
    app: Flask, account: Account, invoice: str | None, payment: str | None
) -> Iterator[tuple[str, str, FlaskClient]]:
    """What somebody sees who has the invoice's pay link: while the payment is another's, and as one that was made by the link."""
    if invoice is None:
        return
    link = new_id(PREFIX, account.now)
    with account.database.unit_of_work() as session:
        session.add(
            PayLink(
                merchant_id=account.scope.merchant_id, id=link, customer_id=account.scope.customer_id, invoice_id=invoice,
                created_at=account.now,
            )
        )  # fmt: skip
    address = f"/acme/pay/{link_token(account.services.settings.keys, account.scope.merchant_id, link)}"
    client = app.test_client()
    yield f"/invoices/{invoice} by link", address, client
    if payment is not None:
        account.change(Payment, payment, pay_link_id=link)
        yield f"/invoices/{invoice} paid by link", address, client
        yield f"/payments/{payment} by link", f"{address}/payments/{payment}", client


def words_of(main: str) -> str:
    """What main says, without its tabs, which name states that the account is not in. By patterns: a parser takes longer than a page."""
    main = re.sub(r"<(nav|summary)\b.*?</\1>", "", main, flags=re.DOTALL)
    return re.sub(r"To pay\$0\.00", "", _text(main))


def _text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def _faults(said: str, truth: Truth, seen: set[str]) -> Iterator[str]:
    for pattern, is_so in CLAIMS:
        found = re.search(pattern, said)
        if found is None:
            continue
        seen.add(pattern)
        if not is_so(truth):
            yield f"says {found.group()!r} in {said[max(0, found.start() - 60) : found.end() + 40]!r}"
        said = re.sub(pattern, "¶", said)


def _false_ticks(main: str, path: str, truth: Truth) -> Iterator[str]:
    """A large tick is for what is over: never while something is owed, under way or to confirm, nor beside money that went back."""
    speaks_of_one = path.startswith(("/invoices/", "/payments/"))
    is_over = truth.settled and not (speaks_of_one and (truth.returning or truth.refunded == TOTAL))
    for classes in re.findall(r'<svg class="([^"]*)"', main):
        kinds = set(classes.split())
        if kinds & {"icon-large", "icon-huge"} and "good" in kinds and not is_over:
            yield "has a large tick"


def _wrong_figures(main: str, path: str, truth: Truth) -> Iterator[str]:
    """Each button that pays names what is owed; each that confirms what waits."""
    for button in re.findall(r"<button.*?</button>", main, flags=re.DOTALL):
        for word, amount in re.findall(r"(Pay(?: all,)?|Review|Confirm) \$([\d.]+)", _text(button)):
            expected = truth.held if word == "Confirm" else truth.owed
            if amount != f"{expected / 100:.2f}":
                yield f"has the button {word} ${amount}"
    if path == "/invoices":
        tabs = [_text(link) for link in re.findall(r"<a.*?</a>", main, flags=re.DOTALL)]
        counted = [text for text in tabs if text.startswith(("To pay ", "Overdue "))]
        if counted and counted != [f"To pay {int(truth.owed > 0)}", f"Overdue {int(truth.is_overdue)}"]:
            yield f"counts {counted}"


@pytest.mark.parametrize(("sent_seconds_ago", "word"), [(None, "sent"), (9, "sent"), (10, "checked")])
def test_payment_on_its_way_to_the_gateway_has_one_word_on_every_page(
    app: Flask, services: Services, sent_seconds_ago: int | None, word: str
) -> None:
    account = make_account(services)
    invoice = account.invoice(amount_reserved=TOTAL)
    sent_at = None if sent_seconds_ago is None else account.now - timedelta(seconds=sent_seconds_ago)
    written_at = account.now - timedelta(seconds=11)
    payment = account.payment(
        "processing",
        pays={invoice: TOTAL},
        state="active",
        sent_at=sent_at,
        updated_at=written_at,
        checked_at=account.now,
    )
    pages = account.sign_in(app)
    named = (f"/payments/{payment}", f"/invoices/{invoice}", f"/checkout?invoice={invoice}")

    said = {path: pages.get(f"/acme{path}").text for path in ("/", "/invoices", "/payments", *named)}

    words = {path: set(re.findall(r"(?:B|b)eing (sent|checked)", text)) for path, text in said.items()}
    assert set().union(*words.values()) == {word} and all(words.values()), words


# --- figures and counts between the pages ---


@pytest.fixture
def account(services: Services) -> Account:
    """One customer in all states at once."""
    account = make_account(services)
    account.method(is_default=True)
    for name, make, _ in cases():
        if not name.startswith(("method", "nothing")):
            with account.together():
                make(account)
    return account


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def test_pages_agree_on_what_is_owed_on_its_way_and_to_confirm(pages: PageClient, account: Account) -> None:
    overview, invoices, choice = (pages.get(path) for path in ("/acme/", "/acme/invoices", "/acme/checkout"))
    rows = [row for page in _all_pages(pages, "/acme/invoices") for row in _rows(page)]
    moving = [row for page in _all_pages(pages, "/acme/payments?status=pending") for row in _rows(page)]
    to_pay = [row for row in rows if not row.is_quiet]

    owed = sum(row.amount for row in to_pay)
    assert f"You owe {_written(owed)} {len(to_pay)} invoices" in overview.text
    assert f"You owe {_written(owed)} in {len(to_pay)} invoices" in invoices.text
    assert f"To pay {len(to_pay)}" in invoices.texts("a")
    assert f"Overdue {sum('Overdue' in row.words for row in to_pay)}" in invoices.texts("a")
    assert f"Invoices ({len(to_pay)}){_written(owed)}" in choice.text
    assert f"You pay{_written(owed)}" in choice.text
    assert [text for text, _ in choice.buttons("/checkout")] == [f"Review {_written(owed)}"]
    assert len(choice.form(action="/checkout").fields["invoice"]) == len(to_pay)

    waiting = sum(row.amount for row in moving if "To confirm" in row.words)
    on_its_way = sum(row.amount for row in moving if "To confirm" not in row.words)
    held = [row for row in rows if row.is_quiet]
    assert overview.link(f"{_written(on_its_way)} on its way")
    assert overview.link(f"{_written(waiting)} to confirm")
    assert sum(row.amount for row in held if "To confirm" in row.words) == waiting
    assert sum(row.amount for row in held if "To confirm" not in row.words) == on_its_way

    overdue = sum(row.amount for row in to_pay if "Overdue" in row.words)
    (button,) = [text for text, fields in overview.buttons("/checkout") if "overdue" in fields]
    assert button.startswith(f"Pay {_written(overdue)}")
    assert [text for text, _ in invoices.buttons("/checkout")] == [f"Pay {_written(overdue)} overdue"]
    review = pages.submit(overview, button)
    assert [text for text, _ in review.buttons("/confirmation")] == [f"Pay {_written(overdue)} to Acme Software Inc."]
    assert f"{_written(owed - overdue)} stays open" in review.text


@dataclass(frozen=True)
class _Row:
    words: str
    amount: int
    is_quiet: bool


def _rows(page: Page) -> list[_Row]:
    """The rows of the page's table that have an amount."""
    found = []
    for row in page.all("tr"):
        amount = re.search(r"\$([\d,.]+)$", text_of(row))
        if amount and "ledger-child" not in (row.get("class") or ""):
            minor = int(re.sub(r"\D", "", amount.group(1)))
            found.append(_Row(text_of(row), minor, "quiet" in (row.get("class") or "")))
    return found


def _all_pages(pages: PageClient, path: str) -> Iterator[Page]:
    while True:
        page = pages.get(path)
        yield page
        following = [link.get("href", "") for link in page.all("a") if link.get("rel") == "next"]
        if not following:
            return
        path = path.partition("?")[0] + following[0]


def _written(minor: int) -> str:
    return f"${minor / 100:,.2f}"
