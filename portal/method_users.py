"""The packages that use saved methods: each implements the three functions of `MethodUser`, and is listed here."""

from __future__ import annotations

from portal.payment_methods.operations.uses import MethodUser
from portal.payments.operations import method_uses as payments

METHOD_USERS: tuple[MethodUser, ...] = (payments,)
