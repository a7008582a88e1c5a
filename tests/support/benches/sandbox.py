"""The sandbox's bench: the real sandbox, in the test's own process."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Self

from flask import Flask
from werkzeug.test import TestResponse

from portal.gateways.sandbox import SandboxGateway
from portal.money import Money
from portal.sandbox_gateway.charges import serialize_charge
from portal.sandbox_gateway.clock import DAY, SECOND
from portal.sandbox_gateway.instance import EXTENSION, GatewayInstance
from portal.sandbox_gateway.outcomes import PROMPT_DURATION
from portal.sandbox_gateway.webhooks import build_signature
from tests.support.apps import sandbox_app
from tests.support.gateway_bench import Card, GatewayBench, ProviderCharge, SignedEvent, Telephone
from tests.support.provider_server import ProviderServer

KEY, EVENT_SECRET = "sk_sandbox_bench", "whsec_bench"
_CARDS: dict[Card, str] = {
    "good": "4242424242424242",
    "declined": "4000000000000002",
    "poor": "4000000000009995",
    "expired": "4000000000000069",
    "careful": "4000000000003220",
}
_TELEPHONES: dict[Telephone, str] = {
    "good": "+237677000000",
    "poor": "+237677000001",
    "failing": "+237677000002",
    "silent": "+237677000003",
    "canceling": "+237677000004",
}


class SandboxBench(GatewayBench):
    """The sandbox application itself, its clock and control in reach."""

    capabilities = SandboxGateway.capabilities
    money = Money(5000, "XAF")
    refused_money = Money(10**13, "XAF")
    calls = {  # noqa: RUF012  The protocol says that it is read only.
        "charge": "POST /v1/charges",
        "prompt": "POST /v1/charges",
        "page": "POST /v1/pages",
        "setup": "POST /v1/setups",
        "refund": "POST /v1/refunds",
    }
    duplicate = (409, json.dumps({"error": {"code": "duplicate_reference"}}).encode())
    amounts = (
        (Money(1234, "USD"), 1234),
        (Money(1000, "XAF"), 1000),
        (Money(1000, "JPY"), 1000),
        (Money(1234, "KWD"), 1234),
        (Money(1000, "UGX"), 1000),
        (Money(1000, "ISK"), 1000),
        (Money(1200, "HUF"), 1200),
        (Money(1200, "TWD"), 1200),
    )

    def __init__(self, folder: Path) -> None:
        def make_app(origin: str) -> Flask:
            self._app = sandbox_app(folder / "sandbox.db", origin)
            return self._app

        self.server = ProviderServer(make_app)
        self.gateway = self._gateway(timeout_seconds=30)
        self.hasty_gateway = self._gateway(timeout_seconds=0.33)
        self._keys = count()

    def _gateway(self, *, timeout_seconds: float) -> SandboxGateway:
        return SandboxGateway(
            self.server.origin, secret_key=KEY, event_secret=EVENT_SECRET, timeout_seconds=timeout_seconds
        )

    @classmethod
    def start(cls, folder: Path) -> Self:
        return cls(folder)

    def close(self) -> None:
        self.server.close()
        self._provider.database.close()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._provider.clock.now() / SECOND, UTC)

    def token(self, card: Card) -> str:
        if card == "unknown":
            return "tok_nobodyknowsthisone"
        body = {"type": "card", "number": _CARDS[card], "exp_month": 12, "exp_year": 2090}
        return str(self._post("/v1/tokens", body)["token"])

    def telephone(self, kind: Telephone) -> tuple[str, str]:
        return "cm.mtn", _TELEPHONES[kind]

    def pay_page(self, action_url: str, card: Card) -> None:
        self._enter_card(action_url, card)

    def leave_page(self, action_url: str) -> None:
        self._press(f"{action_url}/cancel")

    def finish_setup(self, action_url: str, card: Card) -> None:
        self._enter_card(action_url, card)

    def leave_setup(self, action_url: str) -> None:
        self._press(f"{action_url}/cancel")

    def answer_challenge(self, action_url: str, *, recognised: bool) -> None:
        self._press(action_url, answer="confirm" if recognised else "refuse")

    def settle(self, reference: str) -> None:
        self._pass(PROMPT_DURATION)

    def approve_late(self, reference: str) -> None:
        self._post("/control/approvals", {"reference": reference})

    def fail_refund(self, reference: str) -> None:
        self._post("/control/refund_failures", {"reference": reference})

    def expire_keys(self) -> None:
        self._pass(DAY)

    def ledger(self) -> list[ProviderCharge]:
        return [
            ProviderCharge(
                row["reference"],
                row["amount"],
                row["currency"],
                "pending" if row["status"] == "requires_action" else row["status"],
            )
            for row in self._charges()
        ]

    def refunded(self) -> int:
        (row,) = self._charges()
        return int(row["amount_refunded"])

    def event(self, reference: str) -> SignedEvent:
        (charge,) = (row for row in self._charges() if row["reference"] == reference)
        body = json.dumps({"id": "evt_1", "type": f"charge.{charge['status']}", "data": charge}).encode()
        signature = build_signature(EVENT_SECRET, int(self.now().timestamp()), body)
        return SignedEvent({"Sandbox-Signature": signature}, body, "Sandbox-Signature")

    @property
    def _provider(self) -> GatewayInstance:
        provider: GatewayInstance = self._app.extensions[EXTENSION]
        return provider

    def _charges(self) -> list[dict[str, Any]]:
        with self._provider.database.read() as connection:
            rows = connection.execute("SELECT * FROM charges ORDER BY sequence").fetchall()
            return [serialize_charge(connection, row) for row in rows]

    def _pass(self, milliseconds: int) -> None:
        clock = self._provider.clock
        clock.move_to_offset(clock.offset_seconds + milliseconds // SECOND)
        self._provider.complete_due()

    def _enter_card(self, page: str, card: Card) -> None:
        form = {"channel": "card", "number": _CARDS[card], "expiry": "12/90", "cvc": "123"}
        answer = self._press(page, **form)
        if card == "careful":
            self.answer_challenge(answer.headers["Location"], recognised=True)

    def _press(self, address: str, **form: str) -> TestResponse:
        """As the payer's browser does, by another line than the merchant's."""
        return self._app.test_client().post(address.removeprefix(self.server.origin), data=form)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": f"bench-{next(self._keys)}"}
        answer = self._app.test_client().post(path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        value: dict[str, Any] = json.loads(answer.text)
        return value
