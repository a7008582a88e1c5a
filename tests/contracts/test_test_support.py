"""The tests' own safety nets hold: the network is shut, statements name their merchant, each database test starts empty."""

from __future__ import annotations

import socket

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.customers.models import Customer
from portal.database import Database
from portal.invoices.models import Invoice
from portal.merchants.models import Merchant
from portal.migrations import all_tables
from portal.outbox.models import OutboxMessage
from portal.payments.models import Payment
from tests.support.network import NetworkRefused, is_loopback
from tests.support.tenancy import HOUSEKEEPING, ROOT, TenancyBroken, tables_locked_over_merchants, unscoped_tables


def test_network_beyond_this_machine_is_refused():
    with socket.socket() as client, pytest.raises(NetworkRefused):
        client.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkRefused):
        socket.getaddrinfo("portal.example", 443)


def test_network_on_this_machine_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", b"localhost", None, "demo.localhost"])
def test_loopback_is_known(host):
    assert is_loopback(host)


def test_readme_names_each_folder_and_each_module_of_support():
    text = (ROOT / "tests/README.md").read_text()
    named = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}

    there = {
        path.name + "/" * path.is_dir() for folder in ("tests", "tests/support") for path in (ROOT / folder).iterdir()
    }
    files_beside_the_folders = {"__pycache__/", "__init__.py", "conftest.py", "README.md"}
    assert named == there - files_beside_the_folders


def test_statement_without_merchant_is_noticed():
    assert unscoped_tables(sa.select(Customer)) == {"customers"}
    assert unscoped_tables(sa.select(Customer.id).where(Customer.id == "x")) == {"customers"}
    assert unscoped_tables(sa.update(Customer).values(name="x")) == {"customers"}
    assert unscoped_tables(sa.delete(Customer).where(Customer.id == "x")) == {"customers"}
    assert unscoped_tables(sa.text("select id from customers")) == {"customers"}
    assert unscoped_tables(sa.select(sa.exists().where(Customer.id == "x"))) == {"customers"}


def test_join_chooses_the_merchant_only_together_with_a_filter():
    both = sa.select(Customer.id).join(Invoice, Invoice.merchant_id == Customer.merchant_id)

    assert unscoped_tables(both) == {"customers", "invoices"}
    assert unscoped_tables(both.where(Invoice.merchant_id == "mer_1")) == set()


def test_statement_of_one_merchant_is_let_through():
    other = aliased(Customer)

    assert unscoped_tables(sa.select(Customer.id).where(Customer.merchant_id == "mer_1")) == set()
    assert unscoped_tables(sa.select(other.id).where(other.merchant_id == "mer_1")) == set()
    assert unscoped_tables(sa.delete(Customer).where(Customer.merchant_id == "mer_1")) == set()
    assert (
        unscoped_tables(
            sa.select(sa.tuple_(Customer.id)).where(sa.tuple_(Customer.merchant_id, Customer.id).in_([("a", "b")]))
        )
        == set()
    )
    assert unscoped_tables(sa.select(Merchant).where(Merchant.slug == "acme")) == set()
    assert unscoped_tables(sa.insert(Customer)) == set()
    assert unscoped_tables(sa.text("select id from customers where merchant_id = :merchant")) == set()


def test_statement_that_locks_over_merchants_is_noticed():
    due = sa.select(Payment.id).where(Payment.next_check_at.is_not(None))
    some = Payment.merchant_id.in_(["mer_1", "mer_2"])

    assert tables_locked_over_merchants(due.with_for_update(skip_locked=True)) == {"payments"}
    assert tables_locked_over_merchants(due.where(some).with_for_update()) == {"payments"}
    assert tables_locked_over_merchants(sa.select(due.with_for_update().subquery())) == {"payments"}
    assert tables_locked_over_merchants(sa.update(Payment).values(note="")) == {"payments"}
    assert tables_locked_over_merchants(sa.update(Payment).where(some).values(note="")) == {"payments"}
    assert tables_locked_over_merchants(sa.delete(Payment)) == {"payments"}
    assert tables_locked_over_merchants(sa.text("select id from payments for update")) == {"payments"}
    assert tables_locked_over_merchants(sa.text("delete from payments")) == {"payments"}


def test_statement_that_only_reads_or_locks_within_one_merchant_is_let_through():
    due = sa.select(Payment.id).where(Payment.next_check_at.is_not(None))

    assert tables_locked_over_merchants(due) == set()
    assert tables_locked_over_merchants(sa.text("select id from payments")) == set()
    assert tables_locked_over_merchants(due.where(Payment.merchant_id == "mer_1").with_for_update()) == set()
    assert tables_locked_over_merchants(sa.delete(Payment).where(Payment.merchant_id == "mer_1")) == set()


def test_only_housekeeping_may_delete_over_merchants():
    assert tables_locked_over_merchants(sa.delete(OutboxMessage)) == set()
    assert tables_locked_over_merchants(sa.update(OutboxMessage).values(attempts=0)) == {"outbox_messages"}
    assert {table for _, table in HOUSEKEEPING} <= set(all_tables().tables)


@pytest.mark.parametrize(
    "statement",
    [
        sa.select(Payment.id).with_for_update(skip_locked=True),
        sa.update(Payment).values(note="").execution_options(synchronize_session=False),
        sa.delete(Payment).execution_options(synchronize_session=False),
    ],
    ids=["select", "update", "delete"],
)
def test_portal_that_locks_over_merchants_is_stopped_though_it_says_tenant_wide(database: Database, statement):
    with pytest.raises(TenancyBroken, match=r"portal/jobs\.py:1 locks payments over merchants"):
        execute_as_portal(database, statement.execution_options(tenant_wide=True))


def test_portal_that_reads_over_merchants_says_so(database: Database):
    statement = sa.select(Payment.id)

    execute_as_portal(database, statement.execution_options(tenant_wide=True))

    with pytest.raises(TenancyBroken, match=r"portal/jobs\.py:1 reads payments without merchant_id"):
        execute_as_portal(database, statement)


def execute_as_portal(database: Database, statement: sa.Executable) -> None:
    """Execute it from a line that stands in the portal, as far as the watch can see."""
    line = compile("session.execute(statement)", f"{ROOT}/portal/jobs.py", "exec")
    with database.unit_of_work() as session:
        exec(line, {"session": session, "statement": statement})  # noqa: S102  # The one way to a frame of another file.


@pytest.mark.parametrize("_again", [1, 2])
def test_database_is_migrated_and_empty(database: Database, clock, _again):
    with database.read() as connection:
        for table in all_tables().sorted_tables:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0

    now = clock.now()
    with database.unit_of_work() as session:
        session.add(
            Merchant(
                id="mer_1",
                slug="acme",
                mode="test",
                name="Acme",
                legal_name="Acme",
                currency="USD",
                locale="en",
                theme="base",
                gateway="sandbox",
                created_at=now,
                updated_at=now,
            )
        )
