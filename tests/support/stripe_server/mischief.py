"""What goes wrong on request: one request's answer, lost, cut, replaced, or kept by its idempotency key."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mischief:
    """What becomes of one request. `acts`: it is carried out. `status` and `body` are answered instead of what it gave;
    without a status the connection ends. `keeps`: the idempotency key keeps this answer. `cut`: so many bytes of the true one."""

    acts: bool
    status: int | None = None
    body: bytes = b""
    keeps: bool = False
    cut: int | None = None
    delay_seconds: float = 0


LOST = Mischief(acts=True)
NEVER_ARRIVED = Mischief(acts=False)
TRUNCATED = Mischief(acts=True, cut=40)
SERVER_FAULT = json.dumps({"error": {"type": "api_error", "message": "Something went wrong."}}).encode()
STORED_FAULT = Mischief(acts=False, status=500, body=SERVER_FAULT, keeps=True)
"""https://docs.stripe.com/api/idempotent_requests: "Retries with the same key return the saved response, including 500 errors"."""
STORED_FAULT_AFTERWARDS = Mischief(acts=True, status=500, body=SERVER_FAULT, keeps=True)


def refused(status: int, code: str = "", kind: str = "invalid_request_error") -> Mischief:
    """An answer of that status before anything ran, as the rate limiter and the check of keys give it."""
    return Mischief(False, status, json.dumps({"error": {"type": kind, "code": code, "message": "No."}}).encode())
