"""The checkout's addresses, and its second step: review and pay; and cancelling it. Step one is `choose`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import NoResultFound

from portal.checkout.forms.choices import fields_from
from portal.checkout.page_builders.review import (
    back_path,
    build_review_page,
    ended_by,
    find_choice_fault,
    next_minute,
    refused_state,
    review_state,
)
from portal.checkout.queries import Checkout, get_checkout
from portal.checkout.views.choose import begin, begin_choice, choose, show_choices
from portal.customer_pages.context import (
    can_use_methods,
    current_actor,
    current_scope,
    current_services,
    local,
    now,
    reading,
    redirect_to,
    root,
    today,
)
from portal.database import Reader
from portal.errors import FreshCodeNeeded, NotFound
from portal.gateways.contract import NO_LIMITS
from portal.invoices.queries.invoice_list import sum_owed
from portal.notice_kinds import RECEIPT
from portal.notices.queries import is_wanted
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.page_builders import build_method_label
from portal.payment_methods.queries.own_methods import list_own_methods
from portal.payment_methods.views.consent_texts import checkout_consent_text, current_consent
from portal.payments.errors import (
    AmountChanged,
    CheckoutEnded,
    CheckoutFault,
    InvoiceBeingPaid,
    InvoiceSettled,
    NoGateway,
    TooManyAttempts,
)
from portal.payments.operations.paying import cancel_payment, confirm_payment
from portal.payments.queries.holders import list_holders
from portal.payments.queries.payments import find_settling_payment
from portal.payments.queries.without_code import sum_without_code
from portal.payments.rules.statuses import ENDED_WITHOUT_MONEY, UNSETTLED
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.rendering.typed_amounts import format_amount
from portal.services import Services
from portal.sign_in.views.confirming import code_held_until, code_page, needs_code
from portal.tenancy import Scope
from portal.web.policies import signed_in
from portal.web.render import render_page
from portal.web.runtime import is_gateway_slow

_UNPROCESSABLE, _CONFLICT = 422, 409


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the checkout."""
    blueprint.add_url_rule("/checkout", "checkout", choose)
    blueprint.add_url_rule("/checkout", "begin_checkout", begin, methods=["POST"])
    blueprint.add_url_rule("/checkout/<payment_id>", "review", review)
    blueprint.add_url_rule("/checkout/<payment_id>/confirmation", "confirm", confirm, methods=["POST"])
    blueprint.add_url_rule("/checkout/<payment_id>/cancellation", "cancel", cancel, methods=["POST"])


@signed_in(to=Right.PAY, by_notice=True)
def review(payment_id: str) -> Response:
    """Step two: payee, what is paid, amount, method, and Pay. A confirmed checkout redirects to its payment."""
    return _review_page(payment_id)


@signed_in(to=Right.PAY, by_notice=True)
def confirm(payment_id: str) -> Response:
    """Pay; however often it is pressed, once."""
    services = current_services()
    if not is_id("pay", payment_id):
        raise NotFound
    if not can_use_methods() and _is_with_saved_method(payment_id):
        return _review_page(payment_id, status=_UNPROCESSABLE)
    try:
        confirm_payment(
            services,
            current_scope(),
            payment_id,
            actor=current_actor(),
            version=request.form.get("version", "")[:64],
            return_url=f"{services.settings.base_url}{root()}/payments/{payment_id}",
            locale=g.shell.locale,
            consent=_consent(services) if can_use_methods() else None,
            has_fresh_code=not needs_code(),
            covered_until=code_held_until(),
        )
    except NoResultFound:
        raise NotFound from None
    except TooManyAttempts as refusal:
        return _too_many_page(payment_id, refusal)
    except FreshCodeNeeded:
        return redirect_to(code_page(f"/checkout/{payment_id}"))
    except AmountChanged:
        return _review_page(payment_id, has_changed=True, status=_UNPROCESSABLE)
    except (CheckoutEnded, InvoiceBeingPaid, InvoiceSettled, NoGateway) as refusal:
        return _review_page(payment_id, status=refusal.status if refusal.status == _CONFLICT else _UNPROCESSABLE)
    except CheckoutFault as fault:
        with services.database.read() as reader:
            checkout = get_checkout(reader, current_scope(), payment_id, g.merchant.options)
        return _choose_again(checkout, {fault.field: fault.code}, status=_UNPROCESSABLE)
    return redirect_to(f"/payments/{payment_id}")


@signed_in(to=Right.PAY, by_notice=True)
def cancel(payment_id: str) -> Response:
    """Cancel. A payment that was stopped leads to the other ways to pay, or with `again` to the same one once more; one that came through
    meanwhile is shown as what it is."""
    if not is_id("pay", payment_id):
        raise NotFound
    scope = current_scope()
    with current_services().database.read() as reader:
        checkout = get_checkout(reader, scope, payment_id, g.merchant.options)
    status = cancel_payment(current_services(), scope, payment_id, actor=current_actor())
    if checkout.confirmed_at is None:
        return redirect_to(back_path(checkout))
    if status not in ENDED_WITHOUT_MONEY:
        # It came through meanwhile, the gateway could not stop it, or has not answered yet: its page says what is so.
        return redirect_to(f"/payments/{payment_id}" + ("?stop=requested" if status in UNSETTLED else ""))
    return _begin_again(checkout) if request.form.get("again") else redirect_to(f"/checkout?payment={payment_id}")


def _is_with_saved_method(payment_id: str) -> bool:
    """Return whether an unconfirmed checkout, which may be of another session, would charge a saved method."""
    with current_services().database.read() as reader:
        checkout = get_checkout(reader, current_scope(), payment_id, g.merchant.options)
    return checkout.confirmed_at is None and checkout.method_id is not None


def _begin_again(checkout: Checkout) -> Response:
    """Lead to the review of the same choice anew, for a request that its telephone did not answer; else to the other ways."""
    gateway = current_services().gateways.find(g.merchant.id)
    try:
        payment_id = begin_choice(checkout.choice, gateway)
    except (CheckoutFault, NoGateway):
        return redirect_to(f"/checkout?payment={checkout.id}")
    return redirect_to(f"/checkout/{payment_id}")


def _consent(services: Services) -> Consent:
    """Return the consent to save the new method, which is recorded if the customer ticked the box."""
    gateway = services.gateways.find(g.merchant.id)
    return current_consent(checkout_consent_text(g.shell.locale, gateway=gateway.title if gateway else ""))


def _review_page(
    payment_id: str, *, has_changed: bool = False, refused: TooManyAttempts | None = None, status: int = 200
) -> Response:
    services, scope = current_services(), current_scope()
    gateway = services.gateways.find(scope.merchant_id)
    with services.database.read() as reader:
        limits = gateway.capabilities.charge_limits if gateway is not None else NO_LIMITS
        checkout = get_checkout(reader, scope, payment_id, g.merchant.options, limits)
        if checkout.confirmed_at is not None:
            return redirect_to(f"/payments/{payment_id}")
        methods = {method.id: method for method in list_own_methods(reader, scope)} if can_use_methods() else {}
        other_payment_id = _find_other_payment(reader, scope, checkout)
        owed, _ = sum_owed(reader, scope, today())
        gets_receipt = is_wanted(reader, g.merchant, scope.customer_id, RECEIPT)
    end = ended_by(checkout, gateway.name if gateway else None, at=now())
    state = review_state(checkout, ended_by=end, has_changed=has_changed)
    if not end and state in ("ready", "changed", "expired"):
        faults = find_choice_fault(checkout, methods)
        if faults:
            return _choose_again(checkout, faults, status=status)
    if state in ("ready", "changed") and _is_code_asked_for(checkout):
        return redirect_to(code_page(f"/checkout/{payment_id}"))
    if refused is not None:
        state = refused_state(refused)
    method = methods.get(checkout.method_id or "")
    g.form_action_origins = gateway.form_action_origins if gateway else ()
    page = build_review_page(
        checkout,
        state=state,
        ended_by=end,
        method=build_method_label(method) if method else None,
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway else "",
        root=root(),
        other_payment_id=other_payment_id,
        until=next_minute(local(now() + timedelta(seconds=refused.seconds))) if refused is not None else None,
        receipt_to=g.signed_in.email if gets_receipt else None,
        owed=sum(each.amount for each in owed if each.currency == checkout.currency),
        is_gateway_slow=is_gateway_slow(scope.merchant_id, checkout.gateway),
    )
    return render_page("checkout/review.html", page, status)


def _is_code_asked_for(checkout: Checkout) -> bool:
    """Return whether a fresh code comes before the review, so that Pay pays; `confirm` refuses without one, whatever came between."""
    options, currency = g.merchant.options, checkout.currency
    if checkout.method_id is None or currency not in options.fresh_code_above or not needs_code():
        return False
    with reading() as reader:
        paid = sum_without_code(
            reader, current_scope(), currency, covered_until=code_held_until(),
            expires_hours=current_services().settings.payment_expires_hours, now=now(),
        )  # fmt: skip
    return bool(options.asks_for_code(paid + checkout.chosen.charge, currency))


def _too_many_page(payment_id: str, refusal: TooManyAttempts) -> Response:
    response = _review_page(payment_id, refused=refusal, status=refusal.status)
    response.headers["Retry-After"] = str(refusal.seconds)
    return response


def _choose_again(checkout: Checkout, faults: Mapping[str, str], *, status: int) -> Response:
    """Show step one with the choice of a checkout, and with what of it cannot be paid."""
    amount = format_amount(checkout.amount, currency=checkout.currency, locale=g.shell.locale)
    return show_choices(fields_from(checkout.choice, amount), faults=faults, status=status)


def _find_other_payment(reader: Reader, scope: Scope, checkout: Checkout) -> str | None:
    """Return the payment that is paying what this checkout would pay, or has paid it."""
    held = next((share for share in checkout.shares if share.is_held), None)
    if held is not None:
        return next((id for id in list_holders(reader, scope, held.invoice_id) if id != checkout.split_of), None)
    if checkout.is_settled:
        return find_settling_payment(reader, scope, [share.invoice_id for share in checkout.shares])
    return None
