"""The customer's saved payment methods: the list, one of them, its name, the default, its removal."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    root,
    today,
)
from portal.errors import NotFound
from portal.payment_methods.errors import HasExpired, MethodFault, SuccessorMissing
from portal.payment_methods.operations.methods import make_default, rename_method
from portal.payment_methods.operations.removal import remove_method
from portal.payment_methods.operations.uses import list_dependents
from portal.payment_methods.page_builders import (
    build_method_label,
    build_method_page,
    build_method_row,
    build_removal_page,
)
from portal.payment_methods.pages import MethodsPage
from portal.payment_methods.queries.own_methods import find_removed, get_method_facts, get_own_method, list_own_methods
from portal.payment_methods.rules import echoed_nickname
from portal.payment_methods.views.setups import add_routes as add_setup_routes
from portal.payment_methods.views.setups import setup_gateway
from portal.public_ids import is_id
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the saved methods."""
    blueprint.add_url_rule("/payment-methods", "payment_methods", payment_methods)
    add_setup_routes(blueprint)
    one = "/payment-methods/<method_id>"
    blueprint.add_url_rule(one, "payment_method", payment_method)
    blueprint.add_url_rule(one, "rename_payment_method", rename, methods=["POST"])
    blueprint.add_url_rule(f"{one}/default", "prefer_payment_method", prefer, methods=["POST"])
    blueprint.add_url_rule(f"{one}/removal", "payment_method_removal", removal)
    blueprint.add_url_rule(f"{one}/removal", "remove_payment_method", remove, methods=["POST"])


@signed_in
def payment_methods() -> Response:
    """The saved methods, the default first; `removed` names one that was taken away just now."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        methods = list_own_methods(reader, scope)
        removed = find_removed(reader, scope, request.args["removed"]) if "removed" in request.args else None
    gateway = services.gateways.find(scope.merchant_id)
    rows = tuple(build_method_row(method, today=today(), zone=_zone()) for method in methods)
    page = MethodsPage(
        rows,
        gateway_name=gateway.title if gateway else g.merchant.name,
        can_add=setup_gateway() is not None,
        removed=build_method_label(removed) if removed else None,
    )
    return render_page("payment_methods/list.html", page)


@signed_in
def payment_method(method_id: str) -> Response:
    """One method, what it is called and what depends on it."""
    return _method_page(method_id)


@signed_in
def rename(method_id: str) -> Response:
    """Give a method the customer's own name; an empty one takes it away."""
    typed = request.form.get("nickname", "")
    try:
        current_services().database.run(
            lambda session: rename_method(
                session, current_scope(), _checked(method_id), typed, actor=current_actor(), at=now()
            )
        )
    except NoResultFound:
        raise NotFound from None
    except MethodFault as fault:
        return _method_page(method_id, nickname=echoed_nickname(typed), fault=fault.code, status=_UNPROCESSABLE)
    return redirect_to(f"/payment-methods/{method_id}")


@signed_in
def prefer(method_id: str) -> Response:
    """Propose a method first from now on; one that has run out meanwhile is shown as it is."""
    try:
        current_services().database.run(
            lambda session: make_default(session, current_scope(), _checked(method_id), actor=current_actor(), at=now())
        )
    except NoResultFound:
        raise NotFound from None
    except HasExpired:
        return _method_page(method_id, status=HasExpired.status)
    return redirect_to("/payment-methods")


@signed_in
def removal(method_id: str) -> Response:
    """What depends on the method, and what takes over."""
    return _removal_page(method_id)


@signed_in
def remove(method_id: str) -> Response:
    """Move what depends on it, and remove it: both or neither."""
    chosen = request.form.get("move_to", "")
    try:
        current_services().database.run(
            lambda session: remove_method(
                session,
                current_services().method_users,
                current_scope(),
                _checked(method_id),
                move_to=chosen,
                actor=current_actor(),
                at=now(),
            )
        )
    except NoResultFound:
        raise NotFound from None
    except SuccessorMissing:
        return _removal_page(method_id, chosen=chosen, is_fault=True, status=_UNPROCESSABLE)
    return redirect_to(f"/payment-methods?removed={method_id}")


def _method_page(method_id: str, *, nickname: str | None = None, fault: str = "", status: int = 200) -> Response:
    scope = current_scope()
    with reading() as reader:
        method = get_own_method(reader, scope, method_id)
        facts = get_method_facts(reader, scope, method_id)
        uses = list_dependents(reader, current_services().method_users, scope, method_id, at=now())
    gateway = current_services().gateways.find_named(scope.merchant_id, facts.gateway)
    page = build_method_page(
        method,
        facts,
        uses,
        gateway_name=gateway.title if gateway else g.merchant.name,
        can_replace=setup_gateway() is not None,
        root=root(),
        today=today(),
        zone=_zone(),
        nickname=nickname,
        fault=fault,
    )
    return render_page("payment_methods/detail.html", page, status)


def _removal_page(method_id: str, *, chosen: str = "", is_fault: bool = False, status: int = 200) -> Response:
    scope = current_scope()
    with reading() as reader:
        method = get_own_method(reader, scope, method_id)
        methods = list_own_methods(reader, scope)
        uses = list_dependents(reader, current_services().method_users, scope, method_id, at=now())
    page = build_removal_page(
        method,
        methods,
        uses,
        can_replace=setup_gateway() is not None,
        root=root(),
        today=today(),
        zone=_zone(),
        chosen=chosen,
        is_fault=is_fault,
    )
    return render_page("payment_methods/removal.html", page, status)


def _checked(method_id: str) -> str:
    if not is_id("pm", method_id):
        raise NotFound
    return method_id


def _zone() -> ZoneInfo:
    return ZoneInfo(g.merchant.timezone)
