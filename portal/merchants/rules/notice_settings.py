"""The section `[notices]` of the settings document: which notices a merchant sends, and on which days it reminds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from portal.notice_kinds import NoticeKind

MAX_DAYS_BEFORE, MAX_DAYS_AFTER = 60, 365
MAX_STATEMENT_DAY = 28
"""The last day of a month that each month has."""
MAX_REMINDERS = 10
"""Days in each of the two lists, at most."""

Sent = Literal["never", "off", "on"]
"""Of a notice that the customer decides about: never sent, only to who switches it on, or to all who do not stop it."""
Always = Literal["never", "on"]


def _each_once(days: tuple[int, ...]) -> tuple[int, ...]:
    """Return the days in their order. Raises where one is named twice."""
    if len(set(days)) != len(days):
        raise PydanticCustomError("settings", "names each day once")
    return tuple(sorted(days))


_Before = Annotated[int, Field(ge=0, le=MAX_DAYS_BEFORE)]
_After = Annotated[int, Field(ge=1, le=MAX_DAYS_AFTER)]


class Notices(BaseModel):
    """Which notices are sent. `before_due` and `after_due` are days from the due date on which is reminded (0 is that date itself);
    `statement_day` is the day of a month on which the statement of the month before is announced;
    `imported_invoices` whether invoices are reminded of that an import brought;
    `sign_in_links` whether the button of a mail about a payment signs in, for an hour and not to everything (`portal.sign_in.views.mailed_links`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    invoice_issued: Sent = "on"
    due_soon: Sent = "on"
    overdue: Always = "on"
    receipt: Sent = "on"
    refund: Sent = "on"
    method_expiring: Sent = "on"
    payment_failed: Always = "on"
    statement_ready: Sent = "never"
    before_due: Annotated[
        tuple[_Before, ...], Field(max_length=MAX_REMINDERS, strict=False), AfterValidator(_each_once)
    ] = (3,)
    after_due: Annotated[
        tuple[_After, ...], Field(max_length=MAX_REMINDERS, strict=False), AfterValidator(_each_once)
    ] = (1, 7, 14)
    statement_day: Annotated[int, Field(ge=1, le=MAX_STATEMENT_DAY)] = 2
    imported_invoices: bool = False
    sign_in_links: bool = False

    def of(self, kind: NoticeKind) -> Sent:
        """Return what the merchant decides about a kind of notice; "on" for one that it does not decide about."""
        sent: Sent = getattr(self, kind.name) if kind.is_merchants else "on"
        return sent

    def is_sent(self, kind: NoticeKind, chosen: bool | None) -> bool:
        """Return whether a customer gets it, who has chosen to, not to, or nothing (None)."""
        sent = self.of(kind)
        if sent == "never":
            return False
        return sent == "on" if chosen is None or not kind.is_stoppable else chosen
