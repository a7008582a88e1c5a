"""The values of the payment pages: the history and one payment; no queries, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from portal.payment_methods.pages import MethodLabel
from portal.payments.rules.filters import HistoryFilter
from portal.web.pages import Pager


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund under its payment. `status` is pending, complete or failed; `amount` is positive (minor units)."""

    on: date
    amount: int
    currency: str
    status: str
    method: str = ""


class PaymentRow(NamedTuple):
    """One payment in a list; a tuple, since a page makes 25 of them and a frozen dataclass is slower to make.

    `title` says what it was for (the first invoice's title, else its number; "" for a top-up, `is_top_up`), `note` the quieter line below (the
    invoice's number; "" when the title is the number), `more_count` how many further invoices it pays.
    `on` is the day it was made, in the merchant's zone. `method` is `payment_methods.pages.method_name(…)`, "" when
    none was chosen. `status` is one of the payment statuses. `failure_code` is set for failed and rejected ones: the
    page turns it into reason and remedy, the remedy being a link to `retry_url` (None: no longer payable).
    """

    id: str
    title: str
    note: str
    on: date
    method: str
    status: str
    amount: int
    currency: str
    more_count: int = 0
    failure_code: str | None = None
    retry_url: str | None = None
    refunds: tuple[RefundRow, ...] = ()
    is_top_up: bool = False

    @property
    def is_returning(self) -> bool:
        """Whether a refund of it is on its way."""
        return any(refund.status == "pending" for refund in self.refunds)


@dataclass(frozen=True, slots=True)
class PaymentMonth:
    """The payments of one month on this page, of which `on` is any day; or of several with one payment each, back to that of `since`."""

    on: date
    rows: tuple[PaymentRow, ...]
    since: date | None = None


class FilterChip(NamedTuple):
    """One limit of the history that can be taken away; `url` is the history without it.

    `kind` is q (`value` is the text), method (one of the types, or credit), currency (the code), status (one that is no tab), from or to
    (`value` is the day).
    """

    kind: str
    value: str | date
    url: str


@dataclass(frozen=True, slots=True)
class PaymentsPage:
    """payments/list.html. Newest first.

    `status` is the chosen tab: "all", "complete", "pending" (pending, processing, requires_action), "failed" (failed,
    rejected) or "refunded" (wholly or partly), or a single status. `tabs` are the addresses of the tabs, which keep what else is asked
    for. `counts` has the tabs whose total is known: all, where nothing but a status is asked for, and else none.
    `has_any` is False only for a customer who never paid: an empty tab of another customer reads differently; `total` is how many
    payments the customer has. `asked` is the filter as it was read: `q`, `method`, `currency`, `from_on`, `to_on`; `is_narrowed` where
    one of these is set. `chips` take one away each. `methods` and `currencies` are what payments of this customer have, to choose from.
    `csv_url` is the file of what the page lists, "" for nothing.
    """

    status: str
    months: tuple[PaymentMonth, ...]
    pager: Pager
    has_any: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    asked: HistoryFilter = field(default_factory=HistoryFilter)
    tabs: Mapping[str, str] = field(default_factory=dict)
    chips: tuple[FilterChip, ...] = ()
    methods: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    csv_url: str = ""

    @property
    def row_count(self) -> int:
        """How many payments this page lists."""
        return sum(len(month.rows) for month in self.months)


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """A payment's share of one invoice, `amount` in the payment's currency; `left` (of `left_currency`, the
    invoice's own) stays open of it afterwards. `is_paid`: nothing of the invoice is left to pay now."""

    invoice_id: str
    number: str
    title: str
    amount: int
    left: int = 0
    left_currency: str = ""
    is_paid: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step in the progress of a payment; `at` in the merchant's zone, None for what is so now.

    `kind`: created (by the customer), sent, page_wanted (its page was requested), page_opened,
    page_missing (the gateway has the request, and we have no address of its page), action_needed, waiting, unknown, unanswered (a
    telephone, in the time that its operator gives), complete, failed, canceled, rejected, expired, abandoned, refund (with `amount`),
    refund_failed. What is so now is action_needed, waiting, unknown (of a payment that `is_being_sent`: on its way to the gateway) or page_missing, and has
    no time: that of our last question is `PaymentPage.last_checked_at`. What is still to come is no step: nobody knows.
    """

    kind: str
    at: datetime | None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class StillOpen:
    """What the customer owes beside a payment that has just been made: `amount` for `count` invoices, of which the next is due on
    `next_due_on`; `pay_url` is the checkout of all of it, None where nothing can be paid here."""

    amount: int
    count: int
    next_due_on: date
    pay_url: str | None


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """payments/detail.html, for a payment in any status.

    `at` is when it was completed, else when it was made (merchant's zone). `payee` is the merchant's legal name.
    `method` is None until one is chosen. `state` is the status that the page shows: that of the payment, but "sending" while it is not at the
    gateway yet, "processing" where its page never reached us or it is being stopped, and "returning" while a refund is on its way.
    `receipt` is "sent" or "queued" (it is on its way), "failed" where the mail was refused, "" where nothing is known of one;
    `receipt_to` the address, None for an older payment, whose address may have changed since.
    `is_new`: it was made within the hour, so that this page is the moment after Pay; `still_open` is what is owed beside it, by then.
    `continue_url` leads to the gateway's page (requires_action, incomplete) and is None when that page is closed.
    `retry_url` is the checkout of what this payment would have paid, None when nothing of it is left to pay;
    `retry_amount` is the current amount of that checkout, in `retry_currency`, in which it opens: the invoices' own, which may
    differ from the payment's; "" and no amount where they have several.
    `left_at` is where an abandoned one was left: "here", unconfirmed, or on the page of the "gateway"; "" when that never opened.
    `is_unasked`: the gateway was to show a page of its own, of which we have no address: the customer never saw it.
    `is_being_sent`: the gateway has not answered, and has not been given the time to; `is_unsent`: nobody has set out to send it.
    `can_cancel`: the page offers POST /checkout/<id>/cancellation.
    `asked_at` is when a prompt was sent to the phone, `answer_by` when the operator takes it back: together they make the progress bar,
    of `window_seconds`, of which `seconds_left` are left. `is_late`: that time is over; an answer counts until `ends_at` all the same.
    `last_checked_at` is when the gateway was asked last. `zone` is the name of the zone of all these times ("Africa/Douala").
    `could_not_stop`: the customer has just tried to stop it, and the gateway did not. `is_being_stopped`: the customer has, and the gateway
    has not answered yet; until then nothing else is offered.
    `dial` is the code that shows a lost prompt ("*126#").
    `credit_amount` is the part of the amount that the customer's credit paid. `is_top_up`: the payment becomes credit and
    pays no invoice. `rest_url` is where the rest of a split is paid by another method, `rest_amount` how much that is.
    `amount_refunded` was refunded, `amount_returning` is a pending refund, which may still fail.
    `surplus` is the part that no invoice could take, so that it became the customer's credit.
    `is_by_link`: somebody paid by the invoice's pay link, without signing in.
    `steps` are oldest first. `gateway_name` is the gateway's title ("Sandbox Pay").
    """

    id: str
    status: str
    amount: int
    currency: str
    payee: str
    at: datetime
    gateway_name: str
    method: MethodLabel | None
    shares: tuple[PaidInvoice, ...]
    steps: tuple[Step, ...]
    refunds: tuple[RefundRow, ...] = ()
    amount_refunded: int = 0
    amount_returning: int = 0
    failure_code: str | None = None
    continue_url: str | None = None
    retry_url: str | None = None
    retry_amount: int = 0
    retry_currency: str = ""
    can_cancel: bool = False
    receipt_to: str | None = None
    asked_at: datetime | None = None
    answer_by: datetime | None = None
    dial: str | None = None
    credit_amount: int = 0
    is_top_up: bool = False
    rest_url: str | None = None
    rest_amount: int = 0
    surplus: int = 0
    left_at: str = ""
    has_mail: bool = True
    is_unasked: bool = False
    state: str = ""
    receipt: str = ""
    is_new: bool = False
    still_open: StillOpen | None = None
    window_seconds: int = 0
    seconds_left: int = 0
    is_late: bool = False
    ends_at: datetime | None = None
    last_checked_at: datetime | None = None
    zone: str = "UTC"
    could_not_stop: bool = False
    is_being_sent: bool = False
    is_unsent: bool = False
    is_being_stopped: bool = False
    is_by_link: bool = False

    @property
    def is_waiting_for_phone(self) -> bool:
        """Whether a prompt is on the telephone, or was, and has no answer yet."""
        is_asked = not (self.is_unasked or self.is_being_stopped)
        return self.status == "pending" and self.is_by_phone and is_asked

    @property
    def charge_amount(self) -> int:
        """What the method pays: all but what credit pays."""
        return self.amount - self.credit_amount

    @property
    def is_by_phone(self) -> bool:
        return self.method is not None and self.method.type == "mobile_money"

    @property
    def is_unsettled(self) -> bool:
        """The page reloads until this is False."""
        return self.status in ("pending", "processing", "requires_action")
