"""The unconfirmed part of a payment's life: begun from a choice of invoices and a method, superseded, ended.

An unconfirmed payment reserves nothing and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.credit.queries import free_credit
from portal.database import Reader
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.invoices.queries.payable import PayableInvoice, list_chosen
from portal.invoices.rules import OUTSTANDING
from portal.merchants.queries import get_merchant
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payment_methods.queries.at_gateways import find_chargeable
from portal.payment_methods.queries.methods import StoredMethod
from portal.payment_methods.rules import UNUSABLE, method_state, shown_brand
from portal.payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    AmountUnreached,
    CurrenciesMixed,
    InvoiceBeingPaid,
    InvoiceSettled,
    MethodExpired,
    MethodMissing,
    MethodUnknown,
    NoGateway,
    NoInvoiceChosen,
    SplitNotAllowed,
    TopUpNotAllowed,
)
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.locks import list_allocations, lock_invoices
from portal.payments.operations.status import become, record_status
from portal.payments.queries.holders import list_holders
from portal.payments.queries.shares import due_of
from portal.payments.rules import statuses
from portal.payments.rules.amounts import (
    NO_RANGES,
    Due,
    Pricing,
    amount_rule,
    currencies_of,
    least_first_part,
    part_ranges,
    price,
)
from portal.payments.rules.statuses import PaymentStatus
from portal.public_ids import is_id, new_id
from portal.tenancy import Scope

NEW_METHOD = "new"
TELEPHONE = "telephone"
"""The choice of a telephone that is asked directly, `Choice.channel` and `Choice.phone`."""
CREDIT = "credit"
"""What stands for gateway and method of a payment that the customer's credit pays whole."""
MOST_INVOICES = 300
"""Invoices in one payment, at most: each is locked while it is confirmed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the customer chose to pay, and how.

    `payment_method` is `pm_…`, `new` (entered on the gateway's page), `telephone` (with `channel` and `phone` in E.164), or ""
    where credit pays all. `amount` is minor units of `currency`; None is all that is due. `currency` None is the invoices' own.
    `use_credit`: the customer's credit goes first. `splits`: another method pays the rest, in a second payment; `split_of` is
    the first payment of that second one. `top_up`: without invoices, `amount` goes to the customer's credit, and `title` is
    what that is called in the customer's language.
    """

    payment_method: str
    invoice_ids: Sequence[str] = ()
    amount: int | None = None
    currency: str | None = None
    use_credit: bool = False
    save_method: bool = False
    splits: bool = False
    split_of: str | None = None
    top_up: bool = False
    title: str = ""
    channel: str | None = None
    phone: str | None = None


def begin_checkout(
    session: Session,
    scope: Scope,
    choice: Choice,
    *,
    gateway: str | None,
    expires_after: timedelta,
    actor: Actor,
    device: str | None = None,
    at: datetime,
) -> str:
    """Propose a payment as it was chosen, and tell its id; nothing is reserved.

    `gateway` is the merchant's; None where there is none, and credit has to pay all. Supersedes older unconfirmed payments of
    the same invoices. Raises NoGateway, or a CheckoutFault, which names the field, and changes
    nothing then.
    """
    merchant = get_merchant(session, scope.merchant_id)
    options = merchant.options
    if choice.top_up:
        dues: list[Due] = []
        pricing = _price_top_up(choice, options)
        named = (choice.title, "", 0)
    else:
        # First, since it waits for a confirmation under way: the invoices are then read as that one left them.
        wanted = list(dict.fromkeys(choice.invoice_ids))[:MOST_INVOICES]
        lock_invoices(session, scope, wanted)
        supersede(session, scope, wanted, but=None, actor=actor, at=at)
        dues, titles = _get_payable(session, scope, choice, options)
        pricing = _price(session, scope, choice, dues, options)
        kept = [titles[part.invoice_id] for part in pricing.parts]
        named = (*kept[0], len(kept) - 1)
    if pricing.charge and gateway is None:
        raise NoGateway
    method = _get_method(session, scope, choice, gateway, merchant.day_of(at)) if pricing.charge else None
    description, note, more_count = named
    is_new = method is None and pricing.charge > 0
    payment = Payment(
        merchant_id=scope.merchant_id,
        id=new_id("pay", at),
        customer_id=scope.customer_id,
        kind="top_up" if choice.top_up else "invoice",
        status="incomplete",
        currency=pricing.currency,
        amount=pricing.total,
        credit_amount=pricing.credit,
        use_credit=choice.use_credit,
        is_partial=choice.amount is not None and not choice.top_up,
        splits=choice.splits,
        split_of=choice.split_of,
        description=description,
        note=note,
        more_count=more_count,
        gateway=gateway if pricing.charge and gateway else CREDIT,
        payment_method_id=method.id if method else None,
        save_method=choice.save_method and is_new,
        channel=choice.channel if is_new else None,
        phone=choice.phone if is_new else None,
        listed=True,
        created_at=at,
        updated_at=at,
        opened_at=at,
        expires_at=at + expires_after,
        **_shown_method(method, pricing),
    )
    session.add(payment)
    session.flush()
    own = {due.invoice_id: due.currency for due in dues}
    for part in pricing.parts:
        session.add(
            PaymentAllocation(
                merchant_id=scope.merchant_id,
                payment_id=payment.id,
                invoice_id=part.invoice_id,
                slot=2 if choice.split_of else 1,
                state="proposed",
                amount=part.share,
                price=None if own[part.invoice_id] == pricing.currency else part.price,
                invoice_version=part.version,
            )
        )
    session.flush()
    record_status(session, payment, actor=actor, at=at, previous={})
    _record_opened(session, payment, actor=actor, device=device, at=at)
    return payment.id


def end_checkout(
    session: Session, payment: Payment, status: str, *, actor: Actor, at: datetime, **details: str
) -> None:
    """End an unconfirmed payment: cancelled or superseded ones leave the history, expired ones stay in it."""
    assert payment.status == PaymentStatus.INCOMPLETE, "only an unconfirmed payment ends like this"
    payment.listed = status != PaymentStatus.CANCELED
    payment.completed_at = at
    for allocation in list_allocations(session, payment):
        allocation.state = "released"
    become(session, payment, status, actor=actor, at=at, **details)


def supersede(
    session: Session, scope: Scope, invoice_ids: Sequence[str], *, but: str | None, actor: Actor, at: datetime
) -> None:
    """End the customer's other unconfirmed payments of these invoices: the newest checkout is the one that counts.

    Each is read under its lock: one that is being confirmed at this moment is waited for, and then left as it is.
    """
    asked = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "invoice_ids": invoice_ids}
    for other in session.execute(_UNCONFIRMED, asked).scalars().unique():
        if other.id != but:
            end_checkout(session, other, PaymentStatus.CANCELED, actor=actor, at=at, reason="superseded")
            _record_checkout(session, other, EventType.CHECKOUT_SUPERSEDED, actor=actor, at=at)


def _record_opened(session: Session, payment: Payment, *, actor: Actor, device: str | None, at: datetime) -> None:
    """For conversion: who came this far, with what, on which class of device ("phone", "tablet", "desktop")."""
    details = {"method_type": payment.method_type, "device": device}
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


_UNCONFIRMED = (
    sa.select(Payment)
    .join(
        PaymentAllocation,
        sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
    )
    .where(
        Payment.merchant_id == sa.bindparam("merchant_id"),
        Payment.customer_id == sa.bindparam("customer_id"),
        Payment.status == "incomplete",
        PaymentAllocation.merchant_id == sa.bindparam("merchant_id"),
        PaymentAllocation.invoice_id.in_(sa.bindparam("invoice_ids", expanding=True)),
        PaymentAllocation.state == "proposed",
    )
    .order_by(Payment.id)
    .with_for_update(of=Payment)
)


def _get_payable(
    session: Session, scope: Scope, choice: Choice, options: PaymentOptions
) -> tuple[list[Due], dict[str, tuple[str, str]]]:
    """The invoices as pricing sees them, oldest due first, and the title and number of each."""
    wanted = list(dict.fromkeys(choice.invoice_ids))[:MOST_INVOICES]
    if not wanted or not all(is_id("inv", invoice_id) for invoice_id in wanted):
        raise NoInvoiceChosen
    invoices = list_chosen(session, scope, wanted)
    if len(invoices) != len(wanted):
        raise NoInvoiceChosen
    if any(invoice.status not in OUTSTANDING or invoice.amount_due <= 0 for invoice in invoices):
        raise InvoiceSettled
    _refuse_held(session, scope, choice, invoices)
    dues = [due_of(invoice, options) for invoice in invoices]
    titles = {invoice.id: (invoice.description or invoice.number, invoice.number) for invoice in invoices}
    return dues, {
        invoice_id: (title, number if title != number else "") for invoice_id, (title, number) in titles.items()
    }


def _refuse_held(session: Session, scope: Scope, choice: Choice, invoices: Sequence[PayableInvoice]) -> None:
    """What a payment under way holds is not paid again; but the second of two methods pays what the first one leaves."""
    for invoice in invoices:
        if not invoice.amount_reserved:
            continue
        holders = list_holders(session, scope, invoice.id)
        if holders != [choice.split_of] or invoice.amount_reserved >= invoice.amount_due:
            # None may be left: the invoice was read a moment earlier, and its payment has ended since.
            raise InvoiceBeingPaid(next((holder for holder in holders if holder != choice.split_of), choice.split_of))


def _price(session: Session, scope: Scope, choice: Choice, dues: Sequence[Due], options: PaymentOptions) -> Pricing:
    currency = choice.currency or dues[0].currency
    if currency not in currencies_of(dues):
        raise CurrenciesMixed
    if (choice.splits or choice.split_of) and not options.allow_split:
        raise SplitNotAllowed
    if choice.split_of is not None:
        check_first_of_split(session, scope, choice.split_of)
    whole = price(dues, currency)
    amount = choice.amount
    if choice.splits:
        _check_first_part(dues, currency, amount or 0, whole.total)
    elif amount is not None:
        refused = find_refused_amount(session, scope, [due.invoice_id for due in dues], currency)
        amount_rule(dues, currency, refused_amount=refused).check(amount)
    credit = free_credit(session, scope, currency) if choice.use_credit else 0
    limits = NO_RANGES if choice.splits else part_ranges(dues)
    return price(dues, currency, amount=amount, credit=credit, parts_of=limits)


def _check_first_part(dues: Sequence[Due], currency: str, amount: int, total: int) -> None:
    """Raises SplitNotAllowed, AmountTooLow, AmountTooHigh and AmountUnreached for what cannot be the first of two payments."""
    least = least_first_part(dues, currency)
    if least is None:
        raise SplitNotAllowed
    if amount <= 0:
        raise AmountTooLow(1, total - 1)
    if amount >= total:
        raise AmountTooHigh(1, total - 1)
    if amount < least:
        raise AmountUnreached


def check_first_of_split(session: Session, scope: Scope, payment_id: str) -> None:
    """The first of two payments is the customer's, leaves a rest, and has gone through or is on its way.

    Raises SplitNotAllowed.
    """
    found = (
        session.execute(
            sa.select(Payment.status, Payment.splits).where(
                Payment.merchant_id == scope.merchant_id,
                Payment.customer_id == scope.customer_id,
                Payment.id == payment_id,
            )
        ).first()
        if is_id("pay", payment_id)
        else None
    )
    if found is None or not found.splits or found.status not in statuses.CAPTURED | statuses.UNSETTLED:
        raise SplitNotAllowed


def _price_top_up(choice: Choice, options: PaymentOptions) -> Pricing:
    rule = options.top_ups.get(choice.currency or "")
    if rule is None or choice.currency is None:
        raise TopUpNotAllowed
    amount = choice.amount or 0
    if amount < rule.minimum:
        raise AmountTooLow(rule.minimum, rule.maximum)
    if amount > rule.maximum:
        raise AmountTooHigh(rule.minimum, rule.maximum)
    return Pricing(choice.currency, (), amount)


def _shown_method(method: StoredMethod | None, pricing: Pricing) -> dict[str, str | None]:
    if not pricing.charge:
        return {"method_type": CREDIT}
    if method is None:
        return {}
    return {
        "method_type": method.type,
        "method_last4": method.last4,
        "method_brand": shown_brand(method.type, method.brand, method.bank_name),
    }


def find_refused_amount(reader: Reader, scope: Scope, invoice_ids: Sequence[str], currency: str) -> int | None:
    """What a method had too little for, in minor units of `currency`, when that was the end of the newest attempt at exactly this
    one invoice, and in that currency: of an amount in another one nobody knows whether it is less."""
    if len(invoice_ids) != 1:
        return None
    last = reader.execute(
        sa.select(Payment.amount, Payment.currency, Payment.status, Payment.failure_code)
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
        )
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.customer_id == scope.customer_id,
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.invoice_id == invoice_ids[0],
            Payment.confirmed_at.is_not(None),
        )
        .order_by(Payment.confirmed_at.desc())
        .limit(1)
    ).first()
    if last is None or (last.status, last.failure_code, last.currency) != ("failed", "insufficient_funds", currency):
        return None
    return int(last.amount)


def _get_method(
    session: Session, scope: Scope, choice: Choice, gateway: str | None, today: date
) -> StoredMethod | None:
    """The saved method that was chosen, None for any other way to pay. One that another gateway keeps is worth nothing here."""
    if choice.payment_method in (NEW_METHOD, TELEPHONE):
        return None
    if not choice.payment_method:
        raise MethodMissing
    method = find_chargeable(session, scope, choice.payment_method, gateway)
    if method is None:
        raise MethodUnknown
    if method_state(method, today) in UNUSABLE:
        raise MethodExpired
    return method
