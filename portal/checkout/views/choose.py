"""Step one of the checkout: what is paid, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Response, g, request
from sqlalchemy.orm import Session

from portal.checkout.forms.choices import choice_from, fields_from
from portal.checkout.forms.fields import DEFAULT_METHOD, OTHER, CheckoutFields, posted_fields
from portal.checkout.page_builders.choose import MAX_CHANGEABLE, CheckoutContext, build_choose_page, page_currency
from portal.checkout.queries import (
    Payable,
    exists_for_all,
    list_chosen,
    list_invoices_of,
    list_payable,
)
from portal.checkout.rules import list_channels
from portal.checkout.views.order_numbers import (
    keep_order_number,
    needs_order_number,
    read_order_number,
    required_order_number,
)
from portal.credit.queries import free_credit
from portal.customer_pages.context import (
    can_use_methods,
    current_actor,
    current_scope,
    current_services,
    now,
    redirect_to,
    root,
    today,
)
from portal.customers.queries.customers import get_contact
from portal.database import Reader
from portal.errors import NotFound
from portal.gateways.contract import ANY_AMOUNT, NO_LIMITS, Capabilities, Gateway
from portal.payment_methods.pages import BRAND_NAMES
from portal.payment_methods.queries.own_methods import MethodRecord, list_own_methods
from portal.payment_methods.rules import UNUSABLE, method_state
from portal.payments.errors import (
    CheckoutFault,
    InvoiceBeingPaid,
    MethodUnknown,
    NoGateway,
)
from portal.payments.operations.checkouts import begin_checkout, find_refused_amount
from portal.payments.operations.paying import look_up_for_page
from portal.payments.page_builders.addresses import checkout_url
from portal.payments.queries.holders import list_holders
from portal.payments.queries.payment_page import PaymentDetail, read_payment_page
from portal.payments.queries.payments import get_payment
from portal.payments.rules.amounts import currencies_of
from portal.payments.rules.choices import Choice, SavedMethod, read_choice
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.rendering.typed_amounts import format_amount
from portal.tenancy import Scope
from portal.web.card_numbers import card_number_shown_by, pasted_fields
from portal.web.devices import device_class
from portal.web.policies import signed_in
from portal.web.render import render_page
from portal.web.runtime import is_gateway_slow

_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_UNPROCESSABLE, _CONFLICT = 422, 409


@signed_in(to=Right.PAY, by_notice=True)
def choose() -> Response:
    """Step one: what is paid, and with what. `invoice` once for each, or `overdue=USD`, `outstanding=USD`, `payment=pay_…`;
    `top_up=USD` for a top-up, `split=pay_…` for the rest of a payment; `currency` where several are possible, `amount=other` to choose
    how much. A `payment` that is not confirmed yet opens the choice as it was made. Without any, all that can be paid is chosen."""
    scope = current_scope()
    fields = CheckoutFields(
        currency=request.args.get("currency"),
        top_up=request.args.get("top_up"),
        split_of=request.args.get("split"),
        overdue=request.args.get("overdue"),
        outstanding=request.args.get("outstanding"),
        amount_choice=OTHER if request.args.get("amount") == OTHER else "",
    )
    stopped_amount = 0
    with current_services().database.read() as reader:
        ids = _named_invoices(request.args.getlist("invoice"))
        earlier = request.args.get("payment")
        if not ids and earlier:
            fields, stopped_amount = _fields_of_payment(reader, scope, fields, earlier)
        elif not ids and fields.split_of:
            fields = replace(fields, invoice_ids=list_invoices_of(reader, scope, fields.split_of))
        if ids and not exists_for_all(reader, scope, ids):
            raise NotFound
    if fields.top_up and fields.top_up not in g.merchant.options.top_ups:
        raise NotFound
    return show_choices(replace(fields, invoice_ids=ids) if ids else fields, stopped_amount=stopped_amount)


def _refuse_card_number() -> Response:
    fields = _with_known_invoices(_with_sum(posted_fields()))
    return show_choices(fields, faults=dict.fromkeys(pasted_fields(), "card_number"), status=_UNPROCESSABLE)


@signed_in(to=Right.PAY, by_notice=True)
@card_number_shown_by(_refuse_card_number, fields=("amount", "first_amount", "phone", "purchase_order"))
def begin() -> Response:
    """Create the checkout and redirect to the review; a choice that is refused is shown again, as it was made. A form that names the
    default method, where that cannot be charged or several invoices are not all overdue, leads to the choice."""
    gateway = current_services().gateways.find(g.merchant.id)
    fields = _with_sum(posted_fields())
    if fields.payment_method == DEFAULT_METHOD:
        method_id = _find_default(fields, gateway)
        if method_id is None or needs_order_number(fields) or not (fields.overdue or len(fields.invoice_ids) == 1):
            return redirect_to(_choice_path(fields))
        fields = replace(fields, payment_method=method_id)
    try:
        choice = choice_from(fields, gateway, usual_currency=_usual_currency(fields), locale=g.shell.locale)
        try:
            payment_id = begin_choice(choice, gateway, order_number=read_order_number(fields))
        except InvoiceBeingPaid as refusal:
            if refusal.payment_id is None:
                raise
            _look_up_payment(refusal.payment_id)
            payment_id = begin_choice(choice, gateway, order_number=read_order_number(fields))
    except NoGateway:
        return show_choices(_with_known_invoices(fields), status=_CONFLICT)
    except CheckoutFault as fault:
        return show_choices(_with_known_invoices(fields), faults={fault.field: fault.code}, status=_UNPROCESSABLE)
    return redirect_to(f"/checkout/{payment_id}")


def _fields_of_payment(
    reader: Reader, scope: Scope, fields: CheckoutFields, payment_id: str
) -> tuple[CheckoutFields, int]:
    """Return the fields that pay what an earlier payment was to pay, and its amount where it was stopped: one that is not confirmed as it
    was chosen, any other anew. Raises NotFound."""
    payment = get_payment(reader, scope, payment_id)
    ids = [] if payment.kind == "top_up" else list_invoices_of(reader, scope, payment_id)
    choice = read_choice(payment, ids) if payment.status == "incomplete" else None
    if choice is not None:
        return fields_from(choice, format_amount(payment.amount, currency=payment.currency, locale=g.shell.locale)), 0
    stopped_amount = payment.amount if payment.status == "canceled" and payment.confirmed_at else 0
    if payment.kind == "top_up":
        return replace(fields, top_up=payment.currency), stopped_amount
    return replace(fields, invoice_ids=ids), stopped_amount


def _with_sum(fields: CheckoutFields) -> CheckoutFields:
    """Return the fields with the invoices of a sum, all overdue or outstanding ones of a currency, where they name none."""
    if fields.invoice_ids or not (fields.overdue or fields.outstanding):
        return fields
    with current_services().database.read() as reader:
        payable = list_payable(reader, current_scope(), g.merchant.options)
    return replace(fields, invoice_ids=[invoice.id for invoice in _chosen_by_sum(fields, payable)])


def _find_default(fields: CheckoutFields, gateway: Gateway | None) -> str | None:
    """Return the customer's default method if it can be charged for these invoices, by who is signed in."""
    currency = _usual_currency(fields)
    if (
        not can_use_methods()
        or gateway is None
        or not gateway.capabilities.saved_methods
        or not gateway.capabilities.accepts(currency)
    ):
        return None
    with current_services().database.read() as reader:
        methods = list_own_methods(reader, current_scope())
    default = next((method for method in methods if method.is_default), None)
    return default.id if default is not None and method_state(default, today()) not in UNUSABLE else None


def _choice_path(fields: CheckoutFields) -> str:
    if fields.overdue or fields.outstanding:
        name, currency = ("overdue", fields.overdue) if fields.overdue else ("outstanding", fields.outstanding)
        return f"/checkout?{name}={quote(currency or '')}"
    return checkout_url("", [each for each in fields.invoice_ids if is_id("inv", each)][:MAX_CHANGEABLE])


def _usual_currency(fields: CheckoutFields) -> str:
    """Return the currency in which invoices are paid where none is requested: the first one's own."""
    with current_services().database.read() as reader:
        chosen = list_chosen(reader, current_scope(), fields.invoice_ids, g.merchant.options)
    return chosen[0].currency if chosen else str(g.merchant.currency)


def begin_choice(choice: Choice, gateway: Gateway | None, *, order_number: str = "") -> str:
    """Create the unconfirmed payment of a choice, and return its id; an `order_number` becomes the customer's. Raises what `begin_checkout`
    raises, OrderNumberUnreadable, and MethodUnknown for a saved method where who is signed in may use none."""
    if isinstance(choice.way, SavedMethod) and not can_use_methods():
        raise MethodUnknown
    services, scope = current_services(), current_scope()

    def begin(session: Session) -> str:
        payment_id = begin_checkout(
            session,
            scope,
            choice,
            gateway=gateway.name if gateway else None,
            expires_after=timedelta(hours=services.settings.payment_expires_hours),
            actor=current_actor(),
            device=device_class(request.user_agent.string) or None,
            charge_limits=gateway.capabilities.charge_limits if gateway else NO_LIMITS,
            at=now(),
        )
        if order_number:  # After the invoices: a customer is locked after what it owes, as everywhere.
            keep_order_number(session, scope, order_number)
        return payment_id

    return services.database.run(begin)


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
    """What can be paid, and with what, as read in one transaction. `faults` are what prevents the payment that the address requests, or
    a part of it; `holder` is a payment that does."""

    chosen: Sequence[Payable]
    payable: Sequence[Payable]
    methods: Sequence[MethodRecord]
    context: CheckoutContext
    faults: Mapping[str, str]
    holder: str | None


def show_choices(
    fields: CheckoutFields, *, faults: Mapping[str, str] = _NO_FAULTS, stopped_amount: int = 0, status: int = 200
) -> Response:
    """The page of step one with what was chosen so far; `faults` by field. A payment that holds an
    invoice is looked up at the gateway first."""
    gateway = current_services().gateways.find(current_scope().merchant_id)
    offer = _read_offer(fields, gateway, is_first=not faults)
    if offer.holder is not None and not faults:
        _look_up_payment(offer.holder)
        offer = _read_offer(fields, gateway, is_first=True)
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    page = build_choose_page(
        fields,
        offer.chosen,
        offer.payable,
        offer.methods,
        offer.context,
        root=root(),
        today=today(),
        now=now(),
        zone=ZoneInfo(g.merchant.timezone),
        locale=g.shell.locale,
        # What is said of invoices is what is so now.
        faults={**faults, **offer.faults} if faults.get("invoice") in (None, "missing", "too_much") else offer.faults,
        held_by=_read_holder(offer.holder),
        stopped_amount=stopped_amount,
    )
    return render_page("checkout/choose.html", page, status)


def _read_holder(payment_id: str | None) -> PaymentDetail | None:
    if payment_id is None:
        return None
    with current_services().database.read() as reader:
        return read_payment_page(reader, current_scope(), payment_id)


def _read_offer(fields: CheckoutFields, gateway: Gateway | None, *, is_first: bool) -> _Offer:
    """`is_first`: nothing was posted yet, so that a page without any choice proposes all that can be paid."""
    scope, options = current_scope(), g.merchant.options
    with current_services().database.read() as reader:
        payable = list_payable(reader, scope, options)
        chosen, faults, holder = _list_chosen(reader, scope, fields, payable, is_first=is_first)
        dues = [invoice.due for invoice in chosen]
        currency = page_currency(fields, dues, payable) or g.merchant.currency
        able = (
            gateway.capabilities if gateway is not None and gateway.capabilities.accepts(currency) else Capabilities()
        )
        contact, order_number = get_contact(reader, scope), required_order_number()
        context = CheckoutContext(
            payee=g.merchant.legal_name,
            gateway_name=gateway.title if gateway else "",
            limits=able.charge_limits.get(currency, ANY_AMOUNT),
            is_gateway_slow=is_gateway_slow(scope.merchant_id, gateway.name if gateway else None),
            can_add=able.hosted_page,
            can_save=able.saved_methods and g.merchant.settings.pages.payment_methods == "edit" and can_use_methods(),
            options=options,
            usual_currency=g.merchant.currency,
            credit=free_credit(reader, scope, currency),
            refused_amount=find_refused_amount(reader, scope, [due.invoice_id for due in dues], currency),
            channels=tuple(
                (channel.id, BRAND_NAMES.get(channel.brand, channel.brand))
                for channel in list_channels(gateway, currency)
            ),
            known_phone=(contact.phone or "") if can_use_methods() else "",
            order_number_label=None
            if order_number is None or contact.purchase_order
            else order_number.label_in(g.shell.locale) or "",
            page_types=able.page_types,
        )
        saved = list_own_methods(reader, scope) if able.saved_methods and can_use_methods() else []
        methods = [method for method in saved if method.status == "active"]
    return _Offer(chosen, payable, methods, context, faults, holder)


def _list_chosen(
    reader: Reader, scope: Scope, fields: CheckoutFields, payable: Sequence[Payable], *, is_first: bool
) -> tuple[Sequence[Payable], Mapping[str, str], str | None]:
    """Return the invoices that can be paid of those that the fields name, why the others cannot, and a payment that holds one of them."""
    if fields.top_up:
        return [], _NO_FAULTS, None
    if not fields.invoice_ids:
        chosen = _chosen_by_sum(fields, payable) if is_first else []
        held = next((invoice for invoice in payable if invoice.is_held), None) if is_first and not chosen else None
        if held is None:
            return chosen, _NO_FAULTS, None
        return [], {"invoice": "in_progress"}, next(iter(list_holders(reader, scope, held.id)), None)
    found = list_chosen(reader, scope, fields.invoice_ids, g.merchant.options)
    holders = {
        invoice.id: list_holders(reader, scope, invoice.id)
        for invoice in found
        if _is_held(reader, scope, fields, invoice)
    }
    free = [invoice for invoice in found if invoice.id not in holders]
    if fields.split_of and free:
        # An invoice that the first payment holds in full is not a part of the rest.
        return free, _NO_FAULTS, None
    if holders:
        held_by = next((each[-1] for each in holders.values() if each), None)
        return free, {"invoice": "in_progress"}, held_by
    if len(found) < len(set(fields.invoice_ids)):
        return free, {"invoice": "settled"}, None
    if free and not currencies_of([invoice.due for invoice in free]):
        return free, {"invoice": "currencies"}, None
    return free, _NO_FAULTS, None


def _is_held(reader: Reader, scope: Scope, fields: CheckoutFields, invoice: Payable) -> bool:
    """Whether a payment holds an invoice, or a part of it: the first payment of a split leaves the rest to the second."""
    if not invoice.is_held:
        return False
    return invoice.due.left <= 0 or list_holders(reader, scope, invoice.id) != [fields.split_of]


def _chosen_by_sum(fields: CheckoutFields, payable: Sequence[Payable]) -> list[Payable]:
    """Return every overdue or outstanding invoice of a currency that is free to be paid; without either, those of the currency that is
    due first."""
    free = [invoice for invoice in payable if not invoice.is_held]
    if fields.overdue:
        return [invoice for invoice in free if invoice.currency == fields.overdue and invoice.due_on < today()]
    currency = fields.outstanding or (free[0].currency if free else None)
    return [invoice for invoice in free if invoice.currency == currency]
