"""The worker's job of announcing statements: monthly, on the merchant's day, some customers at a time."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.merchants.queries import MerchantProfile, list_merchants
from portal.notice_kinds import STATEMENT_READY
from portal.notices.rules import is_reminding_hour
from portal.services import Services
from portal.statement.operations import announce_statements
from portal.statement.rules import month_to_announce

BATCH = 100
"""Customers of one transaction."""
MAX_BATCHES = 20
"""Transactions of one merchant in one run: the next run, a minute later, goes on where this one ended."""


def announce_ready_statements(services: Services) -> int:
    """Queue the mails that last month's statement is ready, of every merchant that wants them and in whose hours it is day; return how many.

    Once for each customer and month, however often and by however many workers this is run; a killed one leaves a batch recorded with
    its messages, or neither.
    """
    with services.database.read() as reader:
        merchants = list_merchants(reader)
    return sum(_announce(services, merchant) for merchant in merchants if merchant.status == "active")


def _announce(services: Services, merchant: MerchantProfile) -> int:
    notices, now = merchant.settings.notices, services.clock.now()
    month = month_to_announce(notices.statement_day, merchant.day_of(now))
    if notices.of(STATEMENT_READY) == "never" or month is None:
        return 0
    if not is_reminding_hour(now.astimezone(ZoneInfo(merchant.timezone))):
        return 0

    def announce(session: Session) -> int | None:
        count = announce_statements(session, merchant, month, limit=BATCH, at=now)
        services.crash_point("statements.announced")
        return count

    total = 0
    for _ in range(MAX_BATCHES):
        count = services.database.run(announce)
        services.crash_point("statements.committed")
        if count is None:
            break
        total += count
    return total
