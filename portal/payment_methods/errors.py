"""What can go wrong with saved methods, named after the fact."""

from __future__ import annotations

from typing import ClassVar

from portal.errors import PortalError


class MethodFault(PortalError):
    """Something typed or chosen is refused. `field` is the form field, `code` the reason, as in the pages' `faults`."""

    field: ClassVar[str] = "nickname"
    code: ClassVar[str] = "unusable"


class NicknameTooLong(MethodFault):
    code = "too_long"
    sentence = "This name is too long."


class NicknameUnusable(MethodFault):
    sentence = "This name has a character that cannot be saved, or contains a card number."


class SuccessorMissing(MethodFault):
    """Several methods could replace the removed one, and none, or one that cannot, was chosen."""

    field = "move_to"
    code = "missing"
    sentence = "No payment method was chosen to replace it."


class HasExpired(MethodFault):
    """An expired method cannot become the default."""

    status = 409
    field = "default"
    code = "expired"
    sentence = "This payment method has expired."


class SetupsUnavailable(PortalError):
    """The merchant's gateway saves no method without a payment, or there is no gateway at the moment."""

    status = 409
    sentence = "A payment method can be saved here only while paying."


class TooManySetups(PortalError):
    status = 429
    sentence = "Too many payment methods were added in the last hour. Nothing was saved."
