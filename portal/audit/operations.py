"""Writing the audit log, in the transaction of the act that it records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.public_ids import new_id


def record_act(
    session: Session,
    merchant_id: str,
    action: str,
    *,
    at: datetime,
    actor_type: str,
    actor_id: str,
    customer_id: str | None = None,
    object_id: str | None = None,
    **details: Any,
) -> None:
    """Append one act: `action` is `noun.verb_past`; `actor_type` is customer, staff, api_key, host or system.

    `details` are ids, codes and counts only (threats, rule 40).
    """
    session.add(
        AuditEntry(
            merchant_id=merchant_id,
            id=new_id("aud", at),
            at=at,
            actor_type=actor_type,
            actor_id=actor_id,
            customer_id=customer_id,
            action=action,
            object_id=object_id,
            details=details,
        )
    )
