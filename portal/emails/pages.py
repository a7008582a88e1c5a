"""The page dataclasses of mail templates; these get `page` alone, no shell.

`emails/<name>.txt` begins with the subject on its first line, then an empty line, then the text part;
`emails/<name>.html` is the HTML part, with a `<style>` to be put inline before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class MailColours:
    """The colours of one scheme, in hex: the ground, the sheet of paper on it, the band on top of that, and what stands on each.
    `foot` is for text on the ground."""

    ground: str
    sheet: str
    inset: str
    text: str
    muted: str
    foot: str
    line: str
    accent: str
    on_accent: str
    band: str
    band_text: str


LIGHT = MailColours(
    ground="#eef0f4", sheet="#ffffff", inset="#f5f6f8", text="#171a21", muted="#575e6b", foot="#575e6b", line="#e1e4e9",
    accent="#33418f", on_accent="#ffffff", band="#f5f6f8", band_text="#171a21",
)  # fmt: skip
DARK = MailColours(
    ground="#111317", sheet="#191c22", inset="#111317", text="#eceef2", muted="#a5acb9", foot="#a5acb9", line="#2c313a",
    accent="#aab6ff", on_accent="#10163a", band="#22262d", band_text="#eceef2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MailMark:
    """The merchant's mark, a picture that the message carries: its id for `cid:`, that of the one for the dark or "", and its size in
    pixels. `shows_name`: the merchant's name is written in it."""

    cid: str
    dark_cid: str
    width: int
    height: int
    shows_name: bool = False


@dataclass(frozen=True, slots=True)
class MailBrand:
    """`legal_name` and `support_email` are at the foot. `font` and `heading_font` are CSS lists of names, `button_radius` is in pixels;
    `mark` is None where the theme has no logo that a mail program shows. Of a mail that can be stopped, `unsubscribe_url` does that
    without signing in and `notices_url` is the page of all of them; "" of any other. `copy_of` is the address whose copy this is, which has no button.
    `signs_in`: the button's link signs in, once, within half an hour."""

    name: str
    legal_name: str
    support_email: str
    locale: str = "en"
    dir: str = "ltr"
    light: MailColours = LIGHT
    dark: MailColours = DARK
    font: str = "system-ui, Roboto, Arial, sans-serif"
    heading_font: str = "system-ui, Roboto, Arial, sans-serif"
    heading_weight: str = "600"
    button_radius: int = 8
    mark: MailMark | None = None
    unsubscribe_url: str = ""
    notices_url: str = ""
    copy_of: str = ""
    signs_in: bool = False

    @property
    def accent(self) -> str:
        """The former name of `light.accent`."""
        return self.light.accent

    @property
    def on_accent(self) -> str:
        """The former name of `light.on_accent`."""
        return self.light.on_accent


@dataclass(frozen=True, slots=True)
class SignInMail:
    """emails/sign_in. `code` as "K7QM-2XPA", `link` absolute."""

    brand: MailBrand
    code: str
    link: str
    minutes: int = 10


@dataclass(frozen=True, slots=True)
class RefundMail:
    """emails/refund: `amount` is on its way back by `method`; or, `has_come_back`, the customer's bank did not accept it."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    method: str
    link: str
    reference: str
    has_come_back: bool = False


@dataclass(frozen=True, slots=True)
class SurplusMail:
    """emails/surplus: `amount` arrived for a payment that was paid another way by then, and was added to the customer's credit."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    link: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """What was paid: `title` without the invoice's number, or "" where there is no description; `number` "" without an invoice."""

    title: str
    number: str
    amount: int


@dataclass(frozen=True, slots=True)
class ReceiptMail:
    """emails/receipt: a payment is complete. `method` is `method_name(…)`, `at` in the merchant's zone, `link` absolute;
    `credit_amount` is the part of the amount that the customer's credit paid. `is_top_up`: money in advance, which has no lines."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    at: datetime
    method: str
    lines: tuple[ReceiptLine, ...]
    link: str
    reference: str
    credit_amount: int = 0
    is_top_up: bool = False

    @property
    def method_amount(self) -> int:
        """The part of the amount that the method paid."""
        return self.amount - self.credit_amount


@dataclass(frozen=True, slots=True)
class ConfirmationMail:
    """emails/confirmation: a code for somebody who is signed in. `purpose`: "identity", "new_address" or "undo"."""

    brand: MailBrand
    code: str
    minutes: int
    purpose: str


@dataclass(frozen=True, slots=True)
class EmailChangedMail:
    """emails/email_changed, to the address before: `new_address` as it may be shown there, when (`at`, in the merchant's timezone), and the
    link at which it can be undone until `undo_until`."""

    brand: MailBrand
    new_address: str
    at: datetime
    undo_until: datetime
    link: str


@dataclass(frozen=True, slots=True)
class PrivacyMail:
    """emails/privacy. `kind`: "export" (ready, deleted on `at`), "requested" (an erasure, which begins at `at`), "erased" (it has
    begun). `link` is the page; "" for the last, from which nobody signs in."""

    brand: MailBrand
    kind: str
    at: datetime
    link: str


@dataclass(frozen=True, slots=True)
class QuestionMail:
    """emails/question, to the merchant: what a customer asked, line by line, about the invoice or payment of `number` ("" where it is about
    neither). `address` is where the answer goes, "" where the customer has none."""

    brand: MailBrand
    customer: str
    address: str
    number: str
    topic: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MethodExpiringMail:
    """emails/method_expiring: a saved method expires soon, or has expired. `method` is `method_name(…)`, `expiry` "04/2026", `link` the
    method's page, absolute. `can_replace`: the gateway has a page to save the new one; else it is saved when it pays."""

    brand: MailBrand
    method: str
    nickname: str | None
    expiry: str
    has_expired: bool
    is_default: bool
    can_replace: bool
    link: str


@dataclass(frozen=True, slots=True)
class InvoiceMail:
    """emails/invoice: an invoice was issued. `lines` are those of the invoice, none of a long one; amounts in minor units.
    `amount_due` is what is left of `total`; `is_payable`: a payment can begin, so that the button names the amount. `opens_to_all`: the
    link opens the invoice without signing in."""

    brand: MailBrand
    number: str
    title: str
    total: int
    amount_due: int
    currency: str
    due_on: date
    lines: tuple[ReceiptLine, ...]
    tax: int
    is_payable: bool
    link: str
    opens_to_all: bool = False


@dataclass(frozen=True, slots=True)
class ReminderMail:
    """emails/reminder: an invoice is due in so many `days` (0: today), or was due so many days ago (`is_overdue`). `amount` is what is
    left to pay; `ask_link` the page of a question about the invoice. `opens_to_all`: the link opens the invoice without signing in."""

    brand: MailBrand
    number: str
    title: str
    amount: int
    currency: str
    due_on: date
    days: int
    is_overdue: bool
    is_partly_paid: bool
    link: str
    ask_link: str
    opens_to_all: bool = False


@dataclass(frozen=True, slots=True)
class StatementBalance:
    """What a statement closes with, in minor units of `currency`; below 0 it is in the customer's favour. `is_open`: an invoice is not
    settled, also where credit of the same sum makes the balance nothing."""

    amount: int
    currency: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class StatementMail:
    """emails/statement: the statement from `first_on` to `last_on`, a month, is ready; `balances` has one for each currency that has
    something on it. `link` is the page of the statement of those days."""

    brand: MailBrand
    payee: str
    first_on: date
    last_on: date
    balances: tuple[StatementBalance, ...]
    link: str


@dataclass(frozen=True, slots=True)
class PaymentFailedMail:
    """emails/payment_failed: nothing was taken. `lines` are the invoices that are still open, with what is left of each; `link` is where
    they are paid another way, `payment_link` the payment's page, which says why."""

    brand: MailBrand
    amount: int
    currency: str
    method: str
    failure_code: str
    lines: tuple[ReceiptLine, ...]
    link: str
    payment_link: str
    reference: str


@dataclass(frozen=True, slots=True)
class MethodChangedMail:
    """emails/method_changed: a payment method was saved or removed; `at` in the reader's timezone."""

    brand: MailBrand
    method: str
    nickname: str | None
    at: datetime
    is_removed: bool
    link: str


@dataclass(frozen=True, slots=True)
class NewDeviceMail:
    """emails/new_device: somebody signed in in a browser that was not known. `browser` and `system` are names, "" where they are not
    known; `network` is the beginning of its address, ""; `link` the page on which sessions are ended."""

    brand: MailBrand
    browser: str
    system: str
    network: str
    at: datetime
    link: str


@dataclass(frozen=True, slots=True)
class PasskeyChangedMail:
    """emails/passkey_changed: a passkey was added or removed, at `at` in the reader's timezone. `browser` and `system` are those in which it
    was added, "" where they are not known; `link` the page on which passkeys are removed."""

    brand: MailBrand
    browser: str
    system: str
    at: datetime
    is_removed: bool
    link: str


@dataclass(frozen=True, slots=True)
class PersonInvitedMail:
    """emails/person_invited, to an address that was invited to an account: `inviter` is the mail address of who invites, "" where that is not
    known, never a text that somebody wrote; `role` what the person may do ("owner", "payer", "viewer"); `days` how long the invitation
    lives; `link` leads to its page, from which it is declined or signed in to."""

    brand: MailBrand
    inviter: str
    role: str
    days: int
    link: str


@dataclass(frozen=True, slots=True)
class CopyInvitationMail:
    """emails/copy_invitation, to another address: `customer` is the mail address of who wants copies sent there, never a text that
    somebody wrote; `days` how long `link` works."""

    brand: MailBrand
    customer: str
    days: int
    link: str
