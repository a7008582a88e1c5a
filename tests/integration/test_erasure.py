"""Erasing a customer: nothing of it is found afterwards but what the law keeps, money and other customers are as they were."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal import migrations
from portal.audit.models import AuditEntry
from portal.clock import write_instant
from portal.customers.errors import UnknownCustomer
from portal.customers.models import Customer
from portal.events.models import EventRecord
from portal.events.rules import WORKER, customer_actor
from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.merchants.queries import get_merchant
from portal.migrations import all_tables
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod
from portal.payments.models import Payment, PaymentSearchTerm
from portal.privacy.errors import ErasureBegun
from portal.privacy.jobs import erase_customers
from portal.privacy.models import Erasure
from portal.privacy.operations.erasing import finish_erasure, request_erasure, withdraw_erasure
from portal.privacy.operations.replaying import replay_erasures
from portal.privacy.operations.scrubbing import scrub
from portal.privacy.queries import owned_by
from portal.privacy.rules.erasures import WITHDRAWN_WITHIN
from portal.privacy.rules.registry import TREATMENTS
from portal.provider_events.jobs import handle_events
from portal.provider_events.operations import receive_event
from portal.sign_in.operations import delete_customer
from portal.tenancy import Scope
from portal.worker import build_handlers, run_once
from tests.conftest import SECRET_KEY
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import STAFF
from tests.support.bundled import bundled_renderer
from tests.support.commands import Commands
from tests.support.importing import Importer
from tests.support.marked_customer import CHANGED_EMAIL, COPY_EMAIL, EMAIL, LAST4, OTHER_PHONE, STEM, fill, find_marks
from tests.support.paying import Killed, killing_at
from tests.support.scripted_gateway import VISA
from tests.support.site import ADDRESS, Site
from tests.support.statements import contents

KEPT = {
    ("invoices", "description"), ("invoices", "bill_to"), ("invoice_lines", "description"), ("credit_notes", "description"),
    ("issued_documents", "content"), ("attached_documents", "content"),
}  # fmt: skip
"""What tax law keeps: the whole list of places in which a mark may be left. Drafts are not among them (`of_issued`)."""


def request(site: Site, scope: Scope | None = None, **how: Any) -> bool:
    scope = scope or site.scope
    return site.services.database.run(
        partial(request_erasure, scope=scope, actor=customer_actor(scope.customer_id), at=site.clock.now(), **how)
    )


def work(site: Site, *, rounds: int = 4) -> None:
    """What the worker does in some rounds, a minute after each other."""
    handlers = build_handlers(bundled_renderer())
    for _ in range(rounds):
        run_once(site.services, handlers)
        site.clock.advance(minutes=2)


def erase(site: Site) -> None:
    """What the worker does about erasures alone."""
    for _ in range(3):
        erase_customers(site.services)
        site.deliver()
        site.clock.advance(minutes=2)


def erasure(site: Site) -> Erasure | None:
    rows = site.rows(Erasure, merchant_id=site.scope.merchant_id, customer_id=site.scope.customer_id)
    return rows[0] if rows else None


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


_EMPTY = {"exports", "export_parts", "erasures", "promises", "invoice_reminders", "pay_links"}
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


def vars_of(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def of_issued(site: Site) -> Any:
    """Whether a place is one that the law keeps: of issued invoices and credit notes alone."""
    with site.services.database.read() as reader:
        table = all_tables().tables["invoices"]
        drafts = set(reader.execute(sa.select(table.c.id).where(table.c.status == "draft")).scalars())

    def is_kept(name: str, column: str, row: Any) -> bool:
        return (name, column) in KEPT and not drafts & {row.get("id"), row.get("invoice_id"), row.get("object_id")}

    return is_kept


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


# --- when it begins ---


@pytest.mark.parametrize("state", ["processing", "requires_action", "pending"])
def test_erasure_waits_while_money_is_under_way(site: Site, state: str) -> None:
    account = Account(site.services, site.scope, "acme")
    payment = account.payment(state, next_check_at=None)
    request(site)

    erase_customers(site.services)

    assert erasure(site).begun_at is None  # type: ignore[union-attr]
    site.clock.advance(minutes=16)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(Payment).where(Payment.merchant_id == site.scope.merchant_id, Payment.id == payment).values(status="failed"))  # fmt: skip
    work(site)
    assert erasure(site).erased_at is not None  # type: ignore[union-attr]


def test_erasure_waits_for_a_refund(site: Site) -> None:
    account = Account(site.services, site.scope, "acme")
    account.refund(account.payment(), 1000, "pending")
    request(site)

    work(site)

    assert erasure(site).begun_at is None  # type: ignore[union-attr]


def test_open_invoice_does_not_keep_the_data_and_is_still_owed(site: Site) -> None:
    account = Account(site.services, site.scope, "acme")
    invoice = account.invoice(5000)
    request(site)

    work(site)

    assert erasure(site).erased_at is not None  # type: ignore[union-attr]
    (row,) = site.rows(Invoice, id=invoice)
    assert (row.status, row.amount_due, row.bill_to["name"]) == ("open", 5000, "Maya Lindqvist")


def test_event_of_a_gateway_that_comes_late_books_the_money_and_leaves_nothing_else(site: Site, tmp_path: Path) -> None:
    marked = fill(site, tmp_path)
    (failed,) = [row.id for row in site.rows(Payment, status="failed")]
    request(site)
    work(site)
    gateway = marked.payer.gateway
    card = replace(VISA, last4=LAST4, holder=f"{STEM} late", token=f"tok3_{STEM}", fingerprint=f"fp3_{STEM}")
    gateway.ledger[failed] = replace(gateway.ledger[failed], state=State.SUCCEEDED, failure_message=None, method=card)

    receive_event(site.services, site.scope.merchant_id, "sandbox", {"Signature": "right"}, f"evt_9 {failed}".encode())
    handle_events(site.services)
    assert site.rows(Payment, id=failed)[0].method_last4 == LAST4, "it came"
    work(site)

    (row,) = site.rows(Payment, id=failed)
    assert (row.status, row.method_last4) == ("complete", None)
    assert set(find_marks(site.services.database, but=of_issued(site))) <= set()
    assert marked.payer.wrong_row() is None


def test_customer_may_withdraw_it_until_it_begins(site: Site) -> None:
    request(site, withdrawn_within=WITHDRAWN_WITHIN)
    site.clock.advance(hours=71)
    work(site)
    withdraw = partial(withdraw_erasure, scope=site.scope, actor=STAFF)

    assert site.services.database.run(partial(withdraw, at=site.clock.now())) is True
    assert site.services.database.run(partial(withdraw, at=site.clock.now())) is False
    site.clock.advance(hours=2)
    work(site)
    assert site.rows(Customer, id=site.scope.customer_id)[0].email == ADDRESS

    request(site)
    erase_customers(site.services)
    with pytest.raises(ErasureBegun):
        site.services.database.run(partial(withdraw, at=site.clock.now()))


def test_erasure_is_requested_once(site: Site) -> None:
    assert request(site, withdrawn_within=WITHDRAWN_WITHIN) is True
    assert request(site, withdrawn_within=WITHDRAWN_WITHIN) is False
    assert request(site) is False
    assert erasure(site).due_at == site.clock.now(), "a merchant waits for no withdrawal"  # type: ignore[union-attr]
    assert site.count(AuditEntry, action="customer.erasure_requested") == 1
    with pytest.raises(UnknownCustomer):
        request(site, Scope(site.scope.merchant_id, site.other.customer_id))


# --- what it does besides ---


def test_customer_is_signed_out_mailed_once_and_forgotten_at_the_gateway(site: Site) -> None:
    browser = site.signed_in()
    with site.services.database.unit_of_work() as session:
        customers.insert_method(session, site.scope, at=site.clock.now(), token="tok_1", is_default=True)
        customers.insert_method(session, site.scope, at=site.clock.now(), token="tok_2", status="expired")
    request(site)

    erase_customers(site.services)
    assert browser.client.get("/acme/").status_code == 303
    mails = site.deliver()
    site.clock.advance(minutes=2)
    work(site)

    (farewell,) = mails
    assert farewell.recipients == (ADDRESS,)
    assert "is erasing your data" in str(farewell.message["subject"])
    assert "http" not in farewell.text, "nothing in it leads anywhere"
    calls = site.services.gateways.gateway.calls  # type: ignore[attr-defined]
    assert sorted(token for kind, token in calls if kind == "detach") == ["tok_1", "tok_2"]
    assert {(row.status, row.token) for row in site.rows(PaymentMethod)} == {("removed", "")}
    actions = [entry.action for entry in site.rows(AuditEntry, customer_id=site.scope.customer_id)]
    actions = [action for action in actions if action.startswith("customer.")]
    assert actions[-4:] == [
        "customer.erasure_requested",
        "customer.deleted",
        "customer.erasure_begun",
        "customer.erased",
    ]


def test_mail_server_that_is_down_keeps_the_data_for_three_days_at_most(site: Site) -> None:
    site.mail.answer = "451 later"
    request(site)
    work(site)
    assert erasure(site).erased_at is None  # type: ignore[union-attr]
    site.clock.advance(days=3)
    work(site)

    assert erasure(site).erased_at is not None  # type: ignore[union-attr]


def test_payload_of_each_event_keeps_ids_and_amounts_alone(site: Site, tmp_path: Path) -> None:
    fill(site, tmp_path)
    request(site)
    work(site)

    for event in site.rows(EventRecord, customer_id=site.scope.customer_id):
        shape = event.data["object"]
        assert event.object_id is None or shape.get("id") in (event.object_id, None)
        assert {
            name for name in ("name", "email", "phone", "billing_address", "metadata", "lines") if shape.get(name)
        } == set()


def test_deleted_customer_may_be_erased(site: Site) -> None:
    site.services.database.run(partial(delete_customer, scope=site.scope, actor=STAFF, at=site.clock.now()))

    assert request(site) is True
    work(site)

    assert site.rows(Customer, id=site.scope.customer_id)[0].name is None
    assert site.count(AuditEntry, action="customer.deleted") == 1


def test_tombstones_are_kept_beside_the_database_and_replayed_on_an_old_backup(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    services = replace(site.services, settings=site.services.settings.model_copy(update={"erasures_file": str(file)}))
    old = contents_of_customer(site)
    request(site)
    erase_customers(services)
    site.deliver()
    site.clock.advance(minutes=2)
    erase_customers(services)
    (line,) = map(json.loads, file.read_text().splitlines())
    assert line == {
        "merchant": site.scope.merchant_id, "customer": site.scope.customer_id, "erased_at": write_instant(site.clock.now()),
    }  # fmt: skip
    bring_back(site, old)

    assert replay_erasures(services, [line, {"merchant": "mer_x", "customer": "cus_x"}]) == (1, 1)

    assert site.rows(Customer, id=site.scope.customer_id)[0].email is None
    work(site)
    assert erasure(site).erased_at is not None  # type: ignore[union-attr]
    assert not [mail for mail in site.deliver() if ADDRESS in mail.recipients], "nobody is told again"
    assert replay_erasures(services, [line]) == (1, 0)


@pytest.fixture
def command(site: Site, capsys: Any, monkeypatch: Any) -> Any:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", site.services.settings.database_url)
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    return Commands(capsys).run


def test_commands_erase_list_and_replay(site: Site, command: Any, tmp_path: Path) -> None:
    row = command("customer", "erase", ADDRESS, "--merchant", "acme").json
    assert (row["object"], row["customer"], row["waits_for"]) == ("erasure", site.scope.customer_id, [])
    again = command("customer", "erase", site.scope.customer_id, "--merchant", "acme").json
    assert again["requested_at"] == row["requested_at"]
    site.clock.move_to(datetime.now(UTC) + timedelta(minutes=1))
    work(site)

    listed = command("erasures", "list")
    assert listed.json["customer"] == site.scope.customer_id
    file = tmp_path / "erased.jsonl"
    file.write_text(listed.out)
    assert command("erasures", "replay", str(file)).json == {"lines": 1, "customers": 1, "erased_again": 0}
    file.write_text("cus_1\n")
    assert command("erasures", "replay", str(file)).code == 2
    assert command("customer", "erase", "cus_0000000000000000000000", "--merchant", "acme").code == 1


def contents_of_customer(site: Site) -> dict[str, Any]:
    return vars_of(site.rows(Customer, id=site.scope.customer_id)[0])


def bring_back(site: Site, old: dict[str, Any]) -> None:
    """Put the customer back as an old backup has it, without the erasure."""
    with site.services.database.unit_of_work() as session:
        session.execute(sa.delete(Erasure).where(Erasure.merchant_id == site.scope.merchant_id))
        session.execute(
            sa.update(Customer)
            .where(Customer.merchant_id == site.scope.merchant_id, Customer.id == site.scope.customer_id)
            .values(old)
        )
