"""The paper of an invoice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from portal.documents.papers import (
    Buyer,
    Headline,
    InvoiceFacts,
    Kind,
    LineFacts,
    Paper,
    Row,
    Seller,
    SumLine,
    TaxFacts,
)
from portal.documents.rules import breakable, clean
from portal.documents.wording.parts import amount_head, order_number, paper_of, tax_number
from portal.documents.wording.transfers import payment_box, swiss_bill
from portal.documents.wording.words import Words
from portal.rendering.formats import NO_BREAK_SPACE


def invoice_paper(words: Words, seller: Seller, buyer: Buyer, facts: InvoiceFacts) -> Paper:
    """Return the paper of an invoice."""
    t, currency = words.texts, facts.currency
    has_lines_taxed = any(line.tax_rate is not None for line in facts.lines)
    return paper_of(
        words,
        Kind.INVOICE,
        seller,
        buyer,
        title=t.pgettext("paper", "Invoice"),
        number=facts.number,
        facts=(
            (t.pgettext("paper", "Number"), clean(facts.number)),
            (t.pgettext("paper", "Issued"), words.day(facts.issued_on)),
            (t.pgettext("paper", "Due"), words.day(facts.due_on)),
            *tax_number(words, buyer),
            *order_number(words, buyer),
        ),
        headline=Headline(
            t.pgettext("paper", "Amount due by %(day)s", day=words.day(facts.due_on)),
            words.money(facts.total, currency),
        ),
        heads=(
            t.pgettext("paper", "Item"),
            t.pgettext("paper", "Quantity"),
            t.pgettext("paper", "Unit price"),
            *((t.pgettext("paper", "Tax"),) if has_lines_taxed else ()),
            amount_head(words, currency, before_tax=bool(facts.taxes)),
        ),
        rows=_invoice_rows(words, facts.lines, currency, has_rate=has_lines_taxed),
        tax_heads=_tax_heads(words) if has_lines_taxed and facts.taxes else (),
        taxes=_tax_rows(words, facts.taxes, currency) if has_lines_taxed else (),
        sums=(
            *_sums_before_total(words, facts.subtotal, facts.taxes, currency),
            SumLine(t.pgettext("paper", "To pay"), words.money(facts.total, currency), "due"),
        ),
        box=payment_box(words, buyer, facts),
        swiss=swiss_bill(words, buyer, facts),
    )


def _invoice_rows(words: Words, lines: Sequence[LineFacts], currency: str, *, has_rate: bool) -> tuple[Row, ...]:
    carries = accumulate(line.amount for line in lines)
    return tuple(
        Row(
            breakable(clean(line.description)),
            (
                "" if line.quantity is None else words.formats.number(line.quantity),
                words.price(line.unit_amount, currency),
                *((words.rate(line.tax_rate),) if has_rate else ()),
                words.figure(line.amount, currency),
            ),
            words.figure(carry, currency),
        )
        for line, carry in zip(lines, carries, strict=True)
    )


def _tax_heads(words: Words) -> tuple[str, ...]:
    t = words.texts
    return (t.pgettext("paper", "Rate"), t.pgettext("paper", "Taxable"), t.pgettext("paper", "Tax"))


def _tax_rows(words: Words, taxes: Sequence[TaxFacts], currency: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (_tax_name(words, tax), words.figure(tax.taxable, currency), words.figure(tax.amount, currency))
        for tax in taxes
    )


def _tax_name(words: Words, tax: TaxFacts) -> str:
    t = words.texts
    if tax.rate is None:
        return t.pgettext("paper", "Tax")
    return t.pgettext("paper", "Tax %(rate)s", rate=words.rate(tax.rate).replace(" ", NO_BREAK_SPACE))


def _sums_before_total(words: Words, subtotal: int, taxes: Sequence[TaxFacts], currency: str) -> tuple[SumLine, ...]:
    if not taxes:
        return ()
    t = words.texts
    total = subtotal + sum(tax.amount for tax in taxes)
    return (
        SumLine(t.pgettext("paper", "Subtotal"), words.money(subtotal, currency)),
        *(SumLine(_tax_name(words, tax), words.money(tax.amount, currency)) for tax in taxes),
        SumLine(t.pgettext("paper", "Total"), words.money(total, currency), "rule"),
    )
