"""Downloads of papers: one of an invoice, a credit note or a payment, and several invoices as a ZIP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from flask import Blueprint, Response, request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.customer_pages.context import current_scope, current_services
from portal.documents.archives import Archive, Entry
from portal.documents.errors import NothingChosen, PaperNotSet, TooManyInArchive
from portal.documents.papers import StoredPaper
from portal.documents.queries import find_attached, find_paper, list_fixed
from portal.documents.rules import MAX_IN_ARCHIVE, file_name
from portal.errors import NotFound
from portal.invoices.operations.papers import fix_credit_note_paper, fix_invoice_paper
from portal.invoices.queries.credit_notes import get_credit_note
from portal.invoices.queries.invoices import StoredInvoice, find_invoices, get_invoice
from portal.payments.operations.papers import fix_earlier_receipt
from portal.payments.queries.payments import get_payment
from portal.payments.rules.statuses import CAPTURED
from portal.public_ids import is_id
from portal.services import Services
from portal.tenancy import Scope
from portal.web.downloads import send_file
from portal.web.policies import signed_in
from portal.web.runtime import current_runtime

_PDF = "application/pdf"
_ZIP = "application/zip"


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the papers."""
    blueprint.add_url_rule("/invoices/<invoice_id>.pdf", "invoice_pdf", invoice_pdf)
    blueprint.add_url_rule("/invoices.zip", "invoices_zip", invoices_zip)
    blueprint.add_url_rule("/payments/<payment_id>/receipt.pdf", "receipt_pdf", receipt_pdf)
    blueprint.add_url_rule("/credit-notes/<note_id>.pdf", "credit_note_pdf", credit_note_pdf)


@signed_in
def invoice_pdf(invoice_id: str) -> Response:
    """An invoice: the merchant's own PDF, or ours."""
    services, scope = current_services(), current_scope()
    with services.database.read() as reader:
        invoice = get_invoice(reader, scope, invoice_id)
        own = find_attached(reader, scope.merchant_id, invoice.id)
    if own is not None:
        return send_paper(own, "invoice", invoice.number)
    paper = fixed_paper(services, scope, invoice.id, fix_invoice_paper)
    return send_paper(current_runtime().typesetter.draw(paper), paper.content["title"], invoice.number)


@signed_in
def receipt_pdf(payment_id: str) -> Response:
    """The receipt of a payment that was completed."""
    services, scope = current_services(), current_scope()
    with services.database.read() as reader:
        payment = get_payment(reader, scope, payment_id)
    if payment.status not in CAPTURED:
        raise NotFound
    paper = fixed_paper(services, scope, payment.id, fix_earlier_receipt)
    # The number of the one invoice says more to a person than our id.
    number = payment.note if payment.note and not payment.more_count else payment.id
    return send_paper(current_runtime().typesetter.draw(paper), paper.content["title"], number)


@signed_in
def credit_note_pdf(note_id: str) -> Response:
    """A credit note."""
    services, scope = current_services(), current_scope()
    with services.database.read() as reader:
        note = get_credit_note(reader, scope, note_id)
    paper = fixed_paper(services, scope, note.id, fix_credit_note_paper)
    return send_paper(current_runtime().typesetter.draw(paper), paper.content["title"], note.number)


@signed_in
def invoices_zip() -> Response:
    """Several invoices. Raises NotFound where one of them is not the customer's, whichever it is."""
    services, scope = current_services(), current_scope()
    wanted = list(dict.fromkeys(request.args.getlist("invoice")))
    if not wanted:
        raise NothingChosen
    if len(wanted) > MAX_IN_ARCHIVE:
        raise TooManyInArchive
    if not all(is_id("inv", invoice_id) for invoice_id in wanted):
        raise NotFound
    with services.database.read() as reader:
        found = find_invoices(reader, scope, wanted)
        fixed = list_fixed(reader, scope, wanted)
    if len(found) != len(wanted):
        raise NotFound
    for invoice_id in wanted:
        if invoice_id not in fixed:
            _fix(services, scope, invoice_id, fix_invoice_paper)
    entries = [_entry(services, scope, found[invoice_id]) for invoice_id in wanted]
    return send_file(_archive(entries), name="invoices.zip", content_type=_ZIP)


def _archive(entries: Sequence[Entry]) -> Archive:
    with ExitStack() as stack:
        stack.enter_context(current_runtime().typesetter.place())
        return Archive(entries, stack.pop_all())


def _entry(services: Services, scope: Scope, invoice: StoredInvoice) -> Entry:
    """One file of a ZIP; it is read and drawn after the view has returned, so that it holds all that it needs."""
    typesetter = current_runtime().typesetter

    def load() -> bytes:
        with services.database.read() as reader:
            own = find_attached(reader, scope.merchant_id, invoice.id)
            paper = None if own is not None else find_paper(reader, scope, invoice.id)
        if own is not None:
            return own
        if paper is None:
            raise NotFound
        return typesetter.draw_next(paper)

    return Entry(file_name(invoice.number), invoice.sent_at or invoice.created_at, load)


def fixed_paper(
    services: Services, scope: Scope, object_id: str, fix: Callable[[Session, str, str], None]
) -> StoredPaper:
    """Return the paper of an object that the caller has found within the scope. What was issued elsewhere, or before there were papers,
    is fixed by its first download (decision 0043)."""
    with services.database.read() as reader:
        paper = find_paper(reader, scope, object_id)
    if paper is None:
        _fix(services, scope, object_id, fix)
        with services.database.read() as reader:
            paper = find_paper(reader, scope, object_id)
    if paper is None:
        raise PaperNotSet
    return paper


def _fix(services: Services, scope: Scope, object_id: str, fix: Callable[[Session, str, str], None]) -> None:
    try:
        services.database.run(lambda session: fix(session, scope.merchant_id, object_id))
    except IntegrityError:
        # Two first downloads at once: the other one has fixed it.
        with services.database.read() as reader:
            if find_paper(reader, scope, object_id) is None:
                raise


def send_paper(content: bytes, *name: str) -> Response:
    """Return the response that downloads a PDF, named after its parts."""
    return send_file(content, name=file_name(*name), content_type=_PDF)
