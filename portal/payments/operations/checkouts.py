"""Checkouts: payments before their confirmation, from the choice of invoices and a method until they are superseded or ended.

An unconfirmed payment reserves nothing and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.credit.queries import free_credit
from portal.database import Id, Reader, table_of
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.gateways.contract import ANY_AMOUNT, NO_LIMITS, ChargeLimits
from portal.invoices.queries.payable import PayableInvoice, list_chosen
from portal.invoices.rules import MAX_INVOICES_PER_PAYMENT, OUTSTANDING
from portal.merchants.queries import get_merchant
from portal.merchants.rules.payment_options import PaymentOptions
from portal.money import MAX_AMOUNT
from portal.payment_methods.queries.at_gateways import find_chargeable
from portal.payment_methods.queries.methods import StoredMethod
from portal.payment_methods.rules import UNUSABLE, method_state, shown_brand
from portal.payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    AmountUnchargeable,
    CurrenciesMixed,
    InvoiceBeingPaid,
    InvoiceSettled,
    MethodExpired,
    MethodMissing,
    MethodUnknown,
    NoGateway,
    NoInvoiceChosen,
    SplitNotAllowed,
    TooMuchTogether,
    TopUpNotAllowed,
)
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.locks import lock_invoices, lock_payment
from portal.payments.operations.status import become, record_status
from portal.payments.queries.holders import list_holders
from portal.payments.queries.shares import due_of
from portal.payments.rules import statuses
from portal.payments.rules.amounts import Due, Pricing, check_amount, currencies_of, price_choice
from portal.payments.rules.choices import (
    Amount,
    Choice,
    CreditAlone,
    Exact,
    FirstPart,
    Invoices,
    NewMethod,
    Preset,
    Prompt,
    SavedMethod,
    TopUp,
    Way,
    stored_choice,
)
from portal.payments.rules.statuses import PaymentStatus
from portal.public_ids import is_id, new_id
from portal.tenancy import Scope, parameters_of


def begin_checkout(
    session: Session,
    scope: Scope,
    choice: Choice,
    *,
    gateway: str | None,
    expires_after: timedelta,
    actor: Actor,
    device: str | None = None,
    charge_limits: Mapping[str, ChargeLimits] = NO_LIMITS,
    pay_link_id: str | None = None,
    at: datetime,
) -> str:
    """Create an unconfirmed payment of what was chosen, and return its id; nothing is reserved.

    `gateway` is the merchant's; None where there is none, and credit has to pay all. Where credit pays all, the way is credit
    alone, whatever method was chosen. `charge_limits` are the gateway's, by currency. `pay_link_id` is the pay link by which somebody pays
    without signing in: `by_link` makes such choices. Supersedes older unconfirmed payments of the same invoices, of the customer or by
    the same link. Raises NoGateway, or a CheckoutFault, which names the field, and changes nothing then.
    """
    merchant = get_merchant(session, scope.merchant_id)
    options = merchant.options
    wanted: list[str] = []
    dues: list[Due] = []
    named = ("", "", 0)
    match choice.what:
        case TopUp(currency):
            pricing = _price_top_up(currency, choice.amount, options, charge_limits.get(currency, ANY_AMOUNT))
        case what:
            # First, since it waits for a confirmation in progress: the invoices are then read as that one left them.
            wanted = list(dict.fromkeys(what.ids))[:MAX_INVOICES_PER_PAYMENT]
            lock_invoices(session, scope, wanted)
            supersede(session, scope, wanted, except_payment_id=None, pay_link_id=pay_link_id, actor=actor, at=at)
            dues, titles = _get_payable(session, scope, wanted, what.split_of, options)
            pricing = _price(session, scope, choice, what, dues, options, charge_limits, pay_link_id)
            paid_titles = [titles[part.invoice_id] for part in pricing.parts]
            named = (*paid_titles[0], len(paid_titles) - 1)
    if pricing.charge and gateway is None:
        raise NoGateway
    chosen = choice if pricing.charge else replace(choice, way=CreditAlone())
    method = _get_method(session, scope, chosen.way, gateway, merchant.day_of(at)) if pricing.charge else None
    description, note, more_count = named
    reached = {part.invoice_id for part in pricing.parts}
    payment = Payment(
        merchant_id=scope.merchant_id,
        id=new_id("pay", at),
        customer_id=scope.customer_id,
        status="incomplete",
        currency=pricing.currency,
        amount=pricing.total,
        credit_amount=pricing.credit,
        description=description,
        note=note,
        more_count=more_count,
        gateway=gateway if pricing.charge else None,
        pay_link_id=pay_link_id,
        listed=pay_link_id is None,
        created_at=at,
        updated_at=at,
        opened_at=at,
        expires_at=at + expires_after,
        **stored_choice(chosen, unreached_ids=[invoice_id for invoice_id in wanted if invoice_id not in reached]),
        **_shown_method(method, pricing),
    )
    session.add(payment)
    session.flush()
    own = {due.invoice_id: due.currency for due in dues}
    shares = [
        {
            "merchant_id": scope.merchant_id,
            "payment_id": payment.id,
            "invoice_id": part.invoice_id,
            "slot": 2 if payment.split_of else 1,
            "state": "proposed",
            "amount": part.share,
            "price": None if own[part.invoice_id] == pricing.currency else part.price,
            "invoice_version": part.version,
        }
        for part in pricing.parts
    ]
    if shares:
        session.execute(_INSERT_SHARES, shares)
    record_status(session, payment, actor=actor, at=at, previous={})
    _record_opened(session, payment, actor=actor, device=device, at=at)
    return payment.id


def end_checkout(
    session: Session, payment: Payment, status: str, *, actor: Actor, at: datetime, **details: str
) -> None:
    """End an unconfirmed payment: cancelled or superseded ones leave the history, expired ones stay in it."""
    assert payment.status == PaymentStatus.INCOMPLETE, "only an unconfirmed payment ends like this"
    session.execute(_RELEASE_SHARES, {"of_merchant": payment.merchant_id, "of_payment": payment.id})
    payment.listed = payment.listed and status != PaymentStatus.CANCELED
    payment.completed_at = at
    become(session, payment, status, actor=actor, at=at, **details)


def supersede(
    session: Session,
    scope: Scope,
    invoice_ids: Sequence[str],
    *,
    except_payment_id: str | None,
    pay_link_id: str | None,
    actor: Actor,
    at: datetime,
) -> None:
    """End the other unconfirmed payments of these invoices: the newest checkout is the one that counts. Those of the customer and those by
    a pay link leave each other alone, so that a stranger with the link takes no checkout away from the customer.

    Each is read under its lock: one that is being confirmed at this moment is waited for, and then left as it is.
    """
    parameters = {**parameters_of(scope), "invoice_ids": invoice_ids, "pay_link_id": pay_link_id}
    for other_id in session.execute(_LOCK_UNCONFIRMED, parameters).scalars().unique().all():
        if other_id != except_payment_id:
            other = lock_payment(session, scope.merchant_id, other_id)
            end_checkout(session, other, PaymentStatus.CANCELED, actor=actor, at=at, reason="superseded")
            _record_checkout(session, other, EventType.CHECKOUT_SUPERSEDED, actor=actor, at=at)


def _record_opened(session: Session, payment: Payment, *, actor: Actor, device: str | None, at: datetime) -> None:
    """Record for conversion reports that a checkout was opened, with which method, on which class of device ("phone", "tablet", "desktop")."""
    # A new method has no type before it is entered at the gateway, but a way.
    details = {"method_type": payment.method_type, "way": payment.way, "device": device}
    _record_checkout(session, payment, EventType.CHECKOUT_METHOD_CHOSEN, actor=actor, at=at, **details)
    _record_checkout(session, payment, EventType.CHECKOUT_OPENED, actor=actor, at=at, step="review", **details)


def _record_checkout(
    session: Session, payment: Payment, event_type: EventType, *, actor: Actor, at: datetime, **details: str | None
) -> None:
    event = Event(
        type=event_type,
        merchant_id=payment.merchant_id,
        object_id=payment.id,
        customer_id=payment.customer_id,
        details=details,
        at=at,
    )
    record(session, actor, event)


# Built once: building a statement costs as much as running it.
_P, _SHARES = table_of(Payment).c, table_of(PaymentAllocation)
_OWN = (_P.merchant_id == sa.bindparam("merchant_id"), _P.customer_id == sa.bindparam("customer_id"))
_INSERT_SHARES = sa.insert(_SHARES)
_RELEASE_SHARES = (
    sa.update(_SHARES)
    .where(_SHARES.c.merchant_id == sa.bindparam("of_merchant"), _SHARES.c.payment_id == sa.bindparam("of_payment"))
    .values(state="released")
)
_LOCK_UNCONFIRMED = (
    sa.select(_P.id)
    .join(_SHARES, sa.and_(_SHARES.c.merchant_id == _P.merchant_id, _SHARES.c.payment_id == _P.id))
    .where(
        *_OWN,
        _P.pay_link_id.is_not_distinct_from(sa.bindparam("pay_link_id", type_=Id)),
        # Written out: for a parameter that an index over a part of the table depends on, SQLite plans the statement anew each time.
        _P.status == sa.literal_column("'incomplete'"),
        _SHARES.c.merchant_id == sa.bindparam("merchant_id"),
        _SHARES.c.invoice_id.in_(sa.bindparam("invoice_ids", expanding=True)),
        _SHARES.c.state == sa.literal_column("'proposed'"),
    )
    .order_by(_P.id)
    .with_for_update(of=table_of(Payment))
)
_FIRST_OF_SPLIT = sa.select(_P.status, _P.amount_choice).where(*_OWN, _P.id == sa.bindparam("id"))
_LAST_ATTEMPT = (
    sa.select(_P.amount, _P.currency, _P.status, _P.failure_code)
    .join(_SHARES, sa.and_(_SHARES.c.merchant_id == _P.merchant_id, _SHARES.c.payment_id == _P.id))
    .where(
        *_OWN,
        _SHARES.c.merchant_id == sa.bindparam("merchant_id"),
        _SHARES.c.invoice_id == sa.bindparam("invoice_id"),
        _P.pay_link_id.is_not_distinct_from(sa.bindparam("pay_link_id", type_=Id)),
        _P.confirmed_at.is_not(None),
    )
    .order_by(_P.confirmed_at.desc())
    .limit(1)
)


def _get_payable(
    session: Session, scope: Scope, wanted: Sequence[str], split_of: str | None, options: PaymentOptions
) -> tuple[list[Due], dict[str, tuple[str, str]]]:
    """Return the invoices as pricing reads them, oldest due first, and the title and number of each."""
    if not wanted or not all(is_id("inv", invoice_id) for invoice_id in wanted):
        raise NoInvoiceChosen
    invoices = list_chosen(session, scope, wanted)
    if len(invoices) != len(wanted):
        raise NoInvoiceChosen
    if any(invoice.status not in OUTSTANDING or invoice.amount_due <= 0 for invoice in invoices):
        raise InvoiceSettled
    _refuse_held(session, scope, split_of, invoices)
    dues = [due_of(invoice, options) for invoice in invoices]
    titles = {invoice.id: (invoice.description or invoice.number, invoice.number) for invoice in invoices}
    return dues, {
        invoice_id: (title, number if title != number else "") for invoice_id, (title, number) in titles.items()
    }


def _refuse_held(session: Session, scope: Scope, split_of: str | None, invoices: Sequence[PayableInvoice]) -> None:
    """Raise InvoiceBeingPaid for an invoice that a payment in progress holds; the second payment of a split pays what the first leaves."""
    for invoice in invoices:
        if not invoice.amount_reserved:
            continue
        holders = list_holders(session, scope, invoice.id)
        if holders != [split_of] or invoice.amount_reserved >= invoice.amount_due:
            # None may be left: the invoice was read a moment earlier, and its payment has ended since.
            raise InvoiceBeingPaid(next((holder for holder in holders if holder != split_of), split_of))


def _price(
    session: Session,
    scope: Scope,
    choice: Choice,
    what: Invoices,
    dues: Sequence[Due],
    options: PaymentOptions,
    charge_limits: Mapping[str, ChargeLimits],
    pay_link_id: str | None,
) -> Pricing:
    currency = what.currency or dues[0].currency
    limits = charge_limits.get(currency, ANY_AMOUNT)
    if currency not in currencies_of(dues):
        raise CurrenciesMixed
    if (isinstance(choice.amount, FirstPart) or what.split_of) and not options.allow_split:
        raise SplitNotAllowed
    if what.split_of is not None:
        check_first_of_split(session, scope, what.split_of)
    refused = None
    if isinstance(choice.amount, Preset | Exact):
        refused = find_refused_amount(
            session, scope, [due.invoice_id for due in dues], currency, pay_link_id=pay_link_id
        )
    check_amount(dues, currency, choice.amount, refused_amount=refused, limits=limits)
    credit = free_credit(session, scope, currency) if choice.use_credit else 0
    pricing = price_choice(dues, currency, choice.amount, credit=credit, limits=limits)
    if pricing.total > MAX_AMOUNT:
        raise TooMuchTogether
    return pricing


def check_first_of_split(session: Session, scope: Scope, payment_id: str) -> None:
    """Check that the first payment of a split is the customer's, pays a part only, and is complete or in progress.

    Raises SplitNotAllowed.
    """
    parameters = {**parameters_of(scope), "id": payment_id}
    found = session.execute(_FIRST_OF_SPLIT, parameters).first() if is_id("pay", payment_id) else None
    is_first = found is not None and found.amount_choice == "first_part"
    if found is None or not is_first or found.status not in statuses.CAPTURED | statuses.UNSETTLED:
        raise SplitNotAllowed


def _price_top_up(currency: str, amount: Amount, options: PaymentOptions, limits: ChargeLimits) -> Pricing:
    rule = options.top_ups.get(currency)
    if rule is None:
        raise TopUpNotAllowed
    # A top-up has no full amount, no deposit and no first part: these choices name no amount.
    named = amount.amount if isinstance(amount, Preset | Exact) else 0
    minimum = limits.round_up(rule.minimum)
    if named < minimum:
        raise AmountTooLow(minimum, rule.maximum)
    if named > rule.maximum:
        raise AmountTooHigh(minimum, rule.maximum)
    if not limits.allows(named):
        raise AmountUnchargeable(limits.least)
    return Pricing(currency, (), named)


def _shown_method(method: StoredMethod | None, pricing: Pricing) -> dict[str, str | None]:
    if not pricing.charge:
        return {"method_type": "credit"}
    if method is None:
        return {}
    return {
        "method_type": method.type,
        "method_last4": method.last4,
        "method_brand": shown_brand(method.type, method.brand, method.bank_name),
    }


def find_refused_amount(
    reader: Reader, scope: Scope, invoice_ids: Sequence[str], currency: str, *, pay_link_id: str | None = None
) -> int | None:
    """Return the amount for which a method had insufficient funds, in minor units of `currency`.

    Only where that ended the newest attempt at exactly this one invoice, and in that currency: amounts in different currencies
    cannot be compared. Attempts by a pay link count for that link alone, those of the customer for the customer: neither learns of the other's.
    """
    if len(invoice_ids) != 1:
        return None
    parameters = {**parameters_of(scope), "invoice_id": invoice_ids[0], "pay_link_id": pay_link_id}
    last = reader.execute(_LAST_ATTEMPT, parameters).first()
    if last is None or (last.status, last.failure_code, last.currency) != ("failed", "insufficient_funds", currency):
        return None
    return int(last.amount)


def _get_method(session: Session, scope: Scope, way: Way, gateway: str | None, today: date) -> StoredMethod | None:
    """Return the saved method that was chosen, None for any other way. A method saved at another gateway cannot be charged here.
    Raises MethodMissing where only credit was chosen and does not pay all."""
    match way:
        case CreditAlone():
            raise MethodMissing
        case NewMethod() | Prompt():
            return None
        case SavedMethod(method_id):
            return _get_saved(session, scope, method_id, gateway, today)


def _get_saved(session: Session, scope: Scope, method_id: str, gateway: str | None, today: date) -> StoredMethod:
    method = find_chargeable(session, scope, method_id, gateway)
    if method is None:
        raise MethodUnknown
    if method_state(method, today) in UNUSABLE:
        raise MethodExpired
    return method
