"""Examples of the invoices, the two steps of paying them, and the methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from portal.checkout.pages import (
    AmountChoice,
    ChoiceSum,
    ChoosePage,
    CreditChoice,
    CurrencyOffer,
    HeldBy,
    InvoiceChoice,
    MethodChoice,
    NamedAmount,
    OrderNumberField,
    ReviewPage,
    TelephoneChoice,
)
from portal.documents.qr_codes import code_picture
from portal.examples.parts import (
    BANK,
    NOW,
    OTHER_CARD,
    STUDIO_CARD,
    VISA,
    Example,
    example_id,
)
from portal.invoices.pages import (
    CreditNotePage,
    CreditNoteRow,
    InvoiceGroup,
    InvoiceLine,
    InvoicePage,
    InvoicePayment,
    InvoiceRefund,
    InvoiceRow,
    InvoicesPage,
    Owed,
    Party,
    PayLater,
    TaxSum,
    TransferWay,
)
from portal.payments.pages import PaidInvoice
from portal.web.pages import Pager


def invoice_examples() -> Iterator[Example]:
    due = (
        InvoiceRow(example_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), "open", 23958, "USD", 14),
        InvoiceRow(example_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), "open", 8640, "USD"),
        InvoiceRow(
            example_id("inv", 4), "Workshop in Lisbon", "ACME-0405", date(2026, 4, 15), "partially_paid", 45000, "EUR"
        ),
    )
    settled = (
        InvoiceRow(
            example_id("inv", 8),
            "Usage, January top-up",
            "ACME-0417",
            date(2026, 3, 20),
            "open",
            9210,
            "USD",
            0,
            True,
            "pending",
        ),
        InvoiceRow(
            example_id("inv", 13), "Training", "ACME-0397", date(2026, 2, 28), "paid", 7735, "USD", standing="refunded"
        ),
        InvoiceRow(
            example_id("inv", 14),
            "Onboarding",
            "ACME-0396",
            date(2026, 2, 28),
            "paid",
            7735,
            "USD",
            standing="returning",
        ),
        InvoiceRow(example_id("inv", 9), "Usage, January", "ACME-0409", date(2026, 2, 28), "paid", 7735, "USD"),
        InvoiceRow(example_id("inv", 10), "Team plan, February", "ACME-0403", date(2026, 2, 5), "void", 23958, "USD"),
        InvoiceRow(example_id("inv", 11), "ACME-0398", "", date(2025, 12, 5), "uncollectible", 23958, "USD"),
        InvoiceRow(example_id("inv", 12), "Draft", "", None, "draft", 100, "USD"),
    )
    dollars = Owed("USD", 32598, 23958, "/acme/checkout?outstanding=USD", "/acme/checkout?overdue=USD", 2, 32598)
    euros = Owed("EUR", 45000, 0, "/acme/checkout?invoice=4", None, 1, 45000)
    counts = {"outstanding": 3, "overdue": 1}
    groups = (InvoiceGroup(date(2026, 3, 1), due), InvoiceGroup(date(2026, 2, 1), settled))
    everything = InvoicesPage(
        "all", groups, (dollars, euros), Pager(None, "?status=all&after=b", 1, 8, 41), True, counts
    )
    yield Example("invoices", "invoices/list.html", everything, "invoices")
    being_sent = settled[0]._replace(id=example_id("inv", 16), title="Support hours", standing="sending")
    to_confirm = settled[0]._replace(id=example_id("inv", 15), title="Audit log add-on", standing="requires_action")
    divided = (
        InvoiceGroup(None, due, "to_pay"),
        InvoiceGroup(None, (to_confirm,), "waiting"),
        InvoiceGroup(None, (being_sent, settled[0]), "on_its_way"),
    )
    outstanding = replace(everything, status="outstanding", groups=divided, pager=Pager(None, None))
    yield Example("invoices-outstanding", "invoices/list.html", replace(outstanding, owed=(euros,)), "invoices")
    all_sent = replace(outstanding, owed=(), groups=divided[1:], counts={"outstanding": 0, "overdue": 0})
    yield Example("invoices-on-their-way", "invoices/list.html", all_sent, "invoices")
    three = (dollars, euros, Owed("XAF", 5000, 0, None, None, 1, 0))
    yield Example("invoices-three", "invoices/list.html", replace(outstanding, owed=three), "invoices")
    for status in ("outstanding", "overdue", "paid"):
        page = InvoicesPage(status, (), (), Pager(None, None), True)
        yield Example(f"invoices-no-{status}", "invoices/list.html", page, "invoices")
    none = InvoicesPage("outstanding", (), (), Pager(None, None), False)
    yield Example("invoices-none", "invoices/list.html", none, "invoices")
    yield from _invoice_details()


TRANSFER = TransferWay(
    "Acme Software Inc.",
    "DE89 3704 0044 0532 0130 00",
    True,
    "COBADEFFXXX",
    "Commerzbank",
    "ACME-0412",
    code_picture("BCD"),
)
_LATER = PayLater(
    TRANSFER,
    first_day=date(2026, 3, 20),
    last_day=date(2026, 4, 2),
)


def _invoice_details() -> Iterator[Example]:
    payments = (
        InvoicePayment(example_id("pay", 3), date(2026, 3, 5), VISA, "failed", 23958),
        InvoicePayment(example_id("pay", 9), date(2026, 2, 21), "", "complete", 5000),
    )
    invoice = InvoicePage(
        id=example_id("inv", 1), number="ACME-0412", title="Team plan, March", status="open", currency="USD",
        issued_on=date(2026, 2, 19), due_on=date(2026, 3, 5), days_overdue=14,
        seller=Party("Acme Software Inc.", ("410 Union Street", "Seattle, WA 98101", "EIN 00-1234567")),
        buyer=Party("Lindqvist Studio", ("Maya Lindqvist", "1220 Pine Street, Suite 4", "Seattle, WA 98101")),
        lines=(
            InvoiceLine("Team plan, 10 seats", Decimal(10), Decimal(2000), 20000, "March 1 – 31, 2026"),
            InvoiceLine("Extra storage", Decimal("12.5"), Decimal("255.17"), 2000),
            InvoiceLine("Rounding", Decimal(1), None, 0),
        ),
        taxes=(TaxSum(Decimal("8.9"), 1958),), subtotal=22000, total=23958, amount_paid=0, amount_credited=0,
        amount_due=23958, credit_notes=(), payments=(), in_progress=None,
        pay_url="/acme/checkout?invoice=1", pay_with=STUDIO_CARD, amount_left=23958,
    )  # fmt: skip
    note = CreditNoteRow("CN-0007", date(2026, 3, 1), 1000, example_id("cn", 1))
    part = replace(
        invoice, status="partially_paid", days_overdue=0, amount_paid=5000, amount_credited=1000, amount_due=17958,
        credit_notes=(note,), payments=payments, amount_left=17958,
    )  # fmt: skip
    on_its_way = InvoicePayment(example_id("pay", 1), date(2026, 3, 18), VISA, "pending", 23958)
    held = replace(invoice, in_progress=on_its_way, payments=(on_its_way,), pay_url=None, amount_left=0)
    paid = replace(
        invoice, status="paid", days_overdue=0, amount_paid=23958, amount_due=0, pay_url=None, amount_left=0,
        payments=(replace(on_its_way, status="complete"),), paid_on=date(2026, 3, 18),
    )  # fmt: skip
    refund = InvoiceRefund(date(2026, 3, 19), 23958, "complete", VISA)
    refunded = replace(
        paid, amount_refunded=23958, refunded_on=refund.on, refund_method=VISA,
        payments=(replace(on_its_way, status="refunded", refunds=(refund,)),),
    )  # fmt: skip
    returning = replace(refund, status="pending", amount=5000)
    variants = {
        "overdue": invoice,
        "part-paid": part,
        "in-progress": held,
        "to-confirm": replace(held, in_progress=replace(on_its_way, status="requires_action")),
        "being-sent": replace(held, in_progress=replace(on_its_way, status="sending")),
        "being-checked": replace(held, in_progress=replace(on_its_way, status="processing")),
        "held-in-part": replace(
            held, in_progress=replace(on_its_way, amount=20000), amount_left=3958, rest_url="/acme/payments/pay_1"
        ),
        "transfer": replace(invoice, later=_LATER),
        "transferred": replace(part, later=replace(_LATER, said="transfer", said_on=date(2026, 3, 19))),
        "promised": replace(invoice, later=replace(_LATER, said="day", said_on=date(2026, 3, 19), pay_on=date(2026, 3, 27))),
        **{
            f"promise-{fault}": replace(invoice, later=replace(_LATER, transfer=None, typed="2026-02-30", fault=fault))
            for fault in ("missing", "malformed", "past", "too_late")
        },
        "paid": paid,
        "refunded": refunded,
        "refunded-by-import": replace(refunded, refunded_on=None, refund_method=""),
        "partly-refunded": replace(
            paid, amount_refunded=5000, refunded_on=refund.on, refund_method=VISA,
            payments=(replace(on_its_way, status="partially_refunded", refunds=(replace(refund, amount=5000),)),),
        ),
        "refund-on-its-way": replace(
            paid, amount_refunded=1000, amount_returning=5000, refunded_on=refund.on, refund_method=VISA,
            payments=(replace(on_its_way, status="returning", refunds=(replace(refund, amount=1000), returning)),),
        ),
        "refund-shared": replace(
            paid, is_refund_shared=True, payments=(replace(on_its_way, status="partially_refunded"),)
        ),
        "credited": replace(paid, amount_paid=0, amount_credited=23958, payments=(), paid_on=None),
        "unpayable": replace(invoice, pay_url=None, pay_with=None),
        "void": replace(invoice, status="void", pay_url=None, amount_left=0),
        "uncollectible": replace(invoice, status="uncollectible", pay_url=None, amount_left=0),
        "draft": replace(invoice, status="draft", pay_url=None, due_on=None, amount_left=0),
    }  # fmt: skip
    for name, page in variants.items():
        yield Example(f"invoice-{name}", "invoices/detail.html", page, "invoices")
    credit = CreditNotePage(
        example_id("cn", 1), "CN-0007", "One seat too many", date(2026, 3, 1), "USD", 1500, 1000, example_id("inv", 1), "ACME-0412"
    )  # fmt: skip
    yield Example("credit-note", "invoices/credit_note.html", credit, "invoices")
    alone = replace(credit, description="", amount_applied=0, invoice_id=None, invoice_number="")
    yield Example("credit-note-alone", "invoices/credit_note.html", alone, "invoices")


def checkout_examples() -> Iterator[Example]:
    first = InvoiceChoice(
        example_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), 14, 23958, "USD", "?invoice=2"
    )
    second = InvoiceChoice(
        example_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), 0, 8640, "USD", "?invoice=1"
    )
    other = InvoiceChoice(
        example_id("inv", 3), "Team plan, April", "ACME-0421", date(2026, 4, 1), 0, 28750, "USD", "?invoice=3"
    )
    methods = (
        MethodChoice(example_id("pm", 1), STUDIO_CARD, "active", True),
        MethodChoice(example_id("pm", 2), OTHER_CARD, "expiring", False),
        MethodChoice(example_id("pm", 3), BANK, "active", False),
    )
    choose = ChoosePage(
        (first, second),
        (other,),
        methods,
        32598,
        "USD",
        "Acme Software Inc.",
        "Sandbox Pay",
        example_id("pm", 1),
        can_save=True,
        sum=ChoiceSum(2, 32598, 32598, 0, 32598),
    )
    yield Example("choose", "checkout/choose.html", choose, "invoices")
    bare = replace(
        choose, invoices=(replace(first, change_url=None),), others=(), methods=(), chosen="new", amount=23958,
        sum=ChoiceSum(1, 23958, 23958, 0, 23958),
    )  # fmt: skip
    yield Example("choose-slow-gateway", "checkout/choose.html", replace(choose, is_gateway_slow=True), "invoices")
    yield Example("choose-first-time", "checkout/choose.html", bare, "invoices")
    for kind in ("missing", "unknown", "expired", "currency"):
        page = replace(choose, chosen="", faults={"payment_method": kind})
        yield Example(f"choose-method-{kind}", "checkout/choose.html", page, "invoices")
    by_currency = (
        CurrencyOffer(
            "USD", 23958, "/acme/checkout?invoice=1", titles=("Team plan, March", "Usage, February"), more_count=3
        ),
        CurrencyOffer("EUR", 9000, "/acme/checkout?invoice=2", titles=("Workshop in Lisbon, balance",)),
    )  # fmt: skip
    unchosen = replace(
        choose, invoices=(), others=(first, second), sum=ChoiceSum(0, 0, None), faults={"invoice": "missing"}
    )
    yield Example("choose-invoice-missing", "checkout/choose.html", unchosen, "invoices")
    holder = HeldBy(example_id("pay", 1), "pending", 23958, "USD", date(2026, 3, 18))
    for kind in ("in_progress", "settled"):
        page = replace(choose, faults={"invoice": kind}, in_progress_payment_id=holder.id, held_by=holder)
        yield Example(f"choose-invoice-{kind}", "checkout/choose.html", page, "invoices")
        held_by = holder if kind == "in_progress" else None
        alone = replace(page, invoices=(), nothing=kind, held_by=held_by)
        yield Example(f"choose-nothing-{kind}", "checkout/choose.html", alone, "invoices")
    nothing = replace(choose, invoices=())
    for status in ("requires_action", "sending", "processing"):
        held = replace(
            nothing, faults={"invoice": "in_progress"}, nothing="in_progress", held_by=replace(holder, status=status)
        )
        yield Example(f"choose-nothing-{status}", "checkout/choose.html", held, "invoices")
    unknown = replace(nothing, faults={"invoice": "in_progress"}, nothing="in_progress", held_by=None, others=())
    yield Example("choose-nothing-held-by-nobody", "checkout/choose.html", unknown, "invoices")
    none = replace(nothing, faults={}, nothing="none", others=())
    yield Example("choose-nothing-none", "checkout/choose.html", none, "invoices")
    mixed = replace(choose, faults={"invoice": "currencies"}, by_currency=by_currency, nothing="currencies")
    yield Example("choose-invoice-currencies", "checkout/choose.html", mixed, "invoices")
    stopped = replace(choose, stopped_amount=23958)
    for kind in ("", "missing", "unreadable", "card_number"):
        number = OrderNumberField("" if kind else "Purchase order", "PO-4711" if kind == "unreadable" else "")
        page = replace(choose, order_number=number, faults={"purchase_order": kind} if kind else {})
        yield Example(f"choose-order-number-{kind}".rstrip("-"), "checkout/choose.html", page, "invoices")
    yield Example("choose-after-stop", "checkout/choose.html", stopped, "invoices")
    yield from _ways_to_pay(choose)

    shares = (
        PaidInvoice(example_id("inv", 1), "ACME-0412", "Team plan, March", 23958),
        PaidInvoice(example_id("inv", 2), "ACME-0419", "Usage, February", 8640),
    )
    review = ReviewPage(
        example_id("pay", 20), "ready", 32598, "USD", "Acme Software Inc.", shares, STUDIO_CARD, "Sandbox Pay", "1",
        "/acme/checkout?invoice=1&invoice=2", f"/acme/invoices/{example_id('inv', 1)}",
        other_payment_id=example_id("pay", 1), receipt_to="maya@lindqvist.example", open_after=28750,
    )  # fmt: skip
    for state in ("ready", "changed", "in_progress", "settled"):
        yield Example(f"review-{state}", "checkout/review.html", replace(review, state=state), "invoices")
    expired = replace(review, state="expired", can_cancel=False, other_payment_id=None)
    for end in ("time", "customer", "change"):
        yield Example(f"review-ended-by-{end}", "checkout/review.html", replace(expired, ended_by=end), "invoices")
    shown = {
        "review-credit": replace(review, credit_amount=2000, amount=30598),
        "review-all-by-credit": replace(review, credit_amount=32598, amount=0, method=None),
        "review-part": replace(
            review, amount=25000, rest_amount=7598,
            shares=(shares[0], replace(shares[1], amount=1042, left=7598, left_currency="USD")),
        ),
        "review-top-up": replace(review, amount=5000, is_top_up=True, shares=()),
        "review-too-many": replace(review, state="too_many", until=NOW + timedelta(minutes=41)),
        "review-too-many-prompts": replace(
            review, state="too_many_prompts", phone="+237677000012", until=NOW + timedelta(minutes=41)
        ),
        "review-settled-elsewhere": replace(review, state="settled", can_cancel=False, other_payment_id=None),
        "review-top-up-expired": replace(expired, ended_by="time", is_top_up=True, shares=()),
        "review-telephone": replace(review, method=None, phone="+237677000012"),
        "review-without-mail": replace(review, receipt_to=None, open_after=0, method=BANK),
    }  # fmt: skip
    for name, shown_review in shown.items():
        yield Example(name, "checkout/review.html", shown_review, "invoices")
    yield Example("review-slow-gateway", "checkout/review.html", replace(review, is_gateway_slow=True), "invoices")
    yield Example("review-new-method", "checkout/review.html", replace(review, method=None), "invoices")


def _ways_to_pay(choose: ChoosePage) -> Iterator[Example]:
    """Other amounts than all, deposits, splits, credit, currencies and telephones; each wrong amount once."""
    named = (
        NamedAmount("deposit", "deposit", 10000),
        NamedAmount("full", "full", 32598),
        NamedAmount("5000", "preset", 5000),
    )
    amounts = AmountChoice(
        named, "full", "", True, True, 1000, 32598, least_first_part=23959, most_first_part=32597, typed_first="250.00"
    )
    telephone = TelephoneChoice((("cm.mtn", "MTN MoMo"), ("cm.orange", "Orange Money")), "cm.mtn", "+237677000012")
    offers = (CurrencyOffer("USD", 32598, "?currency=USD", True), CurrencyOffer("EUR", 30000, "?currency=EUR"))
    shown = {
        "amounts": replace(
            choose, amount_choice=amounts, credit=CreditChoice(4250, True), sum=ChoiceSum(2, 32598, 32598, 4250, 28348)
        ),
        "part": replace(
            choose, amount_choice=replace(amounts, chosen="other", typed="275.00"), credit=CreditChoice(4250, True),
            sum=ChoiceSum(2, 32598, 27500, 4250, 23250, 5098),
        ),
        "in-two-payments": replace(
            choose, amount_choice=replace(amounts, chosen="split"), sum=ChoiceSum(2, 32598, 25000, 0, 25000, 7598, True)
        ),
        "amount-open": replace(choose, amount_choice=replace(amounts, chosen="other"), sum=ChoiceSum(2, 32598, None)),
        "all-by-credit": replace(choose, credit=CreditChoice(90000, True), sum=ChoiceSum(2, 32598, 32598, 32598, 0)),
        "after-refusal": replace(
            choose, amount_choice=AmountChoice(named[1:2], "other", "", True, False, 100, 32597, is_after_refusal=True),
            sum=ChoiceSum(2, 32598, None),
        ),
        "split": replace(choose, kind="split", split_of=example_id("pay", 1), others=()),
        "currencies": replace(choose, currencies=offers),
        "no-way": replace(choose, methods=(), can_add=False, nothing="no_way"),
        "no-way-but-credit": replace(choose, methods=(), can_add=False, credit=CreditChoice(42500, True)),
        "no-way-for-the-rest": replace(
            choose, methods=(), can_add=False, credit=CreditChoice(42500, True), faults={"payment_method": "missing"}
        ),
        "no-way-beside-credit": replace(
            choose, methods=(), can_add=False, credit=CreditChoice(4250, True), nothing="no_way"
        ),
        "no-way-in-this-currency": replace(choose, methods=(), can_add=False, currencies=offers, nothing="no_way"),
        "many-types": replace(choose, page_types=("card", "mobile_money", "bank_account", "other")),
        "telephone": replace(choose, telephone=telephone, chosen="telephone"),
        "telephone-unreadable": replace(
            choose, telephone=replace(telephone, phone="12"), chosen="telephone", faults={"phone": "unreadable"}
        ),
        "top-up": replace(
            choose, kind="top_up", invoices=(), others=(), amount=0, currencies=offers,
            amount_choice=AmountChoice(named[2:], "5000", "", True, False, 1000, 50000), sum=ChoiceSum(0, 0, 5000, 0, 5000),
        ),
    }  # fmt: skip
    for name, page in shown.items():
        yield Example(f"choose-{name}", "checkout/choose.html", page, "invoices")
    typed = replace(amounts, chosen="other", typed="0.50")
    for kind in ("unreadable", "low", "high", "unplaceable", "unreached", "not_allowed"):
        wrong = replace(typed, chosen="split") if kind == "unreached" else typed
        page = replace(choose, amount_choice=wrong, faults={"amount": kind}, sum=ChoiceSum(2, 32598, None))
        yield Example(f"choose-amount-{kind}", "checkout/choose.html", page, "invoices")
    gone = replace(choose, amount_choice=amounts, faults={"amount": "not_allowed"})
    pasted = replace(choose, amount_choice=amounts, faults={"amount": "card_number"})
    yield Example("choose-amount-pasted", "checkout/choose.html", pasted, "invoices")
    yield Example("choose-amount-gone", "checkout/choose.html", gone, "invoices")
    yield Example("choose-amount-fixed", "checkout/choose.html", replace(choose, faults={"amount": "low"}), "invoices")
