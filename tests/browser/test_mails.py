"""Every mail in a browser, with the longest words, names and amounts there are: nothing scrolls sideways, and the dark can be read."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.emails.pages import (
    CopyInvitationMail,
    InvoiceMail,
    MailBrand,
    MethodChangedMail,
    MethodExpiringMail,
    NewDeviceMail,
    PasskeyChangedMail,
    PaymentFailedMail,
    PersonInvitedMail,
    PrivacyMail,
    ReceiptLine,
    ReceiptMail,
    RefundMail,
    ReminderMail,
    SignInMail,
    StatementBalance,
    StatementMail,
    SurplusMail,
)
from portal.emails.rendering import build_mail_brand, render_mail
from portal.theming.colour import contrast
from tests.support.bundled import bundled_renderer
from tests.support.live_portal import LivePortal

WORD = "W" * 60
NAME = f"Société {WORD} et Fils, Douala"[:80].ljust(80, "é")
AMOUNT = 999_999_999_999_999
LINK = "https://portal.example/acme/payments/pay_06AJ3VZ8Q4X5K7T2"
AT = datetime(2026, 11, 29, 10, 3, tzinfo=UTC)

IS_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
COLOURS = """() => [...document.querySelectorAll("h1, p, td, span, a")].flatMap(element => {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) return [];
    let under = element;
    while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
    return [[element.textContent.trim(), getComputedStyle(element).color, getComputedStyle(under).backgroundColor]];
})"""


def brand_of(theme: str, locale: str, name: str) -> MailBrand:
    merchant: Any = SimpleNamespace(
        theme=theme, locale=locale, name=name, legal_name=name, support_email=f"{WORD.lower()}@portal.example"
    )
    return build_mail_brand(bundled_renderer(), merchant, locale)


def mails_of(brand: MailBrand, currency: str) -> dict[str, Any]:
    """One of each kind, and of a receipt also what money in advance says."""
    method = f"{NAME}\u00a0••••\u00a04242"
    lines = (ReceiptLine(WORD, WORD[:40], AMOUNT), ReceiptLine(NAME, "ACME-0412", 100), ReceiptLine("", "ACME-0413", 1))
    receipt = ReceiptMail(brand, NAME, AMOUNT, currency, AT, method, lines, LINK, "pay_" + "W" * 22, AMOUNT - 1)
    return {
        "receipt": receipt,
        "refund": RefundMail(brand, NAME, AMOUNT, currency, method, LINK, "ref_" + "W" * 22),
        "surplus": SurplusMail(brand, NAME, AMOUNT, currency, LINK, "pay_" + "W" * 22),
        "method_expiring": MethodExpiringMail(brand, method, WORD, "12/2026", False, True, True, LINK),
        "sign_in": SignInMail(brand, "WDJB-MJHT", LINK),
        "invoice": InvoiceMail(
            replace(brand, unsubscribe_url=LINK, notices_url=LINK, copy_of=f"{WORD}@portal.example"),
            WORD[:40],
            NAME,
            AMOUNT,
            AMOUNT - 1,
            currency,
            AT.date(),
            lines,
            AMOUNT,
            True,
            LINK,
        ),
        "reminder": ReminderMail(
            replace(brand, unsubscribe_url=LINK, notices_url=LINK),
            WORD[:40],
            NAME,
            AMOUNT,
            currency,
            AT.date(),
            14,
            True,
            True,
            LINK,
            LINK,
        ),
        "statement": StatementMail(
            replace(brand, unsubscribe_url=LINK, notices_url=LINK),
            NAME,
            AT.date(),
            AT.date(),
            (StatementBalance(AMOUNT, currency), StatementBalance(-AMOUNT, "EUR")),
            LINK,
        ),
        "payment_failed": PaymentFailedMail(
            brand, AMOUNT, currency, method, "insufficient_funds", lines, LINK, LINK, "pay_" + "W" * 22
        ),
        "privacy": PrivacyMail(brand, "export", AT, LINK),
        "method_changed": MethodChangedMail(brand, method, WORD, AT, True, LINK),
        "new_device": NewDeviceMail(brand, NAME, WORD, "2001:db8:1234::…", AT, LINK),
        "passkey_changed": PasskeyChangedMail(brand, NAME, WORD, AT, True, LINK),
        "copy_invitation": CopyInvitationMail(brand, f"{WORD}@portal.example", 7, LINK),
        "person_invited": PersonInvitedMail(brand, f"{WORD}@portal.example", "owner", 7, LINK),
    }


def html_of(kind: str, page: Any, theme: str) -> str:
    """The mail's HTML with its pictures in it, as a mail program shows it."""
    mail = render_mail(bundled_renderer(), kind, page, theme=theme)
    html = mail.html
    for picture in mail.pictures:
        html = html.replace(f"cid:{picture.cid}", "data:image/png;base64," + base64.b64encode(picture.png).decode())
    return html


@pytest.mark.parametrize(("theme", "locale", "currency"), [("acme", "en", "USD"), ("savane", "fr", "XAF")])
def test_no_mail_scrolls_sideways_with_the_longest_words(page: Page, theme: str, locale: str, currency: str) -> None:
    too_wide = []

    for kind, mail in mails_of(brand_of(theme, locale, NAME), currency).items():
        page.set_viewport_size({"width": 320, "height": 700})
        page.set_content(html_of(kind, mail, theme))
        for width in (320, 600):
            page.set_viewport_size({"width": width, "height": 700})
            if page.evaluate(IS_TOO_WIDE):
                too_wide.append(f"{kind} at {width}")

    assert too_wide == []


def test_every_text_of_a_mail_can_be_read_in_light_and_dark(page: Page) -> None:
    faults = []

    for theme, locale, currency in (("acme", "en", "USD"), ("savane", "fr", "XAF")):
        mails = mails_of(brand_of(theme, locale, "Acme"), currency)
        for kind in ("receipt", "sign_in"):
            page.set_content(html_of(kind, mails[kind], theme))
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                for text, ink, ground in page.evaluate(COLOURS):
                    if contrast(_hex(ink), _hex(ground)) < 4.5:
                        faults.append(f"{theme} {kind} {scheme}: {text[:30]!r} {ink} on {ground}")

    assert faults == []


def test_mark_follows_the_scheme_and_arabic_turns_the_table(page: Page) -> None:
    brand = brand_of("acme", "en", "Acme")
    mail = mails_of(replace(brand, dir="rtl"), "USD")["receipt"]
    page.set_content(html_of("receipt", mail, "acme"))

    shown = [[picture.is_visible() for picture in page.locator(".mark img").all()]]
    page.emulate_media(color_scheme="dark")
    shown.append([picture.is_visible() for picture in page.locator(".mark img").all()])
    row = page.locator(".facts tr").filter(has_text="ACME-0413").locator("td")
    title, amount = row.nth(0).bounding_box(), row.nth(1).bounding_box()

    assert shown == [[True, False], [False, True]]
    assert title is not None and amount is not None and title["x"] > amount["x"]


def test_demo_shows_a_mail_as_html_and_its_link_opens_beside_the_page(live_portal: LivePortal, page: Page) -> None:
    account = live_portal.accounts.create("acme")
    page.goto(f"{account.root}/sign-in")
    page.get_by_role("textbox").fill(account.email)
    page.get_by_role("main").get_by_role("button").click()
    mail = live_portal.await_mail(account.email)

    page.goto(f"{live_portal.origin}/demo/mail")
    shown = page.get_by_role("listitem").filter(has_text=mail.code).first
    shown.get_by_text("Show email").click()
    frame = shown.frame_locator("iframe")
    expect(frame.get_by_text(mail.code)).to_be_visible()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Sign in").click()

    expect(opened.value).to_have_url(mail.link)


def _hex(rgb: str) -> str:
    red, green, blue = (int(part) for part in rgb.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
