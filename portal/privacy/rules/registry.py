"""What is held about customers, table by table: what an erasure does with it, and where an export has it.

Every table of the portal has its row here; a test fails for one that has none. A new table of a customer's is a line: `deleted(…)`.
Pure: tables and columns by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Act = Literal["delete", "clear", "payload", "keep", "nobodys"]


@dataclass(frozen=True, slots=True)
class Owner:
    """How a row is known to be a customer's: `column` holds the customer's id, or that of a row of the table `parent`, which is
    the customer's itself; of its rows only those whose `only[0]` is one of `only[1]`."""

    column: str = "customer_id"
    parent: str | None = None
    only: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of a table's rows of a customer.

    `act`: "delete" them, "clear" the columns in `values`, blank the "payload" of events, "keep" them for the reason `why`, or "nobodys":
    no row is a customer's. `unless` leaves rows for later whose column has one of these values. `section` is where the export has
    the rows, "" where it has them elsewhere or not at all, for the reason `unexported`; `secret` are columns that no export has, since they
    are of use to a thief or say nothing to anybody. `personal` says whose devices and sign-ins the rows are, of which an export has only those of
    the person who asks: "person" (by `person_id`), "challenge" (by that of the row's challenge), "own_address" (the account's own address), "actor" (of what
    persons did, how they signed in); "" of rows that are about the customer.
    """

    act: Act
    owner: Owner = Owner()
    values: Mapping[str, Any] = field(default_factory=dict)
    unless: tuple[str, tuple[str, ...]] | None = None
    only: tuple[str, tuple[str, ...]] | None = None
    why: str = ""
    section: str = ""
    unexported: str = ""
    secret: tuple[str, ...] = ()
    personal: str = ""


OF_CUSTOMER = Owner()
_OF_INVOICE = Owner("invoice_id", "invoices")
_OF_PAYMENT = Owner("payment_id", "payments")
_LAW = "tax law obliges the merchant to keep what was invoiced, to whom, and that it was paid"
_BOOKS = "the books: ids, amounts and times, under the customer's id alone"


def deleted(section: str = "", *, owner: Owner = OF_CUSTOMER, **more: Any) -> Treatment:
    """Return the treatment of a table whose rows go."""
    return Treatment("delete", owner, section=section, **more)


def cleared(section: str, values: Mapping[str, Any], *, owner: Owner = OF_CUSTOMER, **more: Any) -> Treatment:
    """Return the treatment of a table whose rows stay, with these values in place of what was personal."""
    return Treatment("clear", owner, values=values, section=section, **more)


def kept(section: str, why: str, *, owner: Owner = OF_CUSTOMER, **more: Any) -> Treatment:
    """Return the treatment of a table that stays as it is."""
    return Treatment("keep", owner, section=section, why=why, **more)


def nobodys(why: str) -> Treatment:
    """Return the treatment of a table in which no row is a customer's."""
    return Treatment("nobodys", why=why)


UNDER_WAY = ("incomplete", "processing", "requires_action", "pending")
"""Statuses in which a payment may still need what it was confirmed with: it is erased once it is settled."""

TREATMENTS: Mapping[str, Treatment] = MappingProxyType(
    {
        # In this order: what refers to a row goes before it.
        "export_parts": deleted(owner=Owner("export_id", "exports"), unexported="the exports themselves"),
        "exports": deleted("exports"),
        "sign_in_requests": deleted(
            "sign_in_requests", owner=Owner("challenge_id", "sign_in_challenges"), secret=("browser_digest",), personal="challenge",
        ),
        "sign_in_challenges": deleted(
            "sign_in_challenges", secret=("address_digest", "browser_digest", "tries_left"), personal="person"
        ),
        "confirmations": deleted("confirmations", secret=("tries_left",), personal="person"),
        "email_changes": deleted("email_changes"),
        "sign_in_known_browsers": deleted("known_browsers", secret=("browser_digest",), personal="own_address"),
        "sign_in_sessions": deleted("sessions", secret=("token_digest", "address_digest"), personal="person"),
        "passkeys": deleted(
            "passkeys", secret=("address_digest", "credential_id", "public_key", "sign_count"), personal="person"
        ),
        "sign_in_persons_browsers": deleted(
            "persons_browsers", owner=Owner("person_id", "persons"), secret=("browser_digest",), personal="person",
        ),
        "persons": deleted("people", secret=("email_key",)),
        "portal_sessions": deleted("portal_sessions", secret=("token_digest",)),
        "mailed_links": deleted("mailed_links", secret=("address_digest",)),
        "notice_preferences": deleted("notice_preferences"),
        "notice_copies": deleted("notice_copies", secret=("address_key",)),
        "questions": deleted("questions"),
        "promises": deleted("promises"),
        "imported_addresses": deleted("imported_addresses", secret=("email_digest",)),
        "payment_search_terms": deleted(unexported="parts of the payments, to find them by"),
        "payment_method_consents": deleted("payment_method_consents"),
        "payment_method_setups": cleared(
            "payment_method_setups",
            {"nickname": None, "gateway_page_reference": None, "action_url": None, "locale": "en"},
            unless=("status", ("processing", "requires_action", "pending")),
            why="that a method was saved once, by ids and times",
            secret=("action_url", "return_url"),
        ),
        "payment_methods": cleared(
            "payment_methods",
            {
                "token": "", "fingerprint": "", "brand": None, "last4": None, "exp_month": None, "exp_year": None, "holder": None,
                "phone": None, "bank_name": None, "nickname": None, "is_default": False, "status": "removed", "last_used_at": None,
            },
            why="payments refer to them: that there was a method, of which type, at which gateway",
            secret=("token", "fingerprint"),
        ),
        "payments": cleared(
            "payments",
            {
                "description": "", "note": "", "method_last4": None, "phone": "", "locale": None, "action_url": None,
                "failure_message": None,
            },
            unless=("status", UNDER_WAY),
            why=f"{_BOOKS}; the merchant's reference and the gateway's, by which both sides find the payment again",
            secret=("action_url", "return_url"),
        ),
        "refunds": cleared("refunds", {"reason": None}, owner=_OF_PAYMENT, why=_BOOKS),
        "invoices": cleared(
            "invoices", {"description": "", "bill_to": {}}, only=("status", ("draft",)), why=f"issued ones: {_LAW}",
            secret=("import_digest",),
        ),
        "invoice_lines": cleared(
            "", {"description": ""}, owner=Owner("invoice_id", "invoices", ("status", ("draft",))),
            why=f"those of issued invoices: {_LAW}", unexported="in the invoices",
        ),
        "credit_notes": kept("credit_notes", _LAW, secret=("import_digest",)),
        "issued_documents": kept("documents", _LAW, secret=("digest", "brand", "uncovered")),
        "attached_documents": kept("", _LAW, owner=_OF_INVOICE, unexported="as files beside the export's pages"),
        "events": Treatment(
            "payload", why="what happened, by ids, amounts and statuses, until events are deleted by age", section="events", personal="actor"
        ),
        "customers": cleared(
            "",
            {
                "type": "individual", "name": None, "company_name": None, "email": None, "email_key": None, "email_pending": None,
                "phone": None, "locale": None, "billing_address": {}, "shipping_address": {}, "tax_ids": [], "purchase_order": None,
                "timezone": None, "fields": {}, "metadata": {}, "details_confirmed_at": None, "details_postponed_at": None,
            },
            why="the id, to which the books refer, and the merchant's own reference where it names nobody",
            unexported="as the export's `customer`",
        ),
        "payment_allocations": kept("", _BOOKS, owner=_OF_PAYMENT, unexported="in the payments"),
        "payment_counts": kept("payment_counts", "counts of payments by status"),
        "customer_balances": kept("credit", _BOOKS),
        "pay_links": kept("pay_links", "ids and times; a link ends with its customer"),
        "invoice_reminders": kept("reminders", "that an invoice was reminded of, by days", owner=_OF_INVOICE),
        "statement_notices": kept("statement_notices", "that a month's statement was announced, by days"),
        "ledger_entries": kept("ledger_entries", _BOOKS, secret=("digest",)),
        "audit_entries": kept("audit_entries", "who did what and when, by ids: proof that nothing was changed unseen", personal="actor"),
        "erasures": kept("erasures", "that and when the customer was erased, by ids, so that it does not come back"),
        "ledger_transactions": nobodys("the frames of entries, which name the customer"),
        "ledger_seals": nobodys("digests of the ledger"),
        "ledger_unsealed": nobodys("ids of transactions"),
        "outbox_messages": nobodys("what is to be sent, by ids; what it says is read when it leaves, and then nobody has an address"),
        "provider_events": nobodys("ids of what gateways have reported; what they say of it is not stored"),
        "gateway_comparisons": nobodys("sums of a merchant's account"),
        "gateway_differences": nobodys("ids and amounts of payments that a gateway and the ledger disagree about"),
        "passkey_used_challenges": nobodys("random bytes of challenges that were answered, gone within the hour"),
        "rate_counters": nobodys("counts by keyed digests of addresses and networks, gone within days"),
        "statement_rounds": nobodys("how far a merchant's customers were looked through for a month's statements"),
        "import_runs": nobodys("counts of rows; what a file said is not stored"),
        "imported_objects": nobodys("ids of what a run made"),
        "invoice_numbers": nobodys("a merchant's last number"),
        "document_brands": nobodys("how a merchant's papers look"),
        "merchants": nobodys("the merchant"),
        "api_keys": nobodys("the merchant's"),
        "gateway_accounts": nobodys("the merchant's"),
    }
)  # fmt: skip
"""Every table. An erasure goes through it in this order."""

_WORD = re.compile(r"\w{3,}")
KEPT_OF_PAYLOADS = frozenset(
    {
        "id", "object", "customer", "invoice", "invoices", "payment", "status", "amount", "amount_applied", "amount_refunded",
        "amount_paid", "amount_due", "credit_amount", "credit_granted", "subtotal", "tax", "total", "currency", "channel", "gateway",
        "overdue", "blocked", "livemode", "is_default", "created_at", "updated_at", "completed_at", "paid_at", "issued_on", "due_on",
        "expires_at", "source",
    }
)  # fmt: skip
"""What an event of an erased customer goes on saying: ids, amounts, statuses and times."""


def scrub_payload(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's `{"object", "previous"}` without what may be personal: each field is there still, and empty."""
    return {part: _scrub(value) for part, value in data.items()}


def is_pseudonym(reference: str, *, names: tuple[str | None, ...]) -> bool:
    """Return whether a merchant's own reference for a customer names nobody by itself: it is no address, and no word of the customer's
    names, addresses and numbers is in it. The books go on under it, and a file that is imported again finds that this customer is gone."""
    plain = reference.casefold()
    words = {word for name in names if name for word in _WORD.findall(name.casefold())}
    return "@" not in plain and not any(word in plain for word in words)


def _scrub(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _scrub(below) if key in KEPT_OF_PAYLOADS else _empty(below) for key, below in value.items()}
    return [_scrub(each) for each in value] if isinstance(value, list) else value


def _empty(value: Any) -> Any:
    return {} if isinstance(value, Mapping) else [] if isinstance(value, list) else None
