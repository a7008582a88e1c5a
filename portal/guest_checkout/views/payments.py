"""Below a pay link: its addresses, the payments that were made by it, and their receipts."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    current_services,
    now,
)
from portal.customers.queries.customers import get_contact
from portal.documents.downloads import Papers
from portal.documents.papers import without_payer
from portal.documents.rules import file_name
from portal.errors import NotFound
from portal.guest_checkout.page_builders import build_pay_link_payment
from portal.guest_checkout.views.invoice import begin, show
from portal.guest_checkout.views.links import current_link, ends_on
from portal.guest_checkout.views.review import cancel, confirm, review
from portal.invoices.operations.papers import fix_invoice_paper
from portal.invoices.queries.invoices import get_invoice
from portal.payments.operations.by_link import get_by_link
from portal.payments.operations.papers import fix_earlier_receipt
from portal.payments.operations.paying import look_up_for_page
from portal.payments.page_builders.payment import build_payment_page
from portal.payments.queries.by_link import find_paid_by_link
from portal.payments.queries.payment_page import read_payment_page
from portal.payments.rules.statuses import CAPTURED, UNSETTLED
from portal.refunds.queries import list_refunds_of
from portal.web.downloads import send_file
from portal.web.policies import pay_link
from portal.web.render import render_page
from portal.web.runtime import current_runtime

_PDF = "application/pdf"


def add_routes(blueprint: Blueprint) -> None:
    """The addresses below a pay link."""
    for ending in ("", "/"):
        blueprint.add_url_rule(f"/pay/<token>{ending}", "pay_link", show)
        blueprint.add_url_rule(f"/pay/<token>{ending}", "begin_by_link", begin, methods=["POST"])
    blueprint.add_url_rule("/pay/<token>/invoice.pdf", "invoice_by_link", invoice_pdf)
    blueprint.add_url_rule("/pay/<token>/receipt.pdf", "receipt_by_link", receipt)
    blueprint.add_url_rule("/pay/<token>/checkout/<payment_id>", "review_by_link", review)
    blueprint.add_url_rule(
        "/pay/<token>/checkout/<payment_id>/confirmation", "confirm_by_link", confirm, methods=["POST"]
    )
    blueprint.add_url_rule(
        "/pay/<token>/checkout/<payment_id>/cancellation", "cancel_by_link", cancel, methods=["POST"]
    )
    blueprint.add_url_rule("/pay/<token>/payments/<payment_id>", "payment_by_link", payment)


@pay_link
def payment(token: str, payment_id: str) -> Response:
    """A payment by this link; without a proven outcome the gateway is looked up first. The gateway leads back to here."""
    services, link = current_services(), current_link()
    with services.database.read() as reader:
        status = get_by_link(reader, link, payment_id).status
    if status in UNSETTLED:
        look_up_for_page(services, link.merchant_id, payment_id)
    with services.database.read() as reader:
        found = read_payment_page(reader, link.scope, payment_id)
        refunds = list_refunds_of(reader, link.scope, [payment_id])[payment_id] if found.status in CAPTURED else ()
        has_mail, last_day = bool(get_contact(reader, link.scope).email), ends_on(reader)
    gateway = services.gateways.find_named(link.merchant_id, found.gateway)
    page = build_payment_page(
        found,
        refunds,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway is not None else g.merchant.name,
        can_cancel_at_gateway=gateway is not None and gateway.capabilities.cancel,
        prompt_channels=gateway.capabilities.prompt_channels if gateway is not None else (),
        zone=ZoneInfo(g.merchant.timezone),
        root=g.pay_path,
        now=now(),
        can_pay=services.gateways.find(link.merchant_id) is not None,
        email=None,
        has_tried_to_stop=request.args.get("stop") == "requested",
    )
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    shown = build_pay_link_payment(page, path=g.pay_path, ends_on=last_day, has_mail=has_mail)
    return render_page("pay_links/payment.html", shown)


@pay_link
def invoice_pdf(token: str) -> Response:
    """The invoice on paper: the merchant's own PDF, or ours. Raises NotFound where the merchant keeps to itself whom it is for."""
    link = current_link()
    if not g.merchant.settings.documents.pay_link_bill_to:
        raise NotFound
    with current_services().database.read() as reader:
        number = get_invoice(reader, link.scope, link.invoice_id).number
    papers = Papers(current_services(), link.scope, current_runtime().typesetter)
    own = papers.own(link.invoice_id)
    if own is not None:
        return send_file(own, name=file_name("invoice", number), content_type=_PDF)
    paper = papers.fixed(link.invoice_id, fix_invoice_paper)
    return send_file(papers.typesetter.draw(paper), name=file_name(paper.content["title"], number), content_type=_PDF)


@pay_link
def receipt(token: str) -> Response:
    """The receipt of what was paid by this link: of the newest payment, or of the one that `payment` names."""
    services, link = current_services(), current_link()
    with services.database.read() as reader:
        named = request.args.get("payment")
        paid = get_by_link(reader, link, named) if named else find_paid_by_link(reader, link.scope, link.id)
    if paid is None or paid.status not in CAPTURED:
        raise NotFound
    papers = Papers(services, link.scope, current_runtime().typesetter)
    paper = papers.fixed(paid.id, fix_earlier_receipt)
    shown = without_payer(paper, with_buyer=g.merchant.settings.documents.pay_link_bill_to)
    name = file_name(shown.content["title"], paid.receipt_name)
    return send_file(papers.typesetter.draw(shown), name=name, content_type=_PDF)
