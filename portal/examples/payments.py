"""Examples of the overview, the history of payments and one payment in every status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from portal.customers.queries.details import WantedDetails
from portal.examples.parts import (
    BANK,
    MASTERCARD,
    NOW,
    PHONE,
    STUDIO_CARD,
    VISA,
    Example,
    example_id,
)
from portal.gateways.contract import FAILURE_CODES
from portal.overview.pages import Attention, Credit, DueInvoice, OverviewPage, OwedPanel, UnderWay
from portal.payment_methods.pages import MethodLabel, method_name
from portal.payments.page_builders.history import build_payments_page, group_by_month
from portal.payments.pages import (
    PaidInvoice,
    PaymentMonth,
    PaymentPage,
    PaymentRow,
    RefundRow,
    Step,
    StillOpen,
)
from portal.payments.queries.counts import CountedGroup, build_counts
from portal.payments.rules.filters import HistoryFilter
from portal.web.pages import Pager

_COUNTS = build_counts(

        CountedGroup(*group)
        for group in (
            ("complete", "card", "USD", 120), ("complete", "bank_account", "EUR", 11), ("pending", "mobile_money", "USD", 2),
            ("failed", "card", "USD", 5), ("refunded", "card", "USD", 6), ("expired", "", "USD", 4),
        )

)  # fmt: skip


def _history(name: str, asked: HistoryFilter, rows: Sequence[PaymentRow], pager: Pager | None = None) -> Example:
    page = build_payments_page(
        asked, sorted(rows, key=lambda row: row.on, reverse=True), pager or Pager(None, None), _COUNTS, root="/acme"
    )
    return Example(name, "payments/list.html", page, "payments")


def overview_examples() -> Iterator[Example]:
    march = DueInvoice(example_id("inv", 1), "Team plan, March", "ACME-0412", date(2026, 3, 5), 23958, 14)
    usage = DueInvoice(example_id("inv", 2), "Usage, February", "ACME-0419", date(2026, 3, 31), 8640)
    april = DueInvoice(example_id("inv", 3), "Team plan, April", "ACME-0421", date(2026, 4, 1), 28750)
    workshop = DueInvoice(example_id("inv", 4), "Workshop in Lisbon, balance", "ACME-0405", date(2026, 4, 15), 45000)
    dollars = OwedPanel(
        "USD", 61348, 3, (march, usage, april), "/acme/checkout?outstanding=USD", "/acme/checkout?overdue=USD",
        23958, 1, 14, pending_amount=9210, pay_part_url="/acme/checkout?outstanding=USD&amount=other", free_amount=61348,
    )  # fmt: skip
    euros = OwedPanel("EUR", 45000, 1, (workshop,), "/acme/checkout?invoice=4", free_amount=45000)
    under_way = (
        UnderWay("EUR", 20000, 1, 0, 0, ""),
        UnderWay("USD", 9210, 1, 4900, 1, "/acme/payments/" + example_id("pay", 2)),
    )
    attention = (
        Attention(
            "action_needed", "/acme/payments/" + example_id("pay", 2), 4900, "USD", title="Audit log add-on"
        ),
        Attention(
            "payment_failed", "/acme/payments/" + example_id("pay", 3), 23958, "USD", "insufficient_funds", title="Team plan, March"
        ),
        Attention("method_expiring", "/acme/payment-methods", method=MASTERCARD, expiry="04/2026"),
    )  # fmt: skip
    full = OverviewPage(
        "Maya", (dollars, euros), attention, _mixed_rows()[:5], STUDIO_CARD, (Credit(4250, "USD"),), state="owed", under_way=under_way,
    )  # fmt: skip
    yield Example("overview", "overview.html", full, "overview")
    yield Example("overview-empty", "overview.html", OverviewPage("", (), (), (), None), "overview")
    for name, count in (("wanted", 2), ("stale", 0)):
        yield Example(f"overview-{name}", "overview.html", replace(full, wanted=WantedDetails(count)), "overview")
    settled = replace(
        full, owed=(), attention=(), state="settled", under_way=(), top_up_url="/acme/checkout?top_up=USD"
    )
    yield Example("overview-settled", "overview.html", settled, "overview")
    moving = (_mixed_rows()[0], _mixed_rows()[5])
    on_its_way = replace(settled, state="on_its_way", under_way=under_way[:1], moving=moving[:1], credits=())
    yield Example("overview-on-its-way", "overview.html", on_its_way, "overview")
    waiting = replace(
        settled, state="waiting", under_way=(replace(under_way[1], count=4),), moving=moving, to_confirm=attention[0],
    )  # fmt: skip
    yield Example("overview-waiting", "overview.html", waiting, "overview")
    at_gateway = replace(waiting, to_confirm=replace(attention[0], kind="page_unfinished", title=""), moving=())
    yield Example("overview-waiting-at-gateway", "overview.html", at_gateway, "overview")
    many = replace(
        dollars, count=12, overdue_count=4, overdue_amount=48211, longest_overdue_days=41, pending_amount=0, more_amount=190000
    )  # fmt: skip
    expired = (Attention("method_expired", "/acme/payment-methods", method=VISA, expiry="02/2026"),)
    yield Example("overview-many", "overview.html", replace(full, owed=(many,), attention=expired), "overview")
    unfinished = (replace(attention[0], kind="page_unfinished"),)
    yield Example("overview-unfinished", "overview.html", replace(full, attention=unfinished), "overview")
    on_time = OwedPanel("EUR", 45000, 1, (workshop,), "/acme/checkout?invoice=4", free_amount=45000)
    yield Example("overview-on-time", "overview.html", replace(full, owed=(on_time,), attention=()), "overview")
    francs = OwedPanel(
        "XAF", 35950, 3,
        (
            DueInvoice(example_id("inv", 5), "Électricité, février", "SAV-0183", date(2026, 3, 10), 18450, 9),
            DueInvoice(example_id("inv", 6), "Kit solaire, mensualité 6 sur 12", "SAV-0190", date(2026, 3, 31), 12500),
            DueInvoice(example_id("inv", 7), "Entretien annuel du compteur", "SAV-0192", date(2026, 4, 5), 5000),
        ),
        "/savane/checkout?invoice=1", "/savane/checkout?invoice=1", 18450, 1, 9, free_amount=35950,
    )  # fmt: skip
    failed = Attention("payment_failed", "/savane/payments/" + example_id("pay", 3), 18450, "XAF", "insufficient_funds")
    yield Example(
        "overview-francs",
        "overview.html",
        OverviewPage("Aïcha", (francs,), (failed,), _franc_rows(), PHONE, state="owed"),
        "overview",
    )


def payment_examples() -> Iterator[Example]:
    first, middle, last = Pager(None, "?after=b"), Pager("?before=a", "?after=b"), Pager("?before=a", None)
    everything, paid = HistoryFilter(), HistoryFilter(status="complete")
    yield _history("payments", everything, _mixed_rows(), first)
    yield _history("payments-25", paid, payment_rows(25), first)
    yield _history("payments-between", everything, _mixed_rows(), middle)
    yield _history("payments-last", everything, _mixed_rows(), last)
    narrowed = HistoryFilter(
        method="card",
        currency="USD",
        from_on=date(2025, 10, 1),
        to_on=date(2026, 12, 31),
        q="workshop in Lisbon, balance",
    )
    yield _history("payments-narrowed", narrowed, _mixed_rows()[:3], first)
    yield _history("payments-searched", HistoryFilter(status="rejected", q="plan"), _mixed_rows()[:2])
    for status in ("complete", "pending", "failed", "refunded", "expired"):
        yield _history(f"payments-no-{status}", HistoryFilter(status=status), ())
    yield _history("payments-no-match", HistoryFilter(q="workshpo"), ())
    yield _history("payments-no-match-of-all", narrowed, ())
    yield _history("payments-no-match-of-filters", HistoryFilter(method="credit"), ())
    yield Example(
        "payments-none",
        "payments/list.html",
        build_payments_page(everything, (), Pager(None, None), build_counts(()), root="/acme"),
        "payments",
    )

    requested_at = NOW - timedelta(minutes=2)
    created, sent = Step("created", requested_at), Step("sent", requested_at + timedelta(seconds=1))
    shares = (PaidInvoice(example_id("inv", 1), "ACME-0412", "Team plan, March", 23958, 0, "USD", True),)
    pay = PaymentPage(
        id=example_id("pay", 1), status="complete", amount=23958, currency="USD", payee="Acme Software Inc.", at=requested_at,
        gateway_name="Sandbox Pay", method=STUDIO_CARD, shares=shares, retry_amount=23958,
        retry_currency="USD",
        steps=(created, sent, Step("complete", requested_at + timedelta(seconds=4))),
    )  # fmt: skip
    retry = "/acme/checkout?invoice=1"
    two = (shares[0], PaidInvoice(example_id("inv", 2), "ACME-0419", "Usage, February", 8640, 1360, "USD"))
    address = "maya@lindqvist.example"
    still_open = StillOpen(155609, 3, date(2026, 3, 31), "/acme/checkout?outstanding=USD")
    moment = replace(
        pay, at=NOW, is_new=True, receipt="queued", receipt_to=address,
        still_open=still_open,
    )  # fmt: skip
    checked: dict[str, Any] = {"last_checked_at": NOW}
    refunds = (
        RefundRow(NOW.date(), 10000, "USD", "complete", VISA),
        RefundRow(NOW.date(), 500, "USD", "pending", VISA),
    )
    open_steps = (created, sent, Step("waiting", None))
    variants = {
        "complete": replace(pay, shares=two, amount=32598),
        "just-paid": replace(moment, shares=two, amount=32598, credit_amount=2500),
        "just-paid-and-mailed": replace(moment, receipt="sent", still_open=replace(still_open, count=1, pay_url=None)),
        "just-paid-not-mailed": replace(moment, receipt="failed", still_open=None),
        "just-paid-in-advance": replace(moment, receipt="", receipt_to=None, still_open=None, shares=(), is_top_up=True),
        "just-paid-first-part": replace(moment, amount=20000, rest_url="/acme/checkout?split=pay_1", rest_amount=3000),
        "processing": replace(pay, status="processing", steps=(created, sent, Step("unknown", None)), **checked),
        "being-stopped": replace(
            pay, status="pending", is_being_stopped=True, state="processing", steps=(created, sent, Step("unknown", None)), **checked,
        ),
        "not-stopped": replace(pay, status="processing", steps=(created, sent, Step("unknown", None)), could_not_stop=True),
        "being-sent": replace(
            pay, status="processing", is_being_sent=True, is_unsent=True, can_cancel=True, state="sending",
            steps=(created, Step("unknown", None)),
        ),
        "on-its-way": replace(
            pay, status="processing", is_being_sent=True, state="sending", steps=(created, Step("unknown", None)), **checked,
        ),
        "unasked": replace(
            pay, status="processing", method=None, is_unasked=True,
            steps=(created, Step("page_wanted", sent.at), Step("unknown", None)), state="processing",
        ),
        "unasked-for-good": replace(
            pay, status="pending", method=None, is_unasked=True, can_cancel=True,
            steps=(created, Step("page_wanted", sent.at), Step("page_missing", None)), state="processing",
        ),
        "requires-action": replace(
            pay, status="requires_action", continue_url="http://localhost:9/challenge/ch_1", can_cancel=True,
            steps=(created, sent, Step("action_needed", None)), **checked,
        ),
        "incomplete": replace(
            pay, status="incomplete", method=None, continue_url="http://localhost:9/pay/pg_1", can_cancel=True,
            steps=(created, Step("page_opened", NOW)),
        ),
        "bank": replace(pay, status="pending", method=BANK, steps=open_steps),
        "bank-in-advance": replace(
            pay, status="pending", method=BANK, shares=(), is_top_up=True, steps=open_steps
        ),
        "without-mail": replace(pay, status="pending", has_mail=False, steps=open_steps),
        "card-pending": replace(pay, status="pending", steps=open_steps),
        "phone": replace(
            pay, status="pending", method=PHONE, amount=12500, currency="XAF", payee="Savane Énergie SA",
            asked_at=requested_at, answer_by=requested_at + timedelta(minutes=3), dial="*126#", can_cancel=True, steps=open_steps,
            window_seconds=180, seconds_left=60, zone="Africa/Douala", **checked,
            shares=(PaidInvoice(example_id("inv", 6), "SAV-0190", "Kit solaire, mensualité 6 sur 12", 12500),),
        ),
        "phone-late": replace(
            pay, status="pending", method=PHONE, amount=12500, currency="XAF", payee="Savane Énergie SA",
            asked_at=requested_at, answer_by=requested_at + timedelta(minutes=1), ends_at=requested_at + timedelta(hours=3), is_late=True, can_cancel=True,
            steps=(created, sent, Step("unanswered", requested_at + timedelta(minutes=1))), window_seconds=60, zone="Africa/Douala",
            shares=(PaidInvoice(example_id("inv", 6), "SAV-0190", "Kit solaire, mensualité 6 sur 12", 12500),), **checked,
        ),
        "phone-late-for-good": replace(
            pay, status="pending", method=PHONE, asked_at=requested_at, answer_by=requested_at + timedelta(minutes=1), is_top_up=True, shares=(),
            ends_at=requested_at + timedelta(hours=3), is_late=True, could_not_stop=True, steps=(created, sent),
        ),
        "phone-not-stopped": replace(
            pay, status="pending", method=PHONE, asked_at=requested_at, answer_by=requested_at + timedelta(minutes=3), window_seconds=180,
            seconds_left=60, could_not_stop=True, steps=open_steps,
        ),
        "stopped": replace(
            pay, status="canceled", method=PHONE, failure_code="page_canceled", retry_url=retry,
            steps=(created, sent, Step("canceled", NOW)),
        ),
        "phone-bare": replace(pay, status="pending", method=MethodLabel("mobile_money"), steps=open_steps),
        "canceled": replace(pay, status="canceled", retry_url=retry, steps=(created, Step("canceled", NOW))),
        "canceled-of-two-currencies": replace(
            pay, status="canceled", retry_url=retry, retry_amount=0, retry_currency="", steps=(created, Step("canceled", NOW)),
        ),
        "expired": replace(pay, status="expired", method=None, retry_url=retry, steps=(created, Step("expired", NOW))),
        "expired-and-paid-since": replace(pay, status="expired", method=None, steps=(created, Step("expired", NOW))),
        "abandoned": replace(
            pay, status="abandoned", left_at="gateway", retry_url=retry,
            steps=(created, Step("page_opened", sent.at), Step("abandoned", NOW)),
        ),
        "abandoned-unconfirmed": replace(
            pay, status="abandoned", left_at="here", retry_url=retry, steps=(created, Step("abandoned", NOW))
        ),
        "rejected": replace(pay, status="rejected", steps=(created, sent, Step("rejected", NOW))),
        "refunded": replace(
            pay, status="refunded", amount_refunded=23958, refunds=(replace(refunds[0], amount=23958),),
            steps=(*pay.steps, Step("refund", NOW, 23958)),
        ),
        "partially-refunded": replace(
            pay, status="partially_refunded", amount_refunded=10000, amount_returning=500, refunds=refunds, state="returning",
            steps=(*pay.steps, Step("refund", NOW, 10000), Step("refund_failed", NOW, 700)),
        ),
        "without-invoice": replace(pay, shares=()),
        "in-advance": replace(pay, shares=(), is_top_up=True),
        "by-credit-too": replace(pay, credit_amount=4250),
        "unfinished-by-credit-too": replace(
            pay, status="incomplete", credit_amount=4250, continue_url="/acme/checkout/pay_1", can_cancel=True,
            steps=(created,),
        ),
        "surplus": replace(pay, surplus=23958, shares=()),
        "split": replace(pay, amount=20000, rest_url="/acme/checkout?split=pay_1", rest_amount=3000),
        "phone-declined": replace(
            pay, status="canceled", method=PHONE, failure_code="payer_canceled", retry_url=retry,
            steps=(created, sent, Step("canceled", NOW)),
        ),
    }  # fmt: skip
    for code in (*sorted(FAILURE_CODES), None):
        variants[f"failed-{code}"] = replace(
            pay, status="failed", failure_code=code, retry_url=retry, steps=(created, sent, Step("failed", NOW))
        )
    variants["failed-and-paid-since"] = replace(variants["failed-card_declined"], retry_url=None)
    variants["failed-in-advance"] = replace(variants["failed-and-paid-since"], shares=(), is_top_up=True)
    variants["failed-abroad"] = replace(variants["failed-None"], amount=21800, currency="EUR")
    for name, shown in variants.items():
        yield Example(f"payment-{name}", "payments/detail.html", shown, "payments")


def _mixed_rows() -> tuple[PaymentRow, ...]:
    def row(
        number: int, title: str, note: str, on: date, method: str, status: str, amount: int, **rest: object
    ) -> PaymentRow:
        currency = str(rest.pop("currency", "USD"))
        made = PaymentRow(example_id("pay", number), title, note, on, method, status, amount, currency)
        return made._replace(**rest)  # type: ignore[arg-type]

    refund = RefundRow(date(2026, 3, 9), 18000, "USD", "complete", VISA)
    part = RefundRow(date(2026, 1, 30), 5000, "EUR", "pending", VISA)
    retry = "/acme/checkout?invoice=" + example_id("inv", 1)
    chase = method_name("bank_account", None, "6789", "Chase")
    return (
        row(1, "Usage, January top-up", "ACME-0417", date(2026, 3, 18), chase, "pending", 9210),
        row(14, "Support hours", "ACME-0420", date(2026, 3, 18), VISA, "sending", 3600),
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
        PaymentRow(example_id("pay", place), title, "", on, method, status, amount, "XAF")
        for place, (title, on, method, status, amount) in enumerate(rows)
    )


def _by_month(rows: tuple[PaymentRow, ...]) -> tuple[PaymentMonth, ...]:
    return group_by_month(sorted(rows, key=lambda row: row.on, reverse=True))


def payment_rows(count: int) -> tuple[PaymentRow, ...]:
    """As many paid rows as requested_at for, each with an id of the real length."""
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
