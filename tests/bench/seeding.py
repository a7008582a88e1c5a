"""A merchant with many customers written straight into the tables: what the pages are measured on. Only the bench uses it."""

from __future__ import annotations

import random
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

import psycopg

from portal.database import Database
from portal.merchants.operations import NewMerchant, connect_gateway, create_merchant
from portal.migrations import upgrade
from portal.payments.rules.search import terms_of
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.rules.tokens import new_token, token_digest
from tests.support.actors import OPERATOR

SLUG = "acme"
FEW, MANY = 50, 10_000
"""Payments of the two customers that are measured."""

_SPAN = timedelta(days=1000)
_TITLES = (
    "Team plan", "Annual support", "Onboarding workshop", "Additional seats", "Data export add-on", "Custom domain",
    "Priority support", "Storage, 500 GB", "Consulting, 4 hours", "Sandbox environment", "Audit package", "Team plan, extended",
)  # fmt: skip
_STATUSES = (
    "complete",
    "complete",
    "complete",
    "failed",
    "complete",
    "complete",
    "refunded",
    "complete",
    "complete",
    "complete",
)
"""One in ten failed and one in ten was refunded, as in the floor."""
_METHODS = (
    ("card", "visa", "4242"),
    ("card", "mastercard", "5454"),
    ("card", "amex", "0005"),
    ("bank_account", "SEPA", "3000"),
)
_OUTSTANDING = 60

Row = Sequence[Any]
Rows = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Signed:
    """A customer that is measured, and the token that signs its browser in."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How values are written into a database without SQLAlchemy."""

    instant: Callable[[datetime], Any]
    day: Callable[[date], Any]
    flag: Callable[[bool], Any]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SQLITE = Dialect(lambda at: (at - _EPOCH) // timedelta(microseconds=1), date.isoformat, int)
_POSTGRESQL = Dialect(lambda at: at, lambda on: on, bool)

_TABLES = {
    "customers": "merchant_id, id, type, name, company_name, email, email_key, locale, billing_address, shipping_address, fields,"
    " metadata, blocked, created_at, updated_at",
    "sign_in_sessions": "merchant_id, id, customer_id, token_digest, kind, idle_seconds, user_agent, created_at, last_used_at,"
    " expires_at",
    "payment_methods": "merchant_id, id, customer_id, gateway, token, fingerprint, type, brand, last4, exp_month, exp_year,"
    " is_default, status, created_at",
    "invoices": "merchant_id, id, customer_id, number, status, currency, description, subtotal, tax, total, amount_paid,"
    " amount_credited, amount_reserved, issued_on, due_on, bill_to, version, created_at, updated_at",
    "payments": "merchant_id, id, customer_id, status, currency, amount, amount_refunded, description, note, more_count, gateway,"
    " gateway_reference, method_type, method_brand, method_last4, save_method, failure_code, listed, version, check_count,"
    " created_at, updated_at, expires_at, completed_at",
    "payment_allocations": "merchant_id, payment_id, invoice_id, slot, state, amount, invoice_version",
    "refunds": "merchant_id, id, payment_id, status, currency, amount, check_count, created_at, completed_at",
    "payment_search_terms": "merchant_id, customer_id, term, payment_id",
}
"""What is written, parents first; columns that are left out stay null."""
_COUNT = (
    "INSERT INTO payment_counts (merchant_id, customer_id, status, method_type, currency, payment_count)"
    " SELECT merchant_id, customer_id, status, method_type, currency, count(*) FROM payments"
    " GROUP BY merchant_id, customer_id, status, method_type, currency"
)
_TERM_KEY = "merchant_id, customer_id, term, payment_id"


def seed(database: Database, settings: Settings, others: int) -> dict[int, Signed]:
    """Fill a new database: `others` payments of other customers, and the customers with FEW and with MANY payments.

    The rows of the two lie spread among the others', as in real life: a payment is written when its time comes.
    Answers the two customers by their number of payments.
    """
    upgrade(database)
    now = datetime.now(UTC)
    with database.unit_of_work() as session:
        merchant = create_merchant(
            session, NewMerchant(SLUG, "Acme", "USD", support_email="billing@acme.example"), actor=OPERATOR, at=now
        )
        connect_gateway(
            session,
            merchant,
            "sandbox",
            {"secret_key": "sk", "event_secret": "es"},
            keys=settings.keys,
            actor=OPERATOR,
            at=now,
        )
    story = _Story(merchant.id, others, now, _SQLITE if database.is_sqlite else _POSTGRESQL)
    if database.is_sqlite:
        database.dispose()  # The journal is changed by whoever is alone.
        _write_sqlite(str(database.url.database), story.batches())
    else:
        _write_postgresql(database, story.batches())
    return story.measured


def bench_settings(database_url: str) -> dict[str, str]:
    """The environment variables of a portal that is measured; nothing listens where its gateway and mail server would be."""
    return {
        "PORTAL_DATABASE_URL": database_url, "PORTAL_SECRET_KEY": secrets.token_hex(32), "PORTAL_LOG_LEVEL": "WARNING",
        "PORTAL_SANDBOX_URL": "http://127.0.0.1:9", "PORTAL_SMTP_URL": "smtp://127.0.0.1:9",
    }  # fmt: skip


def session_cookie(customer: Signed) -> str:
    """The `Cookie` header that signs this customer in."""
    return f"portal_{SLUG}={customer.token}"


class _Story:
    """The rows of a merchant, by batches of one table each in the order of time; the same for every run but for the ids."""

    def __init__(self, merchant_id: str, others: int, now: datetime, dialect: Dialect) -> None:
        self._merchant_id, self._now, self._dialect = merchant_id, now, dialect
        self._total = others + FEW + MANY
        self._chance = random.Random(25)
        first = now - _SPAN - timedelta(days=30)
        self._customers = [new_id("cus", first) for _ in range(max(200, others // 20))]
        self.measured = {count: Signed(new_id("cus", first), new_token()) for count in (FEW, MANY)}
        self._invoices: dict[str, list[str]] = {}
        self._made: dict[str, int] = {}

    def batches(self) -> Iterator[Rows]:
        yield self._people()
        yield {"invoices": list(chain.from_iterable(map(self._invoices_of, self._with_invoices())))}
        numbers = range(self._total)
        for start in numbers[::20_000]:
            yield self._payments(numbers[start : start + 20_000])

    def _people(self) -> Rows:
        since = self._dialect.instant(self._now - _SPAN - timedelta(days=30))
        measured = [each.id for each in self.measured.values()]
        rows: Rows = {"customers": [], "sign_in_sessions": [], "payment_methods": []}
        no = self._dialect.flag(False)
        for number, customer_id in enumerate([*measured, *self._customers]):
            address = f"customer-{number}@lindqvist.example"
            rows["customers"].append(
                (self._merchant_id, customer_id, "individual", "Maya Lindqvist", "Lindqvist Studio AB", address, address, "en",
                 "{}", "{}", "{}", "{}", no, since, since)
            )  # fmt: skip
        at = self._dialect.instant
        for each in self.measured.values():
            rows["sign_in_sessions"].append(
                (self._merchant_id, new_id("ses", self._now), each.id, token_digest(each.token), "mail", 86_400, "bench",
                 at(self._now), at(self._now), at(self._now + timedelta(days=30)))
            )  # fmt: skip
            for number, (kind, brand, last4) in enumerate(_METHODS[:2]):
                method_id = new_id("pm", self._now)
                rows["payment_methods"].append(
                    (self._merchant_id, method_id, each.id, "sandbox", method_id, method_id, kind, brand, last4, 12, 2099,
                     self._dialect.flag(number == 0), "active", since)
                )  # fmt: skip
        return rows

    def _with_invoices(self) -> Iterable[tuple[str, int]]:
        yield self.measured[FEW].id, 40
        yield self.measured[MANY].id, 400
        for customer_id in self._customers:
            yield customer_id, 2

    def _invoices_of(self, whose: tuple[str, int]) -> Iterator[Row]:
        """Invoices of one customer: the newest are outstanding, some of them overdue."""
        customer_id, count = whose
        kept = self._invoices[customer_id] = []
        for number in range(count):
            at = self._now - _SPAN + number * (_SPAN / count)
            is_paid = number < count - min(_OUTSTANDING, max(1, count * 3 // 4))
            invoice_id, total = new_id("inv", at), 1000 + number * 371 % 90_000
            kept.append(invoice_id)
            stamp = self._dialect.instant(at)
            due_on = (self._now - timedelta(days=10) + timedelta(days=number % 40)).date()
            yield (
                self._merchant_id, invoice_id, customer_id, f"ACME-{number:05d}", "paid" if is_paid else "open", "USD",
                _TITLES[number % 12], total, 0, total, total if is_paid else 0, 0, 0, self._dialect.day(at.date()),
                self._dialect.day(due_on), "{}", 1, stamp, stamp,
            )  # fmt: skip

    def _payments(self, numbers: range) -> Rows:
        rows: Rows = {"payments": [], "payment_allocations": [], "refunds": [], "payment_search_terms": []}
        step, instant, flag = _SPAN / self._total, self._dialect.instant, self._dialect.flag
        yes, no = flag(True), flag(False)
        few_every, many_every = self._total // FEW, self._total // MANY
        few, many = self.measured[FEW].id, self.measured[MANY].id
        for n in numbers:
            if n % few_every == 1 and n // few_every < FEW:
                customer_id = few
            elif n % many_every == 0 and n // many_every < MANY:
                customer_id = many
            else:
                customer_id = self._chance.choice(self._customers)
            k = self._made[customer_id] = self._made.get(customer_id, 0) + 1
            at = self._now - _SPAN + n * step
            stamp, payment_id = instant(at), new_id("pay", at)
            status, amount = _STATUSES[k % 10], 1000 + n * 37 % 90_000
            kind, brand, last4 = _METHODS[k % 4]
            currency, title, number = "EUR" if k % 40 == 7 else "USD", _TITLES[k % 12], f"ACME-{k:05d}"
            is_failed, is_refunded = status == "failed", status == "refunded"
            rows["payments"].append(
                (self._merchant_id, payment_id, customer_id, status, currency, amount, amount if is_refunded else 0, title,
                 number, 0, "sandbox", f"ch_{payment_id}", kind, brand, last4, no, "card_declined" if is_failed else None,
                 yes, 3, 0, stamp, stamp, stamp, stamp)
            )  # fmt: skip
            terms = {*terms_of([(amount, currency)], [number]), *_terms_of_title(title)}
            rows["payment_search_terms"] += [(self._merchant_id, customer_id, term, payment_id) for term in terms]
            if is_failed:
                theirs = self._invoices[customer_id]
                invoice_id = theirs[k % len(theirs)]
                rows["payment_allocations"].append(
                    (self._merchant_id, payment_id, invoice_id, 1, "released", amount, 1)
                )
            elif is_refunded:
                rows["refunds"].append(
                    (self._merchant_id, new_id("re", at), payment_id, "complete", currency, amount, 0, stamp, stamp)
                )
        return rows


@cache
def _terms_of_title(title: str) -> list[str]:
    return terms_of([], [title])


def _write_sqlite(path: str, batches: Iterable[Rows]) -> None:
    with sqlite3.connect(path) as connection:
        # A file that is thrown away when the power goes, until it is whole.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-800000"):
            connection.execute(f"PRAGMA {pragma}")
        # Sorted once at the end: twenty rows a payment, each at a place of its own, would be most of the time.
        connection.execute(f"CREATE TEMP TABLE unsorted ({_TERM_KEY})")
        for rows in batches:
            for table, columns in _TABLES.items():
                if rows.get(table):
                    marks = ", ".join("?" * (columns.count(",") + 1))
                    into = "unsorted" if table == "payment_search_terms" else table
                    connection.executemany(f"INSERT INTO {into} ({columns}) VALUES ({marks})", rows[table])
        connection.execute(
            f"INSERT INTO payment_search_terms ({_TERM_KEY}) SELECT {_TERM_KEY} FROM unsorted ORDER BY {_TERM_KEY}"
        )
        connection.execute("DROP TABLE unsorted")
        connection.execute(_COUNT)
        connection.commit()
        connection.execute("ANALYZE")
    connection.close()


def _write_postgresql(database: Database, batches: Iterable[Rows]) -> None:
    with database.reader.connect() as reader:
        raw = reader.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        raw.execute(
            "SET session_replication_role = replica"
        )  # The rows fit: a foreign key is not checked a million times.
        raw.execute("ALTER TABLE payment_search_terms DROP CONSTRAINT pk_payment_search_terms")
        for rows in batches:
            for table, columns in _TABLES.items():
                if rows.get(table):
                    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                        for row in rows[table]:
                            copy.write_row(row)
        raw.execute(
            f"ALTER TABLE payment_search_terms ADD CONSTRAINT pk_payment_search_terms PRIMARY KEY ({_TERM_KEY})"
        )
        raw.execute(_COUNT)
        raw.execute("RESET session_replication_role")
        raw.execute("VACUUM ANALYZE")
