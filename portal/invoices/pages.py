"""The values of the invoice pages: the list and one invoice; no queries, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from markupsafe import Markup

from portal.payment_methods.pages import MethodLabel
from portal.web.pages import Pager


class InvoiceRow(NamedTuple):
    """One invoice in a list; a tuple, since a page makes 25 of them and a frozen dataclass is slower to make.

    `title` says what it is for (else the number); `number` is "" when the title is the number.
    `amount` is what is left to pay while open or partially_paid, else the total; of an invoice in the group of what is on its way it
    is what payments hold of it, and of one of which they hold a part what is free. `days_overdue` is 0 when not overdue.
    `is_being_paid`: a payment holds all that is left of it, and it cannot be paid. `standing` is what payments do with it: the status of
    the one that holds it or a part of it (sending, processing, pending, requires_action), or of a paid one "returning" (a refund is on its way),
    "refunded" or "partially_refunded"; "" for none of these.
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
    standing: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceGroup:
    """Rows below one heading: the month they were issued in, or no heading at all (None). `kind` divides the list of what is to pay:
    "to_pay" is what its sums count, "waiting" (the payment waits for the customer) and "on_its_way" are held by payments; "" of months."""

    month: date | None
    rows: tuple[InvoiceRow, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed in one currency for `count` invoices, over all pages of the list; what is being paid is not in `amount` any more.
    `overdue_amount` and `free_amount` are what the two checkouts pay, as in the overview's OwedPanel."""

    currency: str
    amount: int
    overdue_amount: int
    pay_all_url: str | None
    pay_overdue_url: str | None
    count: int = 0
    free_amount: int = 0


@dataclass(frozen=True, slots=True)
class InvoicesPage:
    """invoices/list.html. `status` is "outstanding", "overdue", "paid" or "all".

    `owed` has one entry a currency, the one with overdue invoices first. `counts` has the tabs whose total is known: how many invoices
    can be paid, which are those that `owed` sums; what is on its way is listed with them and not counted.
    `has_any` is False only for a customer without any invoice. `zip_url` has the papers of those that are listed, "" for fewer than two.
    """

    status: str
    groups: tuple[InvoiceGroup, ...]
    owed: tuple[Owed, ...]
    pager: Pager
    has_any: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    zip_url: str = ""

    @property
    def row_count(self) -> int:
        """How many invoices this page lists."""
        return sum(len(group.rows) for group in self.groups)


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
    """The tax of one rate in per cent; None where only the amount of the tax is known."""

    rate: Decimal | None
    amount: int


@dataclass(frozen=True, slots=True)
class CreditNoteRow:
    """A credit note that lowered this invoice; `amount` is positive."""

    number: str
    issued_on: date
    amount: int
    id: str = ""


@dataclass(frozen=True, slots=True)
class CreditNotePage:
    """Given to invoices/credit_note. Amounts are positive, in minor units of `currency`; `amount_applied` lowered the invoice, the
    rest is the customer's credit. `invoice_id` is None where it corrects none."""

    id: str
    number: str
    description: str
    issued_on: date
    currency: str
    amount: int
    amount_applied: int
    invoice_id: str | None
    invoice_number: str = ""

    @property
    def amount_as_credit(self) -> int:
        return self.amount - self.amount_applied


@dataclass(frozen=True, slots=True)
class InvoiceRefund:
    """Money of a payment of this invoice that went back; `status` is pending, complete or failed."""

    on: date
    amount: int
    status: str
    method: str


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """A payment's share of this invoice. `method` is `method_name(…)`, `status` that of the payment, or "returning" while a refund of it
    is on its way. `refunds` are those of a payment that paid this invoice alone."""

    id: str
    on: date
    method: str
    status: str
    amount: int
    refunds: tuple[InvoiceRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class TransferWay:
    """The merchant's account for transfers; `bic` and `bank` are "" where they are not needed. `is_iban` says what `number` is.

    `reference` finds the invoice; `code` is a picture for banking apps, "" where no scheme has one.
    """

    holder: str
    number: str
    is_iban: bool
    bic: str
    bank: str
    reference: str
    code: Markup | str = ""


@dataclass(frozen=True, slots=True)
class PayLater:
    """How an open invoice is paid elsewhere or later. `said` is what the customer last said: "", "transfer" (it was paid by transfer) or
    "day" (it will be paid on `pay_on`), on `said_on`. Of `first_day` to `last_day` one may be named, None where the merchant admits none;
    `fault`: "missing", "malformed", "past" or "too_late", for `typed`."""

    transfer: TransferWay | None
    said: str = ""
    said_on: date | None = None
    pay_on: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    typed: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """invoices/detail.html. All amounts in `currency`.

    `in_progress` is the payment in flight: the panel then names it and offers no second one. `amount_left` is what no payment holds of
    what is due; where one holds a part, the rest is paid at `rest_url`, that payment's page.
    `pay_url` is the checkout of this invoice, where amount and method are chosen; None when it cannot be paid (settled, void, in
    progress, no gateway). A form that posts `invoice` pays it. `pay_with` is the method the checkout will propose.
    `later` is None where nothing is to pay, and where the merchant admits no other way. `amount_refunded` of what paid the invoice was sent back, `amount_returning` is on its way back. `is_refund_shared`: a payment that
    paid other invoices too was refunded in part, and how much of that is of this one nobody can say.
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
    amount_left: int = 0
    rest_url: str | None = None
    amount_refunded: int = 0
    amount_returning: int = 0
    refunded_on: date | None = None
    refund_method: str = ""
    is_refund_shared: bool = False
    later: PayLater | None = None
