"""The closed list of events, and who may cause one; pure. docs/events.md describes when each happens and its payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

EVENT_VERSION = 1
"""The version of every payload; a payload that changes its meaning gets the next one."""


class ActorType(StrEnum):
    """Who can change something. `gateway` is an outcome of a gateway, `system` the worker or a command."""

    CUSTOMER = "customer"
    STAFF = "staff"
    API_KEY = "api_key"
    HOST = "host"
    GATEWAY = "gateway"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: `id` is `cus_…`, `key_…`, a gateway's name, "worker", "command"; `plk_…` of the type `customer` is whoever paid by this
    pay link, without signing in. `person` is the person of a customer's account (`per_…`); None of the account's own mail address, and of all others.
    `request_id` is the HTTP request in which it was done, if it was one."""

    type: ActorType
    id: str
    person: str | None = None
    request_id: str | None = None


SYSTEM = Actor(ActorType.SYSTEM, "portal")
"""A rule of the portal: a time that was up, a request that was never sent."""
WORKER = Actor(ActorType.SYSTEM, "worker")
COMMAND = Actor(ActorType.SYSTEM, "command")
IMPORT = Actor(ActorType.SYSTEM, "import")


def customer_actor(customer_id: str, *, person: str | None = None, request_id: str | None = None) -> Actor:
    """Return the customer as the actor: a person of its account, or whoever has its own mail address."""
    return Actor(ActorType.CUSTOMER, customer_id, person, request_id)


def pay_link_actor(link_id: str, *, request_id: str | None = None) -> Actor:
    """Return whoever holds the pay link as the actor: on the customer's side, and nobody knows who."""
    return Actor(ActorType.CUSTOMER, link_id, request_id=request_id)


def gateway_actor(gateway: str) -> Actor:
    """Return the gateway, whose outcome decided, as the actor."""
    return Actor(ActorType.GATEWAY, gateway)


class EventType(StrEnum):
    """Every event there is. A new one goes here, into docs/events.md, and to whoever listens (`listeners.py`); it is public
    unless it stands in `_INTERNAL` too."""

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_UPDATED = "customer.updated"
    CUSTOMER_DELETED = "customer.deleted"
    CUSTOMER_BLOCKED = "customer.blocked"
    CUSTOMER_UNBLOCKED = "customer.unblocked"
    CUSTOMER_MERGED = "customer.merged"
    CUSTOMER_MERGE_DISMISSED = "customer.merge_dismissed"
    CUSTOMER_ERASED = "customer.erased"
    CUSTOMER_EMAIL_CHANGE_REQUESTED = "customer.email_change_requested"
    CUSTOMER_EMAIL_CHANGED = "customer.email_changed"
    CUSTOMER_EMAIL_CHANGE_UNDONE = "customer.email_change_undone"
    CUSTOMER_EXPORT_REQUESTED = "customer.export_requested"
    CUSTOMER_EXPORTED = "customer.exported"
    CUSTOMER_ERASURE_REQUESTED = "customer.erasure_requested"
    CUSTOMER_ERASURE_WITHDRAWN = "customer.erasure_withdrawn"
    CUSTOMER_ERASURE_BEGUN = "customer.erasure_begun"

    PAYMENT_CREATED = "payment.created"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_REQUIRES_ACTION = "payment.requires_action"
    PAYMENT_PENDING = "payment.pending"
    PAYMENT_COMPLETE = "payment.complete"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_REJECTED = "payment.rejected"
    PAYMENT_CANCELED = "payment.canceled"
    PAYMENT_EXPIRED = "payment.expired"
    PAYMENT_ABANDONED = "payment.abandoned"
    PAYMENT_PARTIALLY_REFUNDED = "payment.partially_refunded"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_OUTCOME_CONTRADICTED = "payment.outcome_contradicted"

    CHECKOUT_OPENED = "checkout.opened"
    CHECKOUT_METHOD_CHOSEN = "checkout.method_chosen"
    CHECKOUT_SUPERSEDED = "checkout.superseded"

    REFUND_CREATED = "refund.created"
    REFUND_COMPLETE = "refund.complete"
    REFUND_FAILED = "refund.failed"
    REFUND_OUTCOME_CONTRADICTED = "refund.outcome_contradicted"

    INVOICE_CREATED = "invoice.created"
    INVOICE_OPENED = "invoice.opened"
    INVOICE_PARTIALLY_PAID = "invoice.partially_paid"
    INVOICE_PAID = "invoice.paid"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_MARKED_UNCOLLECTIBLE = "invoice.marked_uncollectible"
    INVOICE_REOPENED = "invoice.reopened"
    INVOICE_OVERDUE = "invoice.overdue"
    INVOICE_DUE_SOON = "invoice.due_soon"
    INVOICE_VIEWED = "invoice.viewed"
    INVOICE_UPDATED = "invoice.updated"
    INVOICE_DOCUMENT_ATTACHED = "invoice.document_attached"
    PAY_LINK_CREATED = "pay_link.created"
    PAY_LINK_REVOKED = "pay_link.revoked"

    CREDIT_NOTE_CREATED = "credit_note.created"
    CREDIT_NOTE_APPLIED = "credit_note.applied"
    CREDIT_ADDED = "credit.added"
    CREDIT_USED = "credit.used"

    PAYMENT_METHOD_ADDED = "payment_method.added"
    PAYMENT_METHOD_UPDATED = "payment_method.updated"
    PAYMENT_METHOD_REMOVED = "payment_method.removed"
    PAYMENT_METHOD_EXPIRING = "payment_method.expiring"
    PAYMENT_METHOD_EXPIRED = "payment_method.expired"
    PAYMENT_METHOD_SETUP_STARTED = "payment_method.setup_started"
    PAYMENT_METHOD_SETUP_FAILED = "payment_method.setup_failed"

    PORTAL_SIGNED_IN = "portal.signed_in"
    PORTAL_SIGNED_OUT = "portal.signed_out"
    PORTAL_SESSION_ENDED = "portal.session_ended"
    PORTAL_NEW_DEVICE = "portal.new_device"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_REMOVED = "passkey.removed"
    PORTAL_SIGN_IN_REFUSED = "portal.sign_in_refused"
    PORTAL_SESSION_CREATED = "portal.session_created"
    PERSON_INVITED = "person.invited"
    PERSON_JOINED = "person.joined"
    PERSON_UPDATED = "person.updated"
    PERSON_REMOVED = "person.removed"
    NOTICE_PREFERENCES_UPDATED = "notice.preferences_updated"
    QUESTION_ASKED = "question.asked"

    MERCHANT_CREATED = "merchant.created"
    MERCHANT_UPDATED = "merchant.updated"
    SETTINGS_UPDATED = "settings.updated"
    THEME_PUBLISHED = "theme.published"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    GATEWAY_CONNECTED = "gateway.connected"
    GATEWAY_SECRETS_ROTATED = "gateway.secrets_rotated"
    WEBHOOK_ENDPOINT_CREATED = "webhook_endpoint.created"
    WEBHOOK_ENDPOINT_UPDATED = "webhook_endpoint.updated"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    STAFF_INVITED = "staff.invited"
    STAFF_JOINED = "staff.joined"
    STAFF_REMOVED = "staff.removed"

    LIST_UPDATED = "list.updated"
    SEGMENT_ENTERED = "segment.entered"
    SEGMENT_LEFT = "segment.left"

    @property
    def is_public(self) -> bool:
        """Whether it goes to webhooks, the API and the host's signals; an internal one goes to the audit log and to listeners alone."""
        return self not in _INTERNAL

    @property
    def noun(self) -> str:
        """What it happened to: "payment", "payment_method", "portal" …"""
        return self.value.partition(".")[0]


_INTERNAL = frozenset(
    {
        EventType.CUSTOMER_EMAIL_CHANGE_REQUESTED, EventType.CUSTOMER_EXPORTED, EventType.PAYMENT_OUTCOME_CONTRADICTED,
        EventType.CUSTOMER_EXPORT_REQUESTED, EventType.CUSTOMER_ERASURE_REQUESTED, EventType.CUSTOMER_ERASURE_WITHDRAWN,
        EventType.CUSTOMER_ERASURE_BEGUN, EventType.CUSTOMER_MERGE_DISMISSED,
        EventType.CHECKOUT_OPENED, EventType.CHECKOUT_METHOD_CHOSEN, EventType.CHECKOUT_SUPERSEDED,
        EventType.REFUND_OUTCOME_CONTRADICTED, EventType.INVOICE_DUE_SOON, EventType.INVOICE_VIEWED,
        EventType.PAYMENT_METHOD_SETUP_STARTED, EventType.PAYMENT_METHOD_SETUP_FAILED, EventType.PORTAL_NEW_DEVICE,
        EventType.PORTAL_SIGN_IN_REFUSED, EventType.PORTAL_SESSION_CREATED, EventType.MERCHANT_CREATED,
        EventType.MERCHANT_UPDATED, EventType.SETTINGS_UPDATED, EventType.THEME_PUBLISHED, EventType.API_KEY_CREATED,
        EventType.API_KEY_REVOKED, EventType.GATEWAY_CONNECTED, EventType.GATEWAY_SECRETS_ROTATED,
        EventType.WEBHOOK_ENDPOINT_CREATED, EventType.WEBHOOK_ENDPOINT_UPDATED, EventType.STAFF_INVITED,
        EventType.STAFF_JOINED, EventType.STAFF_REMOVED, EventType.LIST_UPDATED,
        EventType.PAY_LINK_CREATED, EventType.PAY_LINK_REVOKED, EventType.PASSKEY_ADDED, EventType.PASSKEY_REMOVED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened at a merchant, at the instant `at`.

    `object` is what it happened to, whole, in the API's shape, as it is afterwards; `previous` what changed of it, as it was.
    Both are stored as long as events are, and are erased with the customer. `details` are ids, codes and counts
    only: the audit log stores them for ever (threats, rule 40). An internal event needs no `object`.
    """

    type: EventType
    merchant_id: str
    object_id: str | None
    at: datetime
    customer_id: str | None = None
    object: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    previous: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
