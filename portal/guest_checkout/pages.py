"""The values of the pages below a pay link; no queries, no rules. None of them has anything of the customer but the invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portal.checkout.pages import ChoosePage, ReviewPage
from portal.invoices.pages import InvoicePage, Party, TransferWay
from portal.payments.pages import PaymentPage


@dataclass(frozen=True, slots=True)
class PayLinkPage:
    """pay_links/invoice.html: one invoice, and the form that pays it, which posts to `path`, the page's own.

    `state`: "payable" (`choice` has what can be chosen), "ours" (a payment by this link holds it: its page is `payment_url`), "being_paid"
    (another payment does, of which nothing is said), "paid", "void", "uncollectible", or "closed" (nothing here accepts a payment of it).
    `buyer` is whom the invoice is for, None where the merchant does not show it. `invoice` names no payments and no methods.
    `pdf_url` is the invoice on paper, None where `buyer` must not be shown, whom the paper names. `receipt_url` is the PDF of the receipt of what this link paid, None where it paid nothing; `ends_on` when the page goes, None before
    the invoice is settled. `transfer` is the merchant's account, None where none is named or nothing is to pay. `has_mail`: the receipt goes to the customer's own address, which the page does not show.
    """

    path: str
    state: str
    invoice: InvoicePage
    buyer: Party | None
    payee: str
    choice: ChoosePage | None = None
    transfer: TransferWay | None = None
    payment_url: str | None = None
    pdf_url: str | None = None
    receipt_url: str | None = None
    ends_on: date | None = None
    has_mail: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether a payment holds the invoice, so that the page changes by itself."""
        return self.state in ("ours", "being_paid")


@dataclass(frozen=True, slots=True)
class PayLinkReviewPage:
    """pay_links/review.html: `review` is as on the customer's own review, with everything but the invoice left out. `path` is the page of
    the link, where Change and Cancel lead. `has_mail` is as in PayLinkPage."""

    path: str
    review: ReviewPage
    has_mail: bool = False


@dataclass(frozen=True, slots=True)
class PayLinkPaymentPage:
    """pay_links/payment.html: a payment by this link. `payment` is as on the customer's own page, without the digits of its method.

    `path` is the page of the link, where paying again begins; `receipt_url`, `ends_on` and `has_mail` are as in PayLinkPage.
    """

    path: str
    payment: PaymentPage
    receipt_url: str | None = None
    ends_on: date | None = None
    has_mail: bool = False
