"""Step one of the checkout: what is paid, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from flask import Response, g, request

from portal.checkout.forms.choices import choice_from
from portal.checkout.forms.fields import OTHER, CheckoutFields, posted_fields
from portal.checkout.page_builders import CheckoutContext, build_choose_page, payment_currency
from portal.checkout.queries import (
    Payable,
    exists_for_all,
    list_chosen,
    list_invoices_of,
    list_payable,
)
from portal.checkout.rules import list_channels
from portal.credit.queries import free_credit
from portal.customer_pages.context import current_actor, current_scope, current_services, now, redirect_to, root, today
from portal.customers.queries.customers import get_contact
from portal.database import Reader
from portal.errors import NotFound
from portal.gateways.contract import ANY_AMOUNT, NO_LIMITS, Capabilities, Gateway
from portal.payment_methods.pages import BRAND_NAMES
from portal.payment_methods.queries.own_methods import MethodRecord, list_own_methods
from portal.payments.errors import CheckoutFault, InvoiceBeingPaid, NoGateway
from portal.payments.operations.checkouts import begin_checkout, find_refused_amount
from portal.payments.operations.paying import look_up_for_page
from portal.payments.queries.holders import list_holders
from portal.payments.rules.amounts import currencies_of
from portal.payments.rules.choices import Choice
from portal.public_ids import is_id
from portal.tenancy import Scope
from portal.web.devices import device_class
from portal.web.policies import signed_in
from portal.web.render import render_page
from portal.web.runtime import is_gateway_slow

_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_UNPROCESSABLE, _CONFLICT = 422, 409


@signed_in
def choose() -> Response:
    """Step one: what is paid, and with what. `invoice` once for each, or `overdue=USD`, `outstanding=USD`, `payment=pay_…`;
    `top_up=USD` for a top-up, `split=pay_…` for the rest of a payment; `currency` where several are possible, `amount=other` to choose how much."""
    scope = current_scope()
    fields = CheckoutFields(
        currency=request.args.get("currency"),
        top_up=request.args.get("top_up"),
        split_of=request.args.get("split"),
        amount_choice=OTHER if request.args.get("amount") == OTHER else "",
    )
    if fields.top_up and fields.top_up not in g.merchant.options.top_ups:
        raise NotFound
    with current_services().database.read() as reader:
        ids = _named_invoices(request.args.getlist("invoice"))
        earlier = request.args.get("payment") or fields.split_of
        if not ids and earlier:
            ids = list_invoices_of(reader, scope, earlier)
        if ids and not exists_for_all(reader, scope, ids):
            raise NotFound
    return show_choices(replace(fields, invoice_ids=ids))


@signed_in
def begin() -> Response:
    """Create the checkout and redirect to the review; a choice that is refused is shown again, as it was made."""
    gateway = current_services().gateways.find(g.merchant.id)
    fields = posted_fields()
    try:
        choice = choice_from(fields, gateway, usual_currency=_usual_currency(fields), locale=g.shell.locale)
        try:
            payment_id = _begin(choice, gateway)
        except InvoiceBeingPaid as refusal:
            if refusal.payment_id is None:
                raise
            _look_up_payment(refusal.payment_id)
            payment_id = _begin(choice, gateway)
    except NoGateway:
        return show_choices(_with_known_invoices(fields), status=_CONFLICT)
    except CheckoutFault as fault:
        return show_choices(
            _with_known_invoices(fields),
            faults={fault.field: fault.code},
            in_progress_payment_id=fault.payment_id if isinstance(fault, InvoiceBeingPaid) else None,
            status=_UNPROCESSABLE,
        )
    return redirect_to(f"/checkout/{payment_id}")


def _usual_currency(fields: CheckoutFields) -> str:
    """Return the currency in which invoices are paid where none is requested: the first one's own."""
    with current_services().database.read() as reader:
        chosen = list_chosen(reader, current_scope(), fields.invoice_ids, g.merchant.options)
    return chosen[0].currency if chosen else str(g.merchant.currency)


def _begin(choice: Choice, gateway: Gateway | None) -> str:
    services = current_services()
    return services.database.run(
        lambda session: begin_checkout(
            session,
            current_scope(),
            choice,
            gateway=gateway.name if gateway else None,
            expires_after=timedelta(hours=services.settings.payment_expires_hours),
            actor=current_actor(),
            device=device_class(request.user_agent.string) or None,
            charge_limits=gateway.capabilities.charge_limits if gateway else NO_LIMITS,
            at=now(),
        )
    )


def _look_up_payment(payment_id: str) -> None:
    """Look up a payment that holds an invoice before the customer sees that it does, as that payment's page does."""
    look_up_for_page(current_services(), current_scope().merchant_id, payment_id)


def _with_known_invoices(fields: CheckoutFields) -> CheckoutFields:
    return replace(fields, invoice_ids=[each for each in fields.invoice_ids if is_id("inv", each)])


def _named_invoices(texts: Sequence[str]) -> list[str]:
    ids = list(dict.fromkeys(texts))
    if not all(is_id("inv", invoice_id) for invoice_id in ids):
        raise NotFound
    return ids


@dataclass(frozen=True, slots=True)
class _Offer:
    """What can be paid, and with what, as read in one transaction. `faults` are what prevents the payment that the address requests;
    `holder` is a payment that does."""

    chosen: Sequence[Payable]
    payable: Sequence[Payable]
    methods: Sequence[MethodRecord]
    context: CheckoutContext
    faults: Mapping[str, str]
    holder: str | None


def show_choices(
    fields: CheckoutFields,
    *,
    faults: Mapping[str, str] = _NO_FAULTS,
    in_progress_payment_id: str | None = None,
    status: int = 200,
) -> Response:
    """The page of step one with what was chosen so far; `faults` by field. A payment that holds an
    invoice is looked up at the gateway first."""
    gateway = current_services().gateways.find(current_scope().merchant_id)
    offer = _read_offer(fields, gateway)
    if offer.holder is not None and not faults:
        _look_up_payment(offer.holder)
        offer = _read_offer(fields, gateway)
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    page = build_choose_page(
        fields,
        offer.chosen,
        offer.payable,
        offer.methods,
        offer.context,
        root=root(),
        today=today(),
        zone=ZoneInfo(g.merchant.timezone),
        faults=faults or offer.faults,
        in_progress_payment_id=in_progress_payment_id if faults else offer.holder,
    )
    return render_page("checkout/choose.html", page, status)


def _read_offer(fields: CheckoutFields, gateway: Gateway | None) -> _Offer:
    scope, options = current_scope(), g.merchant.options
    with current_services().database.read() as reader:
        payable = list_payable(reader, scope, options)
        chosen = _list_chosen(reader, scope, fields, payable)
        dues = [invoice.due for invoice in chosen]
        faults, holder = _find_faults(reader, scope, fields, chosen)
        currency = payment_currency(fields, dues) or g.merchant.currency
        able = (
            gateway.capabilities if gateway is not None and gateway.capabilities.accepts(currency) else Capabilities()
        )
        context = CheckoutContext(
            payee=g.merchant.legal_name,
            gateway_name=gateway.title if gateway else "",
            limits=able.charge_limits.get(currency, ANY_AMOUNT),
            is_gateway_slow=is_gateway_slow(scope.merchant_id, gateway.name if gateway else None),
            can_add=able.hosted_page,
            can_save=able.saved_methods,
            options=options,
            usual_currency=g.merchant.currency,
            credit=free_credit(reader, scope, currency),
            refused_amount=find_refused_amount(reader, scope, [due.invoice_id for due in dues], currency),
            channels=tuple(
                (channel.id, BRAND_NAMES.get(channel.brand, channel.brand))
                for channel in list_channels(gateway, currency)
            ),
            known_phone=get_contact(reader, scope).phone or "",
            page_types=able.page_types,
        )
        saved = list_own_methods(reader, scope) if able.saved_methods else []
        methods = [method for method in saved if method.status == "active"]
    return _Offer(chosen, payable, methods, context, faults, holder)


def _list_chosen(reader: Reader, scope: Scope, fields: CheckoutFields, payable: Sequence[Payable]) -> Sequence[Payable]:
    if fields.top_up:
        return []
    if not fields.invoice_ids:
        return _chosen_by_sum(payable)
    chosen = list_chosen(reader, scope, fields.invoice_ids, g.merchant.options)
    if fields.split_of is None:
        return chosen
    # An invoice that the first payment holds in full is not a part of the rest.
    return [invoice for invoice in chosen if invoice.due.left > 0] or chosen


def _find_faults(
    reader: Reader, scope: Scope, fields: CheckoutFields, chosen: Sequence[Payable]
) -> tuple[Mapping[str, str], str | None]:
    if fields.invoice_ids and not chosen and not fields.top_up:
        return {"invoice": "settled"}, None
    if chosen and not currencies_of([invoice.due for invoice in chosen]):
        return {"invoice": "currencies"}, None
    for invoice in chosen:
        holders = list_holders(reader, scope, invoice.id) if invoice.is_held else []
        if holders and (holders != [fields.split_of] or invoice.due.left <= 0):
            return {"invoice": "in_progress"}, holders[-1]
    return _NO_FAULTS, None


def _chosen_by_sum(payable: Sequence[Payable]) -> list[Payable]:
    """`overdue=USD` or `outstanding=USD`: every such invoice that is free to be paid."""
    free = [invoice for invoice in payable if not invoice.is_held]
    if currency := request.args.get("overdue"):
        return [invoice for invoice in free if invoice.currency == currency and invoice.due_on < today()]
    if currency := request.args.get("outstanding"):
        return [invoice for invoice in free if invoice.currency == currency]
    return []
