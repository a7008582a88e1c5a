"""An example of every page in every state: what templates are checked and looked at with. Figures and people are made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from portal.checkout.pages import ChoosePage, InvoiceChoice, MethodChoice, ReviewPage
from portal.demo.pages import CaughtMail, DemoCustomer, DemoMerchant, MailPage, SandboxNumber, StartPage
from portal.invoices.pages import (
    CreditNoteRow,
    InvoiceGroup,
    InvoiceLine,
    InvoicePage,
    InvoicePayment,
    InvoiceRow,
    InvoicesPage,
    Owed,
    Party,
    TaxSum,
)
from portal.overview.pages import Attention, DueInvoice, OverviewPage, OwedPanel
from portal.payment_methods.pages import MethodLabel, MethodRow, MethodsPage, method_name
from portal.payments.pages import PaidInvoice, PaymentMonth, PaymentPage, PaymentRow, PaymentsPage, RefundRow, Step
from portal.sign_in.pages import (
    AccountChoice,
    AddressPage,
    ChooseAccountPage,
    CodePage,
    LinkExpiredPage,
    LinkPage,
    SessionPage,
    Target,
)
from portal.theming.themes import ThemeSet
from portal.web.pages import ErrorPage, Pager
from portal.web.rendering import Language, Renderer, Shell, build_brand

NOW = datetime(2026, 3, 19, 10, 44, 5, tzinfo=UTC)
STATIC = "/static/0123456789ab"

STUDIO_CARD = MethodLabel("card", "visa", "4242", nickname="Studio card", exp_month=11, exp_year=2028)
OTHER_CARD = MethodLabel("card", "mastercard", "5100", exp_month=4, exp_year=2026)
PHONE = MethodLabel("mobile_money", "mtn", "0012", nickname="Téléphone d’Aïcha", phone="+237 6 77 •• •• 12")
BANK = MethodLabel("bank_account", None, "6789", bank_name="Chase")
VISA = method_name("card", "visa", "4242")
MASTERCARD = method_name("card", "mastercard", "5100")


@dataclass(frozen=True, slots=True)
class Example:
    """A template with a page to fill it, and where in the navigation it stands ("" for those before signing in)."""

    name: str
    template: str
    page: object
    current: str = ""


def examples() -> Iterator[Example]:
    """Every page of the portal, each state of it once."""
    yield from _sign_in()
    yield from _overviews()
    yield from _payments()
    yield from _invoices()
    yield from _checkouts()
    yield Example("methods", "payment_methods/list.html", _methods(), "payment_methods")
    yield Example("methods-none", "payment_methods/list.html", MethodsPage((), "Sandbox Pay"), "payment_methods")
    yield from _errors()
    yield from _demo()


def example_shell(themes: ThemeSet, *, theme: str, locale: str, current: str = "", direction: str = "ltr") -> Shell:
    """A shell in the dress of a bundled theme; signed in where `current` names a place of the navigation."""
    worn = themes.get(theme)
    is_acme = theme != "savane"
    return Shell(
        root="/" + theme,
        static=STATIC,
        csrf_token="IjhkZjM0.example",
        merchant_name="Acme Software Inc." if is_acme else "Savane Énergie SA",
        brand=build_brand(worn, name="Acme" if is_acme else "Savane Énergie", static=STATIC, locale=locale),
        customer_name=("Maya Lindqvist" if is_acme else "Aïcha Njoya") if current else None,
        customer_company=("Lindqvist Studio" if is_acme else "Boulangerie Njoya") if current else None,
        signed_in=bool(current),
        current=current,
        locale=locale,
        dir=direction,
        languages=(Language("en", "English", "?locale=en"), Language("fr", "Français", "?locale=fr")),
        embedded=False,
        support_email="billing@acme.example" if is_acme else "aide@savane.example",
        privacy_url="https://example.com/privacy",
        terms_url="https://example.com/terms",
        now=NOW,
    )


def render_example(renderer: Renderer, example: Example, shell: Shell) -> str:
    return renderer.render(
        example.template, theme=shell.brand.theme, locale=shell.locale, page=example.page, shell=shell
    )


def payment_rows(count: int) -> tuple[PaymentRow, ...]:
    """As many paid rows as asked for, each with an id of the real length."""
    return tuple(
        PaymentRow(
            id=f"pay_{index:06d}{'0Yc3mQ9sT7vLkPzE'}",
            title="Team plan, February",
            note=f"ACME-{4000 + index:04d}",
            on=date(2026, 2, 28) - timedelta(days=index * 3),
            method=VISA,
            status="complete",
            amount=23958 + index,
            currency="USD",
        )
        for index in range(count)
    )


# --- signing in ---


def _sign_in() -> Iterator[Example]:
    invoice = Target("/invoices/inv_0Yc3mQ9sT7vLkPzE000001", "invoice", "ACME-0412")
    yield Example("sign-in", "sign_in/address.html", AddressPage())
    yield Example("sign-in-malformed", "sign_in/address.html", AddressPage(invoice, "maya@lindqvist", "malformed"))
    yield Example("sign-in-missing", "sign_in/address.html", AddressPage(fault="missing"))
    yield Example("sign-in-idle", "sign_in/address.html", AddressPage(invoice, notice="idle"))
    yield Example("sign-in-signed-out", "sign_in/address.html", AddressPage(notice="signed_out"))

    code = CodePage("m•••@lindqvist.example")
    later = NOW + timedelta(minutes=15)
    yield Example("code", "sign_in/code.html", code)
    yield Example("code-wrong", "sign_in/code.html", replace(code, state="wrong", code="K7QM-2XPA", tries_left=4))
    yield Example("code-short", "sign_in/code.html", replace(code, state="short", code="K7QM-2X", missing_count=2))
    yield Example("code-long", "sign_in/code.html", replace(code, state="short", code="K7QM2XPAA", missing_count=-1))
    yield Example("code-expired", "sign_in/code.html", replace(code, state="expired"))
    yield Example("code-sent-again", "sign_in/code.html", replace(code, state="sent_again"))
    yield Example("code-locked", "sign_in/code.html", replace(code, state="locked", until=later))
    yield Example("code-withheld", "sign_in/code.html", replace(code, state="withheld", until=later))
    yield Example("code-unasked", "sign_in/code.html", CodePage(None))

    link = LinkPage("tok", "Maya Lindqvist", "m•••@lindqvist.example", invoice, device="phone")
    yield Example("link", "sign_in/link.html", link)
    yield Example("link-switch", "sign_in/link.html", replace(link, signed_in_as="Jonas Berg", target=Target()))
    expired = LinkExpiredPage("expired", invoice, "tok", "m•••@lindqvist.example")
    yield Example("link-expired", "sign_in/link_expired.html", expired)
    yield Example("link-used", "sign_in/link_expired.html", replace(expired, state="used", target=Target()))
    yield Example("link-damaged", "sign_in/link_expired.html", LinkExpiredPage("damaged", invoice))
    yield Example("code-shut", "sign_in/code.html", replace(code, state="locked"))
    accounts = (
        AccountChoice("cus_1", "Maya Lindqvist"),
        AccountChoice("cus_2", "Maya Lindqvist", "Lindqvist & Berg AB"),
    )
    yield Example(
        "choose-account", "sign_in/choose_account.html", ChooseAccountPage("/sign-in/code", accounts, "K7QM-2XPA")
    )
    yield Example("session", "sign_in/session.html", SessionPage("tok", "Maya Lindqvist", invoice))
    yield Example("session-switch", "sign_in/session.html", SessionPage("tok", "Maya", Target(), "Jonas Berg"))


# --- overview ---


def _overviews() -> Iterator[Example]:
    march = DueInvoice(_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), 23958, 14)
    usage = DueInvoice(_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), 8640)
    april = DueInvoice(_id("inv", 3), "Team plan, April", "ACME-0421", date(2026, 4, 1), 28750)
    workshop = DueInvoice(_id("inv", 4), "Workshop in Lisbon, balance", "ACME-0405", date(2026, 4, 15), 45000)
    dollars = OwedPanel(
        "USD", 61348, 3, (march, usage, april), "/acme/checkout?invoice=1&invoice=2", "/acme/checkout?invoice=1",
        23958, 1, 14, pending_amount=9210,
    )  # fmt: skip
    euros = OwedPanel("EUR", 45000, 1, (workshop,), "/acme/checkout?invoice=4")
    attention = (
        Attention("payment_failed", "/acme/payments/" + _id("pay", 3), 23958, "USD", "insufficient_funds"),
        Attention("action_needed", "/acme/payments/" + _id("pay", 2), 4900, "USD"),
        Attention("method_expiring", "/acme/payment-methods", method=MASTERCARD, expiry="04/2026"),
    )
    full = OverviewPage("Maya", (dollars, euros), attention, _mixed_rows()[:5], STUDIO_CARD)
    yield Example("overview", "overview.html", full, "overview")
    yield Example("overview-empty", "overview.html", OverviewPage("", (), (), (), None), "overview")
    many = replace(dollars, count=12, overdue_count=4, overdue_amount=48211, longest_overdue_days=41, pending_amount=0)
    expired = (Attention("method_expired", "/acme/payment-methods", method=VISA, expiry="02/2026"),)
    yield Example("overview-many", "overview.html", replace(full, owed=(many,), attention=expired), "overview")
    on_time = OwedPanel("EUR", 45000, 1, (workshop,), "/acme/checkout?invoice=4")
    yield Example("overview-on-time", "overview.html", replace(full, owed=(on_time,), attention=()), "overview")
    francs = OwedPanel(
        "XAF", 35950, 3,
        (
            DueInvoice(_id("inv", 5), "Électricité, février", "SAV-0183", date(2026, 3, 10), 18450, 9),
            DueInvoice(_id("inv", 6), "Kit solaire, mensualité 6 sur 12", "SAV-0190", date(2026, 3, 31), 12500),
            DueInvoice(_id("inv", 7), "Entretien annuel du compteur", "SAV-0192", date(2026, 4, 5), 5000),
        ),
        "/savane/checkout?invoice=1", "/savane/checkout?invoice=1", 18450, 1, 9,
    )  # fmt: skip
    failed = Attention("payment_failed", "/savane/payments/" + _id("pay", 3), 18450, "XAF", "insufficient_funds")
    yield Example(
        "overview-francs",
        "overview.html",
        OverviewPage("Aïcha", (francs,), (failed,), _franc_rows(), PHONE),
        "overview",
    )


# --- payments ---


def _payments() -> Iterator[Example]:
    months = _by_month(_mixed_rows())
    counts = {"all": 148, "complete": 131, "pending": 2, "failed": 5, "refunded": 6}
    pager = Pager("?before=a", "?after=b", 26, 50, 148)
    yield Example("payments", "payments/list.html", PaymentsPage("all", months, pager, True, counts), "payments")
    yield Example(
        "payments-25", "payments/list.html",
        PaymentsPage("complete", _by_month(payment_rows(25)), Pager(None, "?status=complete&after=b"), True), "payments",
    )  # fmt: skip
    for status in ("complete", "pending", "failed", "refunded"):
        page = PaymentsPage(status, (), Pager(None, None), True, {"all": 148, status: 0})
        yield Example(f"payments-no-{status}", "payments/list.html", page, "payments")
    yield Example("payments-none", "payments/list.html", PaymentsPage("all", (), Pager(None, None), False), "payments")

    asked = NOW - timedelta(minutes=2)
    created, sent = Step("created", asked), Step("sent", asked + timedelta(seconds=1))
    shares = (PaidInvoice(_id("inv", 1), "ACME-0412", "Team plan, March", 23958),)
    pay = PaymentPage(
        id=_id("pay", 1), status="complete", amount=23958, currency="USD", payee="Acme Software Inc.", at=asked,
        gateway_name="Sandbox Pay", method=STUDIO_CARD, shares=shares, receipt_to="m•••@lindqvist.example", retry_amount=23958,
        steps=(created, sent, Step("complete", asked + timedelta(seconds=4))),
    )  # fmt: skip
    retry = "/acme/checkout?invoice=1"
    two = (shares[0], PaidInvoice(_id("inv", 2), "ACME-0419", "Usage, February", 8640))
    refunds = (
        RefundRow(NOW.date(), 10000, "USD", "complete", VISA),
        RefundRow(NOW.date(), 500, "USD", "pending", VISA),
    )
    open_steps = (created, sent, Step("waiting", sent.at), Step("complete", None))
    variants = {
        "complete": replace(pay, shares=two, amount=32598),
        "processing": replace(pay, status="processing", steps=(created, sent, Step("unknown", NOW))),
        "requires-action": replace(
            pay, status="requires_action", continue_url="http://localhost:9/challenge/ch_1", can_cancel=True,
            steps=(created, sent, Step("action_needed", NOW), Step("complete", None)),
        ),
        "incomplete": replace(
            pay, status="incomplete", method=None, continue_url="http://localhost:9/pay/pg_1", can_cancel=True,
            steps=(created, Step("page_opened", NOW)),
        ),
        "bank": replace(pay, status="pending", method=BANK, steps=open_steps),
        "card-pending": replace(pay, status="pending", steps=open_steps),
        "phone": replace(
            pay, status="pending", method=PHONE, amount=12500, currency="XAF", payee="Savane Énergie SA",
            asked_at=asked, answer_by=asked + timedelta(minutes=5), dial="*126#", can_cancel=True, steps=open_steps,
            shares=(PaidInvoice(_id("inv", 6), "SAV-0190", "Kit solaire, mensualité 6 sur 12", 12500),),
        ),
        "phone-bare": replace(pay, status="pending", method=MethodLabel("mobile_money"), steps=open_steps),
        "canceled": replace(pay, status="canceled", retry_url=retry, steps=(created, Step("canceled", NOW))),
        "expired": replace(pay, status="expired", method=None, retry_url=retry, steps=(created, Step("expired", NOW))),
        "abandoned": replace(pay, status="abandoned", retry_url=retry, steps=(created, Step("abandoned", NOW))),
        "rejected": replace(pay, status="rejected", steps=(created, sent, Step("rejected", NOW))),
        "refunded": replace(
            pay, status="refunded", amount_refunded=23958, refunds=(replace(refunds[0], amount=23958),),
            steps=(*pay.steps, Step("refund", NOW, 23958)),
        ),
        "partially-refunded": replace(
            pay, status="partially_refunded", amount_refunded=10000, refunds=refunds,
            steps=(*pay.steps, Step("refund", NOW, 10000), Step("refund_failed", NOW)),
        ),
        "without-invoice": replace(pay, shares=(), receipt_to=None),
    }  # fmt: skip
    for code in ("card_declined", "insufficient_funds", "authentication_failed", "expired_card", "payer_canceled",
                 "timeout", "returned_unpaid", "processing_error", None):  # fmt: skip
        variants[f"failed-{code}"] = replace(
            pay, status="failed", failure_code=code, retry_url=retry, steps=(created, sent, Step("failed", NOW))
        )
    for name, page in variants.items():
        yield Example(f"payment-{name}", "payments/detail.html", page, "payments")


def _mixed_rows() -> tuple[PaymentRow, ...]:
    def row(
        number: int, title: str, note: str, on: date, method: str, status: str, amount: int, **rest: object
    ) -> PaymentRow:
        currency = str(rest.pop("currency", "USD"))
        made = PaymentRow(_id("pay", number), title, note, on, method, status, amount, currency)
        return replace(made, **rest)  # type: ignore[arg-type]

    refund = RefundRow(date(2026, 3, 9), 18000, "USD", "complete", VISA)
    part = RefundRow(date(2026, 1, 30), 5000, "EUR", "pending", VISA)
    retry = "/acme/checkout?invoice=" + _id("inv", 1)
    chase = method_name("bank_account", None, "6789", "Chase")
    return (
        row(1, "Usage, January top-up", "ACME-0417", date(2026, 3, 18), chase, "pending", 9210),
        row(2, "Audit log add-on", "ACME-0418", date(2026, 3, 12), VISA, "requires_action", 4900),
        row(3, "Team plan, March", "ACME-0412", date(2026, 3, 5), VISA, "failed", 23958,
            failure_code="insufficient_funds", retry_url=retry),
        row(4, "Onboarding session", "ACME-0410", date(2026, 3, 2), VISA, "refunded", 18000, refunds=(refund,)),
        row(5, "Usage, January", "ACME-0409", date(2026, 2, 18), MASTERCARD, "complete", 7735),
        row(6, "Team plan, February", "ACME-0403", date(2026, 2, 5), VISA, "processing", 23958),
        row(7, "Team plan, February", "ACME-0403", date(2026, 2, 3), MASTERCARD, "canceled", 23958),
        row(8, "Workshop in Lisbon, deposit", "ACME-0405", date(2026, 1, 22), VISA, "partially_refunded", 20000,
            currency="EUR", refunds=(part,)),
        row(9, "Usage, December", "ACME-0399", date(2026, 1, 18), MASTERCARD, "complete", 8120, more_count=2),
        row(10, "Team plan, January", "ACME-0392", date(2026, 1, 5), VISA, "rejected", 23958, failure_code="novel"),
        row(11, "Team plan, January", "ACME-0392", date(2026, 1, 5), "", "expired", 23958),
        row(12, "Team plan, December", "ACME-0388", date(2025, 12, 5), VISA, "abandoned", 23958),
        row(13, "", "", date(2025, 12, 1), VISA, "incomplete", 123456789),
    )  # fmt: skip


def _franc_rows() -> tuple[PaymentRow, ...]:
    momo, orange = method_name("mobile_money", "mtn", "0012"), method_name("mobile_money", "orange", "0040")
    rows = (
        ("Kit solaire, mensualité 5 sur 12", date(2026, 3, 19), momo, "pending", 12500),
        ("Électricité, février", date(2026, 3, 14), orange, "failed", 18450),
        ("Kit solaire, mensualité 4 sur 12", date(2026, 3, 2), momo, "complete", 12500),
        ("Contrôle du compteur", date(2026, 2, 20), momo, "refunded", 5000),
        ("Électricité, janvier", date(2026, 2, 1), momo, "complete", 1217890),
    )
    return tuple(
        PaymentRow(_id("pay", place), title, "", on, method, status, amount, "XAF")
        for place, (title, on, method, status, amount) in enumerate(rows)
    )


def _by_month(rows: tuple[PaymentRow, ...]) -> tuple[PaymentMonth, ...]:
    months: dict[date, list[PaymentRow]] = {}
    for row in rows:
        months.setdefault(row.on.replace(day=1), []).append(row)
    return tuple(PaymentMonth(first, tuple(of_month)) for first, of_month in months.items())


# --- invoices ---


def _invoices() -> Iterator[Example]:
    due = (
        InvoiceRow(_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), "open", 23958, "USD", 14),
        InvoiceRow(_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), "open", 8640, "USD"),
        InvoiceRow(_id("inv", 4), "Workshop in Lisbon", "ACME-0405", date(2026, 4, 15), "partially_paid", 45000, "EUR"),
    )
    settled = (
        InvoiceRow(
            _id("inv", 8), "Usage, January top-up", "ACME-0417", date(2026, 3, 20), "open", 9210, "USD", 0, True
        ),
        InvoiceRow(_id("inv", 9), "Usage, January", "ACME-0409", date(2026, 2, 28), "paid", 7735, "USD"),
        InvoiceRow(_id("inv", 10), "Team plan, February", "ACME-0403", date(2026, 2, 5), "void", 23958, "USD"),
        InvoiceRow(_id("inv", 11), "ACME-0398", "", date(2025, 12, 5), "uncollectible", 23958, "USD"),
        InvoiceRow(_id("inv", 12), "Draft", "", None, "draft", 100, "USD"),
    )
    dollars = Owed("USD", 61348, 23958, "/acme/checkout?invoice=1&invoice=2", "/acme/checkout?invoice=1")
    euros = Owed("EUR", 45000, 0, "/acme/checkout?invoice=4", None)
    counts = {"outstanding": 4, "overdue": 1}
    groups = (InvoiceGroup(date(2026, 3, 1), due), InvoiceGroup(date(2026, 2, 1), settled))
    everything = InvoicesPage(
        "all", groups, (dollars, euros), Pager(None, "?status=all&after=b", 1, 8, 41), True, counts
    )
    yield Example("invoices", "invoices/list.html", everything, "invoices")
    outstanding = replace(everything, status="outstanding", groups=(InvoiceGroup(None, due),), pager=Pager(None, None))
    yield Example("invoices-outstanding", "invoices/list.html", replace(outstanding, owed=(euros,)), "invoices")
    three = (dollars, euros, Owed("XAF", 5000, 0, None, None))
    yield Example("invoices-three", "invoices/list.html", replace(outstanding, owed=three), "invoices")
    for status in ("outstanding", "overdue", "paid"):
        page = InvoicesPage(status, (), (), Pager(None, None), True)
        yield Example(f"invoices-no-{status}", "invoices/list.html", page, "invoices")
    none = InvoicesPage("outstanding", (), (), Pager(None, None), False)
    yield Example("invoices-none", "invoices/list.html", none, "invoices")
    yield from _invoice_details()


def _invoice_details() -> Iterator[Example]:
    payments = (
        InvoicePayment(_id("pay", 3), date(2026, 3, 5), VISA, "failed", 23958),
        InvoicePayment(_id("pay", 9), date(2026, 2, 21), "", "complete", 5000),
    )
    invoice = InvoicePage(
        id=_id("inv", 1), number="ACME-0412", title="Team plan, March", status="open", currency="USD",
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
        pay_url="/acme/checkout?invoice=1", pay_with=STUDIO_CARD,
    )  # fmt: skip
    note = CreditNoteRow("CN-0007", date(2026, 3, 1), 1000)
    part = replace(
        invoice, status="partially_paid", days_overdue=0, amount_paid=5000, amount_credited=1000, amount_due=17958,
        credit_notes=(note,), payments=payments,
    )  # fmt: skip
    on_its_way = InvoicePayment(_id("pay", 1), date(2026, 3, 18), VISA, "pending", 23958)
    variants = {
        "overdue": invoice,
        "part-paid": part,
        "in-progress": replace(invoice, in_progress=on_its_way, payments=(on_its_way,), pay_url=None),
        "paid": replace(
            invoice, status="paid", days_overdue=0, amount_paid=23958, amount_due=0, pay_url=None,
            payments=(replace(on_its_way, status="complete"),), paid_on=date(2026, 3, 18),
        ),
        "unpayable": replace(invoice, pay_url=None, pay_with=None),
        "void": replace(invoice, status="void", pay_url=None),
        "uncollectible": replace(invoice, status="uncollectible", pay_url=None),
        "draft": replace(invoice, status="draft", pay_url=None, due_on=None),
    }  # fmt: skip
    for name, page in variants.items():
        yield Example(f"invoice-{name}", "invoices/detail.html", page, "invoices")


# --- checkout, methods ---


def _checkouts() -> Iterator[Example]:
    first = InvoiceChoice(_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), 14, 23958, "?invoice=2")
    second = InvoiceChoice(_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), 0, 8640, "?invoice=1")
    other = InvoiceChoice(_id("inv", 3), "Team plan, April", "ACME-0421", date(2026, 4, 1), 0, 28750, "?invoice=3")
    methods = (
        MethodChoice(_id("pm", 1), STUDIO_CARD, "active", True),
        MethodChoice(_id("pm", 2), OTHER_CARD, "expiring", False),
        MethodChoice(_id("pm", 3), BANK, "active", False),
    )
    choose = ChoosePage(
        (first, second),
        (other,),
        methods,
        32598,
        "USD",
        "Acme Software Inc.",
        "Sandbox Pay",
        _id("pm", 1),
        can_save=True,
    )
    yield Example("choose", "checkout/choose.html", choose, "invoices")
    bare = replace(
        choose, invoices=(replace(first, change_url=None),), others=(), methods=(), chosen="new", amount=23958
    )
    yield Example("choose-first-time", "checkout/choose.html", bare, "invoices")
    for kind in ("missing", "unknown", "expired"):
        page = replace(choose, chosen="", faults={"payment_method": kind})
        yield Example(f"choose-method-{kind}", "checkout/choose.html", page, "invoices")
    for kind in ("missing", "in_progress", "settled", "currencies"):
        page = replace(choose, faults={"invoice": kind}, in_progress_payment_id=_id("pay", 1))
        yield Example(f"choose-invoice-{kind}", "checkout/choose.html", page, "invoices")

    shares = (
        PaidInvoice(_id("inv", 1), "ACME-0412", "Team plan, March", 23958),
        PaidInvoice(_id("inv", 2), "ACME-0419", "Usage, February", 8640),
    )
    review = ReviewPage(
        _id("pay", 20), "ready", 32598, "USD", "Acme Software Inc.", shares, STUDIO_CARD, "Sandbox Pay", "1",
        "/acme/checkout?invoice=1&invoice=2", _id("pay", 1),
    )  # fmt: skip
    for state in ("ready", "changed", "in_progress", "settled", "expired"):
        yield Example(f"review-{state}", "checkout/review.html", replace(review, state=state), "invoices")
    yield Example("review-new-method", "checkout/review.html", replace(review, method=None), "invoices")


def _methods() -> MethodsPage:
    return MethodsPage(
        (
            MethodRow(_id("pm", 1), STUDIO_CARD, "active", True, date(2026, 2, 5)),
            MethodRow(_id("pm", 2), OTHER_CARD, "expiring", False, date(2026, 2, 18)),
            MethodRow(_id("pm", 3), BANK, "active", False, None),
            MethodRow(_id("pm", 4), PHONE, "active", False, None),
            MethodRow(_id("pm", 5), replace(OTHER_CARD, exp_month=1), "expired", False, None),
        ),
        "Sandbox Pay",
    )


# --- errors, demo ---


def _errors() -> Iterator[Example]:
    yield Example("not-found", "errors/not_found.html", ErrorPage("8F2A-41C7"))
    yield Example("not-found-nowhere", "errors/not_found.html", ErrorPage("8F2A-41C7", has_home=False))
    yield Example("forbidden", "errors/forbidden.html", ErrorPage("8F2A-41C7", back_url="/acme/sign-in"))
    yield Example("forbidden-nowhere", "errors/forbidden.html", ErrorPage("8F2A-41C7"))
    yield Example("too-many", "errors/too_many.html", ErrorPage("8F2A-41C7", until=NOW + timedelta(minutes=15)))
    yield Example("too-many-vague", "errors/too_many.html", ErrorPage("8F2A-41C7"))
    yield Example("broken", "errors/broken.html", ErrorPage("8F2A-41C7"))
    yield Example("method-not-allowed", "errors/method_not_allowed.html", ErrorPage("8F2A-41C7"))


def _demo() -> Iterator[Example]:
    merchants = (
        DemoMerchant(
            "Acme", "/acme/", "A software company, in English and US dollars.",
            (
                DemoCustomer("Maya Lindqvist", "maya@lindqvist.example", "/acme/sign-in", "Two invoices overdue"),
                DemoCustomer("", "jonas@berg.example", "/acme/sign-in"),
            ),
        ),
        DemoMerchant(
            "Savane Énergie", "/savane/", "An energy company, in French and CFA francs.",
            (DemoCustomer("Aïcha Njoya", "aicha@njoya.example", "/savane/sign-in"),),
        ),
    )  # fmt: skip
    numbers = tuple(
        SandboxNumber(kind, number, does)
        for kind, number, does in (
            ("card", "4242 4242 4242 4242", "succeeds"),
            ("card", "4000 0000 0000 0002", "declined"),
            ("card", "4000 0000 0000 9995", "insufficient_funds"),
            ("card", "4000 0000 0000 3220", "requires_action"),
            ("card", "4000 0000 0000 0119", "unknown"),
            ("phone", "000002", "fails"),
            ("phone", "000003", "never"),
            ("phone", "000004", "canceled"),
            ("bank", "0001", "later"),
            ("bank", "0002", "returned"),
        )
    )
    start = StartPage(merchants, numbers, "/demo/mail", "http://localhost:5001/")
    yield Example("demo", "demo/start.html", start)
    code = CaughtMail(
        to="maya@lindqvist.example",
        subject="K7QM-2XPA is your code for Acme",
        text="K7QM-2XPA\n\nhttp://127.0.0.1:5000/…\n",
        at=NOW,
        link="http://127.0.0.1:5000/acme/sign-in/link/tok",
        code="K7QM-2XPA",
    )
    receipt = replace(code, to="jonas@berg.example", subject="Receipt from Acme", text="You paid.\n", link=None, code=None)
    mails = (code, receipt)
    yield Example("mail", "demo/mail.html", MailPage(mails))
    yield Example("mail-none", "demo/mail.html", MailPage(()))


def _id(prefix: str, number: int) -> str:
    return f"{prefix}_0Yc3mQ9sT7vLkPzE{number:06d}"
