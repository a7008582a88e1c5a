"""The paper of a credit note."""

from __future__ import annotations

from portal.documents.papers import Buyer, CreditNoteFacts, Headline, Kind, Paper, Row, Seller, SumLine
from portal.documents.rules import breakable, clean
from portal.documents.wording.parts import amount_head, paper_of, tax_number
from portal.documents.wording.words import Words


def credit_note_paper(words: Words, seller: Seller, buyer: Buyer, facts: CreditNoteFacts) -> Paper:
    """Return the paper of a credit note; its amounts are written below zero."""
    t, currency = words.texts, facts.currency
    amount = words.money(-facts.amount, currency)
    corrects = ((t.pgettext("paper", "Corrects invoice"), clean(facts.invoice_number)),) if facts.invoice_number else ()
    title = t.pgettext("paper", "Credit note")
    return paper_of(
        words,
        Kind.CREDIT_NOTE,
        seller,
        buyer,
        title=title,
        number=facts.number,
        facts=(
            (t.pgettext("paper", "Number"), clean(facts.number)),
            (t.pgettext("paper", "Issued"), words.day(facts.issued_on)),
            *corrects,
            *tax_number(words, buyer),
        ),
        headline=Headline(t.pgettext("paper", "Credited on %(day)s", day=words.day(facts.issued_on)), amount),
        heads=(t.pgettext("paper", "Item"), amount_head(words, currency)),
        rows=(
            Row(
                breakable(clean(facts.description)) or title,
                (words.figure(-facts.amount, currency),),
                words.figure(-facts.amount, currency),
            ),
        ),
        sums=(SumLine(t.pgettext("paper", "Total"), amount, "due"),),
    )
