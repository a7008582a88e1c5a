"""The history narrowed and searched: what is found, what is kept in addresses, and that nothing of anybody else is ever found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.database import Database
from portal.merchants.models import Merchant
from portal.paging import FIRST, Cursor
from portal.payments.models import Payment
from portal.payments.queries.counts import read_counts
from portal.payments.queries.filtered_history import narrow, read_filtered
from portal.payments.queries.history import FILTERS, PaymentRecord
from portal.payments.queries.payments import StoredPayment, list_payments
from portal.payments.rules.filters import METHODS, HistoryFilter
from portal.payments.rules.search import Notation, query_terms
from portal.services import Services
from tests.integration.test_pages_payments import many, shown
from tests.support.accounts import Account, make_account
from tests.support.page_client import Page, PageClient

PAYMENTS = "/acme/payments"


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def search(pages: PageClient, text: str, **fields: str) -> Page:
    return pages.get(f"{PAYMENTS}?{urlencode({'q': text, **fields})}")


def test_payment_is_found_by_each_thing_that_a_customer_knows_of_it(pages: PageClient, account: Account) -> None:
    first, second = (
        account.invoice(number="ACME-0412"),
        account.invoice(number="ACME-0419", description="Zebra crossing"),
    )
    wanted = account.payment(
        amount=124_050, description="Électricité, août", note="ACME-0412", more_count=1, reference="ORD-77/B",
        pays={first: 100_000, second: 24_050},
    )  # fmt: skip
    account.payment(amount=4900, description="Team plan", note="ACME-0500")

    for text in (
        "electri", "août", "ACME-0412", "acme0412", "0412", "412", "ACME-0419", "zebra", "ord-77", "1240.50", "1,240.50", "$1,240.50",
        "1240", wanted, "electricite 412", "ÉLECTRICITÉ",
    ):  # fmt: skip
        assert shown(search(pages, text)) == [wanted], text
    assert shown(search(pages, "acme")) == shown(pages.get(PAYMENTS))
    for text in ("lectri", "ACME-0413", "1240.51", "zebra audit", wanted[:-1], "49.01"):
        assert shown(search(pages, text)) == [], text


def test_amount_is_read_in_the_language_of_the_page(pages: PageClient, account: Account) -> None:
    wanted = account.payment(amount=5000, currency="XAF")
    account.payment(amount=50_010)

    for text in ("5 000", "5\u202f000", "5 000 FCFA", "5000"):
        assert shown(search(pages, text, locale="fr")) == [wanted], text
    assert shown(search(pages, "500,10", locale="fr")) == shown(search(pages, "500.10")) != []


def test_refund_s_reference_finds_its_payment(pages: PageClient, account: Account, services: Services) -> None:
    payment = account.payment("refunded", amount_refunded=5000)
    refund = account.refund(payment, 5000)
    stranger = make_account(services, merchant_id=account.scope.merchant_id)
    theirs = stranger.refund(stranger.payment("refunded", amount_refunded=5000), 5000)

    assert shown(search(pages, refund)) == [payment]
    assert shown(search(pages, theirs)) == []


def test_nothing_of_another_customer_or_merchant_is_found(
    app: Flask, pages: PageClient, account: Account, services: Services
) -> None:
    others = [make_account(services, merchant_id=account.scope.merchant_id), make_account(services, "savane")]
    for each in others:
        each.payment(description="Secret workshop", note="SEC-1", amount=7777)
    own = account.payment(description="Team plan")

    for text in ("secret", "SEC-1", "77.77", "workshop", "sec"):
        page = search(pages, text)
        assert shown(page) == [] and "No payment matches" in page.text, text
    assert shown(search(pages, "team")) == [own]
    assert shown(pages.get(f"{PAYMENTS}?method=card")) == [own]
    assert len(shown(search(others[0].sign_in(app), "secret"))) == 1


def test_method_currency_and_status_narrow_together(pages: PageClient, account: Account) -> None:
    made: dict[tuple[str, str, str], str] = {}
    with account.together():
        for method in METHODS:
            for currency in ("USD", "EUR"):
                for status in ("complete", "failed"):
                    made[method, currency, status] = account.payment(
                        status,
                        method_type=method,
                        currency=currency,
                        created_at=account.now - timedelta(days=len(made)),
                    )
        account.payment("abandoned", method_type=None, method_brand=None, method_last4=None)

    for method in ("", *METHODS):
        for currency in ("", "USD", "EUR", "usd"):
            for status in ("", "complete", "failed", "refunded"):
                page = pages.get(f"{PAYMENTS}?method={method}&currency={currency}&status={status}")
                if not (method or currency):
                    continue
                wanted = [
                    each
                    for key, each in made.items()
                    if method in ("", key[0]) and currency.upper() in ("", key[1]) and status in ("", key[2])
                ]
                found = {*shown(page)} - {*shown(pages.get(f"{PAYMENTS}?status=abandoned"))}
                assert found == set(wanted), (method, currency, status)


def test_days_are_those_of_the_merchant_and_both_included(pages: PageClient, account: Account) -> None:
    account.change(Merchant, account.scope.merchant_id, timezone="America/Los_Angeles")
    zone = ZoneInfo("America/Los_Angeles")
    at = {
        name: account.payment(created_at=datetime(2026, 3, day, hour, minute, second, tzinfo=zone).astimezone(UTC))
        for name, (day, hour, minute, second) in {
            "before": (7, 23, 59, 59), "first": (8, 0, 0, 0), "last": (9, 23, 59, 59), "after": (10, 0, 0, 0),
        }.items()
    }  # fmt: skip

    assert shown(pages.get(f"{PAYMENTS}?from=2026-03-08&to=2026-03-09")) == [at["last"], at["first"]]
    assert shown(pages.get(f"{PAYMENTS}?from=2026-03-10")) == [at["after"]]
    assert shown(pages.get(f"{PAYMENTS}?to=2026-03-07")) == [at["before"]]
    assert shown(pages.get(f"{PAYMENTS}?from=2026-03-09&to=2026-03-08")) == []


@pytest.mark.parametrize(
    "days", ["from=0001-01-01", "to=9999-12-31", "from=0001-01-01&to=9999-12-31", "from=1970-01-01"]
)
def test_days_far_away_are_no_limit(pages: PageClient, account: Account, days: str) -> None:
    account.change(Merchant, account.scope.merchant_id, timezone="Pacific/Kiritimati")
    payment = account.payment()

    assert shown(pages.get(f"{PAYMENTS}?{days}")) == [payment]


@pytest.mark.parametrize("days", ["to=0001-01-01", "from=9999-12-31", "to=1970-01-01"])
def test_days_far_away_may_leave_nothing(pages: PageClient, account: Account, days: str) -> None:
    account.payment()

    assert shown(pages.get(f"{PAYMENTS}?{days}")) == []


def test_limits_are_kept_through_the_pages_in_both_directions(pages: PageClient, account: Account) -> None:
    many(account, 40, method_type="bank_account")
    cards = many(account, 60)
    query = "method=card&currency=USD&from=2020-01-01&q=team"

    first = pages.get(f"{PAYMENTS}?{query}&page=7")
    second = pages.get(first.link("Older"))
    third = pages.get(second.link("Older"))

    assert [*shown(first), *shown(second), *shown(third)] == cards
    assert "Older" not in third.texts("a")
    assert shown(pages.get(third.link("Newer"))) == cards[25:50]
    assert shown(pages.get(pages.get(third.link("Newer")).link("Newer"))) == cards[:25]
    for page in (first, second, third):
        for text in ("Older", "Newer", "Paid", "Download CSV of these"):
            if any(text in link for link in page.texts("a")):
                fields = parse_qs(urlsplit(page.link(text)).query)
                assert {name: fields[name] for name in ("method", "currency", "from", "q")} == parse_qs(query), text
    assert [link for link in first.all("a") if link.get("rel") == "next"]


def test_each_chip_takes_its_own_limit_away(pages: PageClient, account: Account) -> None:
    account.payment("failed", description="Workshop")

    page = pages.get(f"{PAYMENTS}?status=failed&method=card&currency=USD&from=2026-01-02&to=2026-12-31&q=work")

    chips = {link: urlsplit(page.link(link)).query for link in page.texts("a") if "Remove this filter" in link}
    assert {
        name.replace("Remove this filter", "").strip(): parse_qs(query).keys() for name, query in chips.items()
    } == {
        "“work”": {"status", "method", "currency", "from", "to"},
        "Card": {"status", "currency", "from", "to", "q"},
        "USD": {"status", "method", "from", "to", "q"},
        "from Jan 2": {"status", "method", "currency", "to", "q"},
        "to Dec 31": {"status", "method", "currency", "from", "q"},
    }
    assert page.link("Clear all") == PAYMENTS


def test_status_that_is_no_tab_can_be_taken_away_too(pages: PageClient, account: Account) -> None:
    account.payment("canceled")

    page = pages.get(f"{PAYMENTS}?status=canceled")

    assert page.link("Cancelled Remove this filter") == PAYMENTS


def test_form_keeps_what_is_chosen_and_offers_what_there_is(pages: PageClient, account: Account) -> None:
    account.payment(currency="EUR", method_type="bank_account")
    account.payment("failed", currency="USD")

    asked = {"status": "failed", "method": "credit", "currency": "USD", "from": "2026-01-02", "q": "wörk"}
    page = pages.get(f"{PAYMENTS}?{urlencode(asked)}")

    form = page.form("Search")
    assert form.method == "GET"
    assert {name: values for name, values in form.fields.items() if values != [""]} == {
        name: [value] for name, value in asked.items()
    }
    options = [option.get("value", option.text) for option in page.all("option")]
    assert options == ["", "card", "bank_account", "credit", "", "EUR", "USD"]


def test_tabs_have_counts_until_more_is_asked_for(pages: PageClient, account: Account) -> None:
    with account.together():
        for status in ("complete", "complete", "failed", "rejected", "pending", "refunded", "canceled"):
            account.payment(status)
        account.payment(listed=False)

    tabs = ["All 7", "Paid 2", "On their way 1", "Failed 2", "Refunded 1"]
    for path in (PAYMENTS, f"{PAYMENTS}?status=failed"):
        assert [text for text in pages.get(path).texts("a") if text in tabs] == tabs, path
    for query in ("method=card", "q=team", "from=2020-01-01", "currency=USD"):
        page = pages.get(f"{PAYMENTS}?{query}")
        assert not any(text in tabs for text in page.texts("a")), query
        assert "of 7" not in page.text


def test_pager_says_where_the_first_and_the_last_page_are(pages: PageClient, account: Account) -> None:
    many(account, 60)
    first = pages.get(PAYMENTS)
    second = pages.get(first.link("Older"))
    third = pages.get(second.link("Older"))

    assert "1–25 of 60" in first.text
    assert "of 60" not in second.text
    assert "51–60 of 60" in third.text


def test_search_without_a_hit_says_what_was_looked_through_and_leads_back(pages: PageClient, account: Account) -> None:
    many(account, 2)

    page = search(pages, "workshpo")
    assert page.texts("h2") == ["No payment matches “workshpo”"]
    assert "of all 2 payments" in page.text
    assert page.link("Clear the search") == PAYMENTS
    assert "Download" not in page.text

    page = search(pages, "workshpo", method="card")
    assert "other filters" in page.text and page.link("Clear all filters") == PAYMENTS

    page = pages.get(f"{PAYMENTS}?method=credit")
    assert page.texts("h2") == ["No payment matches these filters"]


def test_what_was_typed_is_shown_as_text(pages: PageClient, account: Account) -> None:
    account.payment()

    page = pages.get(f"{PAYMENTS}?q=%3Cscript%3Ealert(1)%3C/script%3E&method=%22%3E")

    assert "“<script>alert(1)</script>”" in page.text


def test_long_search_is_cut_and_a_card_number_leaves_the_address(pages: PageClient, account: Account) -> None:
    account.payment(description="Team plan")

    assert len(search(pages, "a" * 500).form("Search").fields["q"][0]) == 100
    cleared = pages.follow(f"{PAYMENTS}?q=4242424242424242")
    assert "4242424242424242" not in cleared.path + cleared.html


# Generated: whatever is asked for is what a plain reading of the same rows gives, on every page in both directions.

TITLES = ("Team plan", "Team plan, extended", "Onboarding workshop", "Électricité, mars", "Storage, 500 GB", "Audit")
STATUSES = ("complete", "complete", "complete", "failed", "rejected", "pending", "refunded", "canceled", "processing")
CURRENCIES = ("USD", "EUR", "XAF")
QUERIES = (
    "", "team", "tea", "plan team", "workshop", "electr", "500", "500 gb", "acme", "acme-001", "0011", "11", "11 team", "12.34", "12", "1234",
    "1,234.56", "ref", "ref-7", "nothing", "te", "Team PLAN, ext", "audit 12",
)  # fmt: skip
ZONE = ZoneInfo("America/Los_Angeles")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Crowd:
    """Payments of one customer among those of others, and what a plain reading of them needs."""

    account: Account
    rows: list[StoredPayment]


@pytest.fixture
def crowd(services: Services) -> Crowd:
    """Ninety payments in ten days of one customer, and as many of another one and of another merchant, all alike."""
    account = make_account(services)
    chance = random.Random(4)
    for each in (
        account,
        make_account(services, merchant_id=account.scope.merchant_id),
        make_account(services, "savane"),
    ):
        with each.together():
            for number in range(90):
                method = chance.choice([*METHODS, None])
                each.payment(
                    chance.choice(STATUSES), chance.choice([1234, 1200, 123_456, 5000]), currency=chance.choice(CURRENCIES),
                    description=chance.choice(TITLES), note=f"ACME-{number:04d}", method_type=method,
                    reference=f"REF-{number}" if number % 3 else None, listed=number % 10 > 0,
                    created_at=START + timedelta(hours=number * 2.7),
                )  # fmt: skip
    with account.database.read() as reader:
        rows = list_payments(reader, account.scope, limit=100).rows
    return Crowd(account, rows)


def plainly(row: StoredPayment, asked: HistoryFilter) -> bool:
    """Whether a payment is what is asked for, without an index, a term or a statement."""
    on = row.created_at.astimezone(ZONE).date()
    major = row.amount / 10 ** (0 if row.currency == "XAF" else 2)
    words = [row.id, *row.description.lower().replace("é", "e").replace(",", "").split()]
    numbers = [
        row.note.lower(),
        *row.note.lower().split("-"),
        row.note[-4:].lstrip("0"),
        *(row.reference or "").lower().split("-"),
    ]
    joined = [text.replace("-", "") for text in (row.note.lower(), (row.reference or "").lower())]
    amounts = [str(int(major)), f"{major:.2f}"] if row.currency != "XAF" else [str(row.amount), f"{row.amount}.00"]

    def has(word: str) -> bool:
        plain = word.replace("-", "")
        begins = len(plain) >= 3 and any(text.startswith(plain) for text in (*words, *numbers, *joined))
        return begins or plain in (*words, *numbers, *joined) or word.replace(",", "") in amounts

    typed = asked.q.lower().replace("plan, ext", "plan ext").split()
    return (
        row.listed
        and (asked.status == "all" or row.status in FILTERS[asked.status])
        and asked.method in ("", row.method_type)
        and asked.currency in ("", row.currency)
        and (asked.from_on is None or on >= asked.from_on)
        and (asked.to_on is None or on <= asked.to_on)
        and all(map(has, typed))
    )


DAYS = st.one_of(st.none(), st.dates(date(2026, 2, 27), date(2026, 3, 13)))
ASKED = st.builds(
    HistoryFilter,
    status=st.sampled_from(["all", "complete", "failed", "pending", "canceled", "refunded"]),
    method=st.sampled_from(["", "", *METHODS]),
    currency=st.sampled_from(["", "", *CURRENCIES]),
    from_on=DAYS,
    to_on=DAYS,
    q=st.sampled_from(QUERIES),
)


@given(asked=ASKED, few=st.sampled_from([0, 4, 256]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_is_what_a_plain_reading_gives(crowd: Crowd, asked: HistoryFilter, few: int) -> None:
    wanted = [row.id for row in crowd.rows if plainly(row, asked)]

    pages = list(read_all(crowd.account.database, crowd.account, asked, few))

    assert [row.id for page in pages for row in page] == wanted, asked


def read_all(database: Database, account: Account, asked: HistoryFilter, few: int) -> Iterator[list[PaymentRecord]]:
    """Every page of a filter, each of which is read again from the one after it."""
    now = account.services.clock.now()
    with database.read() as reader:
        counts = read_counts(reader, account.scope)
        terms = query_terms(asked.q, Notation(".", 2, ("$", "USD"))) if asked.q else ()
        narrowed = replace(narrow(asked, counts, ZONE, terms), few=few)
        page = read_filtered(reader, account.scope, narrowed, FIRST, now=now)
        yield page.rows
        while page.has_next:
            before, after = page, Cursor("after", page.rows[-1].id)
            page = read_filtered(reader, account.scope, narrowed, after, now=now)
            back = read_filtered(reader, account.scope, narrowed, Cursor("before", page.rows[0].id), now=now)
            assert (back.rows, back.has_previous) == (before.rows, before.has_previous)
            yield page.rows


def test_generated_questions_have_answers(crowd: Crowd) -> None:
    """The plain reading is no reading of nothing: most questions find something, and none finds all."""
    found = {text: sum(plainly(row, HistoryFilter(q=text)) for row in crowd.rows) for text in QUERIES}

    assert [text for text, count in found.items() if not count] == ["nothing", "te"]
    assert found[""] == found["acme"] == 81


def test_payment_that_a_statement_changed_without_its_object_is_not_known_of(account: Account) -> None:
    """Why `tests/contracts/test_derived.py` forbids such statements: what is derived follows objects alone."""
    payment = account.payment()
    account.change(Payment, payment, status="failed")

    with account.database.read() as reader:
        counts = read_counts(reader, account.scope)
        stored = reader.execute(
            sa.select(Payment.status).where(Payment.merchant_id == account.scope.merchant_id)
        ).scalar()

    assert stored == "failed" and [group.status for group in counts.groups] == ["complete"]
