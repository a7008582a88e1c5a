"""The names of payment methods on pages, and the values of their pages; never a gateway's token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

BRAND_NAMES = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "mtn": "MTN MoMo",
    "mtn_momo": "MTN MoMo",
    "orange": "Orange Money",
    "orange_money": "Orange Money",
    "airtel": "Airtel Money",
    "mpesa": "M-Pesa",
    "wave": "Wave",
}
BRAND_MARKS = {
    "visa": "VISA",
    "mastercard": "MC",
    "amex": "AMEX",
    "discover": "DISC",
    "mtn": "MoMo",
    "mtn_momo": "MoMo",
    "orange": "OM",
    "orange_money": "OM",
    "airtel": "AIR",
    "mpesa": "M-P",
    "wave": "WAVE",
}
TYPE_MARKS = {"card": "CARD", "mobile_money": "MOBI", "bank_account": "BANK"}


@lru_cache(maxsize=4096)  # Called for every row of a history.
def method_name(type: str, brand: str | None, last4: str | None, bank_name: str | None = None) -> str:
    """The brand or bank and the mask, the same in every language: "Visa •••• 4242", "MTN MoMo •• 12", "Chase •••• 6789".

    The customer's own credit is "credit", which pages translate. Brand and digits stay on one line (no-break spaces). Without brand, bank and digits it is "": the page then says so.
    """
    if type == "credit":
        return "credit"
    owner = (
        BRAND_NAMES.get(brand or "", (brand or "").replace("_", " ").title()) if type != "bank_account" else bank_name
    )
    if last4:
        digits = f"••\u00a0{last4[-2:]}" if type == "mobile_money" else f"••••\u00a0{last4}"
        return f"{owner}\u00a0{digits}" if owner else digits
    return owner or ""


@dataclass(frozen=True, slots=True)
class MethodLabel:
    """A method as pages name it. `type` is card, mobile_money, bank_account or other; `phone` is already masked."""

    type: str
    brand: str | None = None
    last4: str | None = None
    nickname: str | None = None
    phone: str | None = None
    bank_name: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None

    @property
    def name(self) -> str:
        return method_name(self.type, self.brand, self.last4, self.bank_name)

    @property
    def title(self) -> str:
        return self.nickname or self.name

    @property
    def mark(self) -> str:
        """The letters of the drawn mark; at most four or five."""
        if self.type == "bank_account":
            return TYPE_MARKS["bank_account"]
        return BRAND_MARKS.get(self.brand or "", TYPE_MARKS.get(self.type, "PAY"))

    @property
    def expiry(self) -> str:
        """ "11/2028" as on the card, or "" for what does not expire."""
        return f"{self.exp_month:02d}/{self.exp_year}" if self.exp_month and self.exp_year else ""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One saved method. `state` is as `rules.method_state` returns it."""

    id: str
    label: MethodLabel
    state: str
    is_default: bool
    last_used_on: date | None


@dataclass(frozen=True, slots=True)
class UseRow:
    """One thing that depends on a method. `kind` is "checkout" (open, can be moved) or "payment" (in progress); `amount` minor units."""

    kind: str
    href: str
    title: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """One method of payment_methods/list.html with all that can be done with it.

    `open` is what of it stands open when the page comes: "" (nothing), "details", "name" or "removal". `nickname` is the value of its
    field, to which `fault` belongs: "", "too_long", "unusable" or "card_number". `gateway_name` stores its number. `consent_on`,
    `consent_wording` and its language are of the customer's consent, all None for a method without one. `can_be_default`: it is not, and
    can be charged. `candidates` are the methods that could take over, `chosen` the id of one of them or ""; `is_choice_missing`: there
    are several, and none was chosen.
    """

    row: MethodRow
    gateway_name: str
    added_on: date
    open: str = ""
    nickname: str = ""
    fault: str = ""
    holder: str | None = None
    consent_on: date | None = None
    consent_wording: str | None = None
    consent_locale: str | None = None
    can_be_default: bool = False
    uses: tuple[UseRow, ...] = ()
    candidates: tuple[MethodRow, ...] = ()
    chosen: str = ""
    is_choice_missing: bool = False

    @property
    def movable(self) -> tuple[UseRow, ...]:
        """The open checkouts, which another method takes over."""
        return tuple(use for use in self.uses if use.kind == "checkout")

    @property
    def in_progress(self) -> tuple[UseRow, ...]:
        """The payments that were sent, and are finished with this method."""
        return tuple(use for use in self.uses if use.kind == "payment")

    @property
    def has_to_move(self) -> bool:
        return self.row.is_default or bool(self.movable) or self.is_choice_missing


@dataclass(frozen=True, slots=True)
class MethodNotice:
    """What was done just now, to which method: `kind` is "named", "unnamed", "default" or "removed"; `successor` is what took over
    from a removed one, None where nothing had to."""

    kind: str
    label: MethodLabel
    successor: MethodLabel | None = None


@dataclass(frozen=True, slots=True)
class MethodsPage:
    """payment_methods/list.html, for the list and for the address of each method, which opens it there. The default comes first.
    `gateway_name` is who stores the numbers ("Sandbox Pay"); `can_add`: it has a page on which a method is saved without paying.
    `can_edit` is False where the merchant lets customers only see their methods."""

    methods: tuple[MethodEntry, ...]
    gateway_name: str
    can_add: bool = False
    done: MethodNotice | None = None
    can_edit: bool = True


@dataclass(frozen=True, slots=True)
class NewMethodPage:
    """payment_methods/new.html. `types` is what the gateway's page accepts (card, mobile_money …); empty where it saves nothing
    without a payment. `replaces` is the method that the new one replaces. `consent` is the sentence of the consent.
    `is_first`: it becomes the default anyway. `fault` belongs to the nickname."""

    gateway_name: str
    types: tuple[str, ...] = ()
    replaces_id: str = ""
    replaces: MethodLabel | None = None
    nickname: str = ""
    make_default: bool = False
    is_first: bool = False
    consent: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SetupPage:
    """payment_methods/setup.html: the progress of a new method. `status` as in the table; `continue_url` is the gateway's page.
    `method` and `method_id` are the saved method, `start_url` begins again."""

    id: str
    status: str
    gateway_name: str
    start_url: str
    continue_url: str | None = None
    failure_code: str | None = None
    method_id: str | None = None
    method: MethodLabel | None = None
    has_replaced: bool = False

    @property
    def is_unsettled(self) -> bool:
        return self.status in ("processing", "requires_action", "pending")
