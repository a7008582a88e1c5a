"""The values of the invoice pages: the list and one invoice; no queries, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from portal.payment_methods.pages import MethodLabel
from portal.web.pages import Pager


class InvoiceRow(NamedTuple):
    """One invoice in a list; a tuple, since a page makes 25 of them and a frozen dataclass is slower to make.

    `title` says what it is for (else the number); `number` is "" when the title is the number.
    `amount` is what is left to pay while open or partially_paid, else the total. `days_overdue` is 0 when not overdue.
    `is_being_paid`: a payment of it is in flight; it reads "Payment pending" and cannot be paid.
    """

    id: str
    title: str
    number: str
    due_on: date | None
    status: str
    amount: int
    currency: str
    days_overdue: int = 0
    is_being_paid: bool = False


@dataclass(frozen=True, slots=True)
class InvoiceGroup:
    """Rows below one heading: the month they were issued in, or no heading at all (None)."""

    month: date | None
    rows: tuple[InvoiceRow, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed in one currency, over all pages of the list; what is being paid is not in `amount` any more."""

    currency: str
    amount: int
    overdue_amount: int
    pay_all_url: str | None
    pay_overdue_url: str | None


@dataclass(frozen=True, slots=True)
class InvoicesPage:
    """invoices/list.html. `status` is "outstanding", "overdue", "paid" or "all".

    `owed` has one entry a currency, the one with overdue invoices first. `counts` has the tabs whose total is known.
    `has_any` is False only for a customer without any invoice.
    """

    status: str
    groups: tuple[InvoiceGroup, ...]
    owed: tuple[Owed, ...]
    pager: Pager
    has_any: bool
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer as the invoice froze it: a name, and the lines below it (address, tax number), none empty."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`unit_amount` is in minor units and may have a fraction; None when only the amount is known."""

    description: str
    quantity: Decimal
    unit_amount: Decimal | None
    amount: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class TaxSum:
    """The tax of one rate; `rate` in per cent."""

    rate: Decimal
    amount: int


@dataclass(frozen=True, slots=True)
class CreditNoteRow:
    """A credit note that lowered this invoice; `amount` is positive."""

    number: str
    issued_on: date
    amount: int


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """A payment's share of this invoice. `method` is `method_name(…)`."""

    id: str
    on: date
    method: str
    status: str
    amount: int


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """invoices/detail.html. All amounts in `currency`.

    `in_progress` is the payment in flight: the panel then names it and offers no second one.
    `pay_url` is the checkout of this invoice, None when it cannot be paid (settled, void, in progress, no gateway).
    `pay_with` is the method the checkout will propose.
    """

    id: str
    number: str
    title: str
    status: str
    currency: str
    issued_on: date
    due_on: date | None
    days_overdue: int
    seller: Party
    buyer: Party
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxSum, ...]
    subtotal: int
    total: int
    amount_paid: int
    amount_credited: int
    amount_due: int
    credit_notes: tuple[CreditNoteRow, ...]
    payments: tuple[InvoicePayment, ...]
    in_progress: InvoicePayment | None
    pay_url: str | None
    pay_with: MethodLabel | None
    paid_on: date | None = None
