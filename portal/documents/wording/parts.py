"""What all papers have in common: parties, facts, head and foot."""

from __future__ import annotations

from portal.documents.papers import (
    Buyer,
    Headline,
    Kind,
    Paper,
    PaperParty,
    PaymentBox,
    Remark,
    Row,
    Seller,
    SumLine,
    SwissBill,
)
from portal.documents.rules import MAX_HEAD_NUMBER, breakable, clean, shortened
from portal.documents.wording.words import Words
from portal.rendering.translations import direction

_LONGEST_IN_FOOTER = 60
SHORT_NAMES = {"XAF": "FCFA", "XOF": "F\u202fCFA"}


def paper_of(
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
    swiss: SwissBill | None = None,
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
            PaperParty(t.pgettext("paper", "Bill to"), breakable(clean(buyer.name)), _buyer_lines(words, buyer)),
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
        swiss=swiss,
    )


def tax_number(words: Words, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    if not buyer.tax_number:
        return ()
    return ((words.texts.pgettext("paper", "Your tax number"), clean(buyer.tax_number)),)


def order_number(words: Words, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    if not buyer.order_number:
        return ()
    return ((words.texts.pgettext("paper", "Your order number"), clean(buyer.order_number)),)


def amount_head(words: Words, currency: str, *, before_tax: bool = False) -> str:
    name = SHORT_NAMES.get(currency, currency)
    t = words.texts
    if before_tax:
        return t.pgettext("paper, before tax", "Amount (%(currency)s)", currency=name)
    return t.pgettext("paper", "Amount (%(currency)s)", currency=name)


def _buyer_lines(words: Words, buyer: Buyer) -> tuple[str, ...]:
    lines = (*buyer.lines, words.country(buyer.country))
    return tuple(breakable(clean(line)) for line in lines if clean(line))
