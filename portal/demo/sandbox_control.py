"""The sandbox as the demo drives it: tokens of cards and phones, its clock, what it does next, where its events go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests


@dataclass(slots=True)
class Sandbox:
    """The sandbox as its own merchants see it: tokens, its clock, the control of what it does next."""

    origin: str
    secret_key: str = ""
    _http: requests.Session = field(default_factory=requests.Session)

    def token(self, **details: object) -> dict[str, Any]:
        return self._post("/v1/tokens", details)

    def move_clock(self, at: datetime) -> None:
        self._post("/control/clock", {"offset_seconds": int((at - datetime.now(UTC)).total_seconds())})

    def drop_orders(self, reference: str) -> None:
        """Let orders with this reference vanish before anything is charged, so that their outcome stays unknown."""
        self._post(
            "/control/behaviour",
            {"reference": reference, "count": 1000, "answer": "drop_before", "webhooks": "normal", "delay_seconds": 0},
        )

    def send_events_to(self, url: str, secret: str) -> None:
        self._post("/v1/webhook_endpoints", {"url": url, "secret": secret})

    def _post(self, path: str, body: object) -> dict[str, Any]:
        answer = self._http.post(
            self.origin + path, json=body, headers={"Authorization": f"Bearer {self.secret_key}"}, timeout=10
        )
        answer.raise_for_status()
        value: dict[str, Any] = answer.json()
        return value
