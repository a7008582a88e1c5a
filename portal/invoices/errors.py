"""What can go wrong with an invoice, named after the fact."""

from __future__ import annotations

from portal.errors import NotFound, PortalError


class UnknownInvoice(NotFound):
    sentence = "There is no such invoice."


class InvalidInvoice(PortalError):
    """A field of the invoice is wrong; `field` names it and the sentence says what it must be."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


class DuplicateNumber(PortalError):
    """Another invoice of the merchant has this number."""

    status = 409

    def __init__(self, invoice_id: str) -> None:
        self.invoice_id = invoice_id
        super().__init__(f"another invoice, {invoice_id}, has this number")


class InvoiceNotVoidable(PortalError):
    """The invoice is paid or void, so that nothing of it can be taken back by voiding it."""

    status = 409

    def __init__(self, status: str) -> None:
        super().__init__(f"this invoice is {status}: it cannot be voided")


class PaymentInProgress(PortalError):
    status = 409
    sentence = "A payment for this invoice is in progress: it can be voided when the payment has ended."
