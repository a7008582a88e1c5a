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
from tests.support.paying import PayingCustomer, grant_credit

TABLES = ("ledger_transactions", "ledger_entries", "ledger_seals")


def test_year_of_payments_refunds_and_failures_is_proved(payer: PayingCustomer) -> None:
    paid = payer.pay(payer.invoice(5000), payer.invoice(700))
    refund_payment(payer.services, payer.scope.merchant_id, paid, 1200, reason=None, actor=STAFF)
    payer.gateway.becomes.append(State.FAILED)
    payer.pay(payer.invoice(900))
    payer.gateway.becomes.append(State.PENDING)
    payer.pay(payer.invoice(800))
    seal_ledger(payer.services)

    proof = prove(payer)

    assert proof.wrong is None
    assert proof.sealed_count == proof.transaction_count == 4 + 1 + 2
    assert proof.entry_count == 4 * 2 + 3 + 2 * 2
    assert sums(payer) == {"receivable": 1700, "gateway": 5700 - 1200, "refunds": 1200, "sales": -7400}


def test_entries_that_do_not_sum_to_zero_are_refused_before_the_database(payer: PayingCustomer) -> None:
    with pytest.raises(Unbalanced):
        Posting("test", "x", payer.clock.now(), (Entry("sales", Money(1, "USD")), Entry("credit", Money(-1, "EUR"))))


def test_database_refuses_a_transaction_that_does_not_sum_to_zero(payer: PayingCustomer) -> None:
    def write(session: Session) -> None:
        session.execute(sa.insert(LedgerEntry.__table__), [entry(payer, 1, 100), entry(payer, 2, -99)])  # type: ignore[arg-type]
        session.execute(sa.insert(LedgerTransaction.__table__), [header(payer, 2)])  # type: ignore[arg-type]

    assert "do not sum to zero" in refused(payer, write)


def test_database_refuses_entries_of_no_transaction(payer: PayingCustomer) -> None:
    def write(session: Session) -> None:
        session.execute(sa.insert(LedgerEntry.__table__), [entry(payer, 1, 100), entry(payer, 2, -100)])  # type: ignore[arg-type]

    refused(payer, write)


def test_database_refuses_more_entries_of_a_closed_transaction(payer: PayingCustomer) -> None:
    payer.invoice(5000)
    transaction = payer.rows(LedgerTransaction)[0]

    def write(session: Session) -> None:
        more = {**entry(payer, 3, 100), "transaction_id": transaction.id}
        session.execute(sa.insert(LedgerEntry.__table__), [more])  # type: ignore[arg-type]

    assert "closed" in refused(payer, write)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_database_refuses_to_change_or_delete(payer: PayingCustomer, table: str, verb: str) -> None:
    payer.pay(payer.invoice(5000))
    seal_ledger(payer.services)
    statement = f"update {table} set merchant_id = merchant_id" if verb == "update" else f"delete from {table}"

    message = refused(payer, lambda session: session.execute(sa.text(statement)))

    assert "append-only" in message


def test_happening_counts_once(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    again = invoice_opened(payer.scope.customer_id, invoice, Money(5000, "USD"), at=payer.clock.now())

    with pytest.raises(IntegrityError), payer.services.database.unit_of_work() as session:
        post(session, payer.scope.merchant_id, again)


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
def test_whatever_is_changed_is_named_with_its_reason(payer: PayingCustomer, statements: list[str], named: str) -> None:
    payer.invoice(5000)
    payer.invoice(700)
    seal_ledger(payer.services)
    first, second = (payer.rows(LedgerSeal, sequence=sequence)[0].transaction_id for sequence in (1, 2))
    zero = binary(payer, bytes(1))

    tamper(payer, *(statement.format(first=first, zero=zero) for statement in statements))

    assert str(prove(payer).wrong) == named.format(first=first, second=second)


def test_transaction_forged_with_its_digests_still_has_to_sum_to_zero(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    forged = payer.rows(LedgerEntry)[0]
    said = Entry(forged.account, Money(6000, "USD"), payer.scope.customer_id, invoice)
    digest = entry_digest(payer.scope.merchant_id, forged.transaction_id, forged.position, said)

    tamper(
        payer,
        f"update ledger_entries set amount = 6000, digest = {binary(payer, digest)}"
        f" where transaction_id = '{forged.transaction_id}' and position = {forged.position}",
    )

    assert str(prove(payer).wrong) == f"ledger_transactions {forged.transaction_id}: does not sum to zero in USD"


def test_link_forged_as_a_whole_does_not_fit_the_next_one(payer: PayingCustomer) -> None:
    payer.invoice(5000)
    payer.invoice(700)
    seal_ledger(payer.services)
    first = payer.rows(LedgerTransaction, id=payer.rows(LedgerSeal, sequence=1)[0].transaction_id)[0]
    entries = [
        row.digest for row in sorted(payer.rows(LedgerEntry, transaction_id=first.id), key=lambda row: row.position)
    ]
    forged = digest_of(
        payer.scope.merchant_id, first.id, kind=first.kind, source="another", at=first.at, entries=entries
    )

    tamper(
        payer,
        f"update ledger_transactions set source = 'another', digest = {binary(payer, forged)} where id = '{first.id}'",
        f"update ledger_seals set digest = {binary(payer, seal_digest(b'', 1, forged))} where sequence = 1",
    )

    wrong = prove(payer).wrong
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
def test_balance_that_was_changed_by_hand_is_named(payer: PayingCustomer, statement: str, named: str) -> None:
    payer.gateway.becomes.append(State.PENDING)
    invoice = payer.invoice(5000)
    payment = payer.pay(invoice)
    resolve_twice(payer, payment)
    assert payer.wrong_row() is None

    change(payer, statement.format(payment=payment))

    expected = named.format(invoice=invoice, payment=payment, customer=payer.scope.customer_id)
    assert str(payer.wrong_row()) == expected


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
def test_hold_that_was_changed_by_hand_is_named(
    payer: PayingCustomer, state: State, statement: str, named: str
) -> None:
    grant_credit(payer, 3000)
    payer.gateway.becomes.append(state)
    free, held = payer.invoice(700), payer.invoice(5000)
    payer.pay(held, use_credit=True)
    assert payer.wrong_row() is None

    change(payer, statement.format(free=free, held=held))

    assert str(payer.wrong_row()) == named.format(free=free, held=held, customer=payer.scope.customer_id)


def test_what_has_ended_or_has_not_begun_holds_nothing(payer: PayingCustomer) -> None:
    grant_credit(payer, 3000)
    payer.pay(payer.invoice(1000), use_credit=True)
    payer.gateway.becomes.append(State.FAILED)
    payer.pay(payer.invoice(4000), use_credit=True)
    payer.checkout(payer.invoice(5000), use_credit=True)

    assert payer.wrong_row() is None


def test_refund_under_way_that_was_changed_by_hand_is_named(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    payer.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_payment(payer.services, payer.scope.merchant_id, payment, 700, reason=None, actor=STAFF)
    assert payer.wrong_row() is None

    change(payer, "update refunds set amount = amount + 1")

    assert str(payer.wrong_row()) == f"refunds {payment}: says 701 USD where the ledger says 700"


def test_sealing_goes_on_where_it_stopped_and_empties_its_queue(payer: PayingCustomer) -> None:
    payer.invoice(1)
    assert seal_ledger(payer.services) == 1
    head = prove(payer).head
    payer.invoice(2)
    assert len(payer.rows(UnsealedTransaction)) == 1

    seal_ledger(payer.services)

    proof = prove(payer)
    assert (proof.sealed_count, proof.wrong) == (2, None)
    assert proof.head != head
    assert payer.rows(UnsealedTransaction) == []
    assert seal_ledger(payer.services) == 0


def test_head_in_the_log_is_the_head_that_is_proved(payer: PayingCustomer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for number in range(1, 4):
        payer.invoice(number)
        seal_ledger(payer.services)

    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.message == "ledger.sealed"]

    assert [line["sequence"] for line in lines] == [1, 2, 3]
    assert lines[-1]["digest"] == prove(payer).head
    assert all(line["digest"].isalpha() and len(line["digest"]) == 64 for line in lines)


def test_what_is_not_sealed_yet_is_proved_all_the_same(payer: PayingCustomer) -> None:
    payer.pay(payer.invoice(5000))

    proof = prove(payer)

    assert (proof.sealed_count, proof.wrong) == (0, None)


def prove(payer: PayingCustomer) -> LedgerReport:
    with payer.services.database.snapshot() as reader:
        return verify_ledger(reader, payer.scope.merchant_id)


def sums(payer: PayingCustomer) -> dict[str, int]:
    """What each account holds, those at zero left out."""
    found: dict[str, int] = {}
    for row in payer.rows(LedgerEntry):
        found[row.account] = found.get(row.account, 0) + row.amount
    return {account: amount for account, amount in found.items() if amount}


def resolve_twice(payer: PayingCustomer, payment: str) -> None:
    """The money came after the payment had expired and its invoice paid by another: a surplus, which is credit."""
    payer.clock.advance(hours=4)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)
    other = payer.pay(*payer.invoices_of(payment))
    assert payer.status(other) == "complete"
    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)


def refused(payer: PayingCustomer, write: Callable[[Session], object]) -> str:
    with pytest.raises(DBAPIError) as fault, payer.services.database.unit_of_work() as session:
        write(session)
    return str(fault.value.orig)


def change(payer: PayingCustomer, statement: str) -> None:
    """What somebody does to a table that no trigger watches."""
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.text(statement))


def tamper(payer: PayingCustomer, *statements: str) -> None:
    """What somebody with the database's own password can do: past the triggers and the foreign keys."""
    database: Database = payer.services.database
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


def binary(payer: PayingCustomer, value: bytes) -> str:
    """The bytes as a word of SQL."""
    return f"x'{value.hex()}'" if payer.services.database.is_sqlite else f"'\\x{value.hex()}'::bytea"


def entry(payer: PayingCustomer, position: int, amount: int) -> dict[str, object]:
    return {
        "merchant_id": payer.scope.merchant_id, "transaction_id": "ltx_test", "position": position, "account": "sales",
        "amount": amount, "currency": "USD", "digest": b"",
    }  # fmt: skip


def header(payer: PayingCustomer, count: int) -> dict[str, object]:
    at = payer.clock.now() + timedelta(seconds=1)
    return {
        "merchant_id": payer.scope.merchant_id, "id": "ltx_test", "kind": "test", "source": "x", "at": at, "entry_count": count,
        "digest": b"",
    }  # fmt: skip
