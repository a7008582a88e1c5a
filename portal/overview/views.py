"""The overview: what is owed, what needs attention, what was paid last."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g

from portal.customer_pages.context import can_pay, can_use_methods, current_scope, now, reading, root, today
from portal.customers.queries.details import WantedDetails, find_wanted
from portal.database import Reader
from portal.overview.page_builders import build_overview_page
from portal.overview.queries import read_account, read_owed
from portal.people.rules import Right
from portal.web.policies import signed_in
from portal.web.render import render_page


def add_routes(blueprint: Blueprint) -> None:
    """The address of the overview."""
    blueprint.add_url_rule("/", "overview", overview)


@signed_in(to=Right.READ, by_notice=True)
def overview() -> Response:
    """The first page after signing in."""
    scope = current_scope()
    with reading() as reader:
        owed, due = read_owed(reader, scope, today())
        account = read_account(reader, scope, now=now())
        if not can_use_methods():
            account = replace(account, methods=[])
        wanted = _find_wanted(reader)
    page = build_overview_page(
        (g.signed_in.own_name or "").strip().partition(" ")[0],
        owed,
        due,
        account,
        zone=ZoneInfo(g.merchant.timezone),
        today=today(),
        root=root(),
        can_pay=can_pay(),
        options=g.merchant.options,
        usual_currency=g.merchant.currency,
    )
    attention = page.attention
    if "payment_methods" in g.merchant.settings.pages.hidden:
        attention = tuple(item for item in attention if not item.kind.startswith("method_"))
    if not g.signed_in.may(Right.PAY):
        attention = tuple(item for item in attention if item.kind.startswith("method_"))
    return render_page("overview.html", replace(page, wanted=wanted, attention=attention))


def _find_wanted(reader: Reader) -> WantedDetails | None:
    """Return the details to ask for, where the customer may give them."""
    settings = g.merchant.settings
    if settings.pages.details != "edit" or not g.signed_in.may(Right.MANAGE):
        return None
    return find_wanted(reader, current_scope(), settings.context_fields, now())
