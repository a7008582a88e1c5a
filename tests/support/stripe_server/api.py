"""Stripe's API over the books: keys, versions, idempotency and lists by pages; it knows of no connection."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tests.support.stripe_server.books import Body, Refusal, StripeBooks
from tests.support.stripe_server.forms import read_form, unknown_parameters
from tests.support.stripe_server.mischief import Mischief

SECRET_KEY, API_VERSION = "sk_test_51Loopback", "2026-10-28.endive"
FORGOTTEN_AFTER = timedelta(hours=24)
IN_FLIGHT = Refusal(409, "idempotency_error", code="idempotency_key_in_use")
OTHER_PARAMETERS = Refusal(400, "idempotency_error")
_KINDS = {
    "payment_intents": "payment_intent",
    "checkout/sessions": "checkout.session",
    "refunds": "refund",
    "payment_methods": "payment_method",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in. `path` is below `/v1/`, `given` its parameters, wherever they stood."""

    method: str
    path: str
    given: Body
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]) -> Seen:
        given = read_form(body.decode() or query)
        return cls(method, path.removeprefix("/v1/"), given, {name.lower(): value for name, value in headers.items()})

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def route(self) -> str:
        """The path with ids left out."""
        return "/".join("{id}" if _is_id(part) else part for part in self.path.split("/"))


@dataclass(frozen=True, slots=True)
class Answer:
    """`is_replayed`: it is what the first request of the same key was answered. `began`: the endpoint ran, so that a key keeps it."""

    status: int
    body: bytes
    began: bool = False
    is_replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        replayed = {"Idempotent-Replayed": "true"} if self.is_replayed else {}
        return {"Content-Type": "application/json", "Request-Id": "req_loopback", **replayed}


@dataclass
class StripeApi:
    """Answers requests out of the books. A list has at most `largest_page` objects a page, whatever was requested."""

    books: StripeBooks
    largest_page: int = 100
    _kept: dict[str, tuple[str, Answer, float]] = field(default_factory=dict)
    _in_flight: set[str] = field(default_factory=set)

    def answer(self, seen: Seen, mischief: Mischief | None = None) -> Answer:
        """https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level"""
        if refusal := _not_admitted(seen):
            return _refused(refusal)
        if seen.key is None or seen.method == "GET":
            return _replaced(mischief, self._carried_out(seen, mischief))
        if mischief and mischief.status and not mischief.acts and not mischief.keeps:
            return _replaced(mischief, Answer(0, b""))  # Rate limiters run before the idempotency layer.
        fingerprint = json.dumps([seen.path, seen.given], sort_keys=True)
        with self.books.lock:
            self._forget()
            if seen.key in self._kept:
                known, answer, _ = self._kept[seen.key]
                return answer if known == fingerprint else _refused(OTHER_PARAMETERS)
            if seen.key in self._in_flight:
                return _refused(IN_FLIGHT)
            self._in_flight.add(seen.key)
        try:
            answer = self._carried_out(seen, mischief)
            kept = _replaced(mischief, answer) if mischief and mischief.keeps else answer
            if kept.began:
                replay = Answer(kept.status, kept.body, is_replayed=True)
                self._kept[seen.key] = (fingerprint, replay, self.books.now().timestamp())
        finally:
            self._in_flight.discard(seen.key)
        return _replaced(mischief, answer)

    def _carried_out(self, seen: Seen, mischief: Mischief | None) -> Answer:
        if mischief and not mischief.acts:
            return Answer(200, b"")
        try:
            with self.books.lock:
                return Answer(200, json.dumps(self._routed(seen), indent=2).encode(), began=True)
        except Refusal as refusal:
            return _refused(refusal)

    def _routed(self, seen: Seen) -> Body:
        books, given = self.books, seen.given
        try:
            strange = unknown_parameters(seen.method, seen.route, given)
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
        kind = _KINDS[seen.route.partition("/{id}")[0]]
        if seen.method == "GET" and not object_id:
            return self._page(kind, seen.path, given)
        act = acts.get((seen.method, seen.route), lambda: books.get(kind, object_id))
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
        for key, (_, _, at) in list(self._kept.items()):
            if now - at >= FORGOTTEN_AFTER.total_seconds():
                del self._kept[key]


def error_body(refusal: Refusal) -> bytes:
    return json.dumps({"error": refusal.error}, indent=2).encode()


def _is_id(part: str) -> bool:
    return re.fullmatch(r"(pi|cs|pm|re|tok|ch)_[0-9A-Za-z_]+", part) is not None


def _not_admitted(seen: Seen) -> Refusal | None:
    if seen.headers.get("authorization") != f"Bearer {SECRET_KEY}":
        return Refusal(401, "invalid_request_error", message="Invalid API Key provided", began=False)
    if seen.headers.get("stripe-version") != API_VERSION:
        return Refusal(400, "invalid_request_error", message="Invalid Stripe API version", began=False)
    return None


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, error_body(refusal), began=refusal.began)


def _replaced(mischief: Mischief | None, truth: Answer) -> Answer:
    """What is answered in truth's place."""
    if mischief is None or mischief.status is None:
        return truth
    return Answer(mischief.status, mischief.body, began=True)
