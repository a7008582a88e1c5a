"""What finds a transfer's invoice, and the codes that banking apps scan: of the European Payments Council, or of a Swiss QR-bill; pure."""

from __future__ import annotations

from dataclasses import dataclass

from portal.documents.papers import BankTransfer, Buyer
from portal.documents.rules import epc_text
from portal.merchants.rules.transfer_settings import TransferAccount
from portal.swiss_bills import (
    CURRENCIES,
    MAX_AMOUNT,
    Address,
    Reference,
    bill_address,
    bill_code,
    is_qr_iban,
    is_swiss,
    reference_of,
)


@dataclass(frozen=True, slots=True)
class SwissCode:
    """The parts of a Swiss QR-bill; `debtor` is None where the payer writes it by hand. `text` is that of the code."""

    creditor: Address
    debtor: Address | None
    reference: Reference
    text: str


def bank_transfer(account: TransferAccount) -> BankTransfer:
    """Return an account of the merchant's settings as papers and pages have it; an IBAN in the capital letters that codes need."""
    as_set = {name: getattr(account, name) for name in BankTransfer.__dataclass_fields__}
    return BankTransfer(**{**as_set, "iban": account.iban.upper()})


def transfer_reference(transfer: BankTransfer, currency: str, number: str) -> str:
    """Return the reference with which an invoice of this number is paid to this account, as people read it."""
    reference = find_reference(transfer, currency, number)
    return reference.written if reference is not None else number


def find_reference(transfer: BankTransfer, currency: str, number: str) -> Reference | None:
    """Return the reference of a Swiss transfer; None where the invoice's number is the reference."""
    if not is_qr_iban(transfer.iban) and _creditor(transfer, currency) is None:
        return None
    reference = reference_of(transfer.iban, number, transfer.reference_prefix)
    return reference if reference.text else None


def transfer_code(transfer: BankTransfer, amount: int, currency: str, number: str, buyer: Buyer | None = None) -> str:
    """Return the text of the code for a transfer of `amount` (minor units), "" where no scheme has one; without `buyer` the code says
    not who pays."""
    swiss = swiss_code(transfer, amount, currency, number, buyer)
    if swiss is not None:
        return swiss.text
    # Banks outside of Switzerland take no QR-IBAN.
    return "" if is_qr_iban(transfer.iban) else epc_text(transfer, amount, currency, number)


def swiss_code(
    transfer: BankTransfer, amount: int, currency: str, number: str, buyer: Buyer | None
) -> SwissCode | None:
    """Return the Swiss QR-bill of an invoice; None for another account or currency, an amount that it cannot have, and for an account
    whose holder's address is not known."""
    creditor = _creditor(transfer, currency)
    if creditor is None or not 1 <= amount <= MAX_AMOUNT:
        return None
    debtor = _debtor(buyer) if buyer is not None else None
    reference = reference_of(transfer.iban, number, transfer.reference_prefix)
    text = bill_code(transfer.iban, creditor, amount, currency, debtor, reference, number)
    return SwissCode(creditor, debtor, reference, text)


def lacks_address(account: TransferAccount, currency: str) -> bool:
    """Return whether a Swiss QR-bill is not written only because the address of the account's holder is missing."""
    return currency in CURRENCIES and is_swiss(account.iban) and _creditor(bank_transfer(account), currency) is None


def _creditor(transfer: BankTransfer, currency: str) -> Address | None:
    if currency not in CURRENCIES or not is_swiss(transfer.iban):
        return None
    return bill_address(
        transfer.holder,
        transfer.street,
        transfer.building_number,
        transfer.postal_code,
        transfer.city,
        transfer.country,
    )


def _debtor(buyer: Buyer) -> Address | None:
    postal = buyer.postal
    return bill_address(buyer.name, ", ".join(postal.streets[:2]), "", postal.postal_code, postal.city, buyer.country)
