"""The scope of reads and writes: the merchant, and within it the customer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One customer of one merchant. Every read and write of the customer's face is made within it.

    `merchant_id` is `mer_…`, of test or of live mode: the two are two tenants. `customer_id` is `cus_…`.
    """

    merchant_id: str
    customer_id: str
