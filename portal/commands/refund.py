"""`portal refund`: refund a payment, by the merchant's staff."""

from __future__ import annotations

import json
from typing import Any

import click

from portal.commands.environment import load_settings, named_merchant, open_services, wrong_usage
from portal.contacts import ContactRefused
from portal.database import Reader
from portal.money import AmountError, major_units, minor_units, parse_decimal
from portal.payments.queries.payments import StoredPayment, find_payment
from portal.refunds.errors import CreditSpent
from portal.refunds.queries import get_refund
from portal.tenancy import MerchantScope


@click.command()
@click.argument("payment_id", metavar="PAYMENT")
@click.option("--merchant", "slug", required=True, help="The slug of the merchant.")
@click.option("--amount", help="How much, in major units, such as 12.50; without it everything that is left.")
@click.option("--reason", help="Why, for the merchant's own records.")
def refund(payment_id: str, slug: str, amount: str | None, reason: str | None) -> None:
    """Refund a payment, in full or in part, and print the refund as JSON; the customer gets a mail.

    Its status is pending until the gateway reports the outcome; the worker checks. Each run is another refund, within the
    amount that is left.
    """
    from portal.events.rules import Actor, ActorType
    from portal.refunds.operations import refund_payment

    with open_services(load_settings()) as services:
        merchant = named_merchant(services.database, slug)
        with services.database.read() as reader:
            payment = _find(reader, merchant.id, payment_id)
        left = payment.charge_amount - payment.amount_refunded
        requested = left if amount is None else _read_amount(amount, payment.currency)
        try:
            with wrong_usage(ContactRefused):
                refund_id = refund_payment(
                    services, merchant.id, payment.id, requested, reason=reason, actor=Actor(ActorType.STAFF, "command")
                )
        except CreditSpent as fault:
            most = f"{major_units(fault.most, payment.currency)} {payment.currency}"
            raise click.ClickException(f"{fault} At most {most} can be refunded.") from fault
        with services.database.read() as reader:
            click.echo(json.dumps(_shape_refund(reader, merchant.id, refund_id)))


def _find(reader: Reader, merchant_id: str, payment_id: str) -> StoredPayment:
    found = find_payment(reader, MerchantScope(merchant_id), payment_id)
    if found is None:
        raise click.ClickException(f"this merchant has no payment {payment_id}")
    return found


def _read_amount(text: str, currency: str) -> int:
    try:
        value = parse_decimal(text)
        amount = minor_units(value, currency)
    except AmountError as fault:
        raise click.BadParameter(str(fault), param_hint="--amount") from fault
    if major_units(amount, currency) != value:
        raise click.BadParameter(f"{currency} has no such fraction", param_hint="--amount")
    return amount


def _shape_refund(reader: Reader, merchant_id: str, refund_id: str) -> dict[str, Any]:
    row = get_refund(reader, MerchantScope(merchant_id), refund_id)
    return {
        "id": row.id,
        "object": "refund",
        "payment": row.payment_id,
        "amount": row.amount,
        "currency": row.currency,
        "status": row.status,
        "failure_code": row.failure_code,
        "reason": row.reason,
    }
