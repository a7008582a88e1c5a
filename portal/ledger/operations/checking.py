"""Verifies the ledger, merchant by merchant, and reports the first wrong row: entries, sums, chain, and every stored balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.fingerprints import in_letters
from portal.ledger.models import LedgerEntry, LedgerSeal, LedgerTransaction, UnsealedTransaction
from portal.ledger.rules import Entry, digest_of, entry_digest, seal_digest
from portal.money import AmountError, Money

_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class WrongRow:
    """The first row that is wrong: its table, its key there, and the reason."""

    table: str
    row: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What was checked of one merchant. `wrong` is None when all of it holds; `head` is the chain's newest digest, in letters as
    in the log (`fingerprints.in_letters`)."""

    merchant_id: str
    transaction_count: int
    entry_count: int
    sealed_count: int
    head: str
    wrong: WrongRow | None


def verify_ledger(reader: Reader, merchant_id: str) -> LedgerReport:
    """Check every entry, every sum, every link of the chain and every balance of one merchant, in one read of its ledger.

    Reads in the order of ids, a thousand transactions at a time; needs no gateway. Rows are wrong in the order: an entry, its
    transaction, the chain, a balance.
    """
    counts: Counter[str] = Counter()
    digests: dict[str, bytes] = {}
    wrong = None
    for header, entries in _transactions(reader, merchant_id):
        counts["transactions"] += 1
        counts["entries"] += len(entries)
        wrong = wrong or _wrong_in(merchant_id, header, entries)
        digests[header.id] = header.digest
    wrong = wrong or _without_transaction(reader, merchant_id)
    sealed, head, broken = _chain(reader, merchant_id, digests)
    wrong = wrong or broken or next(_differences(reader, merchant_id), None)
    return LedgerReport(merchant_id, counts["transactions"], counts["entries"], sealed, head, wrong)


def _transactions(
    reader: Reader, merchant_id: str
) -> Iterator[tuple[sa.Row[tuple[object, ...]], list[sa.Row[tuple[object, ...]]]]]:
    last = ""
    while True:
        headers = reader.execute(_NEXT_HEADERS, {"merchant_id": merchant_id, "last": last}).all()
        if not headers:
            return
        entries = reader.execute(
            _ENTRIES_OF, {"merchant_id": merchant_id, "first": headers[0].id, "last": headers[-1].id}
        ).all()
        by_transaction = {key: list(rows) for key, rows in groupby(entries, key=lambda row: row.transaction_id)}
        for header in headers:
            yield header, by_transaction.get(header.id, [])
        last = headers[-1].id


def _wrong_in(
    merchant_id: str, header: sa.Row[tuple[object, ...]], entries: list[sa.Row[tuple[object, ...]]]
) -> WrongRow | None:
    sums: Counter[str] = Counter()
    for row in entries:
        try:
            entry = Entry(
                row.account,
                Money(row.amount, row.currency),
                row.customer_id,
                row.invoice_id,
                row.payment_id,
                row.gateway,
            )
        except AmountError as fault:
            return WrongRow("ledger_entries", f"{row.transaction_id}#{row.position}", str(fault))
        if entry_digest(merchant_id, row.transaction_id, row.position, entry) != row.digest:
            return WrongRow(
                "ledger_entries", f"{row.transaction_id}#{row.position}", "was changed after it was written"
            )
        sums[row.currency] += row.amount
    if len(entries) != header.entry_count:
        return WrongRow(
            "ledger_transactions", header.id, f"has {len(entries)} entries where {header.entry_count} were written"
        )
    uneven = next((currency for currency, amount in sums.items() if amount), None)
    if uneven:
        return WrongRow("ledger_transactions", header.id, f"does not sum to zero in {uneven}")
    digests = (row.digest for row in entries)
    expected = digest_of(merchant_id, header.id, kind=header.kind, source=header.source, at=header.at, entries=digests)
    if expected != header.digest:
        return WrongRow("ledger_transactions", header.id, "was changed after it was written")
    return None


def _without_transaction(reader: Reader, merchant_id: str) -> WrongRow | None:
    found = reader.execute(_WITHOUT_TRANSACTION, {"merchant_id": merchant_id}).first()
    if found is None:
        return None
    return WrongRow("ledger_entries", f"{found.transaction_id}#{found.position}", "belongs to no transaction")


def _chain(reader: Reader, merchant_id: str, digests: dict[str, bytes]) -> tuple[int, str, WrongRow | None]:
    """Return how many links there are, the newest digest, and the first wrong row; what is not sealed has to be in the queue."""
    before, count, wrong = b"", 0, None
    sealed: set[str] = set()
    links = reader.execute(_LINKS, {"merchant_id": merchant_id})
    for sequence, transaction_id, digest in links:
        count += 1
        sealed.add(transaction_id)
        if sequence != count:
            wrong = wrong or WrongRow("ledger_seals", str(count), "is missing from the chain")
        elif transaction_id not in digests:
            wrong = wrong or WrongRow("ledger_transactions", transaction_id, "was sealed, and is gone")
        elif seal_digest(before, sequence, digests[transaction_id]) != digest:
            wrong = wrong or WrongRow(
                "ledger_seals", str(sequence), f"does not fit {transaction_id} and the link before it"
            )
        before = digest
    waiting = set(reader.execute(_WAITING, {"merchant_id": merchant_id}).scalars())
    loose = next((transaction_id for transaction_id in digests if transaction_id not in sealed | waiting), None)
    if loose:
        wrong = wrong or WrongRow("ledger_transactions", loose, "is neither sealed nor waits for it")
    return count, in_letters(before), wrong


_TRANSACTION, _ENTRY = table_of(LedgerTransaction).c, table_of(LedgerEntry).c
_SEAL, _UNSEALED = table_of(LedgerSeal).c, table_of(UnsealedTransaction).c
_NEXT_HEADERS = (
    sa.select(*_TRANSACTION)
    .where(_TRANSACTION.merchant_id == sa.bindparam("merchant_id"), _TRANSACTION.id > sa.bindparam("last"))
    .order_by(_TRANSACTION.id)
    .limit(_READ_AT_ONCE)
)
_ENTRIES_OF = (
    sa.select(*_ENTRY)
    .where(
        _ENTRY.merchant_id == sa.bindparam("merchant_id"),
        _ENTRY.transaction_id >= sa.bindparam("first"),
        _ENTRY.transaction_id <= sa.bindparam("last"),
    )
    .order_by(_ENTRY.transaction_id, _ENTRY.position)
)
_WITHOUT_TRANSACTION = (
    sa.select(_ENTRY.transaction_id, _ENTRY.position)
    .outerjoin(
        table_of(LedgerTransaction),
        sa.and_(_TRANSACTION.merchant_id == _ENTRY.merchant_id, _TRANSACTION.id == _ENTRY.transaction_id),
    )
    .where(_ENTRY.merchant_id == sa.bindparam("merchant_id"), _TRANSACTION.id.is_(None))
    .order_by(_ENTRY.transaction_id, _ENTRY.position)
    .limit(1)
)
_LINKS = (
    sa.select(_SEAL.sequence, _SEAL.transaction_id, _SEAL.digest)
    .where(_SEAL.merchant_id == sa.bindparam("merchant_id"))
    .order_by(_SEAL.sequence)
)
_WAITING = sa.select(_UNSEALED.transaction_id).where(_UNSEALED.merchant_id == sa.bindparam("merchant_id"))


# Stored balances beside the ledger's, one statement for each kind of balance: the table, and (id, currency, stored, booked).
_STORED_AND_BOOKED = (
    (
        "invoices",
        """
        select id, currency, case when status in ('draft', 'void') then 0
          else total - amount_paid - amount_credited end as stored, 0 as booked
        from invoices where merchant_id = :merchant_id
        union all
        select invoice_id, currency, 0, amount from ledger_entries
        where merchant_id = :merchant_id and account = 'receivable'""",
    ),
    (
        "payments",
        """
        select id, currency, case when status in ('complete', 'partially_refunded', 'refunded')
          then amount - credit_amount - amount_refunded else 0 end as stored, 0 as booked
        from payments where merchant_id = :merchant_id
        union all
        select payment_id, currency, 0, amount from ledger_entries
        where merchant_id = :merchant_id and account in ('gateway', 'refunds_in_transit')""",
    ),
    (
        "payments",
        """
        select id, currency, case when status in ('complete', 'partially_refunded', 'refunded')
          then credit_granted - credit_amount else 0 end as stored, 0 as booked
        from payments where merchant_id = :merchant_id
        union all
        select payment_id, currency, 0, -amount from ledger_entries
        where merchant_id = :merchant_id and account = 'credit' and payment_id is not null""",
    ),
    (
        "refunds",
        """
        select payment_id as id, currency, amount as stored, 0 as booked
        from refunds where merchant_id = :merchant_id and status = 'pending'
        union all
        select payment_id, currency, 0, -amount from ledger_entries
        where merchant_id = :merchant_id and account = 'refunds_in_transit'""",
    ),
    (
        "customer_balances",
        """
        select customer_id as id, currency, amount as stored, 0 as booked
        from customer_balances where merchant_id = :merchant_id
        union all
        select customer_id, currency, 0, -amount from ledger_entries
        where merchant_id = :merchant_id and account = 'credit'""",
    ),
)


# Reserved amounts beside what payments in progress reserve: (id, currency, stored, booked), as above.
_STORED_AND_HELD = (
    (
        "invoices",
        """
        select id, currency, amount_reserved as stored, 0 as booked
        from invoices where merchant_id = :merchant_id
        union all
        select invoices.id, invoices.currency, 0, payment_allocations.amount
        from payment_allocations
        join invoices on invoices.merchant_id = payment_allocations.merchant_id and invoices.id = payment_allocations.invoice_id
        where payment_allocations.merchant_id = :merchant_id and payment_allocations.state = 'active'""",
    ),
    (
        "customer_balances",
        """
        select customer_id as id, currency, amount_reserved as stored, 0 as booked
        from customer_balances where merchant_id = :merchant_id
        union all
        select customer_id, currency, 0, credit_amount from payments
        where merchant_id = :merchant_id and status in ('processing', 'requires_action', 'pending')""",
    ),
)


def _differences(reader: Reader, merchant_id: str) -> Iterator[WrongRow]:
    for statements, message in (
        (_STORED_AND_BOOKED, "says {} {} where the ledger says {}"),
        (_STORED_AND_HELD, "holds {} {} where payments under way hold {}"),
    ):
        for table, statement in statements:
            for row_id, currency, stored, booked in reader.execute(_compared(statement), {"merchant_id": merchant_id}):
                yield WrongRow(table, str(row_id), message.format(stored, currency, booked))


@cache
def _compared(statement: str) -> sa.TextClause:
    return sa.text(
        f"select id, currency, sum(stored), sum(booked) from ({statement}) balances group by id, currency"  # noqa: S608
        " having sum(stored) <> sum(booked) order by id, currency limit 1"
    )
