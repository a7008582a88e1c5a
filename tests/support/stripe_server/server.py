"""HTTP around the books: keys, versions, idempotency, lists by pages, webhooks that are signed, and mischief."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.stripe_server.books import Body, Refusal, StripeBooks
from tests.support.stripe_server.forms import read_form, unknown_parameters

SECRET_KEY, EVENT_SECRET = "sk_test_51Loopback", "whsec_loopback"
API_VERSION = "2026-10-28.endive"
FORGOTTEN_AFTER = timedelta(hours=24)
_KINDS = {
    "payment_intents": "payment_intent",
    "checkout/sessions": "checkout.session",
    "refunds": "refund",
    "payment_methods": "payment_method",
}


@dataclass(frozen=True, slots=True)
class Mischief:
    """What becomes of one request. `acts`: it is carried out. `status` and `body` are answered instead of what it gave;
    without a status the connection ends. `keeps`: the idempotency key keeps this answer. `cut`: so many bytes of the true answer."""

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


@dataclass(slots=True)
class _Kept:
    fingerprint: str
    status: int
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    given: Body
    key: str | None


@dataclass
class StripeServer:
    """Serves the books over HTTP on loopback. `mischief` is done to the next requests, one each; None lets one pass."""

    books: StripeBooks = field(default_factory=StripeBooks)
    mischief: list[Mischief | None] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    before: Callable[[Seen], None] = lambda seen: None
    """Called before a request is carried out, with no lock held: what happens at the same time."""
    largest_page: int = 100

    def __post_init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._in_flight: set[str] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._handle(self)

            def do_POST(self) -> None:
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
    def asked(self) -> list[str]:
        """What was asked for, as "METHOD path" with ids left out."""
        return [f"{seen.method} {_route(seen.path)}" for seen in self.requests]

    def event(
        self, kind: str, subject: Body, *, secrets: tuple[str, ...] = (EVENT_SECRET,), livemode: bool = False
    ) -> tuple[dict[str, str], bytes]:
        """A webhook as Stripe sends it now: headers and body (https://docs.stripe.com/api/events/object)."""
        stamp = self.books.stamp()
        body = json.dumps(
            {
                "id": f"evt_{len(self.requests)}{kind.replace('.', '')}",
                "object": "event",
                "api_version": API_VERSION,
                "created": stamp,
                "data": {"object": self.books.shown(subject, [])},
                "livemode": livemode,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            },
            indent=2,
        ).encode()
        return {"Stripe-Signature": sign(body, stamp, secrets)}, body

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        seen = Seen(
            handler.command,
            parts.path.removeprefix("/v1/"),
            read_form(raw or parts.query),
            handler.headers.get("Idempotency-Key"),
        )
        with self.books.lock:
            self.requests.append(seen)
            mischief = self.mischief.pop(0) if self.mischief else None
        self.before(seen)
        status, body, is_replayed = self._answer(handler, seen, mischief)
        if mischief is None:
            _send(handler, status, body, is_replayed=is_replayed)
            return
        time.sleep(mischief.delay_seconds)
        if mischief.cut is not None:
            _send(handler, status, body[: mischief.cut], length=len(body))
        elif mischief.status is not None:
            _send(handler, status, body, is_replayed=is_replayed)

    def _answer(
        self, handler: BaseHTTPRequestHandler, seen: Seen, mischief: Mischief | None
    ) -> tuple[int, bytes, bool]:
        if refusal := _admitted(handler):
            return refusal.status, _error(refusal), False
        if seen.key is None or seen.method == "GET":
            status, body, _ = self._carried_out(seen, mischief)
            return *_told(mischief, status, body), False
        fingerprint = json.dumps([seen.path, seen.given], sort_keys=True)
        with self.books.lock:
            self._forget()
            if mischief is not None and mischief.status is not None and not mischief.acts and not mischief.keeps:
                return mischief.status, mischief.body, False  # Rate limiters run before the idempotency layer.
            if kept := self._kept.get(seen.key):
                if kept.fingerprint != fingerprint:
                    return 400, _error(Refusal(400, "idempotency_error")), False
                return kept.status, kept.body, True
            if seen.key in self._in_flight:
                return 409, _error(Refusal(409, "idempotency_error", code="idempotency_key_in_use")), False
            self._in_flight.add(seen.key)
        try:
            status, body, keeps = self._carried_out(seen, mischief)
            told = _told(mischief, status, body)
            if mischief is not None and mischief.keeps:
                (status, body), keeps = told, True
            if keeps:
                self._kept[seen.key] = _Kept(fingerprint, status, body, self.books.now().timestamp())
        finally:
            self._in_flight.discard(seen.key)
        return *told, False

    def _carried_out(self, seen: Seen, mischief: Mischief | None) -> tuple[int, bytes, bool]:
        """Status and body, and whether a key keeps them: "only after the execution of an endpoint begins"."""
        status, body, keeps = 200, b"", False
        if mischief is None or mischief.acts:
            try:
                with self.books.lock:
                    body, keeps = json.dumps(self._routed(seen), indent=2).encode(), True
            except Refusal as refusal:
                status, body, keeps = refusal.status, _error(refusal), refusal.began
        return status, body, keeps

    def _routed(self, seen: Seen) -> Body:
        route, books, given = _route(seen.path), self.books, seen.given
        try:
            strange = unknown_parameters(seen.method, route, given)
        except KeyError:
            raise Refusal(404, "invalid_request_error", message="Unrecognized request URL", began=False) from None
        if strange:
            raise Refusal(400, "invalid_request_error", code="parameter_unknown", param=strange[0], began=False)
        object_id = next((part for part in seen.path.split("/") if _is_id(part)), "")
        acts: dict[tuple[str, str], Callable[[], Body]] = {
            ("POST", "payment_intents"): lambda: books.create_intent(given),
            ("POST", "payment_intents/{id}/confirm"): lambda: books.confirm_intent(object_id, given),
            ("POST", "payment_intents/{id}/cancel"): lambda: books.cancel_intent(object_id, given),
            ("POST", "checkout/sessions"): lambda: books.create_session(given),
            ("POST", "checkout/sessions/{id}/expire"): lambda: books.expire_session(object_id),
            ("POST", "refunds"): lambda: books.create_refund(given),
            ("POST", "payment_methods/{id}/detach"): lambda: books.detach(object_id),
        }
        kind = _KINDS[route.partition("/{id}")[0]]
        if seen.method == "GET" and not object_id:
            return self._page(kind, seen.path, given)
        act = acts.get((seen.method, route), lambda: books.get(kind, object_id))
        return books.shown(act(), given.get("expand", []))

    def _page(self, kind: str, path: str, query: Body) -> Body:
        """https://docs.stripe.com/api/pagination"""
        limit = min(int(query.get("limit", "10")), self.largest_page)
        found = self.books.list_of(kind, query)
        if after := query.get("starting_after"):
            found = found[[item["id"] for item in found].index(after) + 1 :]
        items = [self.books.shown(item, []) for item in found[:limit]]
        return {"object": "list", "url": f"/v1/{path}", "has_more": len(found) > limit, "data": items}

    def _forget(self) -> None:
        """ "You can remove keys from the system automatically after they're at least 24 hours old"."""
        now = self.books.now().timestamp()
        for key, kept in list(self._kept.items()):
            if now - kept.at >= FORGOTTEN_AFTER.total_seconds():
                del self._kept[key]


def sign(body: bytes, stamp: int, secrets: tuple[str, ...]) -> str:
    """The `Stripe-Signature` of a body; one signature for each secret, as while one is rotated."""
    signed = [hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={stamp}", *(f"v1={signature}" for signature in signed)])


def _route(path: str) -> str:
    return "/".join("{id}" if _is_id(part) else part for part in path.split("/"))


def _is_id(part: str) -> bool:
    return re.fullmatch(r"(pi|cs|pm|re)_[0-9A-Za-z_]+", part) is not None


def _admitted(handler: BaseHTTPRequestHandler) -> Refusal | None:
    if handler.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
        return Refusal(401, "invalid_request_error", message="Invalid API Key provided")
    if handler.headers.get("Stripe-Version") != API_VERSION:
        return Refusal(400, "invalid_request_error", message="Invalid Stripe API version")
    return None


def _told(mischief: Mischief | None, status: int, body: bytes) -> tuple[int, bytes]:
    """What is answered in truth's place."""
    return (status, body) if mischief is None or mischief.status is None else (mischief.status, mischief.body)


def _error(refusal: Refusal) -> bytes:
    return json.dumps({"error": refusal.error}, indent=2, default=str).encode()


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, *, length: int | None = None, is_replayed: bool = False
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Request-Id", "req_loopback")
    if is_replayed:
        handler.send_header("Idempotent-Replayed", "true")
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    with suppress(BrokenPipeError, ConnectionResetError):  # Whoever asked has heard enough.
        handler.wfile.write(body)
