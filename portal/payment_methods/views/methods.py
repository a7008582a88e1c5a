"""The customer's saved payment methods: one page with all of them, and what is done on it: name, default, removal."""

from __future__ import annotations

from collections.abc import Sequence
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
from portal.database import Reader
from portal.errors import FreshCodeNeeded, NotFound
from portal.payment_methods.errors import HasExpired, MethodFault, SuccessorMissing
from portal.payment_methods.operations.methods import make_default, rename_method
from portal.payment_methods.operations.removal import remove_method
from portal.payment_methods.operations.uses import list_dependents
from portal.payment_methods.page_builders import OpenMethod, build_method_entries, build_method_label
from portal.payment_methods.pages import MethodNotice, MethodsPage
from portal.payment_methods.queries.own_methods import (
    MethodRecord,
    find_removed,
    list_method_details,
    list_own_methods,
)
from portal.payment_methods.rules import echoed_nickname
from portal.payment_methods.views.setups import add_routes as add_setup_routes
from portal.payment_methods.views.setups import setup_gateway
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.sign_in.views.confirming import code_page, needs_code
from portal.web.card_numbers import card_number_shown_by
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


@signed_in(to=Right.READ)
def payment_methods() -> Response:
    """The saved methods, the default first; `done`, `method` and `to` are what was done just now."""
    return _methods_page()


@signed_in(to=Right.READ)
def payment_method(method_id: str) -> Response:
    """The same page with the details of one method open."""
    return _methods_page(OpenMethod(method_id, "details"))


def _refuse_card_number_as_name(method_id: str) -> Response:
    return _methods_page(OpenMethod(method_id, "name", nickname="", fault="card_number"), status=_UNPROCESSABLE)


@signed_in(to=Right.PAY)
@card_number_shown_by(_refuse_card_number_as_name, fields=("nickname",))
def rename(method_id: str) -> Response:
    """Set the customer's own name of a method; an empty one removes it."""
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
        opened = OpenMethod(method_id, "name", nickname=echoed_nickname(typed), fault=fault.code)
        return _methods_page(opened, status=_UNPROCESSABLE)
    return _redirect_after("named", method_id)


@signed_in(to=Right.PAY)
def prefer(method_id: str) -> Response:
    """Make a method the default; one that has expired meanwhile is shown as it is."""
    try:
        current_services().database.run(
            lambda session: make_default(session, current_scope(), _checked(method_id), actor=current_actor(), at=now())
        )
    except NoResultFound:
        raise NotFound from None
    except HasExpired:
        return _methods_page(OpenMethod(method_id, "details"), status=HasExpired.status)
    return _redirect_after("default", method_id)


@signed_in(to=Right.PAY)
def removal(method_id: str) -> Response:
    """The same page with the removal of one method open: what depends on it, and which could take over. A fresh code comes before
    that of the only one."""
    if needs_code():
        with reading() as reader:
            if [method.id for method in list_own_methods(reader, current_scope())] == [method_id]:
                return redirect_to(code_page(_removal_path(method_id)))
    return _methods_page(OpenMethod(method_id, "removal"))


@signed_in(to=Right.PAY)
def remove(method_id: str) -> Response:
    """Move what depends on it, and remove it: both or neither."""
    chosen = request.form.get("move_to", "")
    try:
        successor_id = current_services().database.run(
            lambda session: remove_method(
                session,
                current_services().method_users,
                current_scope(),
                _checked(method_id),
                move_to=chosen,
                has_fresh_code=not needs_code(),
                actor=current_actor(),
                at=now(),
            )
        )
    except NoResultFound:
        raise NotFound from None
    except FreshCodeNeeded:
        return redirect_to(code_page(_removal_path(method_id)))
    except SuccessorMissing:
        opened = OpenMethod(method_id, "removal", chosen=chosen, is_choice_missing=True)
        return _methods_page(opened, status=_UNPROCESSABLE)
    return _redirect_after("removed", method_id, to=successor_id)


def _removal_path(method_id: str) -> str:
    return f"/payment-methods/{method_id}/removal"


def _redirect_after(done: str, method_id: str, *, to: str | None = None) -> Response:
    return redirect_to(f"/payment-methods?done={done}&method={method_id}" + (f"&to={to}" if to else ""))


def _methods_page(opened: OpenMethod | None = None, *, status: int = 200) -> Response:
    """Return the page of all methods. Raises NotFound where the one that stands open is not the customer's."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        methods = list_own_methods(reader, scope)
        if opened is not None and opened.id not in {method.id for method in methods}:
            raise NotFound
        details = list_method_details(reader, scope)
        uses = list_dependents(reader, services.method_users, scope, [method.id for method in methods], at=now())
        done = _notice(reader, methods)
    gateway = services.gateways.find(scope.merchant_id)
    kept_at = {
        detail.gateway: services.gateways.find_named(scope.merchant_id, detail.gateway) for detail in details.values()
    }
    may_pay = g.signed_in.may(Right.PAY)
    page = MethodsPage(
        build_method_entries(
            methods,
            details,
            uses,
            opened=opened,
            gateway_names={name: found.title for name, found in kept_at.items() if found is not None},
            payee=g.merchant.name,
            root=root(),
            today=today(),
            zone=ZoneInfo(g.merchant.timezone),
        ),
        gateway_name=gateway.title if gateway else g.merchant.name,
        can_add=may_pay and setup_gateway() is not None,
        can_edit=may_pay and g.merchant.settings.pages.payment_methods == "edit",
        done=done,
    )
    return render_page("payment_methods/list.html", page, status)


def _notice(reader: Reader, methods: Sequence[MethodRecord]) -> MethodNotice | None:
    """Return what was done just now, as far as the methods agree: an address that somebody made up says nothing."""
    kind, method_id, successor_id = (request.args.get(name, "") for name in ("done", "method", "to"))
    saved = {method.id: method for method in methods}
    if kind == "removed":
        removed, successor = find_removed(reader, current_scope(), method_id), saved.get(successor_id)
        if removed is None:
            return None
        return MethodNotice(kind, build_method_label(removed), build_method_label(successor) if successor else None)
    method = saved.get(method_id)
    if method is None:
        return None
    if kind == "named":
        return MethodNotice("named" if method.nickname else "unnamed", build_method_label(method))
    return MethodNotice(kind, build_method_label(method)) if kind == "default" and method.is_default else None


def _checked(method_id: str) -> str:
    if not is_id("pm", method_id):
        raise NotFound
    return method_id
