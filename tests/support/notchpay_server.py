"""Notch Pay on loopback: its REST API as it is documented, with what goes wrong on request, and a ledger of its own.

The shapes are those of developer.notchpay.co, each named where it is made. Where the documentation and those who use the API
disagree, `finds_by_our_reference` chooses.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PUBLIC_KEY, PRIVATE_KEY, EVENT_SECRET = "pk_test.Y2xlYXI", "sk_test.Z3JhbnQ", "hsk_test.ZXZlbnRz"
Body = dict[str, Any]


class Refusal(Exception):
    """A 4xx, with the body of `api-reference/errors`."""

    def __init__(self, status: int, message: str, **errors: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Body = {"code": status, "status": "Refused", "message": message}
        if errors:
            self.body["errors"] = {name: [text] for name, text in errors.items()}


@dataclass
class NotchPayBooks:
    """What happened at Notch Pay: payments by its own reference, refunds, and which telephones rang."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    finds_by_our_reference: bool = False
    tells_channel: bool = True
    """No page documents it; a published client reads `channel` "once known"."""
    tells_our_reference: bool = True
    tells_refund_reference: bool = True
    payments: dict[str, Body] = field(default_factory=dict)
    refunds: list[Body] = field(default_factory=list)
    rings: list[tuple[str, str, str]] = field(default_factory=list)
    """(our reference, channel, telephone), once for each prompt that a telephone was sent."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- the API ---

    def initialise(self, body: Body) -> Body:
        """`POST /payments`, its answer as in `api/tag/payment`: theirs is `trx.…`, ours comes back as `trxref`."""
        customer = body.get("customer") or {}
        if type(body.get("amount")) is not int or body["amount"] < 10:
            raise Refusal(422, "Validation failed", amount="The amount must be at least 10.")
        if body.get("currency") not in ("XAF", "XOF", "USD", "EUR"):
            raise Refusal(422, "Validation failed", currency="The currency is not supported.")
        if not (customer.get("email") or customer.get("phone")):
            raise Refusal(422, "Validation failed", customer="An email or a phone is required.")
        if any(payment["trxref"] == body["reference"] for payment in self.payments.values()):
            raise Refusal(409, "A payment with this reference already exists")
        theirs = f"trx.test_QIjvmGdTbPrrOkOHvI{len(self.payments) + 1}"
        self.payments[theirs] = {
            "amount": body["amount"],
            "amount_total": body["amount"],
            "sandbox": True,
            "fee": 0,
            "converted_amount": body["amount"],
            "customer": "cus.test_HinOxDlooNXjMBPq",
            "description": body.get("description"),
            "reference": theirs,
            "merchant_reference": body["reference"],
            "trxref": body["reference"],
            "status": "pending",
            "channel": None,
            "currency": body["currency"],
            "callback": body.get("callback"),
            "created_at": self.stamp(),
        }
        return {
            "status": "Accepted",
            "message": "Payment initialized",
            "code": 201,
            "transaction": self._shown(self.payments[theirs]),
            "authorization_url": f"https://pay.notchpay.co/{theirs.removeprefix('trx.')}",
        }

    def retrieve(self, reference: str) -> Body:
        """`api-reference/retrieve-a-payment`."""
        return {
            "status": "Accepted",
            "message": "Transaction retrieved",
            "code": 202,
            "transaction": self._shown(self._payment(reference)),
        }

    def process(self, reference: str, body: Body) -> Body:
        """`api-reference/process-a-payment-1`: 422 unless the payment is pending."""
        payment, phone = self._payment(reference), (body.get("data") or {}).get("phone", "")
        if body.get("channel") not in ("cm.mtn", "cm.orange") or not phone.startswith("+2376"):
            raise Refusal(422, "Validation failed", phone="The phone is not valid for this channel.")
        if payment["status"] != "pending":
            raise Refusal(422, "Payment cannot be processed")
        payment["status"], payment["channel"] = "processing", body["channel"]
        self.rings.append((payment["trxref"], body["channel"], phone))
        return {
            "status": "Accepted",
            "message": "Payment processing initiated",
            "code": 202,
            "transaction": {"reference": payment["reference"], "status": "processing"},
        }

    def cancel(self, reference: str) -> Body:
        """`api-reference/cancel-a-payment`: "you can only cancel payments that are in the `pending` status"."""
        payment = self._payment(reference)
        if payment["status"] != "pending":
            raise Refusal(422, "Payment cannot be processed")
        payment["status"] = "canceled"
        return {"code": 202, "status": "Accepted", "message": "Your payment has been canceled"}

    def list_payments(self, query: dict[str, str]) -> Body:
        """`api-reference/payments`, newest first; `search` by its own reference, as nothing says that ours is meant."""
        found = [
            payment
            for payment in reversed(self.payments.values())
            if query.get("search", "") in payment["reference"]
            and query.get("date_start", "") <= payment["created_at"][:10] <= query.get("date_end", "9")
        ]
        return self._page("Payments retrieved", [self._shown(payment) for payment in found], query)

    def refund(self, body: Body) -> Body:
        """`accept-payments/refunds`."""
        payment = self._payment(body["payment"])
        before = sum(
            one["amount"]
            for one in self.refunds
            if one["payment"] == payment["reference"] and one["status"] != "failed"
        )
        if payment["status"] not in ("complete", "partialy-refunded") or before + body["amount"] > payment["amount"]:
            raise Refusal(422, "The refunded amount must not exceed the original payment amount")
        refund = {
            "id": f"rfd.test_{len(self.refunds) + 1}",
            "payment": payment["reference"],
            "amount": body["amount"],
            "currency": payment["currency"],
            "status": "pending",
            "created_at": self.stamp(),
        }
        if self.tells_refund_reference:
            refund |= {"reason": body.get("reason"), "metadata": body.get("metadata")}
        self.refunds.append(refund)
        whole = before + body["amount"] == payment["amount"]
        payment["status"] = "refunded" if whole else "partialy-refunded"
        return {"code": 201, "status": "Created", "message": "Refund initiated", "refund": dict(refund)}

    def list_refunds(self, query: dict[str, str]) -> Body:
        found = [dict(one) for one in self.refunds if query.get("payment") in (None, one["payment"])]
        return self._page("Refunds retrieved", found, query)

    # --- what payers, operators and time do ---

    def settle(self, reference: str, status: str) -> None:
        """Bring the payment of our reference to a status."""
        with self.lock:
            payment = self.of(reference)
            payment["status"] = status
            if status == "complete":
                payment["completed_at"] = self.stamp()

    def of(self, reference: str) -> Body:
        """The payment of our reference."""
        return next(payment for payment in self.payments.values() if payment["trxref"] == reference)

    def event(
        self, kind: str, data: Body, *, secret: str = EVENT_SECRET, **fields: Any
    ) -> tuple[dict[str, str], bytes]:
        """An event's headers and body, signed as in `get-started/webhooks/verify`; `fields` replace those of the envelope."""
        envelope = {"id": "evt_123456789", "type": kind, "created_at": self.stamp(), "data": data} | fields
        body = json.dumps({name: value for name, value in envelope.items() if value is not None}).encode()
        return {"X-Notch-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}, body

    def stamp(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _payment(self, reference: str) -> Body:
        for payment in self.payments.values():
            if reference == payment["reference"] or (self.finds_by_our_reference and reference == payment["trxref"]):
                return payment
        raise Refusal(404, "Payment not found")

    def _shown(self, payment: Body) -> Body:
        hidden = () if self.tells_our_reference else ("trxref", "merchant_reference")
        hidden = hidden if self.tells_channel else (*hidden, "channel")
        return {name: value for name, value in payment.items() if name not in hidden}

    def _page(self, message: str, found: list[Body], query: dict[str, str]) -> Body:
        """`get-started/responses`, "Collection response"."""
        limit, page = int(query.get("limit", "30")), int(query.get("page", "1"))
        items = found[(page - 1) * limit : page * limit]
        return {
            "code": 200,
            "status": "OK",
            "message": message,
            "totals": len(found),
            "last_page": max(1, -(-len(found) // limit)),
            "current_page": page,
            "selected": len(items),
            "items": items,
        }


def answer_of(
    books: NotchPayBooks, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Body
) -> tuple[int, Body]:
    """Status and body of one request; the caller is authenticated as in `api-reference/authentication` and `/errors`: by the raw public key,
    and by the private one too where money goes out."""
    try:
        if headers.get("Authorization") != PUBLIC_KEY:
            raise Refusal(401, "Invalid API key")
        if path.startswith("/refunds") and headers.get("X-Grant") != PRIVATE_KEY:
            raise Refusal(403, "This endpoint requires additional authentication")
        with books.lock:
            return _route(books, method, path.strip("/").split("/"), query, body)
    except Refusal as refusal:
        return refusal.status, refusal.body


def _route(books: NotchPayBooks, method: str, path: list[str], query: dict[str, str], body: Body) -> tuple[int, Body]:
    reference = unquote(path[-1])
    match method, path:
        case "POST", ["payments"]:
            return 201, books.initialise(body)
        case "GET", ["payments"]:
            return 200, books.list_payments(query)
        case "GET", ["payments", _]:
            return 200, books.retrieve(reference)
        case "POST", ["payments", _]:
            return 202, books.process(reference, body)
        case "DELETE", ["payments", _]:
            return 202, books.cancel(reference)
        case "POST", ["refunds"]:
            return 201, books.refund(body)
        case "GET", ["refunds"]:
            return 200, books.list_refunds(query)
    raise Refusal(404, "Resource not found")


@dataclass(frozen=True, slots=True)
class Mischief:
    """What becomes of one answer. `acts`: the request is carried out first. `status` None: the connection ends without one."""

    acts: bool
    status: int | None = None
    body: bytes = b"{}"
    length: int | None = None
    delay_seconds: float = 0


LOST = Mischief(acts=True)
NEVER_ARRIVED = Mischief(acts=False)


def refused(status: int) -> Mischief:
    """An answer of that status instead of the work."""
    return Mischief(False, status, json.dumps({"code": status, "message": "no"}).encode())


class NotchPayServer:
    """Serves the books over HTTP. `mischief` is done to the next requests, one each; None lets one pass."""

    def __init__(self, books: NotchPayBooks | None = None) -> None:
        self.books = books or NotchPayBooks()
        self.mischief: list[Mischief | None] = []
        self.requests: list[tuple[str, str, dict[str, str], Body]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._handle(self)

            def do_POST(self) -> None:
                server._handle(self)

            def do_DELETE(self) -> None:
                server._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def requested(self) -> list[str]:
        """What was requested, as "METHOD /path" without queries."""
        return [f"{method} {path}" for method, path, _, _ in self.requests]

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else {}
        with self.books.lock:
            self.requests.append((handler.command, parts.path, dict(handler.headers), body))
            mischief = self.mischief.pop(0) if self.mischief else None
            status, answer = 200, b"{}"
            if mischief is None or mischief.acts:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, payload = answer_of(self.books, handler.command, parts.path, query, dict(handler.headers), body)
                answer = json.dumps(payload).encode()
        with suppress(OSError):  # Who was kept waiting has hung up.
            if mischief is None:
                _send(handler, status, answer)
                return
            time.sleep(mischief.delay_seconds)
            if mischief.status is not None:
                _send(handler, mischief.status, mischief.body, mischief.length)


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)
