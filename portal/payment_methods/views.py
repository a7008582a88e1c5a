"""The customer's saved payment methods."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g

from portal.payment_methods.page_builders import build_method_row
from portal.payment_methods.pages import MethodsPage
from portal.payment_methods.queries import list_methods
from portal.web.context import current_scope, current_services, reading, today
from portal.web.policies import signed_in
from portal.web.rendering import render_page


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the saved methods."""
    blueprint.add_url_rule("/payment-methods", "payment_methods", payment_methods)


@signed_in
def payment_methods() -> Response:
    """The saved methods, the default first."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        methods = list_methods(reader, scope)
    gateway = services.gateways.find(scope.merchant_id)
    rows = tuple(build_method_row(method, today=today(), zone=ZoneInfo(g.merchant.timezone)) for method in methods)
    page = MethodsPage(rows, gateway_name=gateway.title if gateway else g.merchant.name)
    return render_page("payment_methods/list.html", page)
