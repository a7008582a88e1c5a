"""The paper of a payment that was completed."""

from __future__ import annotations

from itertools import accumulate

from portal.documents.papers import Buyer, Headline, Kind, Paper, ReceiptFacts, Remark, Row, Seller, SumLine
from portal.documents.rules import breakable, clean
from portal.documents.wording.parts import amount_head, paper_of, tax_number
from portal.documents.wording.words import Words


def receipt_paper(words: Words, seller: Seller, buyer: Buyer, facts: ReceiptFacts) -> Paper:
    """Return the receipt of a completed payment."""
    t, currency = words.texts, facts.currency
    paid_on = t.pgettext("paper", "Paid on %(day)s", day=words.day(facts.paid_on))
    method = t.pgettext("paper", "Your credit") if facts.method == "credit" else clean(facts.method)
    return paper_of(
        words,
        Kind.RECEIPT,
        seller,
        buyer,
        title=t.pgettext("paper", "Receipt"),
        number=facts.payment_id,
        facts=(
            (t.pgettext("paper", "Paid"), words.day(facts.paid_on)),
            *(((t.pgettext("paper", "Payment method"), method),) if method else ()),
            *tax_number(words, buyer),
        ),
        headline=Headline(
            paid_on,
            words.money(facts.amount, currency),
            t.pgettext("paper", "Receipt of your payment"),
            is_good=True,
        ),
        heads=(t.pgettext("paper", "For"), t.pgettext("paper", "Number"), amount_head(words, currency)),
        rows=_receipt_rows(words, facts),
        sums=_receipt_sums(words, facts, paid_on),
        remark=_credited(words, facts),
    )


def _receipt_rows(words: Words, facts: ReceiptFacts) -> tuple[Row, ...]:
    t, currency = words.texts, facts.currency
    if not facts.shares:
        title = t.pgettext("paper", "Credit added to your account") if facts.is_top_up else clean(facts.description)
        amount = words.figure(facts.amount, currency)
        return (Row(breakable(title) or t.pgettext("paper", "Payment"), ("", amount), amount),)
    carries = accumulate(share.amount for share in facts.shares)
    return tuple(
        Row(
            breakable(clean(share.title)) or t.pgettext("paper", "Invoice"),
            (breakable(clean(share.number)), words.figure(share.amount, currency)),
            words.figure(carry, currency),
        )
        for share, carry in zip(facts.shares, carries, strict=True)
    )


def _receipt_sums(words: Words, facts: ReceiptFacts, paid_on: str) -> tuple[SumLine, ...]:
    t, currency = words.texts, facts.currency

    def line(label: str, amount: int, style: str = "") -> SumLine:
        return SumLine(label, words.money(amount, currency), style)

    credit = (
        (
            line(t.pgettext("paper", "From your credit"), facts.credit_used),
            line(t.pgettext("paper", "By your payment method"), facts.amount - facts.credit_used),
        )
        if 0 < facts.credit_used < facts.amount
        else ()
    )
    if facts.invoice is None:
        return (*credit, line(t.pgettext("paper", "Total paid"), facts.amount, "due"))
    invoice = facts.invoice
    total = t.pgettext("paper", "Total of %(number)s", number=clean(invoice.number))
    before = (line(t.pgettext("paper", "Settled before"), -invoice.settled_before),) if invoice.settled_before else ()
    paid = invoice.total - invoice.settled_before - invoice.left
    return (
        *credit,
        SumLine(breakable(total), words.money(invoice.total, currency), "rule" if credit else ""),
        *before,
        line(paid_on, -paid),
        line(t.pgettext("paper", "Still to pay after this payment"), invoice.left, "due"),
    )


def _credited(words: Words, facts: ReceiptFacts) -> Remark | None:
    """Says where the part of a payment went that no invoice could take."""
    if not facts.credited or facts.is_top_up:
        return None
    t = words.texts
    return Remark(
        t.pgettext("paper", "Your credit"),
        t.pgettext(
            "paper",
            "%(amount)s of this payment was added to your credit.",
            amount=words.money(facts.credited, facts.currency),
        ),
    )
