"""When an erasure begins, what it waits for, what it does besides, and that it comes back after a restore."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.clock import write_instant
from portal.customers.errors import UnknownCustomer
from portal.customers.models import Customer
from portal.events.models import EventRecord
from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.payment_methods.models import PaymentMethod
from portal.payments.models import Payment
from portal.privacy.errors import ErasureBegun
from portal.privacy.jobs import erase_customers
from portal.privacy.models import Erasure
from portal.privacy.operations.erasing import withdraw_erasure
from portal.privacy.operations.replaying import replay_erasures
from portal.privacy.rules.erasures import WITHDRAWN_WITHIN
from portal.provider_events.jobs import handle_events
from portal.provider_events.operations import receive_event
from portal.sign_in.operations import delete_customer
from portal.tenancy import Scope
from tests.conftest import SECRET_KEY
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import STAFF
from tests.support.commands import Commands
from tests.support.erasures import erasure, of_issued, request, vars_of, work
from tests.support.marked_customer import LAST4, STEM, fill, find_marks
from tests.support.scripted_gateway import VISA
from tests.support.site import ADDRESS, Site

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
    assert not [mail for mail in site.deliver() if ADDRESS in mail.recipients], "nobody is mailed again"
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
