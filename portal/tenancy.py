"""The scope of an operation or a query: all rows of a merchant, or those of one of its customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
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


def within_each(
    statement: sa.Select[Any], merchant_id: Any, customer_id: Any
) -> Mapping[type[ReadScope], sa.Select[Any]]:
    """Return the statement within a scope of either type, for a module that builds it once; `parameters_of` are its parameters.

    The columns are those of `within`.
    """
    of_merchant = statement.where(merchant_id == sa.bindparam("merchant_id"))
    of_customer = of_merchant.where(customer_id == sa.bindparam("customer_id"))
    return MappingProxyType({MerchantScope: of_merchant, Scope: of_customer})


def parameters_of(scope: ReadScope) -> dict[str, Any]:
    """Return the values of the parameters `merchant_id` and, of a customer's scope, `customer_id`."""
    if isinstance(scope, Scope):
        return {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}
    return {"merchant_id": scope.merchant_id}
