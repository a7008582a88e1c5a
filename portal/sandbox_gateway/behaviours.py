"""Mischief on request: what the next matching charge shall do, queued by control and used up by the charge."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, get_args

from portal.sandbox_gateway.outcomes import OUTCOMES, Outcome

Answer = Literal[
    "normal",
    "decline",
    "insufficient_funds",
    "requires_action",
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
    """How one charge is answered and how its webhooks go out."""

    answer: str = "normal"
    delay_seconds: int = 0
    webhooks: str = "normal"

    def outcome(self, otherwise: Outcome) -> Outcome:
        return _FORCED.get(self.answer, otherwise)


def queue_behaviour(
    connection: sqlite3.Connection, account: str | None, reference: str | None, count: int, behaviour: Behaviour
) -> None:
    connection.execute(
        "INSERT INTO behaviours (account, reference, uses_left, answer, delay_seconds, webhooks)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account, reference, count, behaviour.answer, behaviour.delay_seconds, behaviour.webhooks),
    )


def take_behaviour(connection: sqlite3.Connection, account: str, reference: str) -> Behaviour:
    """Use up the first that matches, those for this very reference before those for any."""
    row = connection.execute(
        "SELECT * FROM behaviours WHERE (reference IS NULL OR reference = ?) AND (account IS NULL OR account = ?)"
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


def clear_behaviours(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM behaviours")
