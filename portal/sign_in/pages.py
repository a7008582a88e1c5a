"""The page dataclasses of signing in; no secrets but the one in the URL, no queries, no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Target:
    """Where signing in leads. `path` is below the merchant's root ("/invoices/inv_…"), already checked.

    `kind`: "overview", "invoices", "payments", "checkout", "payment_methods", "invoice" (`name` is its number, "" when
    not known before signing in), "payment", or "other".
    """

    path: str = "/"
    kind: str = "overview"
    name: str = ""


@dataclass(frozen=True, slots=True)
class AddressPage:
    """sign_in/address.html; posts `email` and `next` to /sign-in.

    `fault`: None, "missing", "malformed" (422, `email` holds what was typed) or "card_number" (it is ""). `notice`: None, "idle" (signed out after
    a day without use), "signed_out", "link_ended" (a pay link led here that is not valid any more), "no_account" (logged in to the host application, and no
    customer here), or what became of a passkey: "passkey_refused", "passkey_expired", "passkey_too_many". `passkey` are the options with which
    the browser asks for one, as JSON, posted as `answer` to /sign-in/passkey; "" where it could not.
    """

    target: Target = Target()
    email: str = ""
    fault: str | None = None
    notice: str | None = None
    passkey: str = ""


@dataclass(frozen=True, slots=True)
class CodePage:
    """sign_in/code.html; posts `code` to /sign-in/code, "Send again" posts to /sign-in/code/fresh.

    `address` is as it was typed in this browser, or masked where that is not known any more ("m•••@lindqvist.example"); None when
    this browser requested no mail (the page then leads to /sign-in). `state`: "sent"; "sent_again"; "sent_before" (the last mail
    has to do, sent at `sent_at`, None while it is under way); "short" (`missing_count`, negative: too many); "wrong" (`tries_left`);
    "card_number" (was typed in its place; `code` is "");
    "expired" (a fresh message has been sent); "locked" (too many attempts, `until`; None: only a link signs in). `code` is what was
    typed. `minutes` is how long a code lives. Instants are in the merchant's zone.
    """

    address: str | None
    state: str = "sent"
    code: str = ""
    minutes: int = 10
    tries_left: int = 0
    missing_count: int = 0
    until: datetime | None = None
    sent_at: datetime | None = None
    target: Target = Target()


@dataclass(frozen=True, slots=True)
class LinkPage:
    """sign_in/link.html: "Is this you?"; its POST to /sign-in/link/<token> uses the link up.

    `name` is "" for a customer without one. `address` is masked, but in the browser in which it was typed. `signed_in_as` is the
    name of another customer who is signed in in this browser ("" for one without name and address, None where there is none): the
    page then says that they will be signed out here. `device` is "phone" or "computer". `posts_itself`: this browser requested the mail, so that a script sends the form at once.
    """

    token: str
    name: str
    address: str
    target: Target
    device: str = "computer"
    signed_in_as: str | None = None
    posts_itself: bool = False


@dataclass(frozen=True, slots=True)
class LinkExpiredPage:
    """sign_in/link_expired.html. `state`: "expired", "used" or "damaged".

    With `token` (the challenge is known) the button posts to /sign-in/link/<token>/fresh and names the
    `address`, masked but in the browser in which it was typed; without it, it leads to /sign-in with the same target. `minutes` is how long a link works.
    """

    state: str
    target: Target = Target()
    token: str | None = None
    address: str | None = None
    minutes: int = 10


@dataclass(frozen=True, slots=True)
class SessionPage:
    """sign_in/session.html: a session created through the API; posts to /sign-in/session/<token>.

    `name` is the customer's, the masked address of one without a name, or "" where there is neither.
    """

    token: str
    name: str
    target: Target = Target()
    signed_in_as: str | None = None


@dataclass(frozen=True, slots=True)
class MailedLinkPage:
    """sign_in/mailed_link.html: the link of a notice, which signs in to invoices and payments alone; posts to /sign-in/mail/<token>.

    `name` is the customer's, the masked address of one without a name. `signed_in_as` is as in `LinkPage`.
    """

    token: str
    name: str
    target: Target = Target()
    signed_in_as: str | None = None


@dataclass(frozen=True, slots=True)
class AccountOwed:
    """What an account has to pay in a currency: the sum in minor units, and of how many invoices."""

    count: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """A customer that the verified address may sign in as; `name` is the address of one without a name. `company` is "" when the name is
    the company's. `role`: "owner", "payer" or "viewer". `is_current`: the account that is open. `owed` is what there is to pay, by currency."""

    id: str
    name: str
    company: str = ""
    role: str = "owner"
    is_current: bool = False
    owed: tuple[AccountOwed, ...] = ()


@dataclass(frozen=True, slots=True)
class ChooseAccountPage:
    """sign_in/choose_account.html: several customers have the verified address. Posts `account` (an id) to `action`.

    `action` is below the merchant's root: the code's form (with `code`, hidden) or the link's own URL.
    """

    action: str
    accounts: tuple[AccountChoice, ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """sign_in/accounts.html: the accounts of the mailbox that signed in; posts `account` (an id) to /accounts. With one account, or none,
    there is nothing to switch to: the mailbox has no other, or has changed since."""

    accounts: tuple[AccountChoice, ...]
    address: str


@dataclass(frozen=True, slots=True)
class NewPasskeyPage:
    """sign_in/new_passkey.html. `options` are those with which the browser makes one, as JSON; it is posted as `answer`. `fault`: None, "expired",
    "refused" or "too_many" (there are ten)."""

    options: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """A code is asked for on its own page. `state`: "ask" (none is under way), "sent", or what became of one that was entered: "wrong",
    "short" (`missing_count` letters are missing; none or fewer: other characters), "expired", "locked". `address` is where it goes;
    `target` where the right one leads, a path below the merchant's root, and `cancel` where cancelling does; `minutes` how long it
    works."""

    state: str
    address: str
    target: str
    cancel: str
    minutes: int
    tries_left: int = 0
    missing_count: int = 0


@dataclass(frozen=True, slots=True)
class EmailPage:
    """customers/email.html. `state`: "form" (write the new address), or "code" (it was mailed a code). `typed` and `fault` ("missing", "malformed", "same",
    "card_number") belong to the form, `code` to the code."""

    state: str
    current: str
    pending: str
    minutes: int
    typed: str = ""
    fault: str = ""
    code: ConfirmPage | None = None


@dataclass(frozen=True, slots=True)
class UndoEmailPage:
    """customers/email_undo.html. `state`: "ask", "code", "done" or "gone" (it cannot be undone any more); `old` and `new` are masked."""

    state: str
    token: str
    old: str = ""
    new: str = ""
    code: ConfirmPage | None = None
