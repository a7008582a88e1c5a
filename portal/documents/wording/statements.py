"""The paper of an account between two days."""

from __future__ import annotations

from portal.documents.papers import Buyer, Headline, Kind, Paper, Row, Seller, StatementFacts, SumLine
from portal.documents.rules import breakable, clean
from portal.documents.wording.parts import SHORT_NAMES, amount_head, paper_of, tax_number
from portal.documents.wording.words import Words
from portal.rendering.translations import Translator


def statement_paper(words: Words, seller: Seller, buyer: Buyer, facts: StatementFacts) -> Paper:
    """Return the statement of an account. Its rows begin with the opening balance, and each ends with the balance after it."""
    t, currency = words.texts, facts.currency
    period = t.pgettext(
        "paper", "%(first)s to %(last)s", first=words.day(facts.first_on), last=words.day(facts.last_on)
    )
    last = words.day(facts.last_on)
    return paper_of(
        words,
        Kind.STATEMENT,
        seller,
        buyer,
        title=t.pgettext("paper", "Statement"),
        number=period,
        facts=(
            (t.pgettext("paper", "Currency"), currency),
            *tax_number(words, buyer),
        ),
        headline=Headline(
            t.pgettext("paper", "Your credit on %(day)s", day=last)
            if facts.closing < 0
            else t.pgettext("paper", "You owe on %(day)s", day=last),
            words.money(abs(facts.closing), currency),
        ),
        heads=(
            t.pgettext("paper", "What"),
            t.pgettext("paper", "Date and number"),
            t.pgettext("paper", "Charged"),
            t.pgettext("paper", "Paid or credited"),
            t.pgettext("paper", "Balance (%(currency)s)", currency=SHORT_NAMES.get(currency, currency)),
        ),
        rows=_statement_rows(words, facts),
        tax_heads=(t.pgettext("paper", "How late it is"), amount_head(words, currency)) if facts.ageing else (),
        taxes=tuple((_bracket(words, name), words.figure(amount, currency)) for name, amount in facts.ageing),
        sums=(
            SumLine(t.pgettext("paper", "Opening balance"), words.money(facts.opening, currency)),
            SumLine(t.pgettext("paper", "Charged"), words.money(facts.charged, currency)),
            SumLine(t.pgettext("paper", "Paid or credited"), words.money(-facts.credited, currency)),
            SumLine(t.pgettext("paper", "Closing balance"), words.money(facts.closing, currency), "due"),
        ),
    )


def movement_names(texts: Translator) -> dict[str, str]:
    """Return what each kind of movement of a statement is called, as its page calls it."""
    return {
        "invoice": texts.gettext("Invoice"),
        "correction": texts.gettext("Correction of an invoice"),
        "voided": texts.gettext("Invoice cancelled"),
        "credit_note": texts.gettext("Credit note"),
        "payment": texts.gettext("Payment"),
        "payment_from_credit": texts.gettext("Paid from your credit"),
        "payment_elsewhere": texts.gettext("Payment"),
        "undone": texts.gettext("Payment taken back"),
        "refund": texts.gettext("Refund"),
        "refund_failed": texts.gettext("Refund that did not arrive"),
        "opening": texts.gettext("Balance brought forward"),
    }


def _statement_rows(words: Words, facts: StatementFacts) -> tuple[Row, ...]:
    def figure(amount: int) -> str:
        return words.figure(amount, facts.currency) if amount else ""

    names = movement_names(words.texts)
    opening = words.figure(facts.opening, facts.currency)
    rows = [
        Row(words.texts.pgettext("paper", "Opening balance"), (words.day(facts.first_on), "", "", opening), opening)
    ]
    for line in facts.lines:
        balance = words.figure(line.balance, facts.currency)
        title = clean(line.title) if line.kind == "invoice" and line.title else names[line.kind]
        when = words.day(line.on) + (f" · {clean(line.number)}" if line.number else "")
        rows.append(
            Row(breakable(title), (breakable(when), figure(line.charged), figure(-line.credited), balance), balance)
        )
    return tuple(rows)


def _bracket(words: Words, name: str) -> str:
    t = words.texts
    return {
        "not_due": t.gettext("Not due yet"),
        "30": t.gettext("1 to 30 days late"),
        "60": t.gettext("31 to 60 days late"),
        "90": t.gettext("61 to 90 days late"),
        "older": t.gettext("More than 90 days late"),
        "credit": t.gettext("Less your credit"),
    }[name]
