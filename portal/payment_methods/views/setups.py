"""Adding a method: its options, the redirect to the gateway's page, and its progress when the customer is back."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.customer_pages.context import current_actor, current_scope, current_services, reading, redirect_to, root
from portal.errors import NotFound
from portal.gateways.contract import Gateway
from portal.payment_methods.errors import MethodFault, SetupsUnavailable
from portal.payment_methods.forms import NewMethodForm
from portal.payment_methods.operations.setups import SetupOptions, begin_setup, look_up_setup_for_page
from portal.payment_methods.page_builders import build_method_label, build_setup_page
from portal.payment_methods.pages import NewMethodPage
from portal.payment_methods.queries.own_methods import get_own_method, list_own_methods
from portal.payment_methods.queries.setups import get_setup
from portal.payment_methods.rules import SETUP_UNSETTLED, echoed_nickname
from portal.payment_methods.views.consent_texts import current_consent, setup_consent_text
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of new methods."""
    blueprint.add_url_rule("/payment-methods/new", "new_payment_method", new)
    blueprint.add_url_rule("/payment-methods/new", "begin_setup", begin, methods=["POST"])
    blueprint.add_url_rule("/payment-methods/new/<setup_id>", "setup", setup)


def setup_gateway() -> Gateway | None:
    """Return the merchant's gateway, if it has a page on which a method is saved without paying, and the merchant lets customers add one."""
    if g.merchant.settings.pages.payment_methods != "edit":
        return None
    gateway = current_services().gateways.find(g.merchant.id)
    return gateway if gateway is not None and gateway.capabilities.setup_page else None


@signed_in(to=Right.PAY)
def new() -> Response:
    """The options of a new method; `replaces` is the id of the method that it replaces."""
    return _new_page(SetupOptions(replaces=request.args.get("replaces") or None))


def _refuse_card_number_as_name() -> Response:
    form = NewMethodForm()
    options = SetupOptions("", form.default.data, form.replaces.data or None)
    return _new_page(options, fault="card_number", status=_UNPROCESSABLE)


@signed_in(to=Right.PAY)
@card_number_shown_by(_refuse_card_number_as_name, fields=("nickname",))
def begin() -> Response:
    """Begin the setup, open the gateway's page, and redirect to our page, which links to it."""
    form = NewMethodForm()
    replaces = form.replaces.data or None
    if replaces is not None and not is_id("pm", replaces):
        raise NotFound
    options = SetupOptions(form.nickname.data or "", form.default.data, replaces)
    gateway = setup_gateway()
    if gateway is None:
        return _new_page(options, status=SetupsUnavailable.status)
    services = current_services()
    try:
        setup_id = begin_setup(
            services,
            current_scope(),
            options,
            actor=current_actor(),
            consent=current_consent(_consent_text(gateway)),
            locale=g.shell.locale,
            pages_url=f"{services.settings.base_url}{root()}/payment-methods/new",
        )
    except NoResultFound:
        raise NotFound from None
    except MethodFault as fault:
        return _new_page(options, fault=fault.code, status=_UNPROCESSABLE)
    return redirect_to(f"/payment-methods/new/{setup_id}")


@signed_in(to=Right.PAY)
def setup(setup_id: str) -> Response:
    """The progress of a new method. Without a proven outcome the gateway is looked up first: the return address proves nothing."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        found = get_setup(reader, scope, setup_id)
    if found.status in SETUP_UNSETTLED or found.status == "expired":
        look_up_setup_for_page(services, scope.merchant_id, setup_id)
    with reading() as reader:
        found = get_setup(reader, scope, setup_id)
        method = next((each for each in list_own_methods(reader, scope) if each.id == found.payment_method_id), None)
    gateway = services.gateways.find(scope.merchant_id)
    name = gateway.title if gateway is not None and gateway.name == found.gateway else g.merchant.name
    return render_page("payment_methods/setup.html", build_setup_page(found, method, gateway_name=name, root=root()))


def _new_page(options: SetupOptions, *, fault: str = "", status: int = 200) -> Response:
    scope = current_scope()
    with reading() as reader:
        replaced = get_own_method(reader, scope, options.replaces) if options.replaces is not None else None
        is_first = not list_own_methods(reader, scope)
    gateway = setup_gateway()
    page = NewMethodPage(
        gateway_name=gateway.title if gateway else g.merchant.name,
        types=gateway.capabilities.page_types if gateway else (),
        replaces_id=replaced.id if replaced else "",
        replaces=build_method_label(replaced) if replaced else None,
        nickname=echoed_nickname(options.nickname),
        make_default=options.make_default,
        is_first=is_first,
        consent=_consent_text(gateway) if gateway else "",
        fault=fault,
    )
    return render_page("payment_methods/new.html", page, status)


def _consent_text(gateway: Gateway) -> str:
    return setup_consent_text(g.shell.locale, merchant=g.merchant.legal_name, gateway=gateway.title)
