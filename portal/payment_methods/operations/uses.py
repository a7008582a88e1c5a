"""What depends on a saved method. Whoever comes to use methods has a module `method_uses`, and is named here once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from portal.database import Reader
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import Use
from portal.payments.operations import method_uses as payments
from portal.tenancy import Scope


class MethodUses(Protocol):
    """The three questions that a method's removal asks of everyone who uses methods."""

    def list_uses(self, reader: Reader, scope: Scope, method_id: str, *, at: datetime) -> list[Use]: ...

    def move_uses(
        self, session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime
    ) -> None: ...

    def needs_token(self, reader: Reader, method: PaymentMethod) -> bool: ...


USERS: Sequence[MethodUses] = (payments,)


def list_dependents(reader: Reader, scope: Scope, method_id: str, *, at: datetime) -> list[Use]:
    """Everything that uses the method; that it is the default, its own row tells."""
    return [use for user in USERS for use in user.list_uses(reader, scope, method_id, at=at)]


def move_dependents(session: Session, scope: Scope, method_id: str, successor: PaymentMethod, *, at: datetime) -> None:
    """Move what can be moved to `successor`, in the caller's transaction."""
    for user in USERS:
        user.move_uses(session, scope, method_id, successor, at=at)


def is_needed_at_gateway(reader: Reader, method: PaymentMethod) -> bool:
    """Whether something under way may still need the removed method's token."""
    return any(user.needs_token(reader, method) for user in USERS)
