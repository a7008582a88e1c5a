"""A client of the sandbox gateway for seeding: tokens, the clock, simulated failures, the webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests


@dataclass(slots=True)
class SandboxClient:
    """One account at the sandbox, and its control API."""

    origin: str
    secret_key: str = ""
    _http: requests.Session = field(default_factory=requests.Session)

    def create_token(self, **details: object) -> dict[str, Any]:
        return self._post("/v1/tokens", details)

    def move_clock(self, at: datetime) -> None:
        self._post("/control/clock", {"offset_seconds": int((at - datetime.now(UTC)).total_seconds())})

    def drop_requests(self, reference: str) -> None:
        """Drop requests with this reference before anything is charged, so that the payment's outcome stays unknown."""
        self._post(
            "/control/behaviour",
            {"reference": reference, "count": 1000, "answer": "drop_before", "webhooks": "normal", "delay_seconds": 0},
        )

    def send_events_to(self, url: str, secret: str) -> None:
        self._post("/v1/webhook_endpoints", {"url": url, "secret": secret})

    def _post(self, path: str, body: object) -> dict[str, Any]:
        response = self._http.post(
            self.origin + path, json=body, headers={"Authorization": f"Bearer {self.secret_key}"}, timeout=10
        )
        response.raise_for_status()
        value: dict[str, Any] = response.json()
        return value
