"""The values of the checkout's two pages: choose, then review and pay; no queries, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from portal.payment_methods.pages import MethodLabel
from portal.payments.pages import PaidInvoice


@dataclass(frozen=True, slots=True)
class InvoiceChoice:
    """An invoice that is paid or could be: a box named `invoice`. `change_url` is the checkout without it, or with it; None for the
    only one. `amount` is what is left to pay of it, in `currency`.
    """

    id: str
    title: str
    number: str
    due_on: date | None
    days_overdue: int
    amount: int
    currency: str
    change_url: str | None


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A saved method to pay with: the radio `payment_method` with the value `id`. `state` as in MethodRow."""

    id: str
    label: MethodLabel
    state: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class NamedAmount:
    """An amount that may be chosen by its name: the radio `amount_choice` with `value`. `kind` is full, deposit or preset."""

    value: str
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class AmountChoice:
    """How much is paid: `options` by name, then "other" where `is_editable`, with the field `amount`, and "split" where `can_split`, with
    the field `first_amount`. `chosen` is the radio to tick, `typed` and `typed_first` the values of the fields; limits in minor units,
    `minimum` and `maximum` those of "other", `least_first_part` and `most_first_part` those of "split".

    `is_after_refusal`: another amount is offered after insufficient funds, lower than the one that was tried.
    """

    options: tuple[NamedAmount, ...]
    chosen: str
    typed: str = ""
    is_editable: bool = False
    can_split: bool = False
    minimum: int = 0
    maximum: int = 0
    is_after_refusal: bool = False
    least_first_part: int = 0
    most_first_part: int = 0
    typed_first: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceSum:
    """What the choice comes to as the page is loaded, in minor units of its currency: `total` of `count` invoices (0 for a top-up), of
    which `now` is paid: `credit` by the customer's credit and `charge` by the method. `rest` stays open, or where `is_split` is paid by a
    second payment. `now` and `charge` are None while nobody can say: no amount is typed, or one that cannot be paid."""

    count: int
    total: int
    now: int | None
    credit: int = 0
    charge: int | None = None
    rest: int = 0
    is_split: bool = False

    @property
    def is_by_credit(self) -> bool:
        """Whether credit pays all of it: nothing is charged."""
        return self.credit > 0 and self.charge == 0


@dataclass(frozen=True, slots=True)
class HeldBy:
    """The payment that holds what was to be paid: `status` is sending, processing, pending or requires_action, `on` the day it was made."""

    id: str
    status: str
    amount: int
    currency: str
    on: date


@dataclass(frozen=True, slots=True)
class CurrencyOffer:
    """The same in another currency, or the part of a choice that is in this one: `url` is the checkout of it. `titles` name
    the first invoices of such a part, `more_count` how many there are besides."""

    currency: str
    amount: int
    url: str
    is_chosen: bool = False
    titles: tuple[str, ...] = ()
    more_count: int = 0


@dataclass(frozen=True, slots=True)
class CreditChoice:
    """The customer's credit in the payment's currency; `is_used` is the state of the box `use_credit`."""

    available: int
    is_used: bool


@dataclass(frozen=True, slots=True)
class TelephoneChoice:
    """The radio "telephone": `channels` are (id, name) of the operators, `channel` the chosen one, `phone` as typed."""

    channels: tuple[tuple[str, str], ...]
    channel: str
    phone: str


@dataclass(frozen=True, slots=True)
class OrderNumberField:
    """The order number that the merchant needs before it is paid. `label` is its own name for it, "" where the portal's serves."""

    label: str
    typed: str


@dataclass(frozen=True, slots=True)
class ChoosePage:
    """checkout/choose.html; its form posts `invoice` (once an invoice), `payment_method`, `save_method` … to /checkout.

    `kind` is "invoices", "top_up" (no invoices) or "split" (`split_of` is the first payment, whose rest is
    paid here). `invoices` are what is paid, oldest due first, all in `currency`; `others` what could be added (ten at most).
    `amount` is all that can be paid here. `currencies` are the ways to pay the same in several currencies; `by_currency` is
    offered where the chosen invoices have no currency in common.
    `sum` is what the choice comes to as it is loaded; the page's script follows the choice from there. `nothing` says why there is no
    form: "in_progress" (`held_by` is the payment), "settled", "none" (nothing is owed that could be chosen), "no_way" (nothing pays in
    the currency), "too_small" (for the gateway, and there is nothing to pay with it), "currencies"; "" where there is one. `stopped_amount` was to be paid by the payment that was just stopped.
    `chosen` is the radio to tick: an id, "new", "telephone" or "" (nothing). `can_add` offers "new", and `can_save` its consent
    `save_method`; `save_method` is the state of that box. `amount_choice` None: paid in full.
    `is_gateway_slow`: the gateway takes long to answer at the moment; paying is possible all the same.
    `least_amount` is what the gateway charges at least, in minor units, and `amount_step` that of which it charges multiples.
    `page_types` are what the gateway's page accepts, of card, mobile_money, bank_account, other.
    `faults` maps a field to what is wrong with it: {"payment_method": "missing" | "unknown" | "expired" | "currency",
    "invoice": "missing" | "in_progress" | "settled" | "currencies" | "too_much",
    "amount": "unreadable" | "low" | "high" | "unplaceable" | "unreached" | "rest" | "unchargeable" | "not_allowed",
    "phone": "unreadable", "purchase_order": "missing" | "unreadable"}, and "amount", "first_amount", "phone" and "purchase_order" to
    "card_number" where one was pasted there. `order_number` None: no order number is asked for.
    `in_progress_payment_id` goes with "in_progress": the page links to that payment.
    """

    invoices: tuple[InvoiceChoice, ...]
    others: tuple[InvoiceChoice, ...]
    methods: tuple[MethodChoice, ...]
    amount: int
    currency: str
    payee: str
    gateway_name: str
    chosen: str
    kind: str = "invoices"
    split_of: str = ""
    can_add: bool = True
    page_types: tuple[str, ...] = ("card",)
    can_save: bool = False
    save_method: bool = False
    amount_choice: AmountChoice | None = None
    currencies: tuple[CurrencyOffer, ...] = ()
    by_currency: tuple[CurrencyOffer, ...] = ()
    credit: CreditChoice | None = None
    telephone: TelephoneChoice | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    in_progress_payment_id: str | None = None
    sum: ChoiceSum = ChoiceSum(0, 0, None)
    nothing: str = ""
    held_by: HeldBy | None = None
    stopped_amount: int = 0
    is_gateway_slow: bool = False
    least_amount: int = 1
    amount_step: int = 1
    order_number: OrderNumberField | None = None

    @property
    def has_ways(self) -> bool:
        """Whether anything but credit pays in the currency."""
        return bool(self.methods) or self.can_add or self.telephone is not None


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """checkout/review.html: payee, what is paid, amount, method, Pay.

    `state`: "ready"; "changed" (the amounts changed since they were shown: these are the new ones, to be confirmed);
    "in_progress" (another payment of these invoices is in flight), "settled" (paid meanwhile), both with `other_payment_id`, None
    where there is none to show; "expired" (this checkout has ended, and what it would pay is still open). Only the first two can
    be paid. `ended_by` is the reason of the last: "time", "customer" (cancelled, or superseded by a newer one), or "change" (what was
    chosen is not offered any more). Where Pay was pressed too often in an hour: "too_many", or "too_many_prompts" for telephones,
    and `until` is when it may be pressed again (merchant's zone).
    `amount` is what the method pays; `credit_amount` is paid by the customer's credit beside it. With an amount of 0 credit pays
    all. `rest_amount` is paid by another method afterwards. `is_top_up`: the payment becomes credit and pays no invoice.
    `method` None: a new one, entered on the gateway's page, or the telephone `phone`, which gets a prompt.
    `is_gateway_slow` is as in ChoosePage, false where credit pays all.
    `version` is posted back as the hidden field `version`, so that what is charged is what was shown.
    `change_url` is step one with the same choice, `back_url` what the customer came from: Cancel leads there, and ends the
    checkout first where it `can_cancel`. Confirmation and cancellation are POSTs below /checkout/<payment_id>.
    `receipt_to` is the address that gets the receipt, None where there is none. `open_after` is what is owed in this currency when this
    payment has been made.
    """

    payment_id: str
    state: str
    amount: int
    currency: str
    payee: str
    shares: tuple[PaidInvoice, ...]
    method: MethodLabel | None
    gateway_name: str
    version: str
    change_url: str
    back_url: str
    credit_amount: int = 0
    is_top_up: bool = False
    rest_amount: int = 0
    phone: str | None = None
    ended_by: str = ""
    can_cancel: bool = True
    until: datetime | None = None
    other_payment_id: str | None = None
    receipt_to: str | None = None
    open_after: int = 0
    is_gateway_slow: bool = False

    @property
    def is_payable(self) -> bool:
        return self.state in ("ready", "changed")
