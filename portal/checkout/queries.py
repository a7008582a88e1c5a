"""Reads of the checkout: what could be paid, and one unconfirmed payment with its shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from portal.credit.queries import free_credit
from portal.database import Reader
from portal.errors import NotFound
from portal.gateways.contract import ANY_AMOUNT, NO_LIMITS, ChargeLimits
from portal.invoices.queries import payable
from portal.invoices.queries.payable import PayableInvoice, list_outstanding
from portal.invoices.rules import MAX_INVOICES_PER_PAYMENT, OUTSTANDING
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payments.errors import AmountUnchargeable, CheckoutFault
from portal.payments.queries.payments import get_payment
from portal.payments.queries.payments import list_shares as list_shares_of_payments
from portal.payments.queries.shares import Share, chosen_pricing, due_of, list_shares
from portal.payments.rules.amounts import Due, Pricing, reprice_choice
from portal.payments.rules.choices import Choice, Invoices, SavedMethod, TopUp, read_choice
from portal.public_ids import is_id
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class Payable:
    """An outstanding invoice; `amount_due` in minor units; `is_held`: a payment in progress holds a part of it. `due` is the
    invoice as pricing reads it: what is free."""

    id: str
    number: str
    title: str
    due_on: date
    currency: str
    amount_due: int
    is_held: bool
    due: Due


@dataclass(frozen=True, slots=True)
class Checkout:
    """An unconfirmed payment as the review shows it: the `choice` as it was stored, and its amounts. A newer checkout may be
    paying its invoices meanwhile, or have paid them. `gateway` is None where credit alone pays. `limits` are those of the merchant's
    gateway in the payment's currency."""

    id: str
    status: str
    currency: str
    expires_at: datetime
    confirmed_at: datetime | None
    amount: int
    credit_amount: int
    gateway: str | None
    choice: Choice
    shares: tuple[Share, ...]
    free_credit: int
    limits: ChargeLimits = ANY_AMOUNT

    @property
    def is_top_up(self) -> bool:
        return isinstance(self.choice.what, TopUp)

    @property
    def split_of(self) -> str | None:
        """The first of two payments, whose rest this one pays."""
        return self.choice.what.split_of if isinstance(self.choice.what, Invoices) else None

    @property
    def method_id(self) -> str | None:
        """The saved method that was chosen; None for any other way."""
        return self.choice.way.method_id if isinstance(self.choice.way, SavedMethod) else None

    @property
    def chosen(self) -> Pricing:
        """The payment as it was chosen."""
        parts = [(share.invoice_id, share.part.share, share.part.price) for share in self.shares]
        return chosen_pricing(self.currency, self.amount, self.credit_amount, parts)

    @property
    def is_being_paid(self) -> bool:
        """Whether another payment in progress holds a part of what this one would pay."""
        return any(share.is_held for share in self.shares)

    @property
    def is_settled(self) -> bool:
        """Whether nothing of its invoices is left to pay; never true of a top-up."""
        return bool(self.shares) and not any(share.is_open for share in self.shares)

    def price_now(self) -> Pricing | None:
        """The payment as it would be confirmed now; None when nothing is left to pay, or the choice is no longer possible."""
        try:
            return self._reprice()
        except CheckoutFault:
            return None

    def find_fault(self) -> CheckoutFault | None:
        """Return why the payment cannot be confirmed as it was chosen; None where it can."""
        try:
            self._reprice()
        except CheckoutFault as fault:
            return fault
        return None

    def _reprice(self) -> Pricing:
        """Raises what `reprice_choice` raises."""
        if self.is_top_up:
            if not self.limits.allows(self.amount):
                raise AmountUnchargeable(self.limits.least)
            return self.chosen
        dues = [share.due for share in self.shares if share.due]
        return reprice_choice(dues, self.currency, self.choice.amount, credit=self.free_credit, limits=self.limits)


def list_payable(reader: Reader, scope: Scope, options: PaymentOptions) -> list[Payable]:
    """Return the customer's outstanding invoices, oldest due first, at most as many as one payment may have."""
    return [_payable(invoice, options) for invoice in list_outstanding(reader, scope, MAX_INVOICES_PER_PAYMENT)]


def list_chosen(reader: Reader, scope: Scope, invoice_ids: Sequence[str], options: PaymentOptions) -> list[Payable]:
    """Return the outstanding ones among these invoices of the customer, oldest due first; other customers' invoices are left out."""
    wanted = [invoice_id for invoice_id in dict.fromkeys(invoice_ids) if is_id("inv", invoice_id)][
        :MAX_INVOICES_PER_PAYMENT
    ]
    if not wanted:
        return []
    chosen = payable.list_chosen(reader, scope, wanted)
    return [_payable(invoice, options) for invoice in chosen if invoice.status in OUTSTANDING]


def exists_for_all(reader: Reader, scope: Scope, invoice_ids: Sequence[str]) -> bool:
    """Return whether each of these ids is an invoice of the customer, in whatever status."""
    wanted = list(dict.fromkeys(invoice_ids))
    if (
        not wanted
        or len(wanted) > MAX_INVOICES_PER_PAYMENT
        or not all(is_id("inv", invoice_id) for invoice_id in wanted)
    ):
        return False
    return len(payable.list_chosen(reader, scope, wanted)) == len(wanted)


def list_invoices_of(reader: Reader, scope: Scope, payment_id: str) -> list[str]:
    """Return the invoices that a payment of the customer paid or would have paid. Raises NotFound for another customer's payment."""
    if not is_id("pay", payment_id):
        raise NotFound
    shares = list_shares_of_payments(reader, scope, [payment_id])[payment_id]
    if not shares:
        raise NotFound
    return [share.invoice_id for share in shares]


def get_checkout(
    reader: Reader,
    scope: Scope,
    payment_id: str,
    options: PaymentOptions,
    charge_limits: Mapping[str, ChargeLimits] = NO_LIMITS,
) -> Checkout:
    """One payment of the customer with its shares, whatever its status. Raises NotFound, also for one that was not chosen here.

    `charge_limits` are those of the merchant's gateway, by currency.
    """
    payment = get_payment(reader, scope, payment_id)
    shares = tuple(list_shares(reader, scope, payment_id, options))
    choice = read_choice(payment, [share.invoice_id for share in shares])
    if choice is None:
        raise NotFound
    return Checkout(
        payment.id,
        payment.status,
        payment.currency,
        payment.expires_at,
        payment.confirmed_at,
        payment.amount,
        payment.credit_amount,
        payment.gateway,
        choice,
        shares,
        free_credit=free_credit(reader, scope, payment.currency) if choice.use_credit else 0,
        limits=charge_limits.get(payment.currency, ANY_AMOUNT),
    )


def _payable(row: PayableInvoice, options: PaymentOptions) -> Payable:
    due = due_of(row, options)
    return Payable(
        id=row.id,
        number=row.number,
        title=row.description or row.number,
        due_on=row.due_on,
        currency=row.currency,
        amount_due=due.left + row.amount_reserved,
        is_held=row.amount_reserved > 0,
        due=due,
    )
