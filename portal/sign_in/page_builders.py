"""Builds the page dataclasses of signing in from rows and results; reads no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from portal.customers.queries.accounts import Account
from portal.public_ids import is_id
from portal.sign_in.forms import TypedCode
from portal.sign_in.operations import CodeAttempt, SignInResult
from portal.sign_in.operations.confirmations import EnteredCode
from portal.sign_in.pages import (
    AccountChoice,
    AccountOwed,
    AccountsPage,
    ChooseAccountPage,
    CodePage,
    ConfirmPage,
    LinkExpiredPage,
    LinkPage,
    MailedLinkPage,
    SessionPage,
    Target,
)
from portal.sign_in.queries import ChallengeRow, MintedSession, OpenConfirmation, SignedIn
from portal.sign_in.queries.mailed_links import FoundLink
from portal.sign_in.rules.challenges import ChallengeState, CodeFault, mask_address

_KINDS = {"invoices": "invoices", "payments": "payments", "checkout": "checkout", "payment-methods": "payment_methods"}
_ONE = {"invoices": ("inv", "invoice"), "payments": ("pay", "payment")}


def build_target(path: str, name: str = "") -> Target:
    """Return the kind of page that a checked target leads to; `name` is an invoice's number where it may be shown."""
    parts = path.partition("?")[0].strip("/").split("/")
    if not parts[0]:
        return Target(path)
    if len(parts) == 2 and parts[0] in _ONE:
        prefix, kind = _ONE[parts[0]]
        return Target(path, kind, name) if is_id(prefix, parts[1]) else Target(path, "other")
    is_known = len(parts) == 1 or parts[0] in ("checkout", "payment-methods")
    return Target(path, _KINDS.get(parts[0], "other") if is_known else "other")


def build_code_page(challenge: ChallengeRow, *, address: str, minutes: int, at: datetime) -> CodePage:
    """Return the page of the empty form; `at` is in the merchant's timezone, and so are the instants on the page."""
    sent_at = _in_timezone_of(at, challenge.mailed_at) if challenge.mailed_at else None
    return CodePage(address, minutes=minutes, sent_at=sent_at, target=build_target(challenge.target))


def sent_state(page: CodePage, sent: str | None) -> str:
    """Return the state of the page after a request for a mail: `sent` is "again", "before" or anything else, of the URL's query."""
    return f"sent_{sent}" if page.address is not None and sent in ("again", "before") else "sent"


def add_attempt(page: CodePage, attempt: CodeAttempt, typed: TypedCode, *, at: datetime) -> CodePage:
    """Return the page after a code that did not sign in."""
    if attempt.result is SignInResult.EXPIRED:
        return replace(page, state="expired", sent_at=None if attempt.is_sent else page.sent_at)
    if attempt.result is SignInResult.LOCKED or (attempt.result is SignInResult.WRONG and not attempt.tries_left):
        return replace(page, state="locked", until=_in_timezone_of(at, attempt.until) if attempt.until else None)
    if attempt.result is SignInResult.WRONG:
        return replace(page, state="wrong", code=typed.shown, tries_left=attempt.tries_left)
    return page


def add_fault(page: CodePage, typed: TypedCode, fault: CodeFault) -> CodePage:
    """Return the page after an input that is not a code."""
    if page.address is None:
        return page
    return replace(page, state="short", code=typed.shown, missing_count=fault.missing_count)


def build_link_page(
    token: str,
    accounts: list[Account],
    target: Target,
    *,
    address: str,
    signed_in: SignedIn | None,
    user_agent: str,
    may_post_itself: bool,
) -> LinkPage:
    """Return the page of a link that works. With several accounts of one address it has no name: the next page lets one be chosen."""
    signed_in_as = _other_name(signed_in, {(account.id, account.person_id) for account in accounts})
    return LinkPage(
        token=token,
        name=_name(accounts[0]) if len(accounts) == 1 else "",
        address=address,
        target=target,
        device="phone" if "Mobi" in user_agent else "computer",
        signed_in_as=signed_in_as,
        posts_itself=may_post_itself and signed_in_as is None,
    )


def build_link_expired_page(
    challenge: ChallengeRow | None, token: str, *, address: str, minutes: int, at: datetime, is_used: bool
) -> LinkExpiredPage:
    """Return the page of a link that does not work any more, which leads to a new one with the same target.

    `is_used`: another request used it first.
    """
    if challenge is None:
        return LinkExpiredPage("expired", minutes=minutes)
    state = "used" if is_used or challenge.state(at) is ChallengeState.USED else "expired"
    return LinkExpiredPage(state, build_target(challenge.target), token, address, minutes)


def build_session_page(token: str, minted: MintedSession, *, signed_in: SignedIn | None) -> SessionPage:
    """Return the page of a session from the API that is not used yet."""
    return SessionPage(
        token=token,
        name=minted.name or minted.company_name or (mask_address(minted.email) if minted.email else ""),
        target=build_target(minted.target),
        signed_in_as=_other_name(signed_in, {(minted.customer_id, None)}),
    )


def build_mailed_link_page(token: str, link: FoundLink, *, signed_in: SignedIn | None) -> MailedLinkPage:
    """Return the page of a notice's link that works."""
    return MailedLinkPage(
        token=token,
        name=_name(link.account) or mask_address(link.account.email),
        target=build_target(link.target),
        signed_in_as=_other_name(signed_in, {(link.account.id, None)}),
    )


Owed = Mapping[str, Sequence[AccountOwed]]
"""What accounts have to pay, by the customer's id."""


def build_choose_account_page(
    action: str, accounts: Iterable[Account], owed: Owed, *, code: str = ""
) -> ChooseAccountPage:
    """Return the page that lets one of several customers with the verified address be chosen.

    `action` is below the merchant's root.
    """
    return ChooseAccountPage(action, tuple(_choice(account, owed) for account in accounts), code)


def build_accounts_page(accounts: Iterable[Account], owed: Owed, *, current: str, address: str) -> AccountsPage:
    """Return the page on which another account of the mailbox is chosen; `current` is the customer whose account is open."""
    choices = (replace(_choice(each, owed), is_current=each.id == current) for each in accounts)
    return AccountsPage(tuple(choices), address)


def _choice(account: Account, owed: Owed) -> AccountChoice:
    company = account.company_name or "" if account.name else ""
    name = _name(account) or account.email
    return AccountChoice(account.id, name, company, account.role, owed=tuple(owed.get(account.id, ())))


def _name(account: Account) -> str:
    """Return the name of an account, or its company's where it has none."""
    return account.name or account.company_name or ""


def _other_name(signed_in: SignedIn | None, ids: set[tuple[str, str | None]]) -> str | None:
    """Return the name of who is signed in, None where that is one of these customers, or persons of them."""
    if signed_in is None or (signed_in.customer_id, signed_in.person_id) in ids:
        return None
    name = signed_in.own_name or (signed_in.company_name if signed_in.person_id is None else None)
    return name or signed_in.own_email or ""


def _in_timezone_of(at: datetime, instant: datetime) -> datetime:
    """Return the instant in the timezone of `at`."""
    return instant.astimezone(at.tzinfo)


def _page_before(target: str) -> str:
    """Return the page that cancelling leads to: the one in the navigation that has the act."""
    first = target.strip("/").partition("/")[0].partition("?")[0]
    return "/invoices" if first == "checkout" else f"/{first}"


def build_confirm_page(
    row: OpenConfirmation | None, entered: EnteredCode | None, *, target: str, address: str, minutes: int, at: datetime
) -> ConfirmPage:
    """Return the page of a code: of the one that is under way, of what became of one that was entered, or of none."""
    is_open = row is not None and (row.expires_at is None or at < row.expires_at)
    state = "sent" if is_open else "ask"
    if entered is not None and entered.answer != "proved":
        state = entered.answer
    elif row is not None and is_open and row.tries_left == 0:
        state = "locked"
    return ConfirmPage(
        state,
        address,
        target,
        _page_before(target),
        minutes,
        tries_left=entered.tries_left if entered else 0,
        missing_count=entered.missing_count if entered else 0,
    )
