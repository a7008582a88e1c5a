"""A paper in two languages: that of an office first, the customer's beside it. Each is written as a paper of its own before."""

from __future__ import annotations

import re
from dataclasses import fields, replace

from portal.documents.papers import Headline, Paper, PaperParty, PaymentBox, Remark, Row, SumLine

BETWEEN = "\n"
"""Stands between the two languages of a label; the layout sets each in its own direction."""

_FIGURE = re.compile(r"\d")


def in_two_languages(first: Paper, second: Paper) -> Paper:
    """Return a paper whose labels are in the languages of both, which are papers of the same facts.

    Values (numbers, days, amounts) are those of the first alone, so that nothing stands twice that is added up or compared.
    """
    return replace(
        first,
        second_locale=second.locale,
        title=_both(first.title, second.title),
        document_title=_inline(first.title, second.title) + first.document_title.removeprefix(first.title),
        parties=tuple(_party(*pair) for pair in zip(first.parties, second.parties, strict=True)),
        facts=_pairs(first.facts, second.facts),
        headline=_headline(first.headline, second.headline),
        heads=_each(first.heads, second.heads),
        rows=tuple(_row(*pair) for pair in zip(first.rows, second.rows, strict=True)),
        sums=tuple(_sum(*pair) for pair in zip(first.sums, second.sums, strict=True)),
        page_of=_both(first.page_of, second.page_of),
        carried=_both(first.carried, second.carried),
        brought=_both(first.brought, second.brought),
        tax_heads=_each(first.tax_heads, second.tax_heads),
        taxes=tuple((_both(row[0], other[0]), *row[1:]) for row, other in zip(first.taxes, second.taxes, strict=True)),
        remark=_remark(first.remark, second.remark),
        box=_box(first.box, second.box),
    )


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first}{BETWEEN}{second}"


def _inline(first: str, second: str) -> str:
    return first if first == second else f"{first} / {second}"


def _each(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_both(*pair) for pair in zip(first, second, strict=True))


def _pairs(first: tuple[tuple[str, str], ...], second: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Labels in both languages; a value that has a figure in the first alone, one of words ("Your credit") in both."""
    return tuple(
        (_both(label, other_label), value if _FIGURE.search(value) else _both(value, other_value))
        for (label, value), (other_label, other_value) in zip(first, second, strict=True)
    )


def _party(first: PaperParty, second: PaperParty) -> PaperParty:
    return replace(first, label=_both(first.label, second.label), lines=_each(first.lines, second.lines))


def _headline(first: Headline, second: Headline) -> Headline:
    return replace(first, label=_both(first.label, second.label), note=_both(first.note, second.note))


def _row(first: Row, second: Row) -> Row:
    return replace(first, text=_both(first.text, second.text))


def _sum(first: SumLine, second: SumLine) -> SumLine:
    return replace(first, label=_both(first.label, second.label))


def _remark(first: Remark | None, second: Remark | None) -> Remark | None:
    if first is None or second is None:
        return first
    return Remark(
        **{each.name: _both(getattr(first, each.name), getattr(second, each.name)) for each in fields(Remark)}
    )


def _box(first: PaymentBox | None, second: PaymentBox | None) -> PaymentBox | None:
    if first is None or second is None:
        return first
    return replace(
        first,
        title=_both(first.title, second.title),
        rows=_pairs(first.rows, second.rows),
        hint=_both(first.hint, second.hint),
        qr_label=_inline(first.qr_label, second.qr_label),
    )
