"""The webhook endpoint of gateways: `/hooks/<merchant>/<gateway>`."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, request

from portal.customer_pages.context import current_services
from portal.errors import NotFound
from portal.gateways.contract import EventRefused
from portal.merchants.queries import find_merchant
from portal.provider_events.operations import receive_event
from portal.web.policies import gateway_signed

log = logging.getLogger(__name__)


@gateway_signed
def receive(merchant: str, gateway: str) -> Response:
    """Respond 200 to a genuine event, however often it is sent; 400 to any other, without a reason."""
    services = current_services()
    with services.database.read() as connection:
        profile = find_merchant(connection, merchant)
    if profile is None:
        raise NotFound
    try:
        receive_event(services, profile.id, gateway, dict(request.headers), request.get_data())
    except EventRefused as refusal:
        log.warning("provider_event.refused", extra={"merchant": profile.id, "reason": str(refusal)})
        return Response(status=400)
    return Response(status=200)


def add_routes(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/hooks/<merchant>/<gateway>", "hooks", receive, methods=["POST"])
