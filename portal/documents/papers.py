"""What each paper shows, as frozen values: first the facts in no language, then the paper itself, in the words that are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any

LAYOUT = 2
"""The layout of papers that are issued now; `templates/documents/paper-<layout>.typ` stays as long as papers of it exist."""


class Kind(StrEnum):
    """The kinds of papers."""

    INVOICE = "invoice"
    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issues a paper; the lines of the address are the merchant's own, in whatever language."""

    name: str
    lines: tuple[str, ...] = ()
    email: str = ""


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """An address by its parts, for what programs read; the country is the buyer's."""

    streets: tuple[str, ...] = ()
    postal_code: str = ""
    city: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom a paper is for: lines of name and address in the country's own order; the country by its code, or "". `order_number` is the
    customer's own, for its bookkeeping."""

    name: str
    lines: tuple[str, ...] = ()
    country: str = ""
    tax_number: str = ""
    order_number: str = ""
    postal: PostalAddress = PostalAddress()


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line of an invoice: `unit_amount` in minor units with decimals, `tax_rate` in per cent, `amount` in minor units before tax."""

    description: str
    quantity: Decimal | None
    unit_amount: Decimal | None
    tax_rate: Decimal | None
    amount: int


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """A tax: its rate in per cent, None where only the sum is known; `taxable` and `amount` in minor units."""

    rate: Decimal | None
    taxable: int
    amount: int


@dataclass(frozen=True, slots=True)
class BankTransfer:
    """A merchant's account: who holds it, its IBAN or (`account`) its number in another form, its bank's BIC and name, each or "".

    The holder's address, as a Swiss QR-bill needs it, from `street` to `country`; `reference_prefix` are the digits with which the bank
    wants references of its customer to begin."""

    holder: str
    iban: str
    bic: str = ""
    account: str = ""
    bank: str = ""
    street: str = ""
    building_number: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    reference_prefix: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice as it was issued; amounts in minor units of `currency`. What was paid of it later is no part of it."""

    number: str
    currency: str
    issued_on: date
    due_on: date
    lines: tuple[LineFacts, ...]
    taxes: tuple[TaxFacts, ...]
    subtotal: int
    total: int
    transfer: BankTransfer | None = None


@dataclass(frozen=True, slots=True)
class CreditNoteFacts:
    """A credit note; `amount` is positive, `invoice_number` that of the invoice which it corrects, or ""."""

    number: str
    currency: str
    issued_on: date
    description: str
    amount: int
    invoice_number: str = ""


@dataclass(frozen=True, slots=True)
class PaidShare:
    """What a payment paid of an invoice, in minor units of the payment's currency."""

    title: str
    number: str
    amount: int


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """How the one invoice of a payment stood after it, in minor units of its currency, which is the payment's."""

    number: str
    total: int
    settled_before: int
    left: int


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """A completed payment; amounts in minor units of `currency`, `method` as pages name it, "credit" for the customer's own.

    `credited` of it became the customer's credit. `invoice` is None for several invoices, and where nobody knows how the one stood.
    """

    payment_id: str
    currency: str
    paid_on: date
    amount: int
    method: str
    credit_used: int = 0
    credited: int = 0
    is_top_up: bool = False
    description: str = ""
    shares: tuple[PaidShare, ...] = ()
    invoice: PaidInvoice | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A movement of a statement: its kind (`portal/statement/rules.py`), day, number and title; amounts in minor units."""

    kind: str
    on: date
    number: str
    title: str
    charged: int
    credited: int
    balance: int


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """An account between two days, both included; amounts in minor units of `currency`. `ageing` has what is owed by how late it is
    ("not_due", "30", "60", "90", "older"), and below zero the "credit" that stands against it."""

    currency: str
    first_on: date
    last_on: date
    opening: int
    closing: int
    charged: int
    credited: int
    lines: tuple[StatementLine, ...]
    ageing: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PaperBrand:
    """How a merchant's papers look: colours as `#rrggbb`, `mark` an SVG of plain shapes or "", `picture` a PNG in base64 or "".
    `mark_shows_name`: the name is written in either."""

    name: str
    bar: tuple[str, ...] = ("#171a21",)
    accent: str = "#171a21"
    ink: str = "#171a21"
    quiet: str = "#575e6b"
    rule: str = "#d3d7de"
    tint: str = "#f3f4f6"
    good: str = "#18703f"
    is_serif: bool = False
    is_bold: bool = True
    mark: str = ""
    picture: str = ""
    mark_shows_name: bool = False


@dataclass(frozen=True, slots=True)
class PaperParty:
    """A column of names, whose lines are each set in their own direction."""

    label: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The one amount that counts, and what it is; `is_good` for money that has arrived."""

    label: str
    amount: str
    note: str = ""
    is_good: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a paper's table; `carry` is the sum of all amounts up to it, which the next page begins with."""

    text: str
    cells: tuple[str, ...]
    carry: str


@dataclass(frozen=True, slots=True)
class SumLine:
    """A line of the sums: `style` is "", "rule" above it, or "due" for the last."""

    label: str
    amount: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A few sentences beside the sums."""

    title: str
    text: str
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class PaymentBox:
    """How to pay: pairs of words, and the text of a QR code that banking programs read, or ""."""

    title: str
    rows: tuple[tuple[str, str], ...]
    hint: str = ""
    qr: str = ""
    qr_label: str = ""


@dataclass(frozen=True, slots=True)
class SwissBill:
    """The payment part and receipt of a Swiss QR-bill: its `words` are the standard's in `language`, `account` has the IBAN and the
    holder's lines, `payer` those of whoever pays, none for fields to be filled in by hand; `code` is the text of the code."""

    language: str
    words: Mapping[str, str]
    account: tuple[str, ...]
    reference: str
    message: str
    payer: tuple[str, ...]
    currency: str
    amount: str
    code: str
    code_label: str


@dataclass(frozen=True, slots=True)
class Paper:
    """All that a paper shows, in its language and ready to be set. Written once, when it is issued, and stored.

    `document_title` is what a reader of PDF shows. Of the words `page_of`, `carried` and `brought`, `{page}` and `{pages}` are
    filled in by the typesetting. `e_invoice` is the XML that the PDF carries, "" for none; `e_invoice_gaps` what it lacks for one, where
    the merchant wants it. `second_locale` is the language that stands beside the first, "" for none: its words follow those of the first in
    the same texts, after a line break.
    """

    kind: str
    locale: str
    direction: str
    title: str
    number: str
    document_title: str
    parties: tuple[PaperParty, ...]
    facts: tuple[tuple[str, str], ...]
    headline: Headline
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    sums: tuple[SumLine, ...]
    footer: tuple[str, ...]
    page_of: str
    carried: str
    brought: str
    tax_heads: tuple[str, ...] = ()
    taxes: tuple[tuple[str, ...], ...] = ()
    remark: Remark | None = None
    box: PaymentBox | None = None
    e_invoice: str = ""
    e_invoice_gaps: tuple[str, ...] = ()
    swiss: SwissBill | None = None
    second_locale: str = ""

    def content(self) -> dict[str, Any]:
        """Return the paper as plain values, for JSON; what a paper does not have it says nothing of, as those before there was any."""
        content = asdict(self)
        for name in ("e_invoice", "e_invoice_gaps", "swiss", "second_locale"):
            if not content[name]:
                del content[name]
        return content


@dataclass(frozen=True, slots=True)
class Issue:
    """What a paper is of, and when it was issued: fixed for good, the time that the PDF says it was made at."""

    kind: Kind
    object_id: str
    customer_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A paper as it was issued: `content` is `Paper.content()`, `made_at` the time that the PDF bears, `digest` names all of it."""

    layout: int
    content: dict[str, Any]
    brand: PaperBrand
    made_at: datetime
    digest: str


def without_payer(paper: StoredPaper, *, with_buyer: bool) -> StoredPaper:
    """Return a receipt for whoever has the pay link of the invoice: it does not say which card or telephone paid, and without the buyer
    (`with_buyer` False) not whom the invoice is for. It is another paper, with a digest of its own."""
    content = dict(paper.content)
    # The day comes first among the facts, the method and the buyer's tax number after it.
    content["facts"] = content["facts"][:1]
    if not with_buyer:
        content["parties"] = content["parties"][:1]
    kind = "pay link, with buyer" if with_buyer else "pay link"
    return replace(paper, content=content, digest=sha256(f"{paper.digest} {kind}".encode()).hexdigest())
