"""From facts to papers: every word, date, country and amount in one language. Reads nothing, and decides nothing about money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate

from portal.documents.papers import (
    Buyer,
    CreditNoteFacts,
    Headline,
    InvoiceFacts,
    Kind,
    LineFacts,
    Paper,
    PaperParty,
    PaymentBox,
    ReceiptFacts,
    Remark,
    Row,
    Seller,
    StatementFacts,
    SumLine,
    TaxFacts,
)
from portal.documents.rules import MAX_HEAD_NUMBER, breakable, clean, epc_text, shortened
from portal.money import exponent
from portal.rendering.formats import MINUS, NO_BREAK_SPACE, Formats, formats_for
from portal.rendering.translations import Translator, direction, translator

_LONGEST_IN_FOOTER = 60
_SHORT_NAMES = {"XAF": "FCFA", "XOF": "F\u202fCFA"}


@dataclass(frozen=True, slots=True)
class Words:
    """The texts and formats of one language."""

    locale: str
    texts: Translator
    formats: Formats

    def money(self, amount: int, currency: str) -> str:
        return self.formats.money(amount, currency)

    def figure(self, amount: int, currency: str) -> str:
        """Return an amount without its currency, for a column whose head names it."""
        parts = self.formats.money_parts(amount, currency)
        return f"{MINUS if amount < 0 else ''}{parts.whole}{parts.part}"

    def price(self, amount: Decimal | None, currency: str) -> str:
        """Return a unit price without its currency, with all the decimals that it was written with."""
        if amount is None:
            return ""
        if amount == amount.to_integral_value():
            return self.figure(int(amount), currency)
        return self.formats.number(amount.scaleb(-exponent(currency)))

    def rate(self, rate: Decimal | None) -> str:
        """Return a rate in per cent as the language writes it: 8%, 19,25 %."""
        if rate is None:
            return ""
        return self.texts.pgettext("paper", "%(rate)s%%", rate=self.formats.number(rate))

    def day(self, day: date) -> str:
        return self.formats.day(day)

    def country(self, code: str) -> str:
        from babel import Locale

        if not code:
            return ""
        return str(Locale.parse(self.locale.replace("-", "_")).territories.get(code.upper(), code))


def words_of(locale: str) -> Words:
    """Return the words of an available language."""
    return Words(locale, translator(locale), formats_for(locale))


def invoice_paper(words: Words, seller: Seller, buyer: Buyer, facts: InvoiceFacts) -> Paper:
    """Return the paper of an invoice."""
    t, currency = words.texts, facts.currency
    has_lines_taxed = any(line.tax_rate is not None for line in facts.lines)
    return _paper(
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
            *_tax_number(words, buyer),
            *_order_number(words, buyer),
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
            _amount_head(words, currency, before_tax=bool(facts.taxes)),
        ),
        rows=_invoice_rows(words, facts.lines, currency, has_rate=has_lines_taxed),
        tax_heads=_tax_heads(words) if has_lines_taxed and facts.taxes else (),
        taxes=_tax_rows(words, facts.taxes, currency) if has_lines_taxed else (),
        sums=(
            *_sums_before_total(words, facts.subtotal, facts.taxes, currency),
            SumLine(t.pgettext("paper", "To pay"), words.money(facts.total, currency), "due"),
        ),
        box=_payment_box(words, facts),
    )


def credit_note_paper(words: Words, seller: Seller, buyer: Buyer, facts: CreditNoteFacts) -> Paper:
    """Return the paper of a credit note; its amounts are written below zero."""
    t, currency = words.texts, facts.currency
    amount = words.money(-facts.amount, currency)
    corrects = ((t.pgettext("paper", "Corrects invoice"), clean(facts.invoice_number)),) if facts.invoice_number else ()
    title = t.pgettext("paper", "Credit note")
    return _paper(
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
            *_tax_number(words, buyer),
        ),
        headline=Headline(t.pgettext("paper", "Credited on %(day)s", day=words.day(facts.issued_on)), amount),
        heads=(t.pgettext("paper", "Item"), _amount_head(words, currency)),
        rows=(
            Row(
                breakable(clean(facts.description)) or title,
                (words.figure(-facts.amount, currency),),
                words.figure(-facts.amount, currency),
            ),
        ),
        sums=(SumLine(t.pgettext("paper", "Total"), amount, "due"),),
    )


def receipt_paper(words: Words, seller: Seller, buyer: Buyer, facts: ReceiptFacts) -> Paper:
    """Return the receipt of a completed payment."""
    t, currency = words.texts, facts.currency
    paid_on = t.pgettext("paper", "Paid on %(day)s", day=words.day(facts.paid_on))
    method = t.pgettext("paper", "Your credit") if facts.method == "credit" else clean(facts.method)
    return _paper(
        words,
        Kind.RECEIPT,
        seller,
        buyer,
        title=t.pgettext("paper", "Receipt"),
        number=facts.payment_id,
        facts=(
            (t.pgettext("paper", "Paid"), words.day(facts.paid_on)),
            *(((t.pgettext("paper", "Payment method"), method),) if method else ()),
            *_tax_number(words, buyer),
        ),
        headline=Headline(
            paid_on,
            words.money(facts.amount, currency),
            t.pgettext("paper", "Receipt of your payment"),
            is_good=True,
        ),
        heads=(t.pgettext("paper", "For"), t.pgettext("paper", "Number"), _amount_head(words, currency)),
        rows=_receipt_rows(words, facts),
        sums=_receipt_sums(words, facts, paid_on),
        remark=_credited(words, facts),
    )


def statement_paper(words: Words, seller: Seller, buyer: Buyer, facts: StatementFacts) -> Paper:
    """Return the statement of an account. Its rows begin with the opening balance, and each ends with the balance after it."""
    t, currency = words.texts, facts.currency
    period = t.pgettext(
        "paper", "%(first)s to %(last)s", first=words.day(facts.first_on), last=words.day(facts.last_on)
    )
    last = words.day(facts.last_on)
    return _paper(
        words,
        Kind.STATEMENT,
        seller,
        buyer,
        title=t.pgettext("paper", "Statement"),
        number=period,
        facts=(
            (t.pgettext("paper", "Currency"), currency),
            *_tax_number(words, buyer),
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
            t.pgettext("paper", "Balance (%(currency)s)", currency=_SHORT_NAMES.get(currency, currency)),
        ),
        rows=_statement_rows(words, facts),
        tax_heads=(t.pgettext("paper", "How late it is"), _amount_head(words, currency)) if facts.ageing else (),
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


def _paper(
    words: Words,
    kind: Kind,
    seller: Seller,
    buyer: Buyer,
    *,
    title: str,
    number: str,
    facts: tuple[tuple[str, str], ...],
    headline: Headline,
    heads: tuple[str, ...],
    rows: tuple[Row, ...],
    sums: tuple[SumLine, ...],
    tax_heads: tuple[str, ...] = (),
    taxes: tuple[tuple[str, ...], ...] = (),
    remark: Remark | None = None,
    box: PaymentBox | None = None,
) -> Paper:
    t = words.texts
    seller_name = clean(seller.name)
    footer = (seller_name, *((clean(seller.email),) if seller.email else ()))
    return Paper(
        kind=kind.value,
        locale=words.locale,
        direction=direction(words.locale),
        title=title,
        number=breakable(shortened(clean(number), MAX_HEAD_NUMBER)),
        document_title=f"{title} {clean(number)} – {seller_name}",
        parties=(
            PaperParty(
                t.pgettext("paper", "From"),
                breakable(seller_name),
                tuple(breakable(clean(line)) for line in seller.lines if clean(line)),
                is_foreign=True,
            ),
            PaperParty(
                t.pgettext("paper", "Bill to"),
                breakable(clean(buyer.name)),
                _buyer_lines(words, buyer),
                is_foreign=True,
            ),
        ),
        facts=tuple((label, breakable(value)) for label, value in facts),
        headline=headline,
        heads=heads,
        rows=rows,
        sums=sums,
        # An email address is copied from the paper: no mark may stand in it that nobody sees.
        footer=tuple(part if len(part) <= _LONGEST_IN_FOOTER else breakable(part) for part in footer),
        page_of=t.pgettext("paper", "Page %(page)s of %(pages)s", page="{page}", pages="{pages}"),
        carried=t.pgettext("paper", "Carried over to page %(page)s", page="{page}"),
        brought=t.pgettext("paper", "Brought forward from page %(page)s", page="{page}"),
        tax_heads=tax_heads,
        taxes=taxes,
        remark=remark,
        box=box,
    )


def _buyer_lines(words: Words, buyer: Buyer) -> tuple[str, ...]:
    lines = (*buyer.lines, words.country(buyer.country))
    return tuple(breakable(clean(line)) for line in lines if clean(line))


def _tax_number(words: Words, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    if not buyer.tax_number:
        return ()
    return ((words.texts.pgettext("paper", "Your tax number"), clean(buyer.tax_number)),)


def _order_number(words: Words, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    if not buyer.order_number:
        return ()
    return ((words.texts.pgettext("paper", "Your order number"), clean(buyer.order_number)),)


def _amount_head(words: Words, currency: str, *, before_tax: bool = False) -> str:
    name = _SHORT_NAMES.get(currency, currency)
    t = words.texts
    if before_tax:
        return t.pgettext("paper, before tax", "Amount (%(currency)s)", currency=name)
    return t.pgettext("paper", "Amount (%(currency)s)", currency=name)


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


def _payment_box(words: Words, facts: InvoiceFacts) -> PaymentBox | None:
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
