"""How to pay an invoice by transfer, on its paper: the account with a code, or the payment part of a Swiss QR-bill."""

from __future__ import annotations

from portal.documents.papers import BankTransfer, Buyer, InvoiceFacts, PaymentBox, SwissBill
from portal.documents.rules import breakable, clean
from portal.documents.transfer_codes import SwissCode, swiss_code, transfer_code, transfer_reference
from portal.documents.wording.swiss_words import WORDS
from portal.documents.wording.words import Words
from portal.swiss_bills import Address, bill_message

_DOMESTIC = ("CH", "LI")


def payment_box(words: Words, buyer: Buyer, facts: InvoiceFacts) -> PaymentBox | None:
    """Return how to pay by transfer, where the merchant has named an account. A Swiss QR-bill says it itself to who pays in Switzerland;
    abroad, where its code is not read, the account stands in the box too."""
    if facts.transfer is None:
        return None
    has_bill = swiss_code(facts.transfer, facts.total, facts.currency, facts.number, buyer) is not None
    if has_bill and buyer.country.upper() in ("", *_DOMESTIC):
        return None
    t, transfer = words.texts, facts.transfer
    qr = "" if has_bill else transfer_code(transfer, facts.total, facts.currency, facts.number)
    rows = _rows(words, facts, transfer)
    return PaymentBox(
        t.pgettext("paper", "How to pay"),
        tuple((label, breakable(value)) for label, value in rows),
        hint=t.pgettext("paper", "Scan with your banking app to pay by transfer.") if qr else "",
        qr=qr,
        qr_label=t.pgettext("paper", "Code for your banking app: a transfer of %(amount)s", amount=rows[-1][1])
        if qr
        else "",
    )


def swiss_bill(words: Words, buyer: Buyer, facts: InvoiceFacts) -> SwissBill | None:
    """Return the payment part and receipt of a Swiss QR-bill, in the paper's language where the standard has it, else in English."""
    if facts.transfer is None:
        return None
    code = swiss_code(facts.transfer, facts.total, facts.currency, facts.number, buyer)
    if code is None:
        return None
    language = words.locale.replace("_", "-").partition("-")[0]
    return _bill(language if language in WORDS else "en", code, facts, facts.transfer)


def _bill(language: str, code: SwissCode, facts: InvoiceFacts, transfer: BankTransfer) -> SwissBill:
    amount = f"{facts.total // 100:,}.{facts.total % 100:02d}".replace(",", " ")
    return SwissBill(
        language=language,
        words=WORDS[language],
        account=(_in_fours(transfer.iban), *_lines(code.creditor)),
        reference=code.reference.written,
        message=bill_message(facts.number),
        payer=_lines(code.debtor) if code.debtor else (),
        currency=facts.currency,
        amount=amount,
        code=code.text,
        code_label=f"Swiss QR Code: {facts.currency} {amount}",
    )


def _rows(words: Words, facts: InvoiceFacts, transfer: BankTransfer) -> tuple[tuple[str, str], ...]:
    t = words.texts
    return (
        (t.pgettext("paper", "Account holder"), clean(transfer.holder)),
        ("IBAN", clean(transfer.iban)) if transfer.iban else (t.pgettext("paper", "Account"), clean(transfer.account)),
        *((("BIC", clean(transfer.bic)),) if transfer.bic else ()),
        *(((t.pgettext("paper", "Bank"), clean(transfer.bank)),) if transfer.bank else ()),
        (t.pgettext("paper", "Reference"), clean(transfer_reference(transfer, facts.currency, facts.number))),
        (t.pgettext("paper", "To pay"), words.money(facts.total, facts.currency)),
    )


def _lines(address: Address) -> tuple[str, ...]:
    """Return the lines of an address as the standard writes them: the country only abroad, before the postal code."""
    street = f"{address.street} {address.building_number}".strip()
    abroad = "" if address.country in _DOMESTIC else f"{address.country} - "
    lines = (address.name, street, f"{abroad}{address.postal_code} {address.city}")
    return tuple(breakable(line) for line in lines if line)


def _in_fours(iban: str) -> str:
    plain = iban.replace(" ", "")
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))
