"""Examples of the account's security: known and unknown devices, every kind of happening."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from portal.accessibility.pages import AccessibilityPage
from portal.examples.parts import NOW, Example, example_id
from portal.questions.pages import About, AskPage
from portal.security.page_builders import SHOWN
from portal.security.pages import Happening, PasskeyEntry, SecurityPage, SessionEntry
from portal.sign_in.pages import ConfirmPage, EmailPage, NewPasskeyPage, UndoEmailPage

_PHONE = SessionEntry(example_id("ses", 1), "Safari", "iOS", "phone", "here", "", False, True, NOW)
_LAPTOP = SessionEntry(
    example_id("ses", 2), "Chrome", "macOS", "desktop", "here", "", False, False, NOW - timedelta(days=1)
)
_ELSEWHERE = SessionEntry(
    example_id("ses", 3),
    "Firefox",
    "Windows",
    "desktop",
    "elsewhere",
    "203.0.113.…",
    False,
    False,
    NOW - timedelta(days=9),
)
_BY_HOST = SessionEntry(
    example_id("ses", 4), "", "", "", "elsewhere", "2001:db8:1234::…", True, False, NOW - timedelta(days=16)
)
_PASSKEYS = (
    PasskeyEntry(example_id("pky", 1), "Safari", "iOS", "", True, NOW - timedelta(days=30), NOW),
    PasskeyEntry(example_id("pky", 2), "", "", "pay.acme.example", False, NOW - timedelta(days=2), None),
)
_OPTIONS = '{"challenge": "AAAA", "rp": {"name": "Acme", "id": "pay.acme.example"}}'


def security_examples() -> Iterator[Example]:
    """The page of the account's security, each state of it once."""
    happenings = tuple(
        Happening(
            kind, by, NOW - timedelta(hours=place * 7), 23958, "USD", "Studio card, with a long name of its own",
            ("company_name", "phone", "fields", "locale"), way,
            who="Jonas Weber" if by == "other" else "",
        )
        for place, (kind, by, way) in enumerate(
            [(str(kind), by, "code") for kind in SHOWN for by in ("you", "merchant", "", "other")]
            + [("portal.signed_in", "you", way) for way in ("link", "passkey", "session", "host", "switch")]
            + [("portal.session_ended", "you", "ended"), ("portal.session_ended", "", "too_many")]
        )
    )  # fmt: skip
    yield Example("accessibility", "accessibility.html", AccessibilityPage("billing@acme.example"))
    yield Example("accessibility-inside", "accessibility.html", AccessibilityPage(None), "overview")
    sessions = (_PHONE, _LAPTOP, _ELSEWHERE, _BY_HOST)
    yield Example(
        "security",
        "security.html",
        SecurityPage(sessions, happenings, _PASSKEYS, True, older_url="?before=evt_1"),
        "security",
    )
    yield Example("security-alone", "security.html", SecurityPage((_PHONE,), ()), "security")
    for state in ("ask", "sent", "wrong", "short", "expired", "locked"):
        code = ConfirmPage(
            state, "maya@lindqvist.example", "/details/email", "/details", 10, tries_left=2, missing_count=3
        )
        yield Example(f"confirm-{state}", "security_confirm.html", code, "security")
        email = EmailPage("code", "maya@lindqvist.example", "maya@studio.example", 10, code=code)
        yield Example(f"email-code-{state}", "customers/email.html", email, "details")
        undo = UndoEmailPage(
            "ask" if state == "ask" else "code", "t" * 43, "m•••@lindqvist.example", "m•••@studio.example", code
        )
        yield Example(f"email-undo-{state}", "customers/email_undo.html", undo)
    for fault in ("", "missing", "malformed", "same", "card_number"):
        form = EmailPage("form", "maya@lindqvist.example", "", 10, typed="maya@", fault=fault)
        yield Example(f"email-form-{fault}", "customers/email.html", form, "details")
    for state in ("done", "gone"):
        yield Example(f"email-undo-{state}", "customers/email_undo.html", UndoEmailPage(state, ""))
    invoice = About(
        "invoice", "inv_1", "/acme/invoices/inv_1", "Usage, September", "ACME-0417", NOW.date(), 9409, "USD"
    )
    payment = About("payment", "pay_1", "/acme/payments/pay_1", "", "", NOW.date(), 99_999_999_999_999, "USD")
    for name, page in {
        "invoice": AskPage("form", "maya@lindqvist.example", invoice),
        "payment": AskPage("form", None, payment, "other", "W" * 300, "too_long"),
        "account": AskPage("form", "maya@lindqvist.example", fault="missing"),
        "card": AskPage("form", "maya@lindqvist.example", fault="card_number"),
        "sent": AskPage("sent", "maya@lindqvist.example", invoice),
        "sent-payment": AskPage("sent", None, payment),
        "sent-account": AskPage("sent", "maya@lindqvist.example"),
        "closed": AskPage("closed", None),
    }.items():
        yield Example(f"ask-{name}", "questions/ask.html", page, "overview")
    for done in ("ended", "ended_others", "passkey_added", "passkey_removed"):
        page_after = SecurityPage(sessions[:2], (), can_add_passkey=True, done=done)
        yield Example(f"security-{done}", "security.html", page_after, "security")
    for refusal in (None, "expired", "refused", "too_many"):
        name = f"new-passkey-{refusal}" if refusal else "new-passkey"
        yield Example(name, "sign_in/new_passkey.html", NewPasskeyPage(_OPTIONS, refusal), "security")
