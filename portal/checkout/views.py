"""The checkout in two steps: choose, then review and pay; and cancelling it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.checkout.forms import CheckoutForm
from portal.checkout.page_builders import build_choose_page, build_review_page
from portal.checkout.queries import (
    Payable,
    exists_for_all,
    get_checkout,
    list_chosen,
    list_invoices_of,
    list_payable,
)
from portal.errors import NotFound
from portal.payment_methods.consent_words import said_here, words_while_paying
from portal.payment_methods.consents import Consent
from portal.payment_methods.page_builders import build_method_label
from portal.payment_methods.queries import list_methods
from portal.payments.checkouts import Choice, begin_checkout, find_holder
from portal.payments.errors import (
    AmountChanged,
    CheckoutEnded,
    CheckoutFault,
    InvoiceBeingPaid,
    InvoiceSettled,
    NoGateway,
)
from portal.payments.operations import cancel_payment, confirm_payment
from portal.public_ids import is_id
from portal.services import Services
from portal.web.context import current_scope, current_services, now, redirect_to, root, today
from portal.web.policies import signed_in
from portal.web.rendering import render_page

_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_UNPROCESSABLE, _CONFLICT = 422, 409


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the checkout."""
    blueprint.add_url_rule("/checkout", "checkout", choose)
    blueprint.add_url_rule("/checkout", "begin_checkout", begin, methods=["POST"])
    blueprint.add_url_rule("/checkout/<payment_id>", "review", review)
    blueprint.add_url_rule("/checkout/<payment_id>/confirmation", "confirm", confirm, methods=["POST"])
    blueprint.add_url_rule("/checkout/<payment_id>/cancellation", "cancel", cancel, methods=["POST"])


@signed_in
def choose() -> Response:
    """Step one: what is paid, and with what. `invoice` once for each, or `overdue=USD`, `outstanding=USD`, `payment=pay_…`."""
    scope = current_scope()
    with current_services().database.read() as reader:
        ids = _named_invoices(request.args.getlist("invoice"))
        if not ids and (payment_id := request.args.get("payment")):
            ids = list_invoices_of(reader, scope, payment_id)
        if ids and not exists_for_all(reader, scope, ids):
            raise NotFound
    return _choose_page(ids, payment_method=None, save_method=False)


@signed_in
def begin() -> Response:
    """Take the choice and lead to the review; a choice that cannot be taken is shown again, with what was chosen."""
    services = current_services()
    form = CheckoutForm()
    gateway = services.gateways.find(g.merchant.id)
    if gateway is None:
        raise NoGateway
    invoice_ids, payment_method = form.invoice.data or [], form.payment_method.data or ""
    if not form.validate():
        payment_method = "unknown"
    try:
        payment_id = services.database.run(
            lambda session: begin_checkout(
                session,
                current_scope(),
                Choice(payment_method, invoice_ids, save_method=form.save_method.data),
                gateway=gateway.name,
                expires_after=timedelta(hours=services.settings.payment_expires_hours),
                at=now(),
            )
        )
    except CheckoutFault as fault:
        holder = fault.payment_id if isinstance(fault, InvoiceBeingPaid) else None
        return _choose_page(
            [invoice_id for invoice_id in invoice_ids if is_id("inv", invoice_id)],
            payment_method=payment_method,
            save_method=form.save_method.data,
            faults={fault.field: fault.code},
            in_progress_payment_id=holder,
            status=_UNPROCESSABLE,
        )
    return redirect_to(f"/checkout/{payment_id}")


@signed_in
def review(payment_id: str) -> Response:
    """Step two: payee, what is paid, amount, method, and Pay. What was confirmed already is shown as the payment it is."""
    return _review_page(payment_id)


@signed_in
def confirm(payment_id: str) -> Response:
    """Pay; however often it is pressed, once."""
    services = current_services()
    if not is_id("pay", payment_id):
        raise NotFound
    try:
        confirm_payment(
            services,
            current_scope(),
            payment_id,
            version=request.form.get("version", "")[:64],
            return_url=f"{services.settings.base_url}{root()}/payments/{payment_id}",
            locale=g.shell.locale,
            consent=_consent(services),
        )
    except NoResultFound:
        raise NotFound from None
    except AmountChanged:
        return _review_page(payment_id, has_changed=True, status=_UNPROCESSABLE)
    except (CheckoutEnded, InvoiceBeingPaid, InvoiceSettled) as refusal:
        return _review_page(payment_id, status=refusal.status if refusal.status == _CONFLICT else _UNPROCESSABLE)
    except CheckoutFault as fault:
        with services.database.read() as reader:
            ids = list_invoices_of(reader, current_scope(), payment_id)
        return _choose_page(
            ids, payment_method="", save_method=False, faults={fault.field: fault.code}, status=_UNPROCESSABLE
        )
    return redirect_to(f"/payments/{payment_id}")


@signed_in
def cancel(payment_id: str) -> Response:
    """Cancel; a payment that came through meanwhile is shown as what it is."""
    if not is_id("pay", payment_id):
        raise NotFound
    scope = current_scope()
    with current_services().database.read() as reader:
        checkout = get_checkout(reader, scope, payment_id, g.merchant.options)
    cancel_payment(current_services(), scope, payment_id)
    if checkout.status != "incomplete":
        return redirect_to(f"/payments/{payment_id}")
    ids = [share.invoice_id for share in checkout.shares]
    return redirect_to(f"/invoices/{ids[0]}" if len(ids) == 1 else "/invoices")


def _consent(services: Services) -> Consent:
    """The customer's word that the new method may be kept, in case the box was ticked."""
    gateway = services.gateways.find(g.merchant.id)
    return said_here(words_while_paying(g.shell.locale, gateway=gateway.title if gateway else ""))


def _named_invoices(texts: Sequence[str]) -> list[str]:
    ids = list(dict.fromkeys(texts))
    if not all(is_id("inv", invoice_id) for invoice_id in ids):
        raise NotFound
    return ids


def _choose_page(
    invoice_ids: Sequence[str],
    *,
    payment_method: str | None,
    save_method: bool,
    faults: Mapping[str, str] = _NO_FAULTS,
    in_progress_payment_id: str | None = None,
    status: int = 200,
) -> Response:
    services, scope = current_services(), current_scope()
    gateway = services.gateways.find(scope.merchant_id)
    with services.database.read() as reader:
        payable = list_payable(reader, scope)
        methods = list_methods(reader, scope)
        chosen = list_chosen(reader, scope, invoice_ids) if invoice_ids else _chosen_by_sum(payable)
        if not faults:
            if len({invoice.currency for invoice in chosen}) > 1:
                faults = {"invoice": "currencies"}
            elif held := next((invoice for invoice in chosen if invoice.is_held), None):
                faults = {"invoice": "in_progress"}
                in_progress_payment_id = find_holder(reader, scope, held.id)
            elif invoice_ids and not chosen:
                faults = {"invoice": "settled"}
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    page = build_choose_page(
        chosen,
        payable,
        methods,
        payment_method=payment_method,
        save_method=save_method,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway else "",
        can_add=gateway is not None and gateway.capabilities.hosted_page,
        can_save=gateway is not None and gateway.capabilities.saved_methods,
        usual_currency=g.merchant.currency,
        root=root(),
        today=today(),
        zone=ZoneInfo(g.merchant.timezone),
        faults=faults,
        in_progress_payment_id=in_progress_payment_id,
    )
    return render_page("checkout/choose.html", page, status)


def _chosen_by_sum(payable: Sequence[Payable]) -> list[Payable]:
    """`overdue=USD` or `outstanding=USD`: every such invoice that is free to be paid."""
    free = [invoice for invoice in payable if not invoice.is_held]
    if currency := request.args.get("overdue"):
        return [invoice for invoice in free if invoice.currency == currency and invoice.due_on < today()]
    if currency := request.args.get("outstanding"):
        return [invoice for invoice in free if invoice.currency == currency]
    return []


def _review_page(payment_id: str, *, has_changed: bool = False, status: int = 200) -> Response:
    services, scope = current_services(), current_scope()
    gateway = services.gateways.find(scope.merchant_id)
    with services.database.read() as reader:
        checkout = get_checkout(reader, scope, payment_id, g.merchant.options)
        if checkout.confirmed_at is not None or gateway is None:
            return redirect_to(f"/payments/{payment_id}")
        method = next((m for m in list_methods(reader, scope) if m.id == checkout.payment_method_id), None)
        held = next((share for share in checkout.shares if share.is_held), None)
        holder = find_holder(reader, scope, held.invoice_id) if held else None
    g.form_action_origins = gateway.form_action_origins
    page = build_review_page(
        checkout,
        is_ended=checkout.status != "incomplete" or checkout.expires_at <= now(),
        has_changed=has_changed,
        method=build_method_label(method) if method else None,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title,
        root=root(),
        in_progress_payment_id=holder,
    )
    return render_page("checkout/review.html", page, status)
