"""Mischief on request: what the next matching charge, refund or setup shall do, queued by control and used up by it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, get_args

from portal.sandbox_gateway.clock import SECOND
from portal.sandbox_gateway.outcomes import OUTCOMES, Outcome

Answer = Literal[
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
Webhooks = Literal["normal", "twice", "late", "out_of_order", "never"]
ANSWERS: tuple[str, ...] = get_args(Answer)
WEBHOOKS: tuple[str, ...] = get_args(Webhooks)
LONGEST_DELAY_SECONDS = 3_600

_FORCED = {
    "decline": OUTCOMES["declined"],
    "insufficient_funds": OUTCOMES["insufficient_funds"],
    "requires_action": OUTCOMES["asks_3d_secure"],
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one charge, refund or setup is answered and how its webhooks go out."""

    answer: str = "normal"
    delay_seconds: int = 0
    webhooks: str = "normal"

    def outcome(self, otherwise: Outcome) -> Outcome:
        """How a charge begins."""
        if self.answer == "fails_later":
            return Outcome("pending", None, self.fails_after, "failed", "processing_error")
        return _FORCED.get(self.answer, otherwise)

    @property
    def fails_after(self) -> int:
        """Milliseconds of the gateway's clock for which what fails later is pending."""
        return self.delay_seconds * SECOND


def queue_behaviour(
    connection: sqlite3.Connection, account: str | None, reference: str | None, count: int, behaviour: Behaviour
) -> None:
    connection.execute(
        "INSERT INTO behaviours (account, reference, uses_left, answer, delay_seconds, webhooks)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account, reference, count, behaviour.answer, behaviour.delay_seconds, behaviour.webhooks),
    )


def take_behaviour(connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
    """Use up the first that matches a charge, those for this very reference before those for any."""
    return _take(connection, "(reference IS NULL OR reference = ?)", account, reference)


def take_behaviour_of(connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
    """For a refund or a setup: those for any reference wait for a charge."""
    return _take(connection, "reference = ?", account, reference)


def clear_behaviours(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM behaviours")


def _take(connection: sqlite3.Connection, matches: str, account: str, reference: str) -> Behaviour:
    row = connection.execute(
        f"SELECT * FROM behaviours WHERE {matches} AND (account IS NULL OR account = ?)"  # noqa: S608  Ours, above.
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
