"""Fixes papers when they are issued, once and for good, within the transaction that issues them; takes merchants' own PDFs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.addresses import address_lines
from portal.database import table_of
from portal.documents.errors import InvalidAttachment
from portal.documents.font_files import uncovered
from portal.documents.models import AttachedDocument, DocumentBrand, IssuedDocument
from portal.documents.papers import LAYOUT, Buyer, Issue, Paper, PaperBrand, PostalAddress, Seller, StoredPaper
from portal.documents.queries import list_fixed, pack
from portal.documents.rules import (
    MAX_ATTACHED_BYTES,
    MAX_BRAND_NAME,
    DocumentSettings,
    clean,
    paper_languages,
    shortened,
)
from portal.documents.wording.beside import in_two_languages
from portal.documents.wording.words import Words, words_of
from portal.merchants.queries import MerchantProfile
from portal.rendering.translations import available_locales
from portal.tenancy import MerchantScope

BRANDS = "portal.documents.brands"
"""The key of the process's `Brands` in `Session.info` (`Database.session_info`)."""

_log = logging.getLogger(__name__)


class Brands(Protocol):
    """Knows how merchants look: themes are files, which the domain does not read. `portal.documents.brands` has the one there is."""

    def brand_of(self, merchant: MerchantProfile) -> PaperBrand: ...


def fix_paper(
    session: Session,
    merchant: MerchantProfile,
    issue: Issue,
    buyer: Buyer,
    build: Callable[[Words, Seller, Buyer], Paper],
    *,
    customer_locale: str | None,
    finish: Callable[[Paper, Seller], Paper] | None = None,
) -> None:
    """Fix the paper of `issue` as it is now: words, language, brand, parties; nothing where it is fixed already.

    `build` is `invoice_paper` and its like with the facts, once for each language of the paper; `finish` adds what has no language. A paper that cannot be written never stops money from being recorded: the
    fault is logged, and the first download tries again.
    """
    if list_fixed(session, MerchantScope(merchant.id), [issue.object_id]):
        return
    try:
        paper, brand = _write(session, merchant, buyer, build, customer_locale)
        if finish is not None:
            paper = finish(paper, _seller(merchant))
    except Exception:  # Whatever a language's data, a theme or a stored text does: the caller is recording money.
        _log.exception("document.not_fixed", extra={"object": issue.object_id})
        return
    content = pack(paper.content())
    brand_digest = _store_brand(session, merchant.id, brand, issue.at)
    session.add(
        IssuedDocument(
            merchant_id=merchant.id,
            object_id=issue.object_id,
            customer_id=issue.customer_id,
            kind=issue.kind.value,
            locale=paper.locale,
            layout=LAYOUT,
            brand=brand_digest,
            content=content,
            digest=_digest(f"{LAYOUT}:{brand_digest}:{issue.at.isoformat()}:".encode() + content),
            # An e-invoice is no text that is drawn.
            uncovered=uncovered(_texts(replace(paper, e_invoice="", e_invoice_gaps=()).content())),
            made_at=issue.at,
        )
    )
    session.flush()


def draft_paper(
    session: Session,
    merchant: MerchantProfile,
    buyer: Buyer,
    build: Callable[[Words, Seller, Buyer], Paper],
    *,
    customer_locale: str | None,
    at: datetime,
) -> StoredPaper:
    """Return a paper that is made whenever it is asked for and kept nowhere, such as a statement; `at` is the time that its PDF bears."""
    paper, brand = _write(session, merchant, buyer, build, customer_locale)
    content = paper.content()
    seal = pack({"layout": LAYOUT, "at": at.isoformat(), "content": content, "brand": asdict(brand)})
    return StoredPaper(LAYOUT, content, brand, at, _digest(seal))


def forget_papers(session: Session, merchant_id: str, object_ids: Collection[str]) -> None:
    """Let go of the papers of objects that were never issued as they are written: an import that corrects or undoes them."""
    if object_ids:
        session.execute(
            sa.delete(IssuedDocument).where(
                IssuedDocument.merchant_id == merchant_id, IssuedDocument.object_id.in_(sorted(object_ids))
            )
        )


def attach_document(session: Session, merchant_id: str, invoice_id: str, content: bytes, *, at: datetime) -> str:
    """Take a merchant's own PDF of an invoice in place of ours, and of an earlier one; return its digest. The caller records the event.

    Raises InvalidAttachment for what is no PDF, is encrypted, runs a program when it is opened, or is too large.
    """
    check_attachment(content)
    stored = session.get(AttachedDocument, (merchant_id, invoice_id))
    if stored is None:
        stored = AttachedDocument(merchant_id=merchant_id, invoice_id=invoice_id)
        session.add(stored)
    stored.content, stored.digest, stored.attached_at = content, _digest(content), at
    session.flush()
    return stored.digest


def check_attachment(content: bytes) -> None:
    """Raise InvalidAttachment unless this is a PDF that may be attached."""
    if len(content) > MAX_ATTACHED_BYTES:
        raise InvalidAttachment(f"the file is larger than {MAX_ATTACHED_BYTES // 1024 // 1024} MB")
    if not content.startswith(b"%PDF-1.") and not content.startswith(b"%PDF-2."):
        raise InvalidAttachment("the file is not a PDF")
    if b"%%EOF" not in content[-2048:] or b"startxref" not in content[-2048:]:
        raise InvalidAttachment("the PDF is cut off: it has no end")
    if b"/Encrypt" in content:
        raise InvalidAttachment("the PDF is encrypted, so that customers could not open it")
    if any(word in content for word in (b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/OpenAction <<")):
        raise InvalidAttachment("the PDF runs a program when it is opened")


def buyer_of(bill_to: Mapping[str, Any], name: str = "") -> Buyer:
    """Return whom a paper is for from `Invoice.bill_to`, or a mapping like it: company before person, then the address; `name` where
    it has none."""

    def text(key: str) -> str:
        return str(bill_to.get(key) or "").strip()

    address: Mapping[str, Any] = bill_to.get("address") or bill_to.get("billing_address") or bill_to
    company, person = text("company_name"), text("name")
    lines = [person if company and person != company else "", *address_lines(address)]
    parts = {key: str(address.get(key) or "").strip() for key in ("postal_code", "city", "state")}
    streets = tuple(str(address.get(key) or "").strip() for key in ("line1", "line2", "line3"))
    return Buyer(
        company or person or name,
        tuple(line for line in lines if line),
        str(address.get("country") or "").strip(),
        text("tax_number"),
        text("purchase_order"),
        PostalAddress(tuple(filter(None, streets)), parts["postal_code"], parts["city"], parts["state"]),
    )


def _write(
    session: Session,
    merchant: MerchantProfile,
    buyer: Buyer,
    build: Callable[[Words, Seller, Buyer], Paper],
    customer_locale: str | None,
) -> tuple[Paper, PaperBrand]:
    brands: Brands | None = session.info.get(BRANDS)
    brand = (
        brands.brand_of(merchant) if brands is not None else PaperBrand(shortened(clean(merchant.name), MAX_BRAND_NAME))
    )
    first, second = paper_languages(
        DocumentSettings(merchant.settings.documents.languages),
        country=buyer.country,
        customer_locale=customer_locale,
        merchant_locale=merchant.locale,
        available=available_locales(),
    )
    seller = _seller(merchant)
    paper = build(words_of(first), seller, buyer)
    if second is not None:
        paper = in_two_languages(paper, build(words_of(second), seller, buyer))
    return paper, brand


def _seller(merchant: MerchantProfile) -> Seller:
    lines = tuple(line for line in merchant.address_lines if line)
    return Seller(merchant.legal_name, lines, merchant.support_email or "")


def _store_brand(session: Session, merchant_id: str, brand: PaperBrand, at: datetime) -> str:
    content = pack({name: getattr(brand, name) for name in PaperBrand.__dataclass_fields__})
    digest = _digest(content)
    if session.execute(_BRAND, {"merchant_id": merchant_id, "digest": digest}).first() is None:
        _insert_unless_there(session, merchant_id=merchant_id, digest=digest, content=content, created_at=at)
    return digest


_BRANDS = table_of(DocumentBrand).c
_BRAND = sa.select(_BRANDS.digest).where(
    _BRANDS.merchant_id == sa.bindparam("merchant_id"), _BRANDS.digest == sa.bindparam("digest")
)


def _insert_unless_there(session: Session, **values: Any) -> None:
    """Two transactions may meet a new brand at once: the second one keeps the first one's row."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(DocumentBrand).values(**values).on_conflict_do_nothing())


def _texts(content: Any) -> list[str]:
    """Return all texts within plain values."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        content = content.values()
    elif not isinstance(content, (list, tuple)):
        return []
    return [text for value in content for text in _texts(value)]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
