"""What the page of a question gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class About:
    """What a question is about: `kind` "invoice" or "payment", its address, name, number ("" of a payment), day and amount in minor units."""

    kind: str
    id: str
    url: str
    title: str
    number: str
    on: date
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class AskPage:
    """questions/ask.html. `email` is where the answer goes, None where the customer has no address and is answered otherwise. `state`:
    "form", "sent" or "closed" (the merchant has no address for questions). `fault`: "missing", "too_long" or "card_number"."""

    state: str
    email: str | None
    about: About | None = None
    topic: str = ""
    typed: str = ""
    fault: str = ""
