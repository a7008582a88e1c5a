"""The worker's job of reminding: finds invoices whose day has come, and records it; the event causes the mail."""

from __future__ import annotations

import logging
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.invoices.queries.promises import list_held
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.notices.operations import record_reminder
from portal.notices.queries import DueInvoice, list_to_remind
from portal.notices.rules import Window, is_reminding_hour, reminder_windows
from portal.services import Services
from portal.tenancy import MerchantScope

_log = logging.getLogger(__name__)
_BATCH = 200


def remind_of_invoices(services: Services) -> int:
    """Record that invoices are due soon or overdue, of every merchant in whose hours it is day; return how many.

    Once for each invoice, due date and day, however often and by however many workers this is run; a killed one leaves an invoice
    recorded with its message, or neither.
    """
    with services.database.read() as reader:
        merchants = list_merchants(reader)
    return sum(_remind(services, merchant) for merchant in merchants if merchant.status == "active")


def _remind(services: Services, merchant: MerchantProfile) -> int:
    now = services.clock.now()
    if not is_reminding_hour(now.astimezone(ZoneInfo(merchant.timezone))):
        return 0
    windows = reminder_windows(merchant.settings.notices, merchant.day_of(now))
    return sum(_remind_within(services, merchant, window) for window in windows)


def _remind_within(services: Services, merchant: MerchantProfile, window: Window) -> int:
    count, last, scope = 0, None, MerchantScope(merchant.id)
    today = merchant.day_of(services.clock.now())
    while True:
        with services.database.read() as reader:
            found = list_to_remind(
                reader, scope, window,
                with_imported=merchant.settings.notices.imported_invoices, after=last, limit=_BATCH,
            )  # fmt: skip
            held = list_held(reader, scope, [invoice.id for invoice in found], today)
        count += sum(_record(services, merchant, each, window) for each in found if each.id not in held)
        if len(found) < _BATCH:
            return count
        last = found[-1]


def _record(services: Services, merchant: MerchantProfile, invoice: DueInvoice, window: Window) -> bool:
    def record(session: Session) -> bool:
        is_recorded = record_reminder(session, merchant.id, invoice.id, window, at=services.clock.now())
        services.crash_point("reminder.recorded")
        return is_recorded

    try:
        is_recorded = services.database.run(record)
        services.crash_point("reminder.committed")
        return is_recorded
    except IntegrityError:  # Another worker was faster: the primary key has it once.
        return False
    except Exception:  # One invoice that cannot be recorded must not stop the others; the next run retries it.
        _log.exception("invoice.reminder_failed", extra={"invoice": invoice.id})
        return False
