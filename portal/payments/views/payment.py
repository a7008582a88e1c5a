"""The current state of one payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Response, g, request

from portal.customer_pages.context import can_pay, current_scope, current_services, now, reader_zone, root, today
from portal.database import Reader
from portal.events.queries import list_events
from portal.events.rules import EventType
from portal.invoices.queries.invoice_list import sum_owed
from portal.notice_kinds import RECEIPT
from portal.notices.queries import is_wanted
from portal.outbox.queries import find_delivery
from portal.payments.operations.paying import look_up_for_page
from portal.payments.page_builders.payment import build_payment_page, is_just_paid
from portal.payments.queries.payment_page import read_payment_page
from portal.payments.rules.statuses import CAPTURED, UNSETTLED
from portal.people.rules import Right
from portal.refunds.queries import StoredRefund, list_refunds_of
from portal.tenancy import MerchantScope, Scope
from portal.web.policies import signed_in
from portal.web.render import render_page


@signed_in(to=Right.READ, by_notice=True)
def payment(payment_id: str) -> Response:
    """One payment. Without a proven outcome the gateway is looked up first, so that a reload shows the current status."""
    services, scope = current_services(), current_scope()
    with services.database.read() as reader:
        found = read_payment_page(reader, scope, payment_id)
    if found.status in UNSETTLED:
        look_up_for_page(services, scope.merchant_id, payment_id)
        with services.database.read() as reader:
            found = read_payment_page(reader, scope, payment_id)
    refunds: Sequence[StoredRefund] = ()
    receipt, owed = None, None
    if found.status in CAPTURED:
        with services.database.read() as reader:
            refunds = list_refunds_of(reader, scope, [payment_id])[payment_id]
            if is_just_paid(found, now()):
                receipt = _find_receipt(reader, scope, payment_id)
                sums, _ = sum_owed(reader, scope, today())
                owed = next((each for each in sums if each.currency == found.currency), None)
    gateway = services.gateways.find_named(scope.merchant_id, found.gateway)
    page = build_payment_page(
        found,
        refunds,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway is not None else g.merchant.name,
        can_cancel_at_gateway=gateway is not None and gateway.capabilities.cancel,
        prompt_channels=gateway.capabilities.prompt_channels if gateway is not None else (),
        zone=reader_zone(),
        root=root(),
        now=now(),
        can_pay=can_pay(),
        email=g.signed_in.email,
        receipt=receipt,
        owed=owed,
        has_tried_to_stop=request.args.get("stop") == "requested",
    )
    if not g.signed_in.may(Right.PAY):
        page = replace(page, retry_url=None, rest_url=None, continue_url=None, can_cancel=False)
    return render_page("payments/detail.html", page)


def _find_receipt(reader: Reader, scope: Scope, payment_id: str) -> str | None:
    """Return what became of the mail with the receipt, as `find_delivery` does; an imported payment has none, and whoever wants no
    receipts gets none."""
    events = list_events(reader, scope.merchant_id, payment_id)
    paid_at = next((event.created_at for event in events if event.type == EventType.PAYMENT_COMPLETE), None)
    if paid_at is None or not g.signed_in.email or not is_wanted(reader, g.merchant, scope.customer_id, RECEIPT):
        return None
    return find_delivery(reader, MerchantScope(scope.merchant_id), "receipt_mail", payment_id, queued_at=paid_at)
