"""The overview: what is owed, what needs attention, what was paid last."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g

from portal.customer_pages.context import current_scope, current_services, now, reading, root, today
from portal.overview.page_builders import build_overview_page
from portal.overview.queries import read_account, read_owed
from portal.web.policies import signed_in
from portal.web.render import render_page


def add_routes(blueprint: Blueprint) -> None:
    """The address of the overview."""
    blueprint.add_url_rule("/", "overview", overview)


@signed_in
def overview() -> Response:
    """The first page after signing in."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        owed, due = read_owed(reader, scope, today())
        account = read_account(reader, scope, now=now())
    page = build_overview_page(
        (g.signed_in.name or "").strip().partition(" ")[0],
        owed,
        due,
        account,
        zone=ZoneInfo(g.merchant.timezone),
        today=today(),
        root=root(),
        can_pay=services.gateways.find(scope.merchant_id) is not None,
        options=g.merchant.options,
        usual_currency=g.merchant.currency,
    )
    return render_page("overview.html", page)
