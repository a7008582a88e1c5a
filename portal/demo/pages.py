"""The page data of the demo's two templates: the start page and the caught mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """`link` is the first address in the text, `code` the sign-in code; None where the mail has none. `html` has the pictures that the
    mail carries in it; `key` names the mail in the address of its HTML."""

    to: str
    subject: str
    text: str
    at: datetime
    link: str | None = None
    code: str | None = None
    html: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class MailPage:
    """demo/mail.html; newest first. The HTML of each is at `url`, a slash and its key."""

    mails: tuple[CaughtMail, ...]
    url: str = "/demo/mail"


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """A customer to sign in as, with the sign-in page; `about` describes the account ("Two invoices overdue")."""

    name: str
    email: str
    sign_in_url: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class DemoMerchant:
    """A merchant of the demo; `pay_link_url` is an invoice that is paid without signing in, None where none is open any more."""

    name: str
    url: str
    about: str
    customers: tuple[DemoCustomer, ...]
    pay_link_url: str | None = None


@dataclass(frozen=True, slots=True)
class SandboxNumber:
    """A test number of the sandbox. `kind`: card, phone (last six digits), bank (last four); `does`: succeeds, declined,
    insufficient_funds, requires_action, unknown, fails, never, canceled, later, returned."""

    kind: str
    number: str
    does: str


@dataclass(frozen=True, slots=True)
class StartPage:
    """demo/start.html."""

    merchants: tuple[DemoMerchant, ...]
    numbers: tuple[SandboxNumber, ...]
    mail_url: str
    sandbox_url: str
