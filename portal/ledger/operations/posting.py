"""Posting to the ledger, in the transaction of what happened; and sealing its chain, in transactions of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader, table_of
from portal.fingerprints import in_letters
from portal.ledger.models import LedgerEntry, LedgerSeal, LedgerTransaction, UnsealedTransaction
from portal.ledger.rules import Posting, digest_of, entry_digest, seal_digest
from portal.public_ids import new_id

log = logging.getLogger(__name__)
_SEALED_AT_ONCE = 500


def post(session: Session, merchant_id: str, *postings: Posting | None) -> None:
    """Append what happened, in the caller's transaction; None stands for something that moves no money.

    The unique index refuses what was posted before (IntegrityError).
    """
    happened = [posting for posting in postings if posting is not None]
    if not happened:
        return
    if session.new:
        session.flush()  # The rows to which the entries refer have to exist.
    transactions: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for posting in happened:
        transaction_id = new_id("ltx", posting.at)
        digests = []
        for position, entry in enumerate(posting.entries, start=1):
            digests.append(entry_digest(merchant_id, transaction_id, position, entry))
            entries.append(
                {
                    "merchant_id": merchant_id, "transaction_id": transaction_id, "position": position,
                    "account": entry.account, "amount": entry.money.amount, "currency": entry.money.currency,
                    "customer_id": entry.customer_id, "invoice_id": entry.invoice_id, "payment_id": entry.payment_id,
                    "gateway": entry.gateway, "digest": digests[-1],
                }
            )  # fmt: skip
        transactions.append(
            {
                "merchant_id": merchant_id, "id": transaction_id, "kind": posting.kind, "source": posting.source,
                "at": posting.at, "entry_count": len(posting.entries),
                "digest": digest_of(
                    merchant_id, transaction_id, kind=posting.kind, source=posting.source, at=posting.at, entries=digests
                ),
            }
        )  # fmt: skip
    waiting = [{"merchant_id": merchant_id, "transaction_id": row["id"]} for row in transactions]
    with session.no_autoflush:  # What is changed of other rows is written later, once.
        # Entries first: the transaction's own row closes it, and the database sums them up then.
        session.execute(_INSERT_ENTRIES, entries)
        session.execute(_INSERT_TRANSACTIONS, transactions)
        session.execute(_INSERT_UNSEALED, waiting)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a merchant's chain: stored outside the database (in the log), it proves that no link was removed from the end.

    `digest` is in letters (`fingerprints.in_letters`), so that no log masks a part of it as a card's number.
    """

    merchant_id: str
    sequence: int
    digest: str


def seal_next(session: Session, merchant_id: str, *, at: datetime) -> Head | None:
    """Seal up to 500 unsealed transactions of a merchant, in the caller's transaction; return None when there are none.

    The only writer of the chain; concurrent calls are ordered by the queue's locks and by the primary key of the links, and
    payments never wait for it.
    """
    waiting = session.execute(_TAKE_WAITING, {"merchant_id": merchant_id}).all()
    if not waiting:
        return None
    last = session.execute(_LAST_SEAL, {"merchant_id": merchant_id}).first()
    sequence, digest = (last.sequence, last.digest) if last else (0, b"")
    links = []
    for transaction_id, transaction_digest in waiting:
        sequence += 1
        digest = seal_digest(digest, sequence, transaction_digest)
        links.append(
            {
                "merchant_id": merchant_id, "sequence": sequence, "transaction_id": transaction_id, "digest": digest,
                "sealed_at": at,
            }
        )  # fmt: skip
    session.execute(_INSERT_SEALS, links)
    sealed = [transaction_id for transaction_id, _ in waiting]
    session.execute(_DELETE_WAITING, {"merchant_id": merchant_id, "transaction_ids": sealed})
    return Head(merchant_id, sequence, in_letters(digest))


def list_unsealed(reader: Reader) -> Sequence[str]:
    """Return the merchants that have unsealed transactions."""
    return reader.execute(_UNSEALED).scalars().all()


# Built once, since every payment runs them, and without the ORM, which costs a third more for rows that are not used afterwards.
_TRANSACTIONS, _WAITING, _SEALS = table_of(LedgerTransaction), table_of(UnsealedTransaction), table_of(LedgerSeal)
_INSERT_ENTRIES = sa.insert(table_of(LedgerEntry))
_INSERT_TRANSACTIONS = sa.insert(_TRANSACTIONS)
_INSERT_UNSEALED = sa.insert(_WAITING)
_INSERT_SEALS = sa.insert(_SEALS)
_UNSEALED = sa.select(_WAITING.c.merchant_id).distinct().execution_options(tenant_wide=True)
_TAKE_WAITING = (
    sa.select(_TRANSACTIONS.c.id, _TRANSACTIONS.c.digest)
    .join(
        _WAITING,
        sa.and_(_WAITING.c.merchant_id == _TRANSACTIONS.c.merchant_id, _WAITING.c.transaction_id == _TRANSACTIONS.c.id),
    )
    .where(
        _TRANSACTIONS.c.merchant_id == sa.bindparam("merchant_id"),
        _WAITING.c.merchant_id == sa.bindparam("merchant_id"),
    )
    .order_by(_TRANSACTIONS.c.id)
    .limit(_SEALED_AT_ONCE)
    .with_for_update(of=_WAITING, skip_locked=True)
)
_LAST_SEAL = (
    sa.select(_SEALS.c.sequence, _SEALS.c.digest)
    .where(_SEALS.c.merchant_id == sa.bindparam("merchant_id"))
    .order_by(_SEALS.c.sequence.desc())
    .limit(1)
)
_DELETE_WAITING = sa.delete(_WAITING).where(
    _WAITING.c.merchant_id == sa.bindparam("merchant_id"),
    _WAITING.c.transaction_id.in_(sa.bindparam("transaction_ids", expanding=True)),
)
