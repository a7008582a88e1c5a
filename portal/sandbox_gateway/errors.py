"""What the gateway refuses, with the code and status its API answers."""

from __future__ import annotations


class Refused(Exception):
    """A request the gateway does not carry out; nothing was written."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(Refused):
    """A field is missing or not what it should be; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class IdempotencyKeyRequired(Refused):
    code = "idempotency_key_required"


class UnknownToken(Refused):
    code = "unknown_token"


class UnusableMethod(Refused):
    """Nobody can be asked there: the channel is unknown, or the number is none of its telephones."""

    code = "unusable_method"


class UnsupportedAmount(Refused):
    code = "unsupported_amount"


class Unauthorized(Refused):
    status, code = 401, "unauthorized"


class NotFound(Refused):
    status, code = 404, "not_found"


class IdempotencyMismatch(Refused):
    status, code = 409, "idempotency_mismatch"


class IdempotencyInFlight(Refused):
    status, code = 409, "idempotency_in_flight"


class DuplicateReference(Refused):
    status, code = 409, "duplicate_reference"


class NotCancelable(Refused):
    status, code = 409, "not_cancelable"


class NotRefundable(Refused):
    status, code = 409, "not_refundable"


class AmountTooLarge(Refused):
    status, code = 409, "amount_too_large"
