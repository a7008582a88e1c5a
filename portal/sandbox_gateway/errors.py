"""The errors of the API, with their codes and HTTP statuses."""

from __future__ import annotations


class ApiError(Exception):
    """A request that is rejected; nothing was written."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(ApiError):
    """A parameter is missing or invalid; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class IdempotencyKeyRequired(ApiError):
    code = "idempotency_key_required"


class UnknownToken(ApiError):
    code = "unknown_token"


class UnusableMethod(ApiError):
    """The phone cannot be prompted: the channel is unknown, or the number does not belong to it."""

    code = "unusable_method"


class UnsupportedAmount(ApiError):
    code = "unsupported_amount"


class Unauthorized(ApiError):
    status, code = 401, "unauthorized"


class NotFound(ApiError):
    status, code = 404, "not_found"


class IdempotencyMismatch(ApiError):
    status, code = 409, "idempotency_mismatch"


class IdempotencyInFlight(ApiError):
    status, code = 409, "idempotency_in_flight"


class DuplicateReference(ApiError):
    status, code = 409, "duplicate_reference"


class NotCancelable(ApiError):
    status, code = 409, "not_cancelable"


class NotRefundable(ApiError):
    status, code = 409, "not_refundable"


class AmountTooLarge(ApiError):
    status, code = 409, "amount_too_large"
