"""How to pay an invoice by transfer, on its paper."""

from __future__ import annotations

from portal.documents.papers import InvoiceFacts, PaymentBox
from portal.documents.rules import breakable, clean, epc_text
from portal.documents.wording.words import Words


def payment_box(words: Words, facts: InvoiceFacts) -> PaymentBox | None:
    """How to pay by transfer, where the merchant has named an account."""
    if facts.transfer is None:
        return None
    t, transfer = words.texts, facts.transfer
    qr = epc_text(transfer, facts.total, facts.currency, facts.number)
    rows = (
        (t.pgettext("paper", "Account holder"), clean(transfer.holder)),
        ("IBAN", clean(transfer.iban)) if transfer.iban else (t.pgettext("paper", "Account"), clean(transfer.account)),
        *((("BIC", clean(transfer.bic)),) if transfer.bic else ()),
        *(((t.pgettext("paper", "Bank"), clean(transfer.bank)),) if transfer.bank else ()),
        (t.pgettext("paper", "Reference"), clean(facts.number)),
        (t.pgettext("paper", "To pay"), words.money(facts.total, facts.currency)),
    )
    return PaymentBox(
        t.pgettext("paper", "How to pay"),
        tuple((label, breakable(value)) for label, value in rows),
        hint=t.pgettext("paper", "Scan with your banking app to pay by transfer.") if qr else "",
        qr=qr,
        qr_label=t.pgettext("paper", "Code for your banking app: a transfer of %(amount)s", amount=rows[-1][1])
        if qr
        else "",
    )
