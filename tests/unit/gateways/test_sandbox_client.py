"""The sandbox's client: requests are as the sandbox accepts them, and only a complete response in time counts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from portal.gateways.contract import ChargeRequest, Lookup, PageRequest, Payer, RefundRequest, State
from portal.gateways.sandbox import SandboxGateway
from portal.money import Money

REFERENCE = "pay_032kbShSLbF8iRm1FXK4Ro"
CHARGED = {"id": "ch_1", "reference": REFERENCE, "amount": 500, "currency": "USD", "status": "succeeded"}
Answering = Callable[[BaseHTTPRequestHandler], None]
LISTED = {**CHARGED, "created_at": "2026-01-31T12:00:00Z"}
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ORDER = ChargeRequest(REFERENCE, Money(500, "USD"), "tok_1", "Team plan", "http://127.0.0.1/back")


class Provider:
    """An HTTP server on loopback that returns scripted responses in their order, and records the requests."""

    def __init__(self) -> None:
        self.answering: Answering = answer_with(200, CHARGED)
        self.questions: list[Answering] = []
        self.bodies: list[dict[str, Any]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                provider.answering(self)

            def do_GET(self) -> None:
                provider.questions.pop(0)(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def gateway(self, timeout_seconds: float = 5) -> SandboxGateway:
        origin = f"http://127.0.0.1:{self._server.server_port}"
        return SandboxGateway(origin, secret_key="sk", event_secret="whsec", timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


def answer_with(status: int, body: object, *, length: int | None = None) -> Answering:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(raw) if length is None else length))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def test_complete_response_is_read(provider: Provider) -> None:
    outcome = provider.gateway().charge(ORDER)

    assert (outcome.state, outcome.gateway_reference, outcome.money) == (State.SUCCEEDED, "ch_1", Money(500, "USD"))


@pytest.mark.parametrize(
    "answering",
    [
        answer_with(500, {"error": {}}),
        answer_with(503, b"<html>"),
        answer_with(200, b"{"),
        answer_with(200, []),
        answer_with(200, {}),
        answer_with(200, {**CHARGED, "amount": "500"}),
        answer_with(200, {**CHARGED, "amount": 5.0}),
        answer_with(200, {**CHARGED, "currency": "ZZZ"}),
        answer_with(200, {**CHARGED, "status": "weird"}),
        answer_with(200, CHARGED, length=5000),
        answer_with(200, b'{"a":"' + b"x" * (2 << 20) + b'"}'),
        answer_with(302, CHARGED),
        answer_with(401, {}),
        answer_with(429, {}),
    ],
)
def test_anything_else_is_an_unknown_outcome(provider: Provider, answering: Answering) -> None:
    provider.answering = answering

    assert provider.gateway(timeout_seconds=1).charge(ORDER).state is State.UNKNOWN


def test_response_that_arrives_too_slowly_is_cut_off(provider: Provider) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        for _ in range(100):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.1)

    provider.answering = drip
    begun = time.monotonic()

    assert provider.gateway(timeout_seconds=0.5).charge(ORDER).state is State.UNKNOWN
    assert time.monotonic() - begun < 3


def test_long_names_and_unprintable_characters_are_sent_as_the_sandbox_accepts_them(provider: Provider) -> None:
    gateway = provider.gateway()
    title = "می\u200cخواهم\u200f \U0001f469\u200d\U0001f4bb"

    gateway.charge(ChargeRequest(REFERENCE, Money(500, "USD"), "tok_1", title, "http://127.0.0.1/back"))
    gateway.open_page(
        PageRequest(
            REFERENCE,
            Money(500, "USD"),
            "N" * 255,
            Payer("cus_1"),
            title,
            return_url="http://127.0.0.1/back",
            cancel_url="http://127.0.0.1/back",
            locale="en",
            save=False,
        )
    )

    assert [body["description"] for body in provider.bodies] == ["میخواهم \U0001f469\U0001f4bb"] * 2
    assert provider.bodies[1]["payee"] == "N" * 120


def test_request_in_progress_is_unknown_and_any_other_conflict_is_looked_up(
    provider: Provider,
) -> None:
    provider.questions = [answer_with(200, {"items": [CHARGED]})]
    states = []

    for code in ("idempotency_in_flight", "idempotency_mismatch"):
        provider.answering = answer_with(409, {"error": {"code": code}})
        states.append(provider.gateway().charge(ORDER).state)

    assert states == [State.UNKNOWN, State.SUCCEEDED]


@pytest.mark.parametrize("code", ["amount_too_large", "not_refundable"])
def test_refused_refund_has_failed_only_when_it_does_not_exist_already(provider: Provider, code: str) -> None:
    request = RefundRequest("re_1", "ch_1", Money(500, "USD"))
    made = {"id": "gr_1", "reference": "re_1", "amount": 500, "currency": "USD", "status": "succeeded"}
    provider.answering = answer_with(409, {"error": {"code": code}})
    provider.questions = [answer_with(200, {"items": []}), answer_with(200, {"items": [made]}), answer_with(500, {})]

    outcomes = [provider.gateway().refund(request) for _ in range(3)]

    assert [outcome.state for outcome in outcomes] == [State.FAILED, State.SUCCEEDED, State.UNKNOWN]
    assert outcomes[0].failure_code == code


@pytest.mark.parametrize(
    "second",
    [
        answer_with(500, {}),
        answer_with(200, {"items": [LISTED]}),
        answer_with(200, {"items": [LISTED], "next": 7}),
        answer_with(200, {"items": [{**LISTED, "amount": None}], "next": None}),
        answer_with(200, {"items": [{**LISTED, "status": "weird"}], "next": None}),
        answer_with(200, {"items": [{**LISTED, "created_at": "yesterday"}], "next": None}),
        answer_with(200, {"items": [7], "next": None}),
        answer_with(200, {"items": {}, "next": None}),
    ],
)
def test_list_of_which_one_page_cannot_be_read_is_none(provider: Provider, second: Answering) -> None:
    provider.questions = [answer_with(200, {"items": [LISTED], "next": "ch_1"}), second]

    assert provider.gateway().list_charges(NOW, NOW) is None


def test_list_that_goes_on_for_ever_is_none(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.gateways.sandbox.client.MAXIMUM_LIST_PAGES", 3)
    provider.questions = [answer_with(200, {"items": [LISTED], "next": "ch_1"})] * 4

    assert provider.gateway().list_charges(NOW, NOW) is None
    assert len(provider.questions) == 1


@pytest.mark.parametrize(
    "setup",
    [
        {"status": "succeeded", "method": None},
        {"status": "succeeded", "method": {"type": "card", "token": None}},
        {"status": "weird"},
        {},
    ],
)
def test_setup_without_its_token_is_unknown(provider: Provider, setup: dict[str, Any]) -> None:
    provider.questions = [answer_with(200, {"items": [{"id": "set_1", "reference": "stp_1", **setup}]})]

    assert provider.gateway().look_up_setup(Lookup("stp_1", NOW)).state is State.UNKNOWN
