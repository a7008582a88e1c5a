"""What depends on a saved method, asked of everyone who uses methods; who that is, `portal/method_users.py` says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from sqlalchemy.orm import Session

from portal.database import Reader
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import Use
from portal.tenancy import Scope


class MethodUser(Protocol):
    """What the removal of a method needs to know of everyone who uses methods."""

    def list_uses(self, reader: Reader, scope: Scope, method_id: str, *, at: datetime) -> list[Use]: ...

    def move_uses(
        self, session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime
    ) -> None: ...

    def needs_token(self, reader: Reader, method: PaymentMethod) -> bool: ...


MethodUsers: TypeAlias = Sequence[MethodUser]


def list_dependents(reader: Reader, users: MethodUsers, scope: Scope, method_id: str, *, at: datetime) -> list[Use]:
    """Everything that uses the method; that it is the default, its own row tells."""
    return [use for user in users for use in user.list_uses(reader, scope, method_id, at=at)]


def move_dependents(
    session: Session, users: MethodUsers, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime
) -> None:
    """Move what can be moved to `successor`, in the caller's transaction."""
    for user in users:
        user.move_uses(session, scope, method_id, successor, at=at)


def is_needed_at_gateway(reader: Reader, users: MethodUsers, method: PaymentMethod) -> bool:
    """Whether something under way may still need the removed method's token."""
    return any(user.needs_token(reader, method) for user in users)
