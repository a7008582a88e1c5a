"""Reads of papers as they were issued, and of merchants' own PDFs."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.documents.models import AttachedDocument, DocumentBrand, IssuedDocument
from portal.documents.papers import Kind, PaperBrand, StoredPaper
from portal.documents.rules import BREAK
from portal.tenancy import MerchantScope, ReadScope, parameters_of, within, within_each


def find_paper(reader: Reader, scope: ReadScope, object_id: str) -> StoredPaper | None:
    """Return the paper of an invoice, a credit note or a payment; None where none is fixed yet, and outside of the scope."""
    row = reader.execute(
        sa.select(
            IssuedDocument.layout,
            IssuedDocument.content,
            DocumentBrand.content.label("brand"),
            IssuedDocument.made_at,
            IssuedDocument.digest,
        )
        .join(
            DocumentBrand,
            sa.and_(
                DocumentBrand.merchant_id == IssuedDocument.merchant_id, DocumentBrand.digest == IssuedDocument.brand
            ),
        )
        .where(
            *within(scope, IssuedDocument.merchant_id, IssuedDocument.customer_id),
            IssuedDocument.object_id == object_id,
        )
    ).first()
    if row is None:
        return None
    return StoredPaper(row.layout, unpack(row.content), read_brand(row.brand), row.made_at, row.digest)


def list_fixed(reader: Reader, scope: ReadScope, object_ids: Collection[str]) -> set[str]:
    """Return those of these objects whose papers are fixed."""
    if not object_ids:
        return set()
    parameters = {**parameters_of(scope), "object_ids": sorted(object_ids)}
    return set(reader.execute(_FIXED[type(scope)], parameters).scalars())


# Built once, since every invoice and payment runs it: building a statement costs as much as running it.
_ISSUED = table_of(IssuedDocument).c
_FIXED = within_each(
    sa.select(_ISSUED.object_id).where(_ISSUED.object_id.in_(sa.bindparam("object_ids", expanding=True))),
    _ISSUED.merchant_id,
    _ISSUED.customer_id,
)


def find_attached(reader: Reader, merchant_id: str, invoice_id: str) -> bytes | None:
    """Return the merchant's own PDF of an invoice, which the caller has found within its scope."""
    return reader.execute(
        sa.select(AttachedDocument.content).where(
            AttachedDocument.merchant_id == merchant_id, AttachedDocument.invoice_id == invoice_id
        )
    ).scalar()


class Uncovered(NamedTuple):
    """A paper with characters that no shipped font has."""

    object_id: str
    characters: str


def list_uncovered(reader: Reader, scope: MerchantScope, *, limit: int) -> list[Uncovered]:
    """Return the merchant's newest papers with characters that no shipped font has."""
    rows = reader.execute(
        sa.select(IssuedDocument.object_id, IssuedDocument.uncovered)
        .where(IssuedDocument.merchant_id == scope.merchant_id, IssuedDocument.uncovered != sa.literal_column("''"))
        .order_by(IssuedDocument.object_id.desc())
        .limit(limit)
    )
    return [Uncovered._make(row) for row in rows]


class WithoutEInvoice(NamedTuple):
    """An invoice's paper that was to carry an e-invoice, by its number, and what it lacks for one."""

    number: str
    gaps: tuple[str, ...]


def list_without_e_invoice(reader: Reader, scope: MerchantScope, *, limit: int) -> list[WithoutEInvoice]:
    """Return those of the merchant's newest `limit` invoice papers that lack something for an e-invoice."""
    contents = reader.execute(
        sa.select(IssuedDocument.content)
        .where(IssuedDocument.merchant_id == scope.merchant_id, IssuedDocument.kind == Kind.INVOICE.value)
        .order_by(IssuedDocument.object_id.desc())
        .limit(limit)
    ).scalars()
    papers = map(unpack, contents)
    return [
        WithoutEInvoice(paper["number"].replace(BREAK, ""), tuple(paper["e_invoice_gaps"]))
        for paper in papers
        if paper.get("e_invoice_gaps")
    ]


def pack(values: dict[str, Any]) -> bytes:
    """Return plain values as they are stored: JSON, compressed."""
    return zlib.compress(json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())


def unpack(stored: bytes) -> dict[str, Any]:
    """Return what `pack` stored."""
    values: dict[str, Any] = json.loads(zlib.decompress(stored))
    return values


def read_brand(stored: bytes) -> PaperBrand:
    """Return a stored brand; a field that is not known any more is ignored, one that was not known then has its default."""
    known = {name: value for name, value in unpack(stored).items() if name in PaperBrand.__dataclass_fields__}
    return PaperBrand(**known | {"bar": tuple(known["bar"])})
