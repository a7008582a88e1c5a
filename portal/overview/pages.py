"""The values of the overview: what is owed, what needs attention, the newest payments; no queries, no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portal.customers.queries.details import WantedDetails
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

    `amount` leaves out what is under way; `pending_amount` is on its way in this currency. `invoices` are the first three, oldest due
    first; `count` is how many there are, and `more_amount` what is owed for those that are not named. `pay_overdue_url` is None when
    nothing is overdue (then `pay_all_url` is the main action), `pay_all_url` None when nothing can be paid at once; both are addresses
    of the choice, and `overdue` and `outstanding` with the currency are the fields of a form that pays. `overdue_amount` and
    `free_amount` are what these pay: an invoice of which a payment holds a part is not among them.
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
    free_amount: int = 0
    more_amount: int = 0


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Money of one currency that was sent and is not settled, outside of all that is owed: `amount` of `count` payments is on its way,
    and nobody has to do anything; `waiting_amount` of `waiting_count` waits for the customer, at `waiting_url`."""

    currency: str
    amount: int
    count: int
    waiting_amount: int
    waiting_count: int
    waiting_url: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs the customer's attention; at most three, the most important first. `url` is where its button leads.

    `kind`: "action_needed" (amount, currency, `title` of what it pays: a payment waits for their confirmation), "page_unfinished" (the
    same: it waits on the gateway's page), "payment_failed" (the same, and failure_code), "method_expiring" and "method_expired"
    (`method`, as `method_name(…)`, and `expiry` "04/2026").
    """

    kind: str
    url: str
    amount: int = 0
    currency: str = ""
    failure_code: str | None = None
    method: str = ""
    expiry: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Credit:
    """The customer's credit in one currency: credit notes, and money beyond what was owed."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """overview.html. `first_name` greets ("" greets nobody); `owed` is one panel a currency, overdue ones first.

    `state` is "owed", else "waiting" (nothing is owed, and the payment `to_confirm` waits for the customer), "on_its_way" (nothing
    waits either, and money is under way) or "settled" (none of these): what the page says first, and the only one with a tick is the last.
    `under_way` is one a currency; `moving` names the newest payments of it that are on their way.
    `payments` are the newest five (phones show three). `pay_with` is the default method. `credits` are one a currency.
    `top_up_url` is the checkout of a top-up, None where the merchant accepts none. `wanted` are details that the merchant asks for.
    """

    first_name: str
    owed: tuple[OwedPanel, ...]
    attention: tuple[Attention, ...]
    payments: tuple[PaymentRow, ...]
    pay_with: MethodLabel | None
    credits: tuple[Credit, ...] = ()
    top_up_url: str | None = None
    state: str = "settled"
    under_way: tuple[UnderWay, ...] = ()
    moving: tuple[PaymentRow, ...] = ()
    to_confirm: Attention | None = None
    wanted: WantedDetails | None = None

    @property
    def moving_count(self) -> int:
        """How many payments are on their way, in all currencies."""
        return sum(each.count for each in self.under_way)
