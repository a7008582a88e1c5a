"""The accounts for transfers in the settings document."""

from __future__ import annotations

import pytest

from portal.merchants.errors import InvalidSettings
from portal.merchants.rules.merchant_settings import read_document, write_document

SWISS, QR_IBAN = "CH58 0079 1123 0008 8901 2", "CH44 3199 9123 0008 8901 2"
BIEL = {"postal_code": "2501", "city": "Biel", "country": "CH"}
GOOD = {"holder": "Acme GmbH", "iban": "DE89 3704 0044 0532 0130 00"}


@pytest.mark.parametrize(
    ("currency", "changes", "path"),
    [
        ("EUR", {"iban": "DE89 3704 0044 0532 0130 01"}, "transfer.EUR.iban"),
        ("EUR", {"iban": ""}, "transfer.EUR.iban"),
        ("EUR", {"account": "123"}, "transfer.EUR.account"),
        ("EUR", {"bic": "COBADE"}, "transfer.EUR.bic"),
        ("EUR", {"holder": " Acme"}, "transfer.EUR.holder"),
        ("EUR", {"holder": "A" * 71}, "transfer.EUR.holder"),
        ("EUR", {"bank": "a\nb"}, "transfer.EUR.bank"),
        ("EURO", {}, "transfer.EURO"),
        ("CHF", {"iban": SWISS, "postal_code": "2501", "country": "CH"}, "transfer.CHF.city"),
        ("CHF", {"iban": SWISS, "street": "Rue du Lac"}, "transfer.CHF.postal_code"),
        ("CHF", {"iban": SWISS, **BIEL, "country": "XX"}, "transfer.CHF.country"),
        ("CHF", {"iban": SWISS, **BIEL, "city": "B" * 36}, "transfer.CHF.city"),
        ("CHF", {"iban": SWISS, **BIEL, "holder": "Ελένη"}, "transfer.CHF.holder"),
        ("CHF", {"iban": SWISS, **BIEL, "reference_prefix": "210000"}, "transfer.CHF.reference_prefix"),
        ("CHF", {"iban": QR_IBAN, **BIEL, "reference_prefix": "21000A"}, "transfer.CHF.reference_prefix"),
        ("CHF", {"iban": QR_IBAN, **BIEL, "reference_prefix": "21000021000"}, "transfer.CHF.reference_prefix"),
    ],
)
def test_account_that_no_bank_would_take_is_refused_at_its_path(currency: str, changes: dict, path: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read_document({"transfer": {currency: {**GOOD, **changes}}}, languages=["en"])

    assert path in [fault.path for fault in refused.value.faults]
    assert all(fault.path.startswith(f"transfer.{currency}") for fault in refused.value.faults)


def test_accounts_come_back_as_they_were_written() -> None:
    accounts = {"EUR": GOOD, "XAF": {"holder": "Savane", "account": "10005 00123", "bank": "Banque"}}
    accounts["CHF"] = {**GOOD, **BIEL, "iban": QR_IBAN, "building_number": "12", "reference_prefix": "210000"}
    settings = read_document({"transfer": accounts}, languages=["en"])

    again = read_document(write_document(settings), languages=["en"])

    assert again == settings
    assert again.transfer["XAF"].account == "10005 00123"
