"""What can go wrong with a customer."""

from __future__ import annotations

from portal.errors import NotFound, PortalError


class InvalidCustomer(PortalError):
    """A field of the customer is wrong; `field` names it and the sentence says what it must be."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


class DuplicateCustomer(PortalError):
    """Another customer of the merchant has this email address, phone or reference (decision 7)."""

    status = 409

    def __init__(self, field: str, customer_id: str) -> None:
        self.field = field
        self.customer_id = customer_id
        super().__init__(f"another customer, {customer_id}, has this {field}")


class UnknownCustomer(NotFound):
    sentence = "There is no such customer."


class CustomerDeleted(NotFound):
    sentence = "This customer was deleted."


class NoMergeProposed(NotFound):
    sentence = "There is no proposal to merge these two customers."


class DetailsChanged(PortalError):
    """Somebody changed the customer's details since they were shown; nothing was stored."""

    status = 409
    sentence = "These details were changed meanwhile."
