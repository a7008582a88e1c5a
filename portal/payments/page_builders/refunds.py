"""Builds the rows of refunds, which stand below their payment in the history and on its page. No queries, no texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import TYPE_CHECKING

from portal.payments.pages import RefundRow
from portal.payments.queries.history import RefundRecord

if TYPE_CHECKING:
    from portal.refunds.queries import StoredRefund


def build_refund_rows(
    refunds: Iterable[RefundRecord | StoredRefund], method: str, zone: tzinfo
) -> tuple[RefundRow, ...]:
    """Return a row of each refund, with the day in `zone` on which it was made, or requested; `method` is what the money goes back to."""
    return tuple(
        RefundRow(
            (refund.completed_at or refund.created_at).astimezone(zone).date(), refund.amount, refund.currency,
            refund.status, method,
        )
        for refund in refunds
    )  # fmt: skip
