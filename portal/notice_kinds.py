"""The closed list of notices: every kind of mail that a customer gets, who may stop it, and which messages of the outbox carry it.

A new mail to customers is a row here, a listener in `portal/events/listeners.py` and a composer in `portal/emails/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Group = Literal["invoices", "payments", "security"]


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """One kind of notice. `is_stoppable`: the customer may stop it, by the page or by a link in the mail. `is_merchants`: the merchant
    decides whether it is sent at all (`[notices]`); the others always are. `is_copied`: it also goes to the addresses that get copies.
    `mails` are the outbox's kinds of messages that carry it."""

    name: str
    group: Group
    mails: tuple[str, ...]
    is_stoppable: bool = False
    is_merchants: bool = False
    is_copied: bool = False


INVOICE_ISSUED = NoticeKind(
    "invoice_issued", "invoices", ("invoice_mail",), is_stoppable=True, is_merchants=True, is_copied=True
)
DUE_SOON = NoticeKind("due_soon", "invoices", ("due_soon_mail",), is_stoppable=True, is_merchants=True)
OVERDUE = NoticeKind("overdue", "invoices", ("overdue_mail",), is_merchants=True)
STATEMENT_READY = NoticeKind(
    "statement_ready", "invoices", ("statement_mail",), is_stoppable=True, is_merchants=True, is_copied=True
)
RECEIPT = NoticeKind("receipt", "payments", ("receipt_mail",), is_stoppable=True, is_merchants=True, is_copied=True)
REFUND = NoticeKind("refund", "payments", ("refund_mail",), is_stoppable=True, is_merchants=True, is_copied=True)
METHOD_EXPIRING = NoticeKind(
    "method_expiring", "payments", ("method_expiring_mail",), is_stoppable=True, is_merchants=True
)
PAYMENT_FAILED = NoticeKind("payment_failed", "payments", ("payment_failed_mail",), is_merchants=True)
REFUND_RETURNED = NoticeKind("refund_returned", "payments", ("refund_mail",))
"""The customer's bank returned a refund: about money that is the customer's, so that nobody stops it."""
CREDIT_ADDED = NoticeKind("credit_added", "payments", ("surplus_mail",))
METHOD_CHANGED = NoticeKind("method_changed", "security", ("method_added_mail", "method_removed_mail"))
SIGN_IN = NoticeKind("sign_in", "security", ("sign_in_mail", "confirmation_mail"))
NEW_DEVICE = NoticeKind("new_device", "security", ("new_device_mail",))
PASSKEY_CHANGED = NoticeKind("passkey_changed", "security", ("passkey_added_mail", "passkey_removed_mail"))
EMAIL_CHANGED = NoticeKind("email_changed", "security", ("email_changed_mail",))
PRIVACY = NoticeKind("privacy", "security", ("export_ready_mail", "erasure_requested_mail", "erased_mail"))

KINDS: Mapping[str, NoticeKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            INVOICE_ISSUED, DUE_SOON, OVERDUE, STATEMENT_READY, RECEIPT, REFUND, METHOD_EXPIRING, PAYMENT_FAILED, REFUND_RETURNED,
            CREDIT_ADDED, METHOD_CHANGED, SIGN_IN, NEW_DEVICE, PASSKEY_CHANGED, EMAIL_CHANGED, PRIVACY,
        )
    }
)  # fmt: skip

STOPPABLE: tuple[NoticeKind, ...] = tuple(kind for kind in KINDS.values() if kind.is_stoppable)
"""Those of which the customer decides, in the order of its page."""
COPIED: tuple[NoticeKind, ...] = tuple(kind for kind in KINDS.values() if kind.is_copied)
OTHER_MAILS = frozenset(
    {"question_mail", "copy_mail", "person_copy_mail", "copy_invitation_mail", "person_invited_mail"}
)
"""Mails that are no notice to a customer: to the merchant, to addresses that get, or are asked to get, copies, and to invited persons."""
