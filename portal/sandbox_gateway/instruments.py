"""Payment instruments as a payer enters them, parsed and validated: card, phone, bank account; no storage.

No other module handles a full card or account number, except for its hash in tokens.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.outcomes import SANDBOX_CARDS, is_luhn_valid, outcome_of_bank_account, outcome_of_phone

Channel = Literal["card", "mobile_money", "bank_account"]
CHANNELS: tuple[Channel, ...] = ("card", "mobile_money", "bank_account")

PROMPT_CHANNELS = {"cm.mtn": "mtn", "cm.orange": "orange"}
"""The operators whose phones a merchant can prompt directly, by channel id."""

_MTN = re.compile(r"237(67|65[0-4]|68[0-3])")
_ORANGE = re.compile(r"237(69|65[5-9]|68[4-9])")
_EXPIRY = re.compile(r"([0-9]{1,2})\s*[/\-.]?\s*(20)?([0-9]{2})", re.ASCII)


class InvalidInstrument(Exception):
    """The input is invalid; `errors` maps each field to the code of its error, whose message is in texts.py."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {code}" for name, code in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Instrument:
    """A payment instrument as it was entered; `number` is hashed and never stored, the other fields may be."""

    type: Channel
    brand: str
    last4: str
    outcome: str
    number: str = field(repr=False)
    exp_month: int | None = None
    exp_year: int | None = None
    holder: str | None = None
    phone: str | None = None
    bank_name: str | None = None


def read_expiry(text: str) -> tuple[int, int] | None:
    """Month and four-digit year of `MM/YY`, `MM / YYYY` or `MMYY`."""
    match = _EXPIRY.fullmatch(text.strip())
    return None if match is None else (int(match[1]), 2000 + int(match[3]))


def read_card(number: str, expiry: tuple[int, int] | None, holder: str, now: int, cvc: str | None = None) -> Instrument:
    """A card of the sandbox. Raises InvalidInstrument on `number`, `expiry`, `cvc`, `holder`; the API takes no cvc (None)."""
    digits = re.sub(r"[\s\-]", "", number)
    card = SANDBOX_CARDS.get(digits)
    errors: dict[str, str] = {}
    if not digits:
        errors["number"] = "number_missing"
    elif re.fullmatch(r"[0-9]{12,19}", digits) is None:
        errors["number"] = "number_length"
    elif not is_luhn_valid(digits):
        errors["number"] = "number_mistyped"
    elif card is None:
        errors["number"] = "number_not_sandbox"

    if expiry is None:
        errors["expiry"] = "expiry_unreadable"
    elif not 1 <= expiry[0] <= 12 or not 2000 <= expiry[1] <= 2099:
        errors["expiry"] = "expiry_unreadable"
    elif _has_expired(*expiry, now):
        errors["expiry"] = "expiry_past"

    if cvc is not None:
        length = 4 if card is not None and card.brand == "amex" else 3
        if re.fullmatch(rf"[0-9]{{{length}}}", cvc.strip()) is None:
            errors["cvc"] = f"cvc_{length}"
    if not _is_printable_text(holder):
        errors["holder"] = "text_too_long"

    if errors or card is None or expiry is None:
        raise InvalidInstrument(errors)
    return Instrument(
        "card", card.brand, digits[-4:], card.outcome, digits, expiry[0], expiry[1], holder.strip() or None
    )


def read_mobile_money(phone: str, operator: str = "") -> Instrument:
    """A phone to prompt; without an operator it is derived from Cameroon's prefixes. Raises InvalidInstrument on `phone`."""
    text = re.sub(r"[\s\-.()]", "", phone)
    digits = text.removeprefix("+").removeprefix("00")
    if not text:
        raise InvalidInstrument({"phone": "phone_missing"})
    if re.fullmatch(r"(\+|00)?[0-9]{8,15}", text) is None:
        raise InvalidInstrument({"phone": "phone_length"})
    if not re.fullmatch(r"[a-z_]{0,20}", operator):
        raise InvalidInstrument({"operator": "text_too_long"})
    if len(digits) == 9 and digits.startswith("6"):
        digits = "237" + digits  # The national format of Cameroon.
    return Instrument(
        "mobile_money",
        operator or _operator_of(digits),
        digits[-4:],
        outcome_of_phone(digits),
        digits,
        phone=f"+{digits[:3]} •••• {digits[-4:]}",
    )


def read_prompted_phone(phone: str, channel: str) -> Instrument:
    """A phone in E.164 to prompt by a channel. Raises InvalidInstrument on `channel`, and on a `phone` of another country."""
    operator = PROMPT_CHANNELS.get(channel)
    if operator is None:
        raise InvalidInstrument({"channel": "channel_unknown"})
    if re.fullmatch(r"\+2376[0-9]{8}", phone, re.ASCII) is None:
        raise InvalidInstrument({"phone": "phone_length"})
    return read_mobile_money(phone, operator)


def read_bank_account(*, account_number: str, bank_name: str, holder: str = "") -> Instrument:
    """A bank account to debit. Raises InvalidInstrument on `account_number`, `bank_name`, `holder`."""
    number = re.sub(r"[\s\-.]", "", account_number).upper()
    errors: dict[str, str] = {}
    if not number:
        errors["account_number"] = "account_missing"
    elif re.fullmatch(r"[0-9A-Z]{4,34}", number) is None:
        errors["account_number"] = "account_length"
    if not _is_printable_text(bank_name):
        errors["bank_name"] = "text_too_long"
    if not _is_printable_text(holder):
        errors["holder"] = "text_too_long"
    if errors:
        raise InvalidInstrument(errors)
    return Instrument(
        "bank_account",
        "bank",
        number[-4:],
        outcome_of_bank_account(number),
        number,
        holder=holder.strip() or None,
        bank_name=bank_name.strip() or None,
    )


def _has_expired(month: int, year: int, now: int) -> bool:
    today = datetime.fromtimestamp(now // SECOND, UTC)
    return (year, month) < (today.year, today.month)


def _operator_of(digits: str) -> str:
    if _MTN.match(digits):
        return "mtn"
    return "orange" if _ORANGE.match(digits) else "mobile_money"


def _is_printable_text(text: str) -> bool:
    return len(text) <= 120 and all(character.isprintable() for character in text)
