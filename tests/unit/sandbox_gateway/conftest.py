"""The gateway in the test's process, a client for one of its accounts, and a server that receives its webhooks."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.sandbox_gateway.instance import EXTENSION, GatewayInstance
from tests.support.apps import sandbox_app


@dataclass
class Account:
    """A client of the API for one merchant; each request gets a new idempotency key unless it passes one."""

    client: FlaskClient
    key: str = "sk_sandbox_one"
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def post(self, path: str, body: Any, key: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or f"key-{next(self.numbers)}"}
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str, **query: str) -> Any:
        response = self.client.get(path, query_string=query, headers={"Authorization": f"Bearer {self.key}"})
        assert response.status_code == 200, response.text
        return response.json

    def token(self, **body: Any) -> str:
        response = self.post("/v1/tokens", body)
        assert response.status_code == 201, response.text
        return str(response.get_json()["token"])

    def card(self, number: str = "4242424242424242") -> str:
        return self.token(type="card", number=number, exp_month=12, exp_year=2090)

    def phone(self, number: str) -> str:
        return self.token(type="mobile_money", phone=number, operator="mtn")

    def bank_account(self, number: str) -> str:
        return self.token(type="bank_account", account_number=number, bank_name="Afriland", holder="Awa")

    def charge(self, token: str, reference: str = "R1", key: str | None = None, **more: Any) -> TestResponse:
        body = {"reference": reference, "amount": 5000, "currency": "XAF", "token": token, **more}
        return self.post("/v1/charges", body, key)

    def page(self, reference: str = "R1", **more: Any) -> dict[str, Any]:
        response = self.post("/v1/pages", {**PAGE, "reference": reference, **more})
        assert response.status_code == 201, response.text
        return dict(response.get_json())

    def behave(self, **behaviour: Any) -> None:
        assert self.client.post("/control/behaviour", json=behaviour).status_code == 201

    def ledger(self) -> list[dict[str, Any]]:
        return list(self.client.get("/ledger").get_json())


PAGE = {
    "amount": 23958,
    "currency": "USD",
    "payee": "Acme Software Inc.",
    "description": "Team plan",
    "return_url": "http://127.0.0.1:5000/acme/return",
    "cancel_url": "http://127.0.0.1:5000/acme/stopped",
    "locale": "en",
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = sandbox_app(tmp_path / "sandbox.db", "http://localhost:4567")
    app.testing = True
    yield app
    app.extensions[EXTENSION].database.close()


@pytest.fixture
def gateway(app: Flask) -> GatewayInstance:
    running: GatewayInstance = app.extensions[EXTENSION]
    return running


@pytest.fixture
def account(app: Flask) -> Account:
    return Account(app.test_client())


@dataclass
class Merchant:
    """A server that receives webhooks; `answers` are the statuses of its first responses, the rest are 200."""

    url: str
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.received]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((dict(self.headers), body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver = Merchant(f"http://127.0.0.1:{server.server_port}/hooks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()
