"""The values of the overview: what is owed, what needs attention, the newest payments; no queries, no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portal.payment_methods.pages import MethodLabel
from portal.payments.pages import PaymentRow


@dataclass(frozen=True, slots=True)
class DueInvoice:
    """An invoice of the panel; `amount` is what is left to pay of it, `days_overdue` 0 when not overdue."""

    id: str
    title: str
    number: str
    due_on: date | None
    amount: int
    days_overdue: int = 0


@dataclass(frozen=True, slots=True)
class OwedPanel:
    """What is owed in one currency.

    `amount` leaves out what is being paid, which is `pending_amount`. `invoices` are the first three, oldest due first;
    `count` is how many there are. `pay_overdue_url` is None when nothing is overdue (then `pay_all_url` is the main
    action), `pay_all_url` None when nothing can be paid at once.
    `pay_part_url` leads to paying another amount than all, where the merchant allows it. `longest_overdue_days` is the age of the oldest one.
    """

    currency: str
    amount: int
    count: int
    invoices: tuple[DueInvoice, ...]
    pay_all_url: str | None
    pay_overdue_url: str | None = None
    overdue_amount: int = 0
    overdue_count: int = 0
    longest_overdue_days: int = 0
    pending_amount: int = 0
    pay_part_url: str | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs the customer's attention; at most three, the most important first. `url` is where its button leads.

    `kind`: "payment_failed" (amount, currency, failure_code), "action_needed" (amount, currency: a payment waits for
    their confirmation), "page_unfinished" (the same: it waits on the gateway's page), "method_expiring" and "method_expired" (`method`, as `method_name(…)`, and `expiry` "04/2026").
    """

    kind: str
    url: str
    amount: int = 0
    currency: str = ""
    failure_code: str | None = None
    method: str = ""
    expiry: str = ""


@dataclass(frozen=True, slots=True)
class Credit:
    """The customer's credit in one currency: credit notes, and money beyond what was owed."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """overview.html. `first_name` greets ("" greets nobody); `owed` is one panel a currency, overdue ones first.

    `payments` are the newest five (phones show three). `pay_with` is the default method. `credits` are one a currency.
    `top_up_url` is the checkout of a top-up, None where the merchant accepts none.
    """

    first_name: str
    owed: tuple[OwedPanel, ...]
    attention: tuple[Attention, ...]
    payments: tuple[PaymentRow, ...]
    pay_with: MethodLabel | None
    credits: tuple[Credit, ...] = ()
    top_up_url: str | None = None
