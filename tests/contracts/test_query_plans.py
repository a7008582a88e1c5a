"""The statements of a page use an index, on both databases, on the first page and on the two hundredth."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from portal.customers.queries import customers
from portal.database import Database
from portal.invoices.queries import credit_notes, invoices
from portal.invoices.queries.invoice_list import FILTERS as INVOICE_FILTERS
from portal.invoices.queries.invoice_list import is_by_due_date, list_owed, read_invoice_list, sum_owed
from portal.invoices.queries.invoice_page import read_invoice_page
from portal.invoices.rules import OUTSTANDING
from portal.method_users import METHOD_USERS
from portal.notices.queries import DueInvoice, list_to_remind
from portal.notices.rules import Window
from portal.overview import queries as overview
from portal.paging import FIRST, Cursor, Slice
from portal.payment_methods.operations.uses import list_dependents
from portal.payment_methods.queries import methods
from portal.payment_methods.queries.own_methods import list_method_details, list_own_methods
from portal.payments.queries import payments
from portal.payments.queries.counts import read_counts
from portal.payments.queries.filtered_history import FEW, narrow, read_filtered
from portal.payments.queries.history import FILTERS, read_history
from portal.payments.queries.holders import find_other_holders
from portal.payments.queries.payment_page import list_invoice_shares, read_payment_page
from portal.payments.queries.standing import standing_at, standing_of_invoice
from portal.payments.rules.filters import HistoryFilter
from portal.refunds import queries as refunds
from portal.refunds.queries import list_refunds_of
from portal.tenancy import MerchantScope, ReadScope
from tests.support.crowds import RARE, Crowd, fill_crowd

TODAY = date(2026, 3, 19)
NOW = datetime(2026, 3, 19, tzinfo=UTC)
PAGE_200 = 199 * 25
Question = Callable[[Connection, Crowd], Any]


def found(rows: Any) -> Any:
    assert rows, "a plan over nothing proves nothing"
    return rows


def history(status: str, direction: str, place: int) -> Question:
    def ask(reader: Connection, crowd: Crowd) -> Any:
        cursor = FIRST if direction == "first" else Cursor(direction, crowd.payment_id(place))
        found, _ = read_history(reader, crowd.scope, status, cursor, now=NOW)
        assert found.rows, "a plan over nothing proves nothing"
        return found

    return ask


def invoice_list(status: str, direction: str, number: int) -> Question:
    def ask(reader: Connection, crowd: Crowd) -> Any:
        invoice_id = crowd.invoice_id(number)
        key = (date(2025, 9, 1), invoice_id) if is_by_due_date(status) else invoice_id
        cursor = FIRST if direction == "first" else Cursor(direction, key)
        found = read_invoice_list(
            reader, crowd.scope, status, cursor, TODAY, standing=standing_of_invoice, standing_values=standing_at(NOW)
        )
        assert found.rows, "a plan over nothing proves nothing"
        return found

    return ask


def narrowed(direction: str, terms: tuple[str, ...] = (), few: int = FEW, **fields: Any) -> Question:
    """A page of the history narrowed by fields of its address, between two ids as between two days."""

    def ask(reader: Connection, crowd: Crowd) -> Any:
        counts = read_counts(reader, crowd.scope)
        wanted = narrow(HistoryFilter(**fields), counts, UTC, terms)
        if "days" in direction:
            wanted = replace(wanted, low=crowd.payment_id(5000), high=crowd.payment_id(10))
        cursor = FIRST if "first" in direction else Cursor(direction.split()[0], crowd.payment_id(2000))
        found = read_filtered(reader, crowd.scope, replace(wanted, few=few), cursor, now=NOW)
        assert found.rows, "a plan over nothing proves nothing"
        return found

    return ask


PAGES = ("first", "after", "before")
NARROWED: dict[str, Question] = {
    f"{name} {direction}": narrowed(direction, **asked)
    for direction in (*PAGES, "first days", "after days")
    for name, asked in dict[str, dict[str, Any]]({
        "by days alone": {},
        "by method": {"method": "bank_account"},
        "by currency": {"currency": "EUR"},
        "by method and currency": {"method": "bank_account", "currency": "EUR"},
        "by status and method": {"status": "failed", "method": "card"},
        "by status and currency": {"status": "failed", "currency": "USD"},
        "by all three": {"status": "complete", "method": "bank_account", "currency": "EUR"},
        "by a word": {"q": "team", "terms": ("team",)},
        "by two words": {"q": "team plan", "terms": ("team", "plan")},
        "by a word of few": {"q": "rare team", "terms": ("team", RARE)},
        "by a word and a status": {"q": "team", "terms": ("team",), "status": "failed"},
        "by a word and a method": {"q": "team", "terms": ("team",), "method": "bank_account"},
        "by a word of few, a status and a currency": {
            "q": "rare", "terms": (RARE, "team"), "status": "complete", "currency": "USD", "few": 100,
        },
    }).items()
}  # fmt: skip
LISTS: dict[str, Question] = {
    **{
        f"payments {status} {direction}": history(status, direction, PAGE_200 if status == "all" else 2000)
        for status in FILTERS
        for direction in PAGES
    },
    **{
        f"invoices {status} {direction}": invoice_list(status, direction, 500)
        for status in INVOICE_FILTERS
        for direction in PAGES
    },
    "counts of payments": lambda reader, crowd: read_counts(reader, crowd.scope),
}
OTHERS: dict[str, Question] = {
    "a payment": lambda reader, crowd: read_payment_page(reader, crowd.scope, crowd.payment_id(PAGE_200)),
    "refunds": lambda reader, crowd: list_refunds_of(reader, crowd.scope, [crowd.payment_id(n) for n in range(25)]),
    "an invoice": lambda reader, crowd: read_invoice_page(reader, crowd.scope, crowd.invoice_id(500)),
    "payments of an invoice": lambda reader, crowd: list_invoice_shares(
        reader, crowd.scope, crowd.invoice_id(500), now=NOW
    ),
    "who holds a payment's invoices": lambda reader, crowd: find_other_holders(
        reader, crowd.scope, crowd.payment_id(5)
    ),
    "sums owed": lambda reader, crowd: sum_owed(reader, crowd.scope, TODAY),
    "what is owed": lambda reader, crowd: overview.read_owed(reader, crowd.scope, TODAY),
    "account": lambda reader, crowd: overview.read_account(reader, crowd.scope, now=NOW),
    "methods": lambda reader, crowd: list_own_methods(reader, crowd.scope),
    "details of methods": lambda reader, crowd: list_method_details(reader, crowd.scope),
    "what depends on methods": lambda reader, crowd: list_dependents(
        reader,
        METHOD_USERS,
        crowd.scope,
        [method.id for method in list_own_methods(reader, crowd.scope)],
        at=NOW,
    ),
}


# What API, dashboard and exports read: of a whole merchant, of one customer, by each filter that narrows a merchant's rows.
SCOPES: dict[str, Callable[[Crowd], ReadScope]] = {
    "a merchant's": lambda crowd: MerchantScope(crowd.scope.merchant_id),
    "a customer's": lambda crowd: crowd.scope,
}
FILTERED: dict[str, tuple[Callable[..., Slice[Any]], dict[str, Any], Callable[[Crowd], str]]] = {
    "payments": (payments.list_payments, {}, lambda crowd: crowd.payment_id(2000)),
    "payments of a rare status": (
        payments.list_payments,
        {"statuses": ["rejected"]},
        lambda crowd: crowd.payment_id(2000),
    ),
    "payments of statuses": (
        payments.list_payments,
        {"statuses": ["failed", "rejected", "complete"]},
        lambda crowd: crowd.payment_id(2000),
    ),
    "payments of a month": (
        payments.list_payments,
        {"since": datetime(2021, 3, 1, tzinfo=UTC), "until": datetime(2021, 4, 1, tzinfo=UTC)},
        lambda crowd: crowd.payment_id(2000),
    ),
    "payments of one": (
        payments.list_payments,
        {"customer_id": "cus_0000000000000000000007"},
        lambda crowd: crowd.payment_id(2000),
    ),
    "invoices": (invoices.list_invoices, {}, lambda crowd: crowd.invoice_id(500)),
    "invoices outstanding": (
        invoices.list_invoices,
        {"statuses": OUTSTANDING},
        lambda crowd: crowd.invoice_id(500),
    ),
    "invoices overdue": (invoices.list_invoices, {"overdue_on": TODAY}, lambda crowd: crowd.invoice_id(500)),
    "invoices void": (invoices.list_invoices, {"statuses": ["void"]}, lambda crowd: crowd.invoice_id(500)),
    "invoices of one": (
        invoices.list_invoices,
        {"customer_id": "cus_0000000000000000000007"},
        lambda crowd: crowd.invoice_id(500),
    ),
    "credit notes": (credit_notes.list_credit_notes, {}, lambda _: "cn_0000000000000000002500"),
    "methods": (methods.list_methods, {}, lambda _: "pm_0000000000000000000600"),
    "customers": (customers.list_customers, {}, lambda _: "cus_0000000000000000000200"),
}


def filtered(name: str, scope: Callable[[Crowd], ReadScope], direction: str) -> Question:
    read, filters, place = FILTERED[name]

    def ask(reader: Connection, crowd: Crowd) -> Any:
        cursor = FIRST if direction == "first" else Cursor(direction, place(crowd))
        return read(reader, scope(crowd), cursor=cursor, **filters)

    return ask


READS: dict[str, Question] = {
    f"{owner} {name} {direction}": filtered(name, scope, direction)
    for owner, scope in SCOPES.items()
    for name in FILTERED
    for direction in PAGES
    if not (owner == "a customer's" and name.endswith(" of one"))
}
NAMED: dict[str, Question] = {
    "invoices by number": lambda reader, crowd: invoices.list_invoices(
        reader, MerchantScope(crowd.scope.merchant_id), number="INV-7"
    ),
    "credit notes by number": lambda reader, crowd: credit_notes.list_credit_notes(
        reader, MerchantScope(crowd.scope.merchant_id), number="C-7"
    ),
    "credit notes of an invoice": lambda reader, crowd: credit_notes.list_credit_notes(
        reader, MerchantScope(crowd.scope.merchant_id), invoice_id=crowd.invoice_id(7)
    ),
    "customers by address": lambda reader, crowd: customers.list_customers(
        reader, MerchantScope(crowd.scope.merchant_id), email="a@shop.example"
    ),
    "customers by telephone": lambda reader, crowd: customers.list_customers(
        reader, MerchantScope(crowd.scope.merchant_id), phone="+237677000001"
    ),
    "customers by reference": lambda reader, crowd: customers.list_customers(
        reader, MerchantScope(crowd.scope.merchant_id), reference="A-1"
    ),
    "refunds of a rare status": lambda reader, crowd: refunds.list_refunds(
        reader, MerchantScope(crowd.scope.merchant_id), status="pending"
    ),
    "refunds without an outcome": lambda reader, crowd: refunds.count_pending(
        reader, MerchantScope(crowd.scope.merchant_id), other_than=["sandbox"]
    ),
    "refunds of a customer's payments": lambda reader, crowd: list_refunds_of(
        reader, crowd.scope, [crowd.payment_id(n) for n in range(25)]
    ),
    "shares of payments": lambda reader, crowd: payments.list_shares(
        reader, crowd.scope, [crowd.payment_id(n) for n in range(25)]
    ),
    "lines of invoices": lambda reader, crowd: invoices.list_lines(
        reader, crowd.scope, [crowd.invoice_id(n) for n in range(1, 25)]
    ),
    "owed by several accounts": lambda reader, crowd: found(
        list_owed(reader, MerchantScope(crowd.scope.merchant_id), [f"cus_{n:022d}" for n in range(1, 9)])
    ),
    "customers to announce statements to": lambda reader, crowd: found(
        customers.list_with_address(reader, MerchantScope(crowd.scope.merchant_id), after=f"cus_{99:022d}", limit=100)
    ),
    "invoices to remind of": lambda reader, crowd: found(
        list_to_remind(
            reader,
            MerchantScope(crowd.scope.merchant_id),
            Window(7, TODAY - timedelta(14), TODAY),
            with_imported=False,
            after=None,
            limit=200,
        )
    ),
    "further invoices to remind of": lambda reader, crowd: list_to_remind(
        reader,
        MerchantScope(crowd.scope.merchant_id),
        Window(7, TODAY - timedelta(14), TODAY),
        with_imported=False,
        after=DueInvoice(crowd.invoice_id(500), TODAY - timedelta(7)),
        limit=200,
    ),
    "a newer payment of invoices": lambda reader, crowd: payments.find_newer_payment(
        reader, crowd.scope, crowd.payment_id(5), [crowd.invoice_id(5)]
    ),
    "how many are rejected": lambda reader, crowd: payments.count_payments(
        reader, MerchantScope(crowd.scope.merchant_id), most=100, statuses=["rejected"]
    ),
}


@pytest.fixture
def crowd(database: Database) -> Crowd:
    return fill_crowd(database)


@pytest.fixture
def explain(database: Database, crowd: Crowd) -> Iterator[Callable[[Question], list[str]]]:
    """Asks a question, and tells the plan of every statement that it sends."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            sent.append((statement, parameters))

    with database.read() as reader:
        event.listen(database.reader, "before_cursor_execute", note)

        def plan(question: Question) -> list[str]:
            sent.clear()
            question(reader, crowd)
            lines: list[str] = []
            for statement, parameters in tuple(sent):
                if database.is_sqlite:
                    found = reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                    lines += [row[3] for row in found]
                else:
                    found = reader.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", parameters)
                    lines += [row[0].strip() for row in found]
            return lines

        yield plan
        event.remove(database.reader, "before_cursor_execute", note)


# Reading the rows that a part of a UNION ALL has already limited is no scan of a table.
SCAN = re.compile(r"SCAN (?!anon_|\(subquery|CONSTANT ROW)|Seq Scan")
# Reading a merchant from its first row on, until enough of them have what is requested.
WALK = re.compile(r"SEARCH \w+ USING .*\(merchant_id=\?( AND id<=?\?)?\)$|Index Cond: \(merchant_id = [^()]*\)$")
NARROW = (" of a rare status", " of statuses", " of one", "outstanding", "overdue", "void")
SORT = re.compile(r"USE TEMP B-TREE|(-> +)?(Incremental )?Sort$")


def test_pages_are_read_by_indexes_and_lists_in_their_order(explain: Callable[[Question], list[str]]) -> None:
    faults = {}
    for name, question in (LISTS | OTHERS).items():
        plan = explain(question)
        faults[name] = [line for line in plan if SCAN.search(line) or (name in LISTS and SORT.search(line))]

    for name, question in NARROWED.items():
        plan = explain(question)
        faults[name] = [
            line for line in plan if SCAN.search(line) or WALK.search(line) or "Bitmap Heap Scan on payments" in line
        ]
        faults[name] += [line for place, line in enumerate(plan) if SORT.search(line) and not _sorts_pages(plan, place)]

    for name, question in (READS | NAMED).items():
        plan = explain(question)
        faults[name] = [line for line in plan if SCAN.search(line) or (name in READS and SORT.search(line))]
        if name in NAMED or any(narrow in name for narrow in NARROW):
            faults[name] += [line for line in plan if WALK.search(line)]

    assert {name: lines for name, lines in faults.items() if lines} == {}
    noticed = explain(_scanning_and_sorting)
    assert any(SCAN.search(line) for line in noticed)
    assert any(SORT.search(line) for line in noticed)
    sorted_at = next(place for place, line in enumerate(noticed) if SORT.search(line))
    assert not _sorts_pages(noticed, sorted_at)


def _sorts_pages(plan: list[str], place: int) -> bool:
    """Whether what is sorted at a line of the plan is limited: a page, or a page of each range."""
    if "TEMP B-TREE" in plan[place]:
        return plan[place - 1].startswith("SCAN anon_")
    key, child = plan[place + 1], plan[place + 2]
    return key.startswith("Sort Key: anon_") or child.endswith("Limit")


def test_no_filter_reads_much_more_than_the_whole_history_does(database: Database, crowd: Crowd) -> None:
    """By what the databases count and no clock: the customer has 5,200 payments, of which a page is 25, and FEW are looked through."""
    asked = {
        name: question for name, question in (LISTS | NARROWED).items() if name.startswith(("payments all", "by "))
    }
    with database.read() as reader:
        effort = {name: _effort(database, reader, crowd, question) for name, question in asked.items()}
        everything = _effort(database, reader, crowd, _counting_one_by_one)

    usual = max(effort[f"payments all {direction}"] for direction in PAGES)
    assert {name: found for name, found in effort.items() if found > 13 * usual} == {}, (usual, everything)
    assert everything > 25 * usual


def _effort(database: Database, reader: Connection, crowd: Crowd, question: Question) -> int:
    """What a question costs: steps of SQLite's machine, or rows that PostgreSQL's scans have read."""
    if database.is_sqlite:
        steps = itertools.count()
        raw: Any = reader.connection.driver_connection
        raw.set_progress_handler(lambda: next(steps) * 0, 10)
        question(reader, crowd)
        raw.set_progress_handler(None, 0)
        return next(steps)
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            sent.append((statement, parameters))

    event.listen(database.reader, "before_cursor_execute", note)
    question(reader, crowd)
    plans = [
        reader.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters).scalar_one()
        for statement, parameters in tuple(sent)
    ]
    event.remove(database.reader, "before_cursor_execute", note)
    return sum(_rows_read(plan[0]["Plan"]) for plan in plans)


def _rows_read(node: dict[str, Any]) -> int:
    own = 0
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        own = round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return own + sum(map(_rows_read, node.get("Plans", ())))


def _counting_one_by_one(reader: Connection, crowd: Crowd) -> None:
    owner = f"merchant_id = '{crowd.scope.merchant_id}' and customer_id = '{crowd.scope.customer_id}'"
    reader.exec_driver_sql(f"select count(*) from payments where {owner} and note <> ''").all()


def _scanning_and_sorting(reader: Connection, _crowd: Crowd) -> None:
    reader.exec_driver_sql("select * from payments where note = 'x' order by amount")


def test_page_two_hundred_holds_the_right_rows(database: Database, crowd: Crowd) -> None:
    with database.read() as reader:
        found, counts = read_history(
            reader, crowd.scope, "all", Cursor("after", crowd.payment_id(PAGE_200 - 1)), now=NOW
        )
        back, _ = read_history(reader, crowd.scope, "all", Cursor("before", crowd.payment_id(PAGE_200)), now=NOW)

    assert [row.id for row in found.rows] == [crowd.payment_id(place) for place in range(PAGE_200, PAGE_200 + 25)]
    assert [row.id for row in back.rows] == [crowd.payment_id(place) for place in range(PAGE_200 - 25, PAGE_200)]
    assert (found.has_previous, found.has_next) == (True, True)
    assert (back.has_previous, back.has_next) == (True, True)
    assert counts.total == crowd.payment_count
