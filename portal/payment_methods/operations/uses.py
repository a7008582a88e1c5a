"""What depends on a saved method, collected from the registered users of methods (`portal/method_users.py`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from sqlalchemy.orm import Session

from portal.database import Reader
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import Use
from portal.tenancy import Scope


class MethodUser(Protocol):
    """A package that uses saved methods, as the removal of a method needs it."""

    def list_uses(self, reader: Reader, scope: Scope, method_ids: Collection[str], *, at: datetime) -> list[Use]: ...

    def move_uses(
        self, session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime
    ) -> int: ...

    def needs_token(self, reader: Reader, method: PaymentMethod) -> bool: ...


MethodUsers: TypeAlias = Sequence[MethodUser]


def list_dependents(
    reader: Reader, users: MethodUsers, scope: Scope, method_ids: Collection[str], *, at: datetime
) -> list[Use]:
    """Return everything that uses the methods, except that one is the default, which is in its own row."""
    return [use for user in users for use in user.list_uses(reader, scope, method_ids, at=at)] if method_ids else []


def move_dependents(
    session: Session, users: MethodUsers, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime
) -> int:
    """Move what can be moved to `successor`, in the caller's transaction, and return how much that was."""
    return sum(user.move_uses(session, scope, method_id, successor, at=at) for user in users)


def is_needed_at_gateway(reader: Reader, users: MethodUsers, method: PaymentMethod) -> bool:
    """Return whether a request in flight may still need the removed method's token."""
    return any(user.needs_token(reader, method) for user in users)
