"""The order number that a merchant needs before its invoices are paid; no routes here."""

from __future__ import annotations

from collections.abc import Sequence

from flask import g
from sqlalchemy.orm import Session

from portal.checkout.forms.fields import CheckoutFields
from portal.customer_pages.context import current_actor, current_scope, current_services, now
from portal.customers.errors import InvalidCustomer
from portal.customers.operations import update_customer
from portal.customers.queries.customers import get_contact
from portal.customers.rules.profiles import CustomerDetails
from portal.merchants.rules.context_fields import ContextField
from portal.payments.errors import OrderNumberMissing, OrderNumberUnreadable
from portal.tenancy import Scope


def keep_order_number(session: Session, scope: Scope, order_number: str) -> None:
    """Make the number the customer's own. Raises OrderNumberUnreadable."""
    details = CustomerDetails(purchase_order=order_number)
    try:
        update_customer(session, scope.merchant_id, scope.customer_id, details, actor=current_actor(), at=now())
    except InvalidCustomer:
        raise OrderNumberUnreadable from None


def read_order_number(fields: CheckoutFields) -> str:
    """Return the order number that was typed where one is needed, "" where none is. Raises OrderNumberMissing."""
    if not needs_order_number(fields):
        return ""
    if not fields.purchase_order:
        raise OrderNumberMissing
    return fields.purchase_order


def needs_order_number(fields: CheckoutFields) -> bool:
    """Return whether the merchant requires an order number before invoices are paid, and the customer has none yet."""
    if fields.top_up or required_order_number() is None:
        return False
    with current_services().database.read() as reader:
        return not get_contact(reader, current_scope()).purchase_order


def required_order_number() -> ContextField | None:
    """Return the field of the order number where the merchant requires it, None where it does not."""
    fields: Sequence[ContextField] = g.merchant.settings.context_fields
    return next((each for each in fields if each.name == "purchase_order" and each.show == "required"), None)
