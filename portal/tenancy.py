"""The scope of an operation or a query: all rows of a merchant, or those of one of its customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class MerchantScope:
    """All rows of one merchant: what its API keys, its staff, its commands and our own jobs for it read.

    `merchant_id` is `mer_…`, of test or of live mode: the two are two tenants.
    """

    merchant_id: str


@dataclass(frozen=True, slots=True)
class Scope:
    """One customer of one merchant. Every read and write of the customer's face is made within it.

    `merchant_id` is `mer_…`, of test or of live mode: the two are two tenants. `customer_id` is `cus_…`.
    """

    merchant_id: str
    customer_id: str


ReadScope = Scope | MerchantScope
"""What a query that serves both faces takes. Rows outside of it are not found; there is no later check."""


def within(scope: ReadScope, merchant_id: Any, customer_id: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that keep a statement within `scope`, on the two columns of the table that it reads."""
    of_merchant = merchant_id == scope.merchant_id
    return (of_merchant, customer_id == scope.customer_id) if isinstance(scope, Scope) else (of_merchant,)
