"""Downloads of papers: one of an invoice, a credit note or a payment, and several invoices as a ZIP."""

from __future__ import annotations

from flask import Blueprint, Response, request

from portal.customer_pages.context import current_scope, current_services
from portal.documents.downloads import Papers, send_archive
from portal.documents.errors import NothingChosen, TooManyInArchive
from portal.documents.rules import MAX_IN_ARCHIVE, file_name
from portal.errors import NotFound
from portal.invoices.operations.papers import fix_credit_note_paper, fix_invoice_paper
from portal.invoices.queries.credit_notes import get_credit_note
from portal.invoices.queries.invoices import find_invoices, get_invoice
from portal.payments.operations.papers import fix_earlier_receipt
from portal.payments.queries.payments import get_payment
from portal.payments.rules.statuses import CAPTURED
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.web.downloads import send_file
from portal.web.policies import signed_in
from portal.web.runtime import current_runtime

_PDF = "application/pdf"


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the papers."""
    blueprint.add_url_rule("/invoices/<invoice_id>.pdf", "invoice_pdf", invoice_pdf)
    blueprint.add_url_rule("/invoices.zip", "invoices_zip", invoices_zip)
    blueprint.add_url_rule("/payments/<payment_id>/receipt.pdf", "receipt_pdf", receipt_pdf)
    blueprint.add_url_rule("/credit-notes/<note_id>.pdf", "credit_note_pdf", credit_note_pdf)


@signed_in(to=Right.READ, by_notice=True)
def invoice_pdf(invoice_id: str) -> Response:
    """An invoice: the merchant's own PDF, or ours."""
    papers = _papers()
    with papers.services.database.read() as reader:
        invoice = get_invoice(reader, papers.scope, invoice_id)
    own = papers.own(invoice.id)
    if own is not None:
        return _send(own, "invoice", invoice.number)
    paper = papers.fixed(invoice.id, fix_invoice_paper)
    return _send(papers.typesetter.draw(paper), paper.content["title"], invoice.number)


@signed_in(to=Right.READ, by_notice=True)
def receipt_pdf(payment_id: str) -> Response:
    """The receipt of a payment that was completed."""
    papers = _papers()
    with papers.services.database.read() as reader:
        payment = get_payment(reader, papers.scope, payment_id)
    if payment.status not in CAPTURED:
        raise NotFound
    paper = papers.fixed(payment.id, fix_earlier_receipt)
    return _send(papers.typesetter.draw(paper), paper.content["title"], payment.receipt_name)


@signed_in(to=Right.READ, by_notice=True)
def credit_note_pdf(note_id: str) -> Response:
    """A credit note."""
    papers = _papers()
    with papers.services.database.read() as reader:
        note = get_credit_note(reader, papers.scope, note_id)
    paper = papers.fixed(note.id, fix_credit_note_paper)
    return _send(papers.typesetter.draw(paper), paper.content["title"], note.number)


@signed_in(to=Right.READ, by_notice=True)
def invoices_zip() -> Response:
    """Several invoices. Raises NotFound where one of them is not the customer's, whichever it is."""
    papers = _papers()
    wanted = list(dict.fromkeys(request.args.getlist("invoice")))
    if not wanted:
        raise NothingChosen
    if len(wanted) > MAX_IN_ARCHIVE:
        raise TooManyInArchive
    if not all(is_id("inv", invoice_id) for invoice_id in wanted):
        raise NotFound
    with papers.services.database.read() as reader:
        found = find_invoices(reader, papers.scope, wanted)
    if len(found) != len(wanted):
        raise NotFound
    invoices = [found[invoice_id] for invoice_id in wanted]
    return send_archive(
        [
            papers.entry(file_name(each.number), each.sent_at or each.created_at, each.id, fix_invoice_paper)
            for each in invoices
        ],
        name="invoices.zip",
    )


def _papers() -> Papers:
    return Papers(current_services(), current_scope(), current_runtime().typesetter)


def _send(content: bytes, *name: str) -> Response:
    return send_file(content, name=file_name(*name), content_type=_PDF)
