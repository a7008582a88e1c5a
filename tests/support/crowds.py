"""A merchant with thousands of rows, written by the database itself in a second; for tests of plans and of deep pages."""

from __future__ import annotations

from dataclasses import dataclass

from portal.database import Database
from portal.payments.rules.statuses import PAYMENT_STATUSES
from portal.tenancy import Scope

# Most payments are complete; every status is there.
_STATUSES = ("complete",) * 12 + PAYMENT_STATUSES
RARE = "rare"
"""A term that few payments have; "team" and "plan" have all, and each has one of its own, such as "inv7"."""


@dataclass(frozen=True)
class Crowd:
    """`scope` is the customer who has `payment_count` of the payments, every fifth of all; the rest have the others."""

    scope: Scope
    payment_count: int

    def payment_id(self, place: int) -> str:
        """The customer's payment with `place` newer ones before it."""
        return _id("pay", 5 * (self.payment_count - place))

    def invoice_id(self, number: int) -> str:
        """The customer's invoice number `number`, counted from one, oldest first; odd ones are outstanding."""
        return _id("inv", 5 * number)


def fill_crowd(database: Database, *, payments: int = 26_000, invoices: int = 5_000) -> Crowd:
    """Write merchant, customers, payments, invoices with lines and allocations, refunds and methods, and count them (ANALYZE)."""
    is_postgresql = not database.is_sqlite
    no, yes = ("false", "true") if is_postgresql else ("0", "1")

    def series(count: int) -> str:
        if is_postgresql:
            return f"generate_series(1, {count}) as g(n)"
        return f"(with recursive s(n) as (select 1 union all select n + 1 from s where n < {count}) select n from s) g"

    def named(prefix: str, number: str) -> str:
        if is_postgresql:
            return f"'{prefix}_' || lpad(({number})::text, 22, '0')"
        return f"printf('{prefix}_%022d', {number})"

    def at(hours: str) -> str:
        if is_postgresql:
            return f"timestamptz '2020-01-01 00:00+00' + ({hours}) * interval '1 hour'"
        return f"1577836800000000 + ({hours}) * 3600000000"

    def day(days: str) -> str:
        return (
            f"date '2025-01-01' + ({days})::int" if is_postgresql else f"date('2025-01-01', '+' || ({days}) || ' days')"
        )

    customer = f"case n % 5 when 0 then {named('cus', '1')} else {named('cus', '2 + n % 400')} end"
    choices = " ".join(f"when {place} then '{status}'" for place, status in enumerate(_STATUSES))
    status = f"case (n / 5) % {len(_STATUSES)} {choices} end"
    # One in nine by bank account, one in eleven in euros, one in thirteen by what nobody knows.
    method = "case when (n / 5) % 13 = 0 then null when (n / 5) % 9 = 0 then 'bank_account' else 'card' end"
    currency = "case (n / 5) % 11 when 0 then 'EUR' else 'USD' end"
    terms = [
        f"merchant_id, customer_id, {term}, id from payments"
        for term in ("'team'", "'plan'", "'inv' || substr(note, 5)", f"'{RARE}'")
    ]
    terms[-1] += " where amount = 1005"
    inserts = {
        "merchants (id, slug, mode, status, name, legal_name, address_lines, currency, locale, timezone, theme, due_days,"
        " gateway, created_at, updated_at)": f"'{_id('mer', 1)}', 'crowd', 'test', 'active', 'Crowd', 'Crowd', '[]', 'USD',"
        f" 'en', 'UTC', 'base', 30, 'sandbox', {at('0')}, {at('0')} from {series(1)}",
        "customers (merchant_id, id, type, name, email, email_key, billing_address, shipping_address, fields, metadata, blocked, created_at,"
        " updated_at)": f"'{_id('mer', 1)}', {named('cus', 'n')}, 'individual', 'C', 'c' || n || '@shop.example', 'c' || n || '@shop.example', '{{}}', '{{}}', '{{}}', '{{}}', {no},"
        f" {at('0')}, {at('0')} from {series(401)}",
        "payments (merchant_id, id, customer_id, status, currency, amount, amount_refunded, description, note, more_count,"
        " gateway, gateway_reference, method_type, method_brand, method_last4, save_method, listed, version, check_count,"
        " created_at, updated_at, expires_at)": f"'{_id('mer', 1)}', {named('pay', 'n')}, {customer}, {status}, {currency},"
        f" 1000 + n % 900, 0, 'Team plan ' || n, 'INV-' || n, 0, 'sandbox', 'ch_' || n, {method}, 'visa', '4242', {no}, {yes},"
        f" 1, 0, {at('n')}, {at('n')}, {at('n')} from {series(payments)}",
        "payment_counts (merchant_id, customer_id, status, method_type, currency, payment_count)":
        "merchant_id, customer_id, status, coalesce(method_type, ''), currency, count(*) from payments group by 1, 2, 3, 4, 5",
        "payment_search_terms (merchant_id, customer_id, term, payment_id)":
        " union all select ".join(terms),
        "invoices (merchant_id, id, customer_id, number, status, currency, description, subtotal, tax, total, amount_paid,"
        " amount_credited, amount_reserved, issued_on, due_on, bill_to, version, created_at, updated_at)":
        f"'{_id('mer', 1)}', {named('inv', 'n')}, {customer}, 'INV-' || n,"
        f" case (n / 5) % 2 when 0 then 'paid' else 'open' end, case (n / 5) % 7 when 1 then 'EUR' else 'USD' end,"
        f" 'Team plan', 5000, 0, 5000, case (n / 5) % 2 when 0 then 5000 else 0 end, 0, 0, {day('n % 600')},"
        f" {day('n % 600')}, '{{}}', 1, {at('n')}, {at('n')} from {series(invoices)}",
        "invoice_reminders (merchant_id, invoice_id, due_on, days, created_at)":
        f"'{_id('mer', 1)}', {named('inv', 'n')}, {day('n % 600')}, 1, {at('n')} from {series(invoices)}",
        "invoice_lines (merchant_id, invoice_id, position, description, quantity, unit_amount_decimal, amount)":
        f"'{_id('mer', 1)}', {named('inv', 'n')}, 1, 'Seats', '1', '5000', 5000 from {series(invoices)}",
        "credit_notes (merchant_id, id, customer_id, invoice_id, number, currency, description, amount, amount_applied,"
        " issued_on, created_at)": f"'{_id('mer', 1)}', {named('cn', 'n')}, {customer}, {named('inv', 'n')}, 'C-' || n, 'USD',"
        f" '', 1, 1, {day('1')}, {at('n')} from {series(invoices)}",
        "promises (merchant_id, invoice_id, customer_id, kind, pay_on, held_until, made_at)":
        f"'{_id('mer', 1)}', {named('inv', 'n')}, {customer}, 'day', {day('1')}, {day('1')}, {at('n')} from {series(invoices)}",
        "payment_allocations (merchant_id, payment_id, invoice_id, slot, state, amount, invoice_version)":
        f"'{_id('mer', 1)}', {named('pay', 'n')}, {named('inv', '1 + (n - 1) % ' + str(invoices))}, 1, 'released', 1000, 1"
        f" from {series(payments)}",
        "refunds (merchant_id, id, payment_id, status, currency, amount, check_count, created_at)":
        f"'{_id('mer', 1)}', {named('re', 'n')}, {named('pay', 'n')}, case n % 50 when 0 then 'pending' else 'complete' end, 'USD', 1, 0, {at('n')}"
        f" from {series(invoices)}",
        "customer_balances (merchant_id, customer_id, currency, amount, amount_reserved, updated_at)":
        f"'{_id('mer', 1)}', {named('cus', '1 + n % 401')}, case n / 401 when 0 then 'USD' when 1 then 'EUR' else 'XAF' end,"
        f" 100, 0, {at('0')} from {series(1202)}",
        "payment_methods (merchant_id, id, customer_id, gateway, token, fingerprint, type, is_default, status, created_at)":
        f"'{_id('mer', 1)}', {named('pm', 'n')}, {named('cus', '1 + n % 401')}, 'sandbox', 'tok_' || n, 'fp_' || n, 'card',"
        f" case when n <= 401 then {yes} else {no} end, 'active', {at('n')} from {series(1203)}",
        "payment_method_consents (merchant_id, id, customer_id, payment_id, payment_method_id, wording, locale, network_address,"
        " user_agent, created_at)":
        f"'{_id('mer', 1)}', {named('pmc', 'n')}, {named('cus', '1 + n % 401')}, {named('pay', 'n')}, {named('pm', 'n')}, 'Keep it',"
        f" 'en', '127.0.0.1', 'Tests', {at('n')} from {series(1203)}",
    }  # fmt: skip
    with database.writer.begin() as connection:
        if is_postgresql:
            # Its checks of foreign keys may have been planned by an earlier test, over tables that were empty.
            connection.exec_driver_sql("discard plans")
        for columns, values in inserts.items():
            text = f"insert into {columns} select {values}"
            connection.exec_driver_sql(text.replace("%", "%%") if is_postgresql else text)
    with database.reader.connect() as connection:
        connection.exec_driver_sql("analyze")
    return Crowd(Scope(_id("mer", 1), _id("cus", 1)), payments // 5)


def _id(prefix: str, number: int) -> str:
    return f"{prefix}_{number:022d}"
