"""The ledger: nothing unbalanced is written, nothing written is changed unnoticed, and every kept balance is proved by it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gateways.contract import RefundOutcome, State
from portal.json_logs import JsonLines
from portal.ledger.jobs import seal_ledger
from portal.ledger.models import LedgerEntry, LedgerSeal, LedgerTransaction, UnsealedTransaction
from portal.ledger.operations.checking import LedgerReport, verify_ledger
from portal.ledger.operations.posting import post
from portal.ledger.rules import Entry, Posting, Unbalanced, digest_of, entry_digest, invoice_opened, seal_digest
from portal.money import Money
from portal.payments.operations.paying import resolve_payment
from portal.refunds.operations import refund_payment
from tests.support.actors import STAFF
from tests.support.paying import Till, give_credit

TABLES = ("ledger_transactions", "ledger_entries", "ledger_seals")


def test_year_of_payments_refunds_and_failures_is_proved(till: Till) -> None:
    paid = till.pay(till.invoice(5000), till.invoice(700))
    refund_payment(till.services, till.scope.merchant_id, paid, 1200, reason=None, actor=STAFF)
    till.gateway.becomes.append(State.FAILED)
    till.pay(till.invoice(900))
    till.gateway.becomes.append(State.PENDING)
    till.pay(till.invoice(800))
    seal_ledger(till.services)

    proof = prove(till)

    assert proof.wrong is None
    assert proof.sealed_count == proof.transaction_count == 4 + 1 + 2
    assert proof.entry_count == 4 * 2 + 3 + 2 * 2
    assert sums(till) == {"receivable": 1700, "gateway": 5700 - 1200, "refunds": 1200, "sales": -7400}


def test_entries_that_do_not_sum_to_zero_are_refused_before_the_database(till: Till) -> None:
    with pytest.raises(Unbalanced):
        Posting("test", "x", till.clock.now(), (Entry("sales", Money(1, "USD")), Entry("credit", Money(-1, "EUR"))))


def test_database_refuses_a_transaction_that_does_not_sum_to_zero(till: Till) -> None:
    def write(session: Session) -> None:
        session.execute(sa.insert(LedgerEntry.__table__), [entry(till, 1, 100), entry(till, 2, -99)])  # type: ignore[arg-type]
        session.execute(sa.insert(LedgerTransaction.__table__), [header(till, 2)])  # type: ignore[arg-type]

    assert "do not sum to zero" in refused(till, write)


def test_database_refuses_entries_of_no_transaction(till: Till) -> None:
    def write(session: Session) -> None:
        session.execute(sa.insert(LedgerEntry.__table__), [entry(till, 1, 100), entry(till, 2, -100)])  # type: ignore[arg-type]

    refused(till, write)


def test_database_refuses_more_entries_of_a_closed_transaction(till: Till) -> None:
    till.invoice(5000)
    transaction = till.rows(LedgerTransaction)[0]

    def write(session: Session) -> None:
        more = {**entry(till, 3, 100), "transaction_id": transaction.id}
        session.execute(sa.insert(LedgerEntry.__table__), [more])  # type: ignore[arg-type]

    assert "closed" in refused(till, write)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_database_refuses_to_change_or_delete(till: Till, table: str, verb: str) -> None:
    till.pay(till.invoice(5000))
    seal_ledger(till.services)
    statement = f"update {table} set merchant_id = merchant_id" if verb == "update" else f"delete from {table}"

    message = refused(till, lambda session: session.execute(sa.text(statement)))

    assert "append-only" in message


def test_happening_counts_once(till: Till) -> None:
    invoice = till.invoice(5000)
    again = invoice_opened(till.scope.customer_id, invoice, Money(5000, "USD"), at=till.clock.now())

    with pytest.raises(IntegrityError), till.services.database.unit_of_work() as session:
        post(session, till.scope.merchant_id, again)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (
            ["update ledger_entries set amount = amount + 1 where transaction_id = '{first}' and position = 2"],
            "ledger_entries {first}#2: was changed after it was written",
        ),
        (
            ["update ledger_entries set currency = 'XXX' where transaction_id = '{first}' and position = 1"],
            "ledger_entries {first}#1: the currency is not one of ISO 4217",
        ),
        (
            ["delete from ledger_entries where transaction_id = '{first}' and position = 2"],
            "ledger_transactions {first}: has 1 entries where 2 were written",
        ),
        (
            ["update ledger_transactions set source = 'other' where id = '{first}'"],
            "ledger_transactions {first}: was changed after it was written",
        ),
        (
            ["delete from ledger_transactions where id = '{first}'"],
            "ledger_entries {first}#1: belongs to no transaction",
        ),
        (
            [
                "delete from ledger_entries where transaction_id = '{first}'",
                "delete from ledger_transactions where id = '{first}'",
            ],
            "ledger_transactions {first}: was sealed, and is gone",
        ),
        (
            ["update ledger_seals set digest = {zero} where transaction_id = '{first}'"],
            "ledger_seals 1: does not fit {first} and the link before it",
        ),
        (["delete from ledger_seals where sequence = 1"], "ledger_seals 1: is missing from the chain"),
        (
            ["delete from ledger_seals where sequence = 2"],
            "ledger_transactions {second}: is neither sealed nor waits for it",
        ),
    ],
)
def test_whatever_is_changed_is_named_with_its_reason(till: Till, statements: list[str], named: str) -> None:
    till.invoice(5000)
    till.invoice(700)
    seal_ledger(till.services)
    first, second = (till.rows(LedgerSeal, sequence=sequence)[0].transaction_id for sequence in (1, 2))
    zero = binary(till, bytes(1))

    tamper(till, *(statement.format(first=first, zero=zero) for statement in statements))

    assert str(prove(till).wrong) == named.format(first=first, second=second)


def test_transaction_forged_with_its_digests_still_has_to_sum_to_zero(till: Till) -> None:
    invoice = till.invoice(5000)
    forged = till.rows(LedgerEntry)[0]
    said = Entry(forged.account, Money(6000, "USD"), till.scope.customer_id, invoice)
    digest = entry_digest(till.scope.merchant_id, forged.transaction_id, forged.position, said)

    tamper(
        till,
        f"update ledger_entries set amount = 6000, digest = {binary(till, digest)}"
        f" where transaction_id = '{forged.transaction_id}' and position = {forged.position}",
    )

    assert str(prove(till).wrong) == f"ledger_transactions {forged.transaction_id}: does not sum to zero in USD"


def test_link_forged_as_a_whole_does_not_fit_the_next_one(till: Till) -> None:
    till.invoice(5000)
    till.invoice(700)
    seal_ledger(till.services)
    first = till.rows(LedgerTransaction, id=till.rows(LedgerSeal, sequence=1)[0].transaction_id)[0]
    entries = [
        row.digest for row in sorted(till.rows(LedgerEntry, transaction_id=first.id), key=lambda row: row.position)
    ]
    forged = digest_of(till.scope.merchant_id, first.id, first.kind, "another", first.at, entries)

    tamper(
        till,
        f"update ledger_transactions set source = 'another', digest = {binary(till, forged)} where id = '{first.id}'",
        f"update ledger_seals set digest = {binary(till, seal_digest(b'', 1, forged))} where sequence = 1",
    )

    wrong = prove(till).wrong
    assert wrong is not None
    assert (wrong.table, wrong.row) == ("ledger_seals", "2")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "update invoices set amount_paid = 0, status = 'open'",
            "invoices {invoice}: says 5000 USD where the ledger says 0",
        ),
        (
            "update payments set amount_refunded = 1, credit_granted = 0 where id = '{payment}'",
            "payments {payment}: says 4999 USD where the ledger says 5000",
        ),
        (
            "update payments set credit_granted = 0 where id = '{payment}'",
            "payments {payment}: says 0 USD where the ledger says 5000",
        ),
        (
            "update customer_balances set amount = amount + 1",
            "customer_balances {customer}: says 5001 USD where the ledger says 5000",
        ),
    ],
)
def test_balance_that_was_changed_by_hand_is_named(till: Till, statement: str, named: str) -> None:
    till.gateway.becomes.append(State.PENDING)
    invoice = till.invoice(5000)
    payment = till.pay(invoice)
    resolve_twice(till, payment)
    assert till.wrong_row() is None

    change(till, statement.format(payment=payment))

    told = named.format(invoice=invoice, payment=payment, customer=till.scope.customer_id)
    assert str(till.wrong_row()) == told


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "update invoices set amount_reserved = 500 where id = '{free}'",
            "invoices {free}: holds 500 USD where payments under way hold 0",
        ),
        (
            "update invoices set amount_reserved = 0 where id = '{held}'",
            "invoices {held}: holds 0 USD where payments under way hold 5000",
        ),
        (
            "update payment_allocations set state = 'released' where invoice_id = '{held}'",
            "invoices {held}: holds 5000 USD where payments under way hold 0",
        ),
        (
            "update customer_balances set amount_reserved = amount_reserved - 1",
            "customer_balances {customer}: holds 2999 USD where payments under way hold 3000",
        ),
        (
            "update customer_balances set amount_reserved = 0",
            "customer_balances {customer}: holds 0 USD where payments under way hold 3000",
        ),
    ],
)
@pytest.mark.parametrize("state", [State.PENDING, State.REQUIRES_ACTION, State.UNKNOWN])
def test_hold_that_was_changed_by_hand_is_named(till: Till, state: State, statement: str, named: str) -> None:
    give_credit(till, 3000)
    till.gateway.becomes.append(state)
    free, held = till.invoice(700), till.invoice(5000)
    till.pay(held, use_credit=True)
    assert till.wrong_row() is None

    change(till, statement.format(free=free, held=held))

    assert str(till.wrong_row()) == named.format(free=free, held=held, customer=till.scope.customer_id)


def test_what_has_ended_or_has_not_begun_holds_nothing(till: Till) -> None:
    give_credit(till, 3000)
    till.pay(till.invoice(1000), use_credit=True)
    till.gateway.becomes.append(State.FAILED)
    till.pay(till.invoice(4000), use_credit=True)
    till.checkout(till.invoice(5000), use_credit=True)

    assert till.wrong_row() is None


def test_refund_under_way_that_was_changed_by_hand_is_named(till: Till) -> None:
    payment = till.pay(till.invoice(5000))
    till.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_payment(till.services, till.scope.merchant_id, payment, 700, reason=None, actor=STAFF)
    assert till.wrong_row() is None

    change(till, "update refunds set amount = amount + 1")

    assert str(till.wrong_row()) == f"refunds {payment}: says 701 USD where the ledger says 700"


def test_sealing_goes_on_where_it_stopped_and_empties_its_queue(till: Till) -> None:
    till.invoice(1)
    assert seal_ledger(till.services) == 1
    head = prove(till).head
    till.invoice(2)
    assert len(till.rows(UnsealedTransaction)) == 1

    seal_ledger(till.services)

    proof = prove(till)
    assert (proof.sealed_count, proof.wrong) == (2, None)
    assert proof.head != head
    assert till.rows(UnsealedTransaction) == []
    assert seal_ledger(till.services) == 0


def test_head_in_the_log_is_the_head_that_is_proved(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for number in range(1, 4):
        till.invoice(number)
        seal_ledger(till.services)

    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.message == "ledger.sealed"]

    assert [line["sequence"] for line in lines] == [1, 2, 3]
    assert lines[-1]["digest"] == prove(till).head
    assert all(line["digest"].isalpha() and len(line["digest"]) == 64 for line in lines)


def test_what_is_not_sealed_yet_is_proved_all_the_same(till: Till) -> None:
    till.pay(till.invoice(5000))

    proof = prove(till)

    assert (proof.sealed_count, proof.wrong) == (0, None)


def prove(till: Till) -> LedgerReport:
    with till.services.database.snapshot() as reader:
        return verify_ledger(reader, till.scope.merchant_id)


def sums(till: Till) -> dict[str, int]:
    """What each account holds, those at zero left out."""
    found: dict[str, int] = {}
    for row in till.rows(LedgerEntry):
        found[row.account] = found.get(row.account, 0) + row.amount
    return {account: amount for account, amount in found.items() if amount}


def resolve_twice(till: Till, payment: str) -> None:
    """The money came after the payment had been given up and its invoice paid by another: a surplus, which is credit."""
    till.clock.advance(hours=4)
    resolve_payment(till.services, till.scope.merchant_id, payment)
    other = till.pay(*till.invoices_of(payment))
    assert till.status(other) == "complete"
    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)


def refused(till: Till, write: Callable[[Session], object]) -> str:
    with pytest.raises(DBAPIError) as fault, till.services.database.unit_of_work() as session:
        write(session)
    return str(fault.value.orig)


def change(till: Till, statement: str) -> None:
    """What somebody does to a table that no trigger watches."""
    with till.services.database.unit_of_work() as session:
        session.execute(sa.text(statement))


def tamper(till: Till, *statements: str) -> None:
    """What somebody with the database's own password can do: past the triggers and the foreign keys."""
    database: Database = till.services.database
    if database.is_sqlite:
        dropped = [f"drop trigger {table}_{verb}_refused" for table in TABLES for verb in ("update", "delete")]
        # SQLite checks foreign keys where a connection asks for it, and this one does not.
        with closing(sqlite3.connect(str(database.url.database))) as file, file:
            for statement in [*dropped, *statements]:
                file.execute(statement)
        return
    with database.writer.begin() as connection:
        connection.exec_driver_sql("set local session_replication_role = replica")
        for statement in statements:
            connection.exec_driver_sql(statement)


def binary(till: Till, value: bytes) -> str:
    """The bytes as a word of SQL."""
    return f"x'{value.hex()}'" if till.services.database.is_sqlite else f"'\\x{value.hex()}'::bytea"


def entry(till: Till, position: int, amount: int) -> dict[str, object]:
    return {
        "merchant_id": till.scope.merchant_id, "transaction_id": "ltx_test", "position": position, "account": "sales",
        "amount": amount, "currency": "USD", "digest": b"",
    }  # fmt: skip


def header(till: Till, count: int) -> dict[str, object]:
    at = till.clock.now() + timedelta(seconds=1)
    return {
        "merchant_id": till.scope.merchant_id, "id": "ltx_test", "kind": "test", "source": "x", "at": at, "entry_count": count,
        "digest": b"",
    }  # fmt: skip
