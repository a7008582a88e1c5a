"""What a customer chooses to pay, how much of it and in which way, as values; and how a payment stores the choice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Full:
    """Everything that is due."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """The invoice's deposit, whatever it is when it is paid."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One of the amounts that the merchant proposes, in minor units of the payment's currency."""

    amount: int


@dataclass(frozen=True, slots=True)
class Exact:
    """An amount that the customer typed, in minor units of the payment's currency."""

    amount: int


@dataclass(frozen=True, slots=True)
class FirstPart:
    """The first of two payments, in minor units of the payment's currency; another method pays the rest in a second one."""

    amount: int


Amount = Full | Deposit | Preset | Exact | FirstPart


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A saved payment method, `pm_…`."""

    method_id: str


@dataclass(frozen=True, slots=True)
class NewMethod:
    """A method that the customer enters on the gateway's page; `save`: it is saved, if the customer consents."""

    save: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request for approval that the gateway sends to a telephone: `phone` (E.164) at the operator `channel`."""

    channel: str
    phone: str
    save: bool = False


@dataclass(frozen=True, slots=True)
class CreditAlone:
    """The customer's credit and nothing else: no gateway, no method."""


Way = SavedMethod | NewMethod | Prompt | CreditAlone


@dataclass(frozen=True, slots=True)
class Invoices:
    """Invoices of the customer. `currency` None is their own; `split_of` is the first of two payments, whose rest this one pays."""

    ids: tuple[str, ...]
    currency: str | None = None
    split_of: str | None = None


@dataclass(frozen=True, slots=True)
class TopUp:
    """A payment in advance, which becomes the customer's credit in `currency`."""

    currency: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice at the checkout: what is paid, in which way, how much of it. `use_credit`: the customer's credit pays first, and
    `way` the rest; a top-up never uses it."""

    what: Invoices | TopUp
    way: Way
    amount: Amount = Full()
    use_credit: bool = False


class StoredChoice(Protocol):
    """The columns of a payment that hold its choice. Each is as it was chosen until the payment is confirmed."""

    @property
    def kind(self) -> Any: ...
    @property
    def currency(self) -> Any: ...
    @property
    def split_of(self) -> Any: ...
    @property
    def use_credit(self) -> Any: ...
    @property
    def amount_choice(self) -> Any: ...
    @property
    def amount(self) -> Any: ...
    @property
    def way(self) -> Any: ...
    @property
    def payment_method_id(self) -> Any: ...
    @property
    def save_method(self) -> Any: ...
    @property
    def channel(self) -> Any: ...
    @property
    def phone(self) -> Any: ...
    @property
    def unreached_invoices(self) -> Any: ...


CHOICE_COLUMNS = (
    "kind", "currency", "split_of", "use_credit", "amount_choice", "amount", "way", "payment_method_id", "save_method", "channel",
    "phone", "unreached_invoices",
)  # fmt: skip
"""What `read_choice` reads, as names of columns."""


def amount_of(amount: Amount) -> int | None:
    """Return the minor units that the choice itself names; None for the full amount and the deposit, which the invoices decide."""
    match amount:
        case Full() | Deposit():
            return None
        case Preset(named) | Exact(named) | FirstPart(named):
            return named


def stored_choice(choice: Choice, *, unreached_ids: Sequence[str] = ()) -> dict[str, Any]:
    """Return the columns that hold a choice, but `currency` and `amount`, which pricing decides. `unreached_ids` are those of its invoices
    of which the amount pays nothing; the payment's shares name the others."""
    invoices = choice.what if isinstance(choice.what, Invoices) else None
    return {
        "kind": "invoice" if invoices else "top_up",
        "split_of": invoices.split_of if invoices else None,
        "use_credit": choice.use_credit,
        "amount_choice": _AMOUNTS[type(choice.amount)],
        "unreached_invoices": " ".join(unreached_ids) or None,
        **_stored_way(choice.way),
    }


def read_choice(stored: StoredChoice, reached_ids: Sequence[str]) -> Choice | None:
    """Return the choice that a payment stores; None for one that was not chosen here, such as an imported one. `reached_ids` are the
    invoices of its shares."""
    way = read_way(stored)
    if way is None:
        return None
    if stored.kind == "top_up":
        return Choice(TopUp(stored.currency), way, read_amount(stored), stored.use_credit)
    ids = (*reached_ids, *(stored.unreached_invoices or "").split())
    what = Invoices(ids, stored.currency, stored.split_of)
    return Choice(what, way, read_amount(stored), stored.use_credit)


def read_amount(stored: StoredChoice) -> Amount:
    """Return the amount that a payment stores. Raises LookupError for a payment that was not chosen here."""
    match stored.amount_choice:
        case "full":
            return Full()
        case "deposit":
            return Deposit()
        case "preset":
            return Preset(stored.amount)
        case "exact":
            return Exact(stored.amount)
        case "first_part":
            return FirstPart(stored.amount)
    raise LookupError("this payment was not chosen here")


def read_way(stored: StoredChoice) -> Way | None:
    """Return the way that a payment stores; None for one that was not chosen here."""
    match stored.way:
        case "saved_method":
            return SavedMethod(stored.payment_method_id)
        case "new_method":
            return NewMethod(stored.save_method)
        case "prompt":
            return Prompt(stored.channel, stored.phone, stored.save_method)
        case "credit":
            return CreditAlone()
    return None


_AMOUNTS: dict[type[Amount], str] = {
    Full: "full",
    Deposit: "deposit",
    Preset: "preset",
    Exact: "exact",
    FirstPart: "first_part",
}


def _stored_way(way: Way) -> dict[str, Any]:
    columns: dict[str, Any] = {"payment_method_id": None, "save_method": False, "channel": None, "phone": None}
    match way:
        case SavedMethod(method_id):
            return columns | {"way": "saved_method", "payment_method_id": method_id}
        case NewMethod(save):
            return columns | {"way": "new_method", "save_method": save}
        case Prompt(channel, phone, save):
            return columns | {"way": "prompt", "channel": channel, "phone": phone, "save_method": save}
        case CreditAlone():
            return columns | {"way": "credit"}
