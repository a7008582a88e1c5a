"""Builds the page of the first step from rows: what is paid, how much of it, and how. No queries, no texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from portal.checkout.forms.choices import amount_from
from portal.checkout.forms.fields import DEPOSIT, FULL, NEW_METHOD, OTHER, SPLIT, CheckoutFields
from portal.checkout.pages import (
    AmountChoice,
    ChoiceSum,
    ChoosePage,
    CreditChoice,
    CurrencyOffer,
    HeldBy,
    InvoiceChoice,
    MethodChoice,
    NamedAmount,
    OrderNumberField,
    TelephoneChoice,
)
from portal.checkout.queries import Payable
from portal.gateways.contract import ANY_AMOUNT, ChargeLimits
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payment_methods.page_builders import build_method_row
from portal.payment_methods.queries.own_methods import MethodRecord
from portal.payment_methods.rules import preferred_method
from portal.payments.errors import AmountUnchargeable, CheckoutFault
from portal.payments.page_builders.addresses import checkout_url
from portal.payments.queries.payment_page import PaymentDetail
from portal.payments.rules.amounts import Due, amount_rule, check_amount, currencies_of, least_first_part, price_choice
from portal.payments.rules.choices import amount_of

MAX_OTHERS = 10

MAX_TITLES = 3

MAX_CHANGEABLE = 50
"""Invoices up to which each can be left out and others added: such an address lists all of them, and web servers accept no longer one."""


@dataclass(frozen=True, slots=True)
class CheckoutContext:
    """What the merchant and its gateway offer at this checkout, in its currency. `channels` are the operators that can send
    a prompt, as (id, name); `page_types` what the gateway's page accepts; `credit` is what the customer may spend in it;
    `refused_amount` is as for `amounts.amount_rule`; `is_gateway_slow`: it takes long to answer at the moment; `limits`: what it charges."""

    payee: str
    gateway_name: str
    can_add: bool
    can_save: bool
    options: PaymentOptions
    usual_currency: str
    credit: int = 0
    refused_amount: int | None = None
    channels: tuple[tuple[str, str], ...] = ()
    known_phone: str = ""
    page_types: tuple[str, ...] = ("card",)
    is_gateway_slow: bool = False
    limits: ChargeLimits = ANY_AMOUNT
    order_number_label: str | None = None


def build_choose_page(
    fields: CheckoutFields,
    chosen: Sequence[Payable],
    payable: Sequence[Payable],
    methods: Sequence[MethodRecord],
    context: CheckoutContext,
    *,
    root: str,
    today: date,
    now: datetime,
    zone: tzinfo,
    locale: str,
    faults: Mapping[str, str],
    held_by: PaymentDetail | None,
    stopped_amount: int = 0,
) -> ChoosePage:
    """Build step one. `chosen` are the invoices to pay, `payable` all that could be paid; `held_by` is a payment that holds what was to
    be paid, `stopped_amount` what the payment was of that was just stopped. A typed amount is read in `locale`."""
    dues = [invoice.due for invoice in chosen]
    currency = page_currency(fields, dues, payable) or context.usual_currency
    ids = [invoice.id for invoice in chosen]
    can_change = len(ids) < MAX_CHANGEABLE and fields.split_of is None
    others = [
        invoice
        for invoice in payable
        if can_change and invoice.id not in ids and invoice.currency == currency and not invoice.is_held
    ]
    proposed = preferred_method(methods, today)
    usual = proposed.id if proposed else NEW_METHOD if context.can_add else ""
    choice = _amount_choice(fields, dues, currency, context)
    credit = CreditChoice(context.credit, fields.use_credit) if context.credit and not fields.top_up else None
    total = sum(due.price_in(currency) or 0 for due in dues)
    too_small = _too_small(fields, total, context)
    page = ChoosePage(
        kind="top_up" if fields.top_up else "split" if fields.split_of else "invoices",
        split_of=fields.split_of or "",
        invoices=tuple(
            _choice(invoice, currency, today, _without(root, ids, invoice.id) if can_change and len(ids) > 1 else None)
            for invoice in chosen
        ),
        others=tuple(
            _choice(invoice, currency, today, checkout_url(root, [*ids, invoice.id]))
            for invoice in ([] if fields.top_up else others[:MAX_OTHERS])
        ),
        methods=tuple(
            MethodChoice(row.id, row.label, row.state, row.is_default)
            for row in (build_method_row(method, today=today, zone=zone) for method in methods)
        ),
        amount=total,
        currency=currency,
        payee=context.payee,
        gateway_name=context.gateway_name,
        chosen=usual if fields.payment_method is None else fields.payment_method,
        can_add=context.can_add,
        page_types=context.page_types,
        can_save=context.can_add and context.can_save,
        save_method=fields.save_method,
        amount_choice=choice,
        currencies=_currency_offers(fields, dues, currency, context, root),
        by_currency=_by_currency(chosen, root) if faults.get("invoice") == "currencies" else (),
        credit=credit,
        telephone=_telephone(fields, context),
        faults=dict(faults) or too_small,
        least_amount=context.limits.least,
        amount_step=context.limits.step,
        in_progress_payment_id=held_by.id if held_by else None,
        held_by=_held_by(held_by, zone, now) if held_by else None,
        sum=_sum(fields, dues, currency, choice, credit, context, locale),
        stopped_amount=stopped_amount,
        order_number=_order_number(fields, context),
        is_gateway_slow=context.is_gateway_slow,
    )
    return replace(page, nothing=_nothing(page) or ("too_small" if too_small and not page.others else ""))


def _nothing(page: ChoosePage) -> str:
    """Return why there is nothing to fill in; "" where there is."""
    fault = page.faults.get("invoice")
    if fault == "currencies":
        return fault
    if page.kind != "top_up" and not page.invoices and (fault in ("in_progress", "settled") or not page.others):
        return fault if fault in ("in_progress", "settled") else "none"
    return "" if page.has_ways or _credit_is_enough(page) else "no_way"


def _credit_is_enough(page: ChoosePage) -> bool:
    """Whether credit alone can pay an amount that may be chosen."""
    choice = page.amount_choice
    least = [page.amount, *([option.amount for option in choice.options] if choice else [])]
    least += [choice.minimum] if choice and choice.is_editable else []
    return page.credit is not None and page.credit.available >= min(least)


def _held_by(payment: PaymentDetail, zone: tzinfo, now: datetime) -> HeldBy:
    on = payment.created_at.astimezone(zone).date()
    return HeldBy(payment.id, payment.shown_status(now), payment.amount, payment.currency, on)


def _sum(
    fields: CheckoutFields,
    dues: Sequence[Due],
    currency: str,
    choice: AmountChoice | None,
    credit: CreditChoice | None,
    context: CheckoutContext,
    locale: str,
) -> ChoiceSum:
    """Return what the fields come to as they stand, by the rules that price a checkout."""
    total = sum(due.price_in(currency) or 0 for due in dues)
    picked = replace(fields, amount_choice=choice.chosen if choice else FULL)
    is_split = picked.amount_choice == SPLIT
    available = credit.available if credit and credit.is_used else 0
    try:
        amount = amount_from(picked, currency, locale)
        if fields.top_up:
            named = amount_of(amount)
            is_offered = choice is not None and named is not None and choice.minimum <= named <= choice.maximum
            return ChoiceSum(0, 0, named, charge=named) if is_offered else ChoiceSum(0, 0, None)
        if not dues:
            return ChoiceSum(0, 0, None)
        check_amount(dues, currency, amount, refused_amount=context.refused_amount, limits=context.limits)
        pricing = price_choice(dues, currency, amount, credit=available, limits=context.limits)
    except CheckoutFault:
        return ChoiceSum(len(dues), total, None, is_split=is_split)
    rest = total - pricing.total
    return ChoiceSum(len(dues), total, pricing.total, pricing.credit, pricing.charge, rest, is_split)


def _too_small(fields: CheckoutFields, total: int, context: CheckoutContext) -> dict[str, str]:
    """Return the fault of invoices that come to less than the gateway charges and credit pays."""
    is_chargeable = total >= context.limits.least or total <= context.credit
    if fields.top_up or total == 0 or is_chargeable or not context.gateway_name:
        return {}
    return {AmountUnchargeable.field: AmountUnchargeable.code}


def page_currency(fields: CheckoutFields, dues: Sequence[Due], payable: Sequence[Payable]) -> str | None:
    """Return the currency of the choice: the requested one where all of it can be paid in that one, else its own; with nothing chosen the
    one in which something could be."""
    if fields.top_up:
        return fields.top_up
    possible = currencies_of(dues) or tuple(invoice.currency for invoice in ([] if dues else payable))
    if fields.currency in possible:
        return fields.currency
    return possible[0] if possible else dues[0].currency if dues else None


def _amount_choice(
    fields: CheckoutFields, dues: Sequence[Due], currency: str, context: CheckoutContext
) -> AmountChoice | None:
    if fields.top_up:
        rule = context.options.top_ups.get(currency)
        if rule is None:
            return None
        minimum = context.limits.round_up(rule.minimum)
        offered = [amount for amount in rule.presets if context.limits.allows(amount)]
        options = tuple(NamedAmount(str(amount), "preset", amount) for amount in offered)
        usual = options[0].value if options else OTHER
        chosen = _selected_value(fields, [*(option.value for option in options), OTHER], usual)
        return AmountChoice(options, chosen, fields.amount, True, False, minimum, rule.maximum)
    if not dues or fields.split_of or currency not in currencies_of(dues):
        return None
    amounts = amount_rule(dues, currency, refused_amount=context.refused_amount, limits=context.limits)
    least = least_first_part(dues, currency, context.limits)
    can_split = context.options.allow_split and least is not None
    if not amounts.has_choice and not can_split:
        return None
    named = [NamedAmount(FULL, "full", amounts.total)]
    if amounts.deposit is not None:
        named.insert(0, NamedAmount(DEPOSIT, "deposit", amounts.deposit))
    named += [NamedAmount(str(amount), "preset", amount) for amount in amounts.presets if amount != amounts.deposit]
    usual = OTHER if amounts.is_after_refusal else FULL
    values = [option.value for option in named]
    values += [OTHER] * amounts.is_editable + [SPLIT] * can_split
    return AmountChoice(
        tuple(named),
        _selected_value(fields, values, usual),
        fields.amount,
        amounts.is_editable,
        can_split,
        # A theme's page of before has these limits for both fields.
        amounts.minimum if amounts.is_editable else least or 1,
        amounts.maximum if amounts.is_editable else amounts.total - context.limits.least,
        amounts.is_after_refusal,
        least or 0,
        amounts.total - context.limits.least,
        fields.first_amount,
    )


def _selected_value(fields: CheckoutFields, values: Sequence[str], usual: str) -> str:
    if fields.amount_choice in values:
        return fields.amount_choice
    # A preset that is no longer offered is shown in the field, where an amount may be typed.
    is_typed = fields.amount_choice.isdecimal() and fields.amount and OTHER in values
    return OTHER if is_typed else usual


def _currency_offers(
    fields: CheckoutFields, dues: Sequence[Due], currency: str, context: CheckoutContext, root: str
) -> tuple[CurrencyOffer, ...]:
    """Return the checkout in each currency in which it can be paid; empty where there is one only."""
    if fields.top_up:
        offers = [
            CurrencyOffer(each, rule.minimum, f"{root}/checkout?top_up={each}", each == currency)
            for each, rule in sorted(
                context.options.top_ups.items(), key=lambda offer: (offer[0] != context.usual_currency, offer[0])
            )
        ]
    elif fields.split_of or len(dues) >= MAX_CHANGEABLE:
        offers = []
    else:
        address = checkout_url(root, [due.invoice_id for due in dues])
        offers = [
            CurrencyOffer(
                each, sum(due.price_in(each) or 0 for due in dues), f"{address}&currency={each}", each == currency
            )
            for each in currencies_of(dues)
        ]
    return tuple(offers) if len(offers) > 1 else ()


def _by_currency(chosen: Sequence[Payable], root: str) -> tuple[CurrencyOffer, ...]:
    """Return one checkout for each currency of the chosen invoices: a payment never mixes currencies."""
    of_currency: dict[str, list[Payable]] = {}
    for invoice in chosen:
        if not invoice.is_held:
            of_currency.setdefault(invoice.currency, []).append(invoice)
    return tuple(
        CurrencyOffer(
            currency,
            sum(invoice.due.left for invoice in invoices),
            checkout_url(root, [invoice.id for invoice in invoices]),
            titles=tuple(invoice.title for invoice in invoices[:MAX_TITLES]),
            more_count=max(0, len(invoices) - MAX_TITLES),
        )
        for currency, invoices in of_currency.items()
    )


def _telephone(fields: CheckoutFields, context: CheckoutContext) -> TelephoneChoice | None:
    if not context.channels:
        return None
    return TelephoneChoice(
        context.channels,
        fields.channel or context.channels[0][0],
        context.known_phone if fields.phone is None else fields.phone,
    )


def _order_number(fields: CheckoutFields, context: CheckoutContext) -> OrderNumberField | None:
    if context.order_number_label is None or fields.top_up:
        return None
    return OrderNumberField(context.order_number_label, fields.purchase_order)


def _choice(invoice: Payable, currency: str, today: date, change_url: str | None) -> InvoiceChoice:
    priced = invoice.due.price_in(currency)
    return InvoiceChoice(
        id=invoice.id,
        title=invoice.title,
        number=invoice.number if invoice.title != invoice.number else "",
        due_on=invoice.due_on,
        days_overdue=max(0, (today - invoice.due_on).days),
        amount=invoice.due.left if priced is None else priced,
        currency=invoice.currency if priced is None else currency,
        change_url=change_url,
    )


def _without(root: str, ids: Sequence[str], left_out: str) -> str:
    return checkout_url(root, [invoice_id for invoice_id in ids if invoice_id != left_out])
