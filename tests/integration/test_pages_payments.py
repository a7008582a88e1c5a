"""The history: filters, steps by key in both directions, months, refunds, and the way out of a failed payment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from portal.merchants.models import Merchant
from portal.rendering.renderer import Renderer
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_client import Page, PageClient
from tests.support.statements import counted_statements


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def shown(page: Page) -> list[str]:
    """The ids of the payments on a page, in order."""
    links = (link.get("href", "").partition("/payments/")[2] for link in page.all("a"))
    return [link for link in links if link.startswith("pay_") and not link.endswith("/receipt.pdf")]


def many(account: Account, count: int, **given: object) -> list[str]:
    """Payments a day apart, newest first."""
    with account.together():
        made = [account.payment(created_at=account.now - timedelta(days=day), **given) for day in range(count)]  # type: ignore[arg-type]
    return sorted(made, reverse=True)


def test_history_steps_forward_and_back_through_every_payment_once(pages: PageClient, account: Account) -> None:
    made = many(account, 60)

    first = pages.get("/acme/payments")
    second = pages.get(first.link("Older"))
    third = pages.get(second.link("Older"))

    assert shown(first) + shown(second) + shown(third) == made
    assert [len(shown(page)) for page in (first, second, third)] == [25, 25, 10]
    assert "Newer" not in first.texts("a")
    assert "Older" not in third.texts("a")
    assert shown(pages.get(third.link("Newer"))) == made[25:50]
    back = pages.get(pages.get(third.link("Newer")).link("Newer"))
    assert shown(back) == made[:25]
    assert "Newer" not in back.texts("a")


def test_step_back_shows_a_full_first_page_when_payments_came_meanwhile(
    pages: PageClient, account: Account, services: Services
) -> None:
    made = many(account, 30)
    second = pages.get(pages.get("/acme/payments").link("Older"))
    late = [account.payment(created_at=account.now + timedelta(minutes=minute)) for minute in range(1, 4)]

    page = pages.get(second.link("Newer"))
    assert shown(page) == made[:25]
    page = pages.get(page.link("Newer"))

    assert shown(page) == [*sorted(late, reverse=True), *made[:22]]


def test_account_without_payments_says_so(pages: PageClient) -> None:
    page = pages.get("/acme/payments")

    assert "No payments yet" in page.texts("h2")
    assert shown(page) == []


def test_empty_filter_of_a_full_account_reads_differently(pages: PageClient, account: Account) -> None:
    account.payment("complete")

    assert "No failed payments" in pages.get("/acme/payments?status=failed").texts("h2")
    assert "No payments here" in pages.get("/acme/payments?status=abandoned").texts("h2")


TABS = {
    "complete": {"complete"},
    "pending": {"pending", "processing", "requires_action"},
    "failed": {"failed", "rejected"},
    "refunded": {"refunded", "partially_refunded"},
    "canceled": {"canceled"},
    "expired": {"expired"},
    "incomplete": {"incomplete"},
    "processing": {"processing"},
    "partially_refunded": {"partially_refunded"},
}


def test_filter_shows_its_statuses_and_no_other(pages: PageClient, account: Account) -> None:
    made: dict[str, str] = {}
    with account.together():
        for day, status in enumerate(sorted(set().union(*TABS.values()))):
            made[status] = account.payment(status, created_at=account.now - timedelta(days=day))

    for tab, statuses in TABS.items():
        found = shown(pages.get(f"/acme/payments?status={tab}"))
        assert found == sorted((made[status] for status in statuses), reverse=True), tab


def test_filter_of_several_statuses_steps_through_all(pages: PageClient, account: Account) -> None:
    with account.together():
        made = [
            account.payment(status, created_at=account.now - timedelta(hours=hour))
            for hour, status in enumerate(["failed", "rejected", "complete"] * 20)
        ]
    wanted = sorted((each for place, each in enumerate(made) if place % 3 != 2), reverse=True)

    first = pages.get("/acme/payments?status=failed")
    second = pages.get(first.link("Older"))

    assert shown(first) + shown(second) == wanted
    assert shown(pages.get(second.link("Newer"))) == wanted[:25]


@pytest.mark.parametrize(
    "query",
    [
        "status=nothing",
        "after=x",
        "before=%E2%82%AC",
        "after=pay_%27",
        "status=failed'--",
        "from=x&to=2026-02-30&method=cash&currency=XXX&q=%20&page=-1",
        "before=",
    ],
)
def test_address_with_a_slip_shows_the_first_page(pages: PageClient, account: Account, query: str) -> None:
    made = many(account, 3)

    assert shown(pages.get(f"/acme/payments?{query}")) == made


def test_payment_of_several_invoices_says_so_apart_from_its_name(pages: PageClient, account: Account) -> None:
    account.payment(more_count=1)

    (name,) = [text for text in pages.get("/acme/payments").texts("th") if "Team plan" in text]

    assert name.startswith("Team plan and 1 more")


def test_unlisted_payment_is_left_out(pages: PageClient, account: Account) -> None:
    account.payment("canceled", listed=False)

    assert shown(pages.get("/acme/payments")) == []


def test_months_are_those_of_the_merchant(pages: PageClient, account: Account) -> None:
    account.change(Merchant, account.scope.merchant_id, timezone="Asia/Tokyo")
    for hour in (16, 17):  # The first of March in Tokyo.
        account.payment(created_at=datetime(2026, 2, 28, hour, tzinfo=UTC))
    for hour in (13, 14):
        account.payment(created_at=datetime(2026, 2, 28, hour, tzinfo=UTC))

    page = pages.get("/acme/payments")

    headings = [text for text in page.texts("th") if "2026" in text]
    assert headings == ["March 2026", "February 2026"]


def test_refund_hangs_below_its_payment(pages: PageClient, account: Account) -> None:
    payment = account.payment("partially_refunded", 5000, amount_refunded=1500)
    account.refund(payment, 1500)

    page = pages.get("/acme/payments")

    assert "−$15.00" in page.text
    assert any("Refund to Visa" in text for text in page.texts("th"))


def test_failed_payment_offers_a_way_out_only_while_it_is_owed(pages: PageClient, account: Account) -> None:
    owed, paid, held = (
        account.invoice(),
        account.invoice(status="paid", amount_paid=5000),
        account.invoice(amount_reserved=5000),
    )
    for day, invoice in enumerate((owed, paid, held)):
        account.payment("failed", pays={invoice: 5000}, state="released", created_at=account.now - timedelta(days=day))

    page = pages.get("/acme/payments")

    assert page.text.count("Pay another way") == 1
    assert page.link("Pay another way") == f"/acme/checkout?invoice={owed}"


def test_page_takes_three_statements_at_most(pages: PageClient, account: Account) -> None:
    invoice = account.invoice()
    with account.together():
        for status in ("failed", "refunded", "complete") * 20:
            payment = account.payment(
                status, amount_refunded=100 if status == "refunded" else 0, pays={invoice: 1}, state="released"
            )
            if status == "refunded":
                account.refund(payment, 100)
    first = pages.get("/acme/payments")

    for path in (
        "/acme/payments",
        first.link("Older"),
        "/acme/payments?status=failed",
        "/acme/payments?status=expired",
        "/acme/payments?status=failed&method=card&currency=USD&from=2020-01-01",
        "/acme/payments?q=team",
    ):
        with counted_statements(account.database) as sent:
            pages.get(path)
        assert len(sent) <= 3, path


def test_other_customers_payments_are_never_listed(app: Flask, services: Services, account: Account) -> None:
    other = make_account(services, merchant_id=account.scope.merchant_id)
    stranger = make_account(services, "savane")
    mine = account.payment()
    other.payment()
    stranger.payment()

    assert shown(account.sign_in(app).get("/acme/payments")) == [mine]
    assert len(shown(stranger.sign_in(app).get("/savane/payments"))) == 1


def test_twenty_five_rows_stay_under_sixteen_kilobytes(pages: PageClient, account: Account) -> None:
    many(account, 26)

    assert len(pages.get("/acme/payments").html.encode()) < 16_000


@pytest.mark.parametrize(("locale", "name"), [("en", "Added credit"), ("fr", "Ajout de crédit")])
def test_money_in_advance_is_named_in_the_readers_language(
    pages: PageClient, account: Account, locale: str, name: str
) -> None:
    payment = account.payment(kind="top_up", description="", note="")

    listed = pages.get(f"/acme/payments?locale={locale}")
    shown = pages.get(f"/acme/payments/{payment}")

    assert listed.link(name) == f"/acme/payments/{payment}"
    assert name in shown.text


def test_history_is_in_french(pages: PageClient, account: Account, renderer: Renderer) -> None:
    account.payment(amount=124_000)

    page = pages.get("/acme/payments?locale=fr")

    assert page.headline == "Paiements"
    assert "1\u202f240,00" in page.html or "1 240,00" in page.text
