"""What can go wrong with a refund, named after the fact."""

from __future__ import annotations

from portal.errors import PortalError


class NotRefundable(PortalError):
    status = 409
    sentence = "This payment cannot be refunded here."


class RefundTooLarge(PortalError):
    sentence = "A refund must be more than zero, and no more than what is left of the payment."


class CreditSpent(RefundTooLarge):
    """A part of the payment became the customer's credit, which was spent since or is held by a payment in progress. `most` is what
    can still be refunded, in minor units."""

    sentence = "A part of this payment became credit that the customer has used since: it cannot be refunded as well."

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
