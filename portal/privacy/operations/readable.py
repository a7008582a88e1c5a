"""An export's page for people: one HTML file in one language, readable on its own, without a script and without asking anybody.

It shows what a person looks for; all the rest is in the JSON beside it, and the page says what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from types import MappingProxyType
from typing import Any, TypeAlias

from markupsafe import Markup, escape

from portal.addresses import address_lines
from portal.payment_methods.pages import method_name
from portal.phrases import phrase
from portal.rendering.formats import Formats, formats_for
from portal.rendering.translations import Translator, direction, translator

Object: TypeAlias = Mapping[str, Any]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-block-start:2rem}table{border-collapse:collapse;width:100%}"
    ".table{overflow-x:auto}th,td{text-align:start;vertical-align:top;padding:.4rem .6rem;border-block-end:1px solid #ccc}"
    ".end{text-align:end;font-variant-numeric:tabular-nums}p{max-width:40rem}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}}"
)
_STATUSES = MappingProxyType(
    {
        "complete": phrase("Paid"), "pending": phrase("On its way"), "processing": phrase("Being checked"),
        "requires_action": phrase("To confirm"), "incomplete": phrase("Not finished"), "failed": phrase("Failed"),
        "rejected": phrase("Declined"), "canceled": phrase("Cancelled"), "abandoned": phrase("Left unfinished"),
        "expired": phrase("Expired"), "refunded": phrase("Refunded"), "partially_refunded": phrase("Partly refunded"),
        "draft": phrase("Draft"), "open": phrase("Due"), "partially_paid": phrase("Part paid"), "paid": phrase("Paid"),
        "void": phrase("Cancelled"), "uncollectible": phrase("Written off"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever reads the page: its language, and the merchant's days."""

    texts: Translator
    formats: Formats
    zone: tzinfo

    def day(self, written: str | None) -> str:
        """Return the day of an instant or a date as the JSON writes them."""
        if not written:
            return ""
        if "T" not in written:
            return self.formats.day(date.fromisoformat(written))
        return self.formats.day(datetime.fromisoformat(written).astimezone(self.zone).date())

    def money(self, amount: int | None, currency: str) -> str:
        return self.formats.money(amount, currency) if amount is not None else ""

    def status(self, status: str) -> str:
        return self.texts.gettext(_STATUSES.get(status, status))


Cell: TypeAlias = Callable[[Object, Reader], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its English name, and what it shows of an object; figures stand at the end of their cells."""

    name: str
    cell: Cell
    is_figure: bool = False


def _at(field: str) -> Cell:
    return lambda each, reader: reader.day(each.get(field))


def _text(field: str) -> Cell:
    return lambda each, _: str(each.get(field) or "")


def _sum(field: str) -> Cell:
    return lambda each, reader: reader.money(each.get(field), each["currency"])


def _status(each: Object, reader: Reader) -> str:
    return reader.status(each["status"])


def _method(each: Object, _: Reader) -> str:
    name = method_name(each["type"], each["brand"], each["last4"], each["bank_name"])
    return ", ".join(part for part in (name or each["type"], each["nickname"]) if part)


_DATE, _AMOUNT, _STATUS = phrase("Date"), phrase("Amount"), phrase("Status")
TABLES: Mapping[str, tuple[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "payment_methods": (
            phrase("Payment methods"), (Column(phrase("Payment method"), _method), Column(_DATE, _at("created_at"))),
        ),
        "invoices": (
            phrase("Invoices"),
            (
                Column(phrase("Number"), _text("number")), Column(_DATE, _at("issued_on")),
                Column(phrase("Description"), _text("description")), Column(_STATUS, _status),
                Column(phrase("Total"), _sum("total"), is_figure=True),
            ),
        ),
        "credit_notes": (
            phrase("Credit notes"),
            (Column(phrase("Number"), _text("number")), Column(_DATE, _at("issued_on")), Column(_AMOUNT, _sum("amount"), is_figure=True)),
        ),
        "payments": (
            phrase("Payments"),
            (
                Column(_DATE, _at("created_at")), Column(phrase("Description"), _text("description")), Column(_STATUS, _status),
                Column(_AMOUNT, _sum("amount"), is_figure=True),
            ),
        ),
        "refunds": (
            phrase("Refunds"), (Column(_DATE, _at("created_at")), Column(_AMOUNT, _sum("amount"), is_figure=True)),
        ),
        "credit": (phrase("Credit"), (Column(phrase("Currency"), _text("currency")), Column(_AMOUNT, _sum("amount"), is_figure=True))),
        "questions": (phrase("Your questions"), (Column(_DATE, _at("created_at")), Column(phrase("Question"), _text("text")))),
        "notice_copies": (phrase("Copies"), (Column(_DATE, _at("created_at")), Column(phrase("Email address"), _text("address")))),
        "sessions": (
            phrase("Where you are signed in"),
            (
                Column(_DATE, _at("created_at")), Column(phrase("Device"), _text("user_agent")),
                Column(phrase("Network"), _text("network")),
            ),
        ),
    }
)  # fmt: skip
"""The sections that the page shows, in this order: their heading and their columns."""


def write_page(
    *,
    locale: str,
    zone: tzinfo,
    merchant_name: str,
    made_at: datetime,
    customer: Object,
    counts: Mapping[str, int],
    read: Callable[[str], Iterable[Object]],
) -> Iterator[bytes]:
    """Yield the page as UTF-8. `counts` are the numbers of objects of all sections, `read` yields the objects of one, as the JSON has them."""
    reader = Reader(translator(locale), formats_for(locale), zone)
    gettext = reader.texts.gettext
    title = gettext(phrase("Your data at %(merchant)s"), merchant=merchant_name)
    day = reader.formats.day(made_at.astimezone(zone).date())
    yield _bytes(
        Markup(
            '<!doctype html>\n<html lang="{}" dir="{}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{}</title><style>{}</style></head>'
            "<body><main><h1>{}</h1><p>{}</p>\n"
        ).format(
            locale, direction(locale), title, Markup(_STYLE), title,  # noqa: S704  # Written above.
            gettext(phrase("Made on %(day)s. The same, and all the rest, is in data.json for programs."), day=day),
        )  # The texts are escaped by `format`, the style is written above.
    )  # fmt: skip
    yield _heading(reader.texts.pgettext("page", "Details"))
    yield from _table([], ((name, value) for name, value in _details(customer, reader)), ())
    for section, (heading, columns) in TABLES.items():
        if counts.get(section):
            yield _heading(gettext(heading))
            rows = ([column.cell(each, reader) for column in columns] for each in read(section))
            figures = tuple(place for place, column in enumerate(columns) if column.is_figure)
            yield from _table([gettext(column.name) for column in columns], rows, figures)
    rest = [(name, f"{count}") for name, count in counts.items() if count and name not in TABLES]
    if rest:
        yield _heading(gettext(phrase("Also in data.json")))
        yield from _table([], rest, (1,))
    yield b"</main></body></html>\n"


def _details(customer: Object, reader: Reader) -> Iterator[tuple[str, str]]:
    gettext = reader.texts.gettext
    rows = {
        phrase("Name"): customer.get("name"),
        phrase("Company"): customer.get("company_name"),
        phrase("Email address"): customer.get("email"),
        phrase("Phone"): customer.get("phone"),
        phrase("Billing address"): ", ".join(address_lines(customer.get("billing_address") or {})),
        phrase("Shipping address"): ", ".join(address_lines(customer.get("shipping_address") or {})),
        phrase("Tax number"): ", ".join(each["value"] for each in customer.get("tax_ids") or ()),
        phrase("Reference"): customer.get("reference"),
        phrase("Language"): customer.get("locale"),
        phrase("Time zone"): customer.get("timezone"),
    }
    yield from ((gettext(name), str(value)) for name, value in rows.items() if value)
    for group in ("fields", "metadata"):
        yield from ((str(name), str(value)) for name, value in (customer.get(group) or {}).items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], figures: Sequence[int]) -> Iterator[bytes]:
    yield b'<div class="table"><table>'
    if head:
        cells = Markup("").join(_cell("th", name, place in figures) for place, name in enumerate(head))
        yield _bytes(Markup("<thead><tr>{}</tr></thead>").format(cells))
    for row in rows:
        cells = Markup("").join(
            _cell("td" if head or place else "th", text, place in figures) for place, text in enumerate(row)
        )
        yield _bytes(Markup("<tr>{}</tr>\n").format(cells))
    yield b"</table></div>\n"


def _cell(tag: str, text: str, is_figure: bool) -> Markup:
    scope = ' scope="col"' if tag == "th" else ""
    style = ' class="end"' if is_figure else ""
    return Markup(f"<{tag}{scope}{style}><bdi>{{}}</bdi></{tag}>").format(text)  # noqa: S704  # Of constants; the text is escaped.


def _heading(text: str) -> bytes:
    return _bytes(Markup("<h2>{}</h2>\n").format(text))


def _bytes(markup: Markup) -> bytes:
    return str(escape(markup)).encode()
