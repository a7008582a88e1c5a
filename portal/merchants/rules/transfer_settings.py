"""The accounts to which a merchant's customers may transfer what they owe, by currency (`[transfer]` of the settings document); pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as InvalidNumber

from portal.contacts import ContactRefused, is_blank, normalise_name
from portal.countries import is_country
from portal.merchants.rules.settings_faults import Section, fault_at, read_partly, refuse
from portal.money import CURRENCIES
from portal.swiss_bills import LONGEST, MAX_PREFIX, is_qr_iban, is_swiss, permitted

MAX_LINE = 70
"""Characters of a line, as the European Payments Council's code has them for a holder."""


class TransferAccount(Section):
    """An account. `holder` is who has it; `iban` its number in that form, or `account` one in another (with the bank's own number where the
    country writes one); `bic` and `bank` are the bank's code and name, "" where they are not needed.

    `street` to `country` are the holder's address, which a Swiss QR-bill needs: `street` and `building_number` may be "".
    `reference_prefix` are digits with which the bank of a QR-IBAN wants its references to begin, or "".
    """

    holder: str
    iban: str = ""
    account: str = ""
    bic: str = ""
    bank: str = ""
    street: str = ""
    building_number: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    reference_prefix: str = ""


def _read_accounts(given: object) -> dict[str, TransferAccount]:
    """Return the accounts by currency."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a table for each currency")
    read: dict[str, TransferAccount] = {}
    faults: list[InitErrorDetails] = []
    for currency, value in given.items():
        if currency not in CURRENCIES:
            faults.append(fault_at((currency,), "is not a currency of ISO 4217, such as EUR or XAF", value))
            continue
        account, found = read_partly(TransferAccount, value, currency)
        if not found:
            found = [fault_at((currency, name), message, None) for name, message in _account_faults(account)]
        faults += found
        if not found:
            read[currency] = account
    refuse(faults)
    return read


def _account_faults(account: TransferAccount) -> Iterator[tuple[str, str]]:
    if is_blank(account.holder):
        yield "holder", "is missing"
    for name in ("holder", "account", "bank"):
        text = getattr(account, name)
        if text and not _is_line(text):
            yield name, f"is one line of at most {MAX_LINE} characters, without blanks at its ends or two in a row"
    if not account.iban and not account.account:
        yield "iban", "is missing: an account has an iban, or an account number in another form (account)"
    if account.iban and account.account:
        yield "account", "is for a number that is not an IBAN; this account has one"
    if account.iban and not _is_valid(iban, account.iban):
        yield "iban", "is not an IBAN: its check digits, its length or its country are wrong"
    if account.bic and not _is_valid(bic, account.bic):
        yield "bic", "is not a BIC of 8 or 11 characters"
    yield from _address_faults(account)
    prefix = account.reference_prefix
    if prefix and not (
        prefix.isascii() and prefix.isdigit() and len(prefix) <= MAX_PREFIX and is_qr_iban(account.iban)
    ):
        yield "reference_prefix", f"is of at most {MAX_PREFIX} digits, for a QR-IBAN"


def _address_faults(account: TransferAccount) -> Iterator[tuple[str, str]]:
    given = {name: getattr(account, name) for name in (*LONGEST, "country") if name != "name"}
    for name, text in given.items():
        if text and name != "country" and not (_is_line(text) and len(text) <= LONGEST[name]):
            yield name, f"is one line of at most {LONGEST[name]} characters, without blanks at its ends or two in a row"
    if account.country and not is_country(account.country):
        yield "country", "is not a country code of ISO 3166 such as CH"
    if any(given.values()):
        for name in ("postal_code", "city", "country"):
            if not given[name]:
                yield name, "is missing: an address has postal_code, city and country"
        if is_swiss(account.iban):
            for name in ("holder", "street", "building_number", "postal_code", "city"):
                if permitted(getattr(account, name)) is None:
                    yield (
                        name,
                        "has letters that a Swiss QR-bill cannot have: it takes those of European languages in Latin script",
                    )


def _is_line(text: str) -> bool:
    try:
        return len(text) <= MAX_LINE and normalise_name(text) == text
    except ContactRefused:
        return False


def _is_valid(kind: object, number: str) -> bool:
    try:
        kind.validate(number)  # type: ignore[attr-defined]  # A module of python-stdnum.
    except InvalidNumber:
        return False
    return True


Accounts = Annotated[dict[str, TransferAccount], WrapValidator(lambda given, _: _read_accounts(given))]
