"""Erasing a customer: nothing of it is found afterwards but what the law keeps, money and other customers are as they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal import migrations
from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.events.models import EventRecord
from portal.events.rules import WORKER
from portal.merchants.queries import get_merchant
from portal.migrations import all_tables
from portal.outbox.models import OutboxMessage
from portal.payments.models import PaymentSearchTerm
from portal.privacy.jobs import erase_customers
from portal.privacy.operations.erasing import finish_erasure
from portal.privacy.operations.scrubbing import scrub
from portal.privacy.queries import owned_by
from portal.privacy.rules.registry import TREATMENTS
from portal.tenancy import Scope
from tests.support import customers
from tests.support.erasures import KEPT, erase, erasure, of_issued, request, vars_of, work
from tests.support.importing import Importer
from tests.support.marked_customer import CHANGED_EMAIL, COPY_EMAIL, EMAIL, OTHER_PHONE, STEM, fill, find_marks
from tests.support.paying import Killed, killing_at
from tests.support.site import ADDRESS, Site
from tests.support.statements import contents

# --- the registry ---


def test_each_table_has_its_treatment_and_each_treatment_a_table() -> None:
    assert set(TREATMENTS) == set(all_tables().tables)


def test_tables_of_every_package_are_known_to_a_process_that_has_imported_nothing() -> None:
    packages = {path.parent.name for path in Path(migrations.__file__).parents[1].glob("*/models.py")}

    assert packages == set(migrations.MODEL_PACKAGES)


@pytest.mark.parametrize("name", sorted(TREATMENTS))
def test_treatment_says_whose_a_row_is_and_why_it_stays(name: str) -> None:
    treatment, table = TREATMENTS[name], all_tables().tables[name]

    assert treatment.act == "delete" or treatment.why
    assert set(treatment.values) | set(treatment.secret) <= set(table.c.keys())
    if treatment.act == "nobodys":
        assert "customer_id" not in table.c, "a row that names a customer is a customer's"
    elif name != "customers":
        assert treatment.owner.column in table.c
        assert treatment.owner.parent or treatment.owner.column == "customer_id"
    # Elsewhere or nowhere in an export, and why.
    assert treatment.act == "nobodys" or treatment.section or treatment.unexported


# --- the proof ---


def test_nothing_of_an_erased_customer_is_found_but_what_the_law_keeps(site: Site, tmp_path: Path) -> None:
    marked = fill(site, tmp_path)
    before = set(find_marks(site.services.database))
    for name, treatment in TREATMENTS.items():
        if treatment.act != "nobodys" and name not in _EMPTY:
            assert count(site, name), f"the customer has nothing in {name}: the test proves nothing of it"
        if treatment.act == "clear":
            assert any(table == name for table, _ in before), f"no mark is in {name}: the test proves nothing of it"
    assert before >= MARKED
    money, audit = books(site), site.rows(AuditEntry)

    request(site)
    work(site)
    row = erasure(site)
    assert row is not None and row.erased_at is not None
    assert set(find_marks(site.services.database)) <= KEPT
    assert set(find_marks(site.services.database, but=of_issued(site))) == set()
    assert {name for name, treatment in TREATMENTS.items() if treatment.act == "delete" and count(site, name)} == set()
    assert books(site) == money
    assert marked.payer.wrong_row() is None
    now = {entry.id: vars_of(entry) for entry in site.rows(AuditEntry)}
    assert {entry.id: vars_of(entry) for entry in audit}.items() <= now.items(), (
        "the audit is as it was, and has no mark"
    )
    assert len(site.mail.take()) == 1, "the farewell alone"
    site.clock.advance(minutes=30)
    assert site.deliver() == []
    assert site.count(OutboxMessage, done_at=None) == 0, "what was still to be sent is sent or has nothing to say"
    if site.services.database.is_sqlite:
        assert left_in_the_file(site) == []


_EMPTY = {"exports", "export_parts", "erasures", "promises", "invoice_reminders", "pay_links", "statement_notices"}
MARKED = {
    ("confirmations", "address"), ("customers", "email"), ("customers", "metadata"), ("customers", "shipping_address"),
    ("email_changes", "old_email"), ("events", "data"), ("notice_copies", "address"), ("payment_method_consents", "network_address"),
    ("payment_methods", "token"), ("payment_methods", "holder"), ("payments", "phone"), ("payments", "failure_message"),
    ("payments", "method_last4"), ("payment_search_terms", "term"), ("questions", "text"), ("refunds", "reason"),
    ("sign_in_challenges", "masked_address"), ("sign_in_sessions", "user_agent"), ("persons", "email"), ("passkeys", "user_agent"), ("portal_sessions", "return_url"),
}  # fmt: skip


def count(site: Site, name: str) -> int:
    """How many rows of a table are the customer's."""
    table = all_tables().tables[name]
    statement = sa.select(sa.func.count()).select_from(table).where(owned_by(table, TREATMENTS[name].owner, site.scope))
    with site.services.database.read() as reader:
        return reader.execute(statement).scalar_one()


def books(site: Site) -> dict[str, Any]:
    """All that is money: ledger, balances, and the amounts and statuses of invoices and payments that are settled."""
    with site.services.database.read() as reader:
        tables = all_tables().tables
        whole = ("ledger_entries", "ledger_transactions", "customer_balances", "credit_notes")
        shares = tables["payment_allocations"]
        invoices, payments = tables["invoices"].c, tables["payments"].c
        sums = [
            invoices.id,
            invoices.number,
            invoices.total,
            invoices.amount_paid,
            invoices.amount_credited,
            invoices.bill_to,
        ]
        paid = [payments.id, payments.amount, payments.amount_refunded, payments.gateway_reference, payments.reference]
        return {
            **{name: sorted(map(tuple, reader.execute(sa.select(tables[name]))), key=repr) for name in whole},
            "shares": sorted(map(tuple, reader.execute(sa.select(shares).where(shares.c.state == "settled")))),
            "invoices": sorted(
                map(tuple, reader.execute(sa.select(*sums).where(invoices.status != "draft"))), key=repr
            ),
            "payments": sorted(map(tuple, reader.execute(sa.select(*paid))), key=repr),
        }


def left_in_the_file(site: Site) -> list[str]:
    """The marks that are in the bytes of SQLite's files, of those that nothing keeps."""
    database = site.services.database
    database.dispose()
    path = Path(str(database.url.database))
    raw = b"".join(each.read_bytes() for each in (path, path.with_name(path.name + "-wal")) if each.exists()).lower()
    gone = (
        CHANGED_EMAIL,
        EMAIL,
        COPY_EMAIL,
        OTHER_PHONE,
        *(f"{STEM} {word}" for word in ("worry", "asked", "declined", "vip", "bank")),
        f"{STEM}browser",
        f"tok_{STEM}",
    )
    return [mark for mark in gone if mark.encode() in raw]


def test_other_customers_rows_are_as_they_were(site: Site, tmp_path: Path) -> None:
    fill(site, tmp_path)
    neighbour = site.add_customer("neighbour@else.example", name="Neighbour")
    twin = site.add_customer(CHANGED_EMAIL, name="Same address")
    for scope in (neighbour, twin, site.other):
        request_sign_in_and_pay(site, scope)
    site.deliver()
    own = ids_of(site)
    before = rows_of_others(site, own)

    request(site)
    erase(site)

    after = rows_of_others(site, own)
    assert before == after
    assert any("neighbour@else.example" in repr(row) for row in after["customers"])


def request_sign_in_and_pay(site: Site, scope: Scope) -> None:
    with site.services.database.unit_of_work() as session:
        at = site.clock.now()
        customers.insert_payment(session, scope, "complete", 5000, at=at, phone="+237670000001", failure_message="no")
        customers.insert_method(session, scope, at=at)
        customers.add_invoice(session, scope, at=at, number=f"N-{scope.customer_id[-4:]}")


def ids_of(site: Site) -> set[str]:
    """The ids of the customer and of all that is its own."""
    found = {site.scope.customer_id}
    with site.services.database.read() as reader:
        for table in all_tables().tables.values():
            if {"customer_id", "id"} <= set(table.c.keys()):
                mine = table.c.customer_id == site.scope.customer_id
                found |= set(reader.execute(sa.select(table.c.id).where(mine)).scalars())
    return found


def rows_of_others(site: Site, own: set[str]) -> dict[str, list[str]]:
    """Every row of every table that names nothing of the customer, but what the worker keeps of itself. Not by the registry, which is
    what is to be proved."""
    of_worker = {"outbox_messages", "rate_counters"}
    return {
        name: [row for row in map(repr, rows) if not any(each in row for each in own)]
        for name, rows in contents(site.services.database).items()
        if name not in of_worker
    }


def test_many_search_terms_go_whole_and_no_neighbours(site: Site) -> None:
    neighbours = [site.add_customer(f"{name}@else.example") for name in ("one", "two")]
    with site.services.database.unit_of_work() as session:
        for scope, many in ((site.scope, 5001), *((neighbour, 2) for neighbour in neighbours)):
            row = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "payment_id": "pay_1"}
            session.execute(sa.insert(PaymentSearchTerm), [{**row, "term": f"t{number}"} for number in range(many)])

    scrub(site.services.database, site.services.settings.keys, site.scope)

    left = {row.customer_id for row in site.rows(PaymentSearchTerm)}
    assert left == {neighbour.customer_id for neighbour in neighbours}
    assert site.count(PaymentSearchTerm) == 4


@pytest.mark.parametrize("table", ["questions", "payments", "events", "customers"])
def test_erasure_that_is_killed_goes_on_and_ends_once(site: Site, tmp_path: Path, table: str) -> None:
    fill(site, tmp_path)
    request(site)
    killed = replace(site.services, crash_point=killing_at(f"erasure.{table}"))
    erase_customers(killed)
    site.deliver()
    site.clock.advance(minutes=2)
    with pytest.raises(Killed):
        erase_customers(killed)
    assert erasure(site).erased_at is None  # type: ignore[union-attr]  # it is there

    site.clock.advance(minutes=11)
    work(site)
    assert set(find_marks(site.services.database, but=of_issued(site))) == set()
    assert site.count(AuditEntry, action="customer.erased") == 1


def test_two_workers_at_once_end_it_once(site: Site) -> None:
    request(site)
    erase_customers(site.services)
    site.deliver()
    site.clock.advance(minutes=2)
    scope, at = site.scope, site.clock.now()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: scrub(site.services.database, site.services.settings.keys, scope), range(2)))
        done = partial(finish_erasure, scope=scope, actor=WORKER, at=at)
        ended = list(pool.map(lambda _: site.services.database.run(done), range(2)))

    assert sorted(ended) == [False, True]
    assert site.count(EventRecord, type="customer.erased") == 1


@pytest.mark.parametrize(
    ("reference", "is_kept"), [("C-1042", True), ("maya.lindqvist", False), ("maya@x.example", False)]
)
def test_reference_stays_where_it_names_nobody_and_an_import_makes_nobody_anew(
    site: Site, tmp_path: Path, reference: str, is_kept: bool
) -> None:
    site.change_customer(site.scope, reference=reference)
    request(site)
    work(site)

    assert site.rows(Customer, id=site.scope.customer_id)[0].reference == (reference if is_kept else None)
    with site.services.database.read() as reader:
        merchant = get_merchant(reader, site.scope.merchant_id)
    file = "number,issued_on,customer,customer_email,quantity,unit_amount\n"
    refused = Importer(site.services.database, merchant, site.clock, tmp_path).refusals(
        file.strip(), f"Z-1,2026-03-01,C-1042,{ADDRESS},1,12.00"
    )
    assert bool(refused) is is_kept
