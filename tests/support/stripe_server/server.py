"""Stripe's API over HTTP on loopback, with mischief done to single requests, and its webhooks, which are signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.stripe_server.api import API_VERSION, Answer, Seen, StripeApi
from tests.support.stripe_server.books import Body, StripeBooks
from tests.support.stripe_server.mischief import Mischief

EVENT_SECRET = "whsec_loopback"


@dataclass
class StripeServer:
    """Serves the books until it is closed. `mischief` is done to the next requests, one each; None lets one pass."""

    books: StripeBooks = field(default_factory=StripeBooks)
    mischief: list[Mischief | None] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    before: Callable[[Seen], None] = lambda seen: None
    """Called before a request is carried out, with no lock held: what happens at the same time."""

    def __post_init__(self) -> None:
        self.api = StripeApi(self.books)
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
    def requested(self) -> list[str]:
        """What was requested, as "METHOD path" with ids left out."""
        return [f"{seen.method} {seen.route}" for seen in self.requests]

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        seen = Seen.read(handler.command, parts.path, parts.query, body, dict(handler.headers))
        with self.books.lock:
            self.requests.append(seen)
            mischief = self.mischief.pop(0) if self.mischief else None
        self.before(seen)
        answer = self.api.answer(seen, mischief)
        if mischief is None:
            _send(handler, answer)
            return
        time.sleep(mischief.delay_seconds)
        if mischief.cut is not None:
            _send(handler, answer, cut=mischief.cut)
        elif mischief.status is not None:
            _send(handler, answer)


def event(
    books: StripeBooks,
    kind: str,
    subject: Body,
    *,
    secrets: tuple[str, ...] = (EVENT_SECRET,),
    livemode: bool = False,
) -> tuple[dict[str, str], bytes]:
    """A webhook as Stripe sends it now: headers and body (https://docs.stripe.com/api/events/object)."""
    stamp = books.stamp()
    event = {
        "id": f"evt_{kind.replace('.', '')}{subject.get('id', '')[-4:]}",
        "object": "event",
        "api_version": API_VERSION,
        "created": stamp,
        "data": {"object": books.shown(subject, [])},
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    body = json.dumps(event, indent=2).encode()
    return {"Stripe-Signature": sign(body, stamp, secrets)}, body


def sign(body: bytes, stamp: int, secrets: tuple[str, ...]) -> str:
    """The `Stripe-Signature` of a body; one signature for each secret, as while one is rotated."""
    signed = [hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={stamp}", *(f"v1={signature}" for signature in signed)])


def _send(handler: BaseHTTPRequestHandler, answer: Answer, *, cut: int | None = None) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    with suppress(BrokenPipeError, ConnectionResetError):  # The client has read enough.
        handler.wfile.write(answer.body[:cut])
