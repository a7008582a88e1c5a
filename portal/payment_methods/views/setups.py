"""Adding a method: what is wished for, the way to the gateway's page, and where it stands when the customer is back."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.customer_pages.context import current_actor, current_scope, current_services, reading, redirect_to, root
from portal.errors import NotFound
from portal.gateways.contract import Gateway
from portal.payment_methods.errors import MethodFault, SetupsUnavailable
from portal.payment_methods.forms import NewMethodForm
from portal.payment_methods.operations.setups import ASK_AT_MOST_EVERY, Wish, begin_setup, resolve_setup
from portal.payment_methods.page_builders import build_method_label, build_setup_page
from portal.payment_methods.pages import NewMethodPage
from portal.payment_methods.queries.own_methods import get_own_method, list_own_methods
from portal.payment_methods.queries.setups import get_setup
from portal.payment_methods.rules import SETUP_UNSETTLED, echoed_nickname
from portal.payment_methods.views.consent_texts import said_here, words_of_setup
from portal.public_ids import is_id
from portal.web.gateway_threads import look_up_if_free
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of new methods."""
    blueprint.add_url_rule("/payment-methods/new", "new_payment_method", new)
    blueprint.add_url_rule("/payment-methods/new", "begin_setup", begin, methods=["POST"])
    blueprint.add_url_rule("/payment-methods/new/<setup_id>", "setup", setup)


def setup_gateway() -> Gateway | None:
    """The merchant's gateway, if it has a page on which a method is kept without paying."""
    gateway = current_services().gateways.find(g.merchant.id)
    return gateway if gateway is not None and gateway.capabilities.setup_page else None


@signed_in
def new() -> Response:
    """What the customer wishes for the new method; `replaces` names the method in whose place it comes."""
    return _new_page(Wish(replaces=request.args.get("replaces") or None))


@signed_in
def begin() -> Response:
    """Write it down, open the gateway's page, and lead to our page which goes on to it."""
    form = NewMethodForm()
    replaces = form.replaces.data or None
    if replaces is not None and not is_id("pm", replaces):
        raise NotFound
    wish = Wish(form.nickname.data or "", form.default.data, replaces)
    gateway = setup_gateway()
    if gateway is None:
        return _new_page(wish, status=SetupsUnavailable.status)
    services = current_services()
    try:
        setup_id = begin_setup(
            services,
            current_scope(),
            wish,
            actor=current_actor(),
            consent=said_here(_consent_words(gateway)),
            locale=g.shell.locale,
            pages_url=f"{services.settings.base_url}{root()}/payment-methods/new",
        )
    except NoResultFound:
        raise NotFound from None
    except MethodFault as fault:
        return _new_page(wish, fault=fault.code, status=_UNPROCESSABLE)
    return redirect_to(f"/payment-methods/new/{setup_id}")


@signed_in
def setup(setup_id: str) -> Response:
    """Where a new method stands. Without a proven end the gateway is asked first: the address that the customer comes back by
    proves nothing."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        found = get_setup(reader, scope, setup_id)
    if found.status in SETUP_UNSETTLED or found.status == "expired":
        look_up_if_free(
            lambda: resolve_setup(services, scope.merchant_id, setup_id, unless_checked_within=ASK_AT_MOST_EVERY)
        )
    with reading() as reader:
        found = get_setup(reader, scope, setup_id)
        method = next((each for each in list_own_methods(reader, scope) if each.id == found.payment_method_id), None)
    gateway = services.gateways.find(scope.merchant_id)
    name = gateway.title if gateway is not None and gateway.name == found.gateway else g.merchant.name
    return render_page("payment_methods/setup.html", build_setup_page(found, method, gateway_name=name, root=root()))


def _new_page(wish: Wish, *, fault: str = "", status: int = 200) -> Response:
    scope = current_scope()
    with reading() as reader:
        replaced = get_own_method(reader, scope, wish.replaces) if wish.replaces is not None else None
        is_first = not list_own_methods(reader, scope)
    gateway = setup_gateway()
    page = NewMethodPage(
        gateway_name=gateway.title if gateway else g.merchant.name,
        types=gateway.capabilities.page_types if gateway else (),
        replaces_id=replaced.id if replaced else "",
        replaces=build_method_label(replaced) if replaced else None,
        nickname=echoed_nickname(wish.nickname),
        make_default=wish.make_default,
        is_first=is_first,
        consent=_consent_words(gateway) if gateway else "",
        fault=fault,
    )
    return render_page("payment_methods/new.html", page, status)


def _consent_words(gateway: Gateway) -> str:
    return words_of_setup(g.shell.locale, merchant=g.merchant.legal_name, gateway=gateway.title)
