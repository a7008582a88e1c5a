"""Writing to the outbox, in the transaction that causes the message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.database import table_of
from portal.outbox.models import OutboxMessage
from portal.public_ids import new_id


def enqueue(
    session: Session,
    merchant_id: str,
    kind: str,
    payload: dict[str, Any],
    *,
    at: datetime,
    due_at: datetime | None = None,
) -> str:
    """Queue one message; return its id, which stays the same however often it is delivered.

    `kind` names the handler ("sign_in_mail", "receipt_mail"); `payload` holds ids, never an address, a name or a secret.
    """
    message_id = new_id("obx", at)
    row = {"merchant_id": merchant_id, "id": message_id, "kind": kind, "payload": payload}
    session.execute(_INSERT, {**row, "created_at": at, "due_at": due_at or at})
    return message_id


# On the table: through the model, an insert costs several times as much.
_INSERT = sa.insert(table_of(OutboxMessage))


def enqueue_once(
    session: Session, merchant_id: str, message_id: str, kind: str, payload: dict[str, Any], *, at: datetime
) -> bool:
    """Queue a message under an id that its cause decides; return False where it is queued already, however long ago.

    For what a handler causes, which may be called again for the same message.
    """
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    result: Any = session.execute(
        insert(OutboxMessage)
        .values(
            merchant_id=merchant_id, id=message_id, kind=kind, payload=payload, attempts=0, created_at=at, due_at=at
        )
        .on_conflict_do_nothing(index_elements=["merchant_id", "id"])
    )
    return int(result.rowcount) == 1
