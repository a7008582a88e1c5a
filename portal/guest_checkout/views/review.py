"""The review below a pay link: pay, or cancel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from flask import Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.checkout.forms.choices import fields_from
from portal.checkout.page_builders.review import (
    build_review_page,
    ended_by,
    find_choice_fault,
    next_minute,
    refused_state,
    review_state,
)
from portal.checkout.queries import Checkout, get_checkout
from portal.customer_pages.context import (
    current_services,
    local,
    now,
    pay_link_reader,
    root,
)
from portal.customers.queries.customers import get_contact
from portal.database import Reader
from portal.errors import NotFound
from portal.gateways.contract import NO_LIMITS, Gateway
from portal.guest_checkout.page_builders import build_pay_link_review
from portal.guest_checkout.views.invoice import show_invoice
from portal.guest_checkout.views.links import current_link, redirect_below
from portal.pay_links.queries import PayLinkState
from portal.pay_links.rules import LINK_PLACE
from portal.payments.errors import (
    AmountChanged,
    CheckoutEnded,
    CheckoutFault,
    InvoiceBeingPaid,
    InvoiceSettled,
    NoGateway,
    TooManyAttempts,
)
from portal.payments.operations.by_link import cancel_by_link, confirm_by_link, get_by_link
from portal.payments.queries.holders import list_holders
from portal.payments.queries.payments import find_payment, find_settling_payment
from portal.payments.rules.statuses import ENDED_WITHOUT_MONEY, UNSETTLED
from portal.rendering.typed_amounts import format_amount
from portal.web.policies import pay_link
from portal.web.render import render_page
from portal.web.runtime import is_gateway_slow

_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_UNPROCESSABLE, _CONFLICT = 422, 409


@pay_link
def review(token: str, payment_id: str) -> Response:
    """Payee, invoice, amount, method, and Pay. A confirmed checkout redirects to its payment."""
    return _review_page(payment_id)


@pay_link
def confirm(token: str, payment_id: str) -> Response:
    """Pay; however often it is pressed, once."""
    services = current_services()
    try:
        confirm_by_link(
            services,
            current_link(),
            payment_id,
            actor=pay_link_reader(),
            version=request.form.get("version", "")[:64],
            page_url=f"{services.settings.base_url}{root()}/pay/{LINK_PLACE}/payments/{payment_id}",
            locale=g.shell.locale,
        )
    except NoResultFound:
        raise NotFound from None
    except TooManyAttempts as refusal:
        response = _review_page(payment_id, refused=refusal, status=refusal.status)
        response.headers["Retry-After"] = str(refusal.seconds)
        return response
    except AmountChanged:
        return _review_page(payment_id, has_changed=True, status=_UNPROCESSABLE)
    except (CheckoutEnded, InvoiceBeingPaid, InvoiceSettled, NoGateway) as refusal:
        return _review_page(payment_id, status=refusal.status if refusal.status == _CONFLICT else _UNPROCESSABLE)
    except CheckoutFault as fault:
        return _choose_again(payment_id, {fault.field: fault.code}, status=_UNPROCESSABLE)
    return redirect_below(f"/payments/{payment_id}")


@pay_link
def cancel(token: str, payment_id: str) -> Response:
    """Cancel; what has ended leads to the invoice, what may still come through to its own page."""
    status = cancel_by_link(current_services(), current_link(), payment_id, actor=pay_link_reader())
    if status in ENDED_WITHOUT_MONEY:
        return redirect_below()
    return redirect_below(f"/payments/{payment_id}" + ("?stop=requested" if status in UNSETTLED else ""))


def _review_page(
    payment_id: str, *, has_changed: bool = False, refused: TooManyAttempts | None = None, status: int = 200
) -> Response:
    services, link = current_services(), current_link()
    gateway = services.gateways.find(link.merchant_id)
    with services.database.read() as reader:
        checkout = _get_checkout(reader, link, payment_id, gateway)
        if checkout.confirmed_at is not None:
            return redirect_below(f"/payments/{payment_id}")
        other_id, is_ours = _find_other_payment(reader, link, checkout)
        has_mail = bool(get_contact(reader, link.scope).email)
    end = ended_by(checkout, gateway.name if gateway else None, at=now())
    state = review_state(checkout, ended_by=end, has_changed=has_changed)
    faults = find_choice_fault(checkout, ()) if not end and state in ("ready", "changed", "expired") else {}
    if faults:
        return _choose_again(payment_id, faults, status=status)
    if refused is not None:
        state = refused_state(refused)
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    page = build_review_page(
        checkout,
        state=state,
        ended_by=end,
        method=None,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway else "",
        root=g.pay_path,
        other_payment_id=other_id,
        until=next_minute(local(now() + timedelta(seconds=refused.seconds))) if refused is not None else None,
        is_gateway_slow=is_gateway_slow(link.merchant_id, checkout.gateway),
    )
    shown = build_pay_link_review(page, path=g.pay_path, is_ours=is_ours, has_mail=has_mail)
    return render_page("pay_links/review.html", shown, status)


def _get_checkout(reader: Reader, link: PayLinkState, payment_id: str, gateway: Gateway | None) -> Checkout:
    """Raises NotFound for a payment that was not begun by this link."""
    get_by_link(reader, link, payment_id)
    limits = gateway.capabilities.charge_limits if gateway is not None else NO_LIMITS
    return get_checkout(reader, link.scope, payment_id, g.merchant.options, limits)


def _choose_again(payment_id: str, faults: Mapping[str, str], *, status: int) -> Response:
    with current_services().database.read() as reader:
        checkout = _get_checkout(reader, current_link(), payment_id, current_services().gateways.find(g.merchant.id))
    amount = format_amount(checkout.amount, currency=checkout.currency, locale=g.shell.locale)
    return show_invoice(fields_from(checkout.choice, amount), faults=faults, status=status)


def _find_other_payment(reader: Reader, link: PayLinkState, checkout: Checkout) -> tuple[str | None, bool]:
    """Return the payment that holds the invoice, or has paid it, and whether it was made by this link."""
    found = None
    if checkout.is_being_paid:
        found = next(iter(list_holders(reader, link.scope, link.invoice_id)), None)
    elif checkout.is_settled:
        found = find_settling_payment(reader, link.scope, [link.invoice_id])
    other = find_payment(reader, link.scope, found) if found else None
    return found, other is not None and other.pay_link_id == link.id
