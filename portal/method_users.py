"""Who uses saved methods: whoever comes to use them gives the three answers of `MethodUser`, and is named here once."""

from __future__ import annotations

from portal.payment_methods.operations.uses import MethodUser
from portal.payments.operations import method_uses as payments

METHOD_USERS: tuple[MethodUser, ...] = (payments,)
