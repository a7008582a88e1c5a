"""Reads of credit notes, for every face: one by id, lists by key."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.errors import NotFound
from portal.invoices.models import CreditNote
from portal.paging import FIRST, PAGE_SIZE, Cursor, Slice, count_up_to, read_newest_first
from portal.public_ids import is_id
from portal.tenancy import ReadScope, within


class StoredCreditNote(NamedTuple):
    """A credit note; `amount_applied` of its `amount` has lowered its invoice, in minor units of `currency`."""

    id: str
    customer_id: str
    invoice_id: str | None
    number: str
    currency: str
    description: str
    amount: int
    amount_applied: int
    issued_on: date
    created_at: datetime


_COLUMNS = [getattr(CreditNote, name) for name in StoredCreditNote._fields]


def get_credit_note(reader: Reader, scope: ReadScope, note_id: str) -> StoredCreditNote:
    """Return one credit note. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_credit_note(reader, scope, note_id)
    if found is None:
        raise NotFound
    return found


def find_credit_note(reader: Reader, scope: ReadScope, note_id: str) -> StoredCreditNote | None:
    """Return one credit note."""
    if not is_id("cn", note_id):
        return None
    mine = within(scope, CreditNote.merchant_id, CreditNote.customer_id)
    row = reader.execute(sa.select(*_COLUMNS).where(*mine, CreditNote.id == note_id)).first()
    return StoredCreditNote._make(row) if row is not None else None


def list_credit_notes(
    reader: Reader,
    scope: ReadScope,
    *,
    customer_id: str | None = None,
    invoice_id: str | None = None,
    number: str | None = None,
    cursor: Cursor = FIRST,
    limit: int = PAGE_SIZE,
) -> Slice[StoredCreditNote]:
    """Return a page of the credit notes, newest first; a cursor's key is a note's id."""
    return read_newest_first(
        reader,
        [_chosen(scope, customer_id, invoice_id, number)],
        StoredCreditNote._make,
        id_column=CreditNote.id,
        id_of=lambda row: row.id,
        cursor=cursor,
        limit=limit,
    )


def list_issued_between(reader: Reader, scope: ReadScope, first_on: date, last_on: date) -> list[StoredCreditNote]:
    """Return the credit notes of these days, both included, oldest first."""
    days = CreditNote.issued_on >= first_on, CreditNote.issued_on <= last_on
    mine = within(scope, CreditNote.merchant_id, CreditNote.customer_id)
    rows = reader.execute(sa.select(*_COLUMNS).where(*mine, *days).order_by(CreditNote.issued_on, CreditNote.id))
    return [StoredCreditNote._make(row) for row in rows]


def count_credit_notes(
    reader: Reader,
    scope: ReadScope,
    *,
    most: int,
    customer_id: str | None = None,
    invoice_id: str | None = None,
    number: str | None = None,
) -> int | None:
    """Return how many credit notes the same filters of `list_credit_notes` admit, None for more than `most`."""
    return count_up_to(reader, [_chosen(scope, customer_id, invoice_id, number)], most, id_column=CreditNote.id)


def _chosen(scope: ReadScope, customer_id: str | None, invoice_id: str | None, number: str | None) -> sa.Select[Any]:
    statement = sa.select(*_COLUMNS).where(*within(scope, CreditNote.merchant_id, CreditNote.customer_id))
    for column, value in (
        (CreditNote.customer_id, customer_id), (CreditNote.invoice_id, invoice_id), (CreditNote.number, number),
    ):  # fmt: skip
        if value is not None:
            statement = statement.where(column == value)
    return statement
