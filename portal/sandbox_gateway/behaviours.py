"""Simulated failures: how the next matching charges, refunds or setups behave; queued by the control API."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, get_args

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.outcomes import OUTCOMES, SimulatedOutcome

AnswerMode = Literal[
    "normal",
    "decline",
    "insufficient_funds",
    "requires_action",
    "fails_later",
    "error_before",
    "error_after",
    "drop_before",
    "drop_after",
    "slow",
]
WebhookMode = Literal["normal", "twice", "late", "out_of_order", "never"]
ANSWER_MODES: tuple[str, ...] = get_args(AnswerMode)
WEBHOOK_MODES: tuple[str, ...] = get_args(WebhookMode)
MAX_DELAY_SECONDS = 3_600

_FORCED = {
    "decline": OUTCOMES["declined"],
    "insufficient_funds": OUTCOMES["insufficient_funds"],
    "requires_action": OUTCOMES["asks_3d_secure"],
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one charge, refund or setup is answered, and how its webhooks are sent."""

    answer: str = "normal"
    delay_seconds: int = 0
    webhooks: str = "normal"

    def outcome(self, default: SimulatedOutcome) -> SimulatedOutcome:
        """Return the outcome of a charge whose token has the outcome `default`."""
        if self.answer == "fails_later":
            return SimulatedOutcome("pending", None, self.fails_after_milliseconds, "failed", "processing_error")
        return _FORCED.get(self.answer, default)

    @property
    def fails_after_milliseconds(self) -> int:
        """How long a charge or refund is pending before it fails, by the gateway's clock."""
        return self.delay_seconds * SECOND


def queue_behaviour(
    connection: sqlite3.Connection, account: str | None, reference: str | None, count: int, behaviour: Behaviour
) -> None:
    connection.execute(
        "INSERT INTO behaviours (account, reference, uses_left, answer, delay_seconds, webhooks)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account, reference, count, behaviour.answer, behaviour.delay_seconds, behaviour.webhooks),
    )


def take_behaviour_of_charge(connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
    """Remove and return the first that matches a charge; one for its reference comes before one for any."""
    return _take(connection, account, reference, condition="(reference IS NULL OR reference = ?)")


def take_behaviour_of_reference(connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
    """For a refund or a setup, which only a behaviour for its reference matches; one for any reference is a charge's."""
    return _take(connection, account, reference, condition="reference = ?")


def clear_behaviours(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM behaviours")


def _take(connection: sqlite3.Connection, account: str, reference: str, *, condition: str) -> Behaviour:
    row = connection.execute(
        f"SELECT * FROM behaviours WHERE {condition} AND (account IS NULL OR account = ?)"  # noqa: S608 - one of the two above
        " ORDER BY reference IS NULL, account IS NULL, id LIMIT 1",
        (reference, account),
    ).fetchone()
    if row is None:
        return Behaviour()
    if row["uses_left"] > 1:
        connection.execute("UPDATE behaviours SET uses_left = uses_left - 1 WHERE id = ?", (row["id"],))
    else:
        connection.execute("DELETE FROM behaviours WHERE id = ?", (row["id"],))
    return Behaviour(row["answer"], row["delay_seconds"], row["webhooks"])
