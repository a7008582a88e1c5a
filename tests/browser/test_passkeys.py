"""Passkeys in a browser with an authenticator of its own, at the host name that the demo also answers at."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.support.accessibility import check_accessibility

_DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def test_passkey_is_added_on_the_security_page_and_signs_in_where_it_was_added(live_portal, page):
    account = live_portal.accounts.create(name="Ines Vogel")
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device: Any = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})
    root = account.root.replace("127.0.0.1", "portal.localhost")
    sign_in_by_code(live_portal, page, root, account.email)

    page.goto(f"{root}/security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Code").fill(live_portal.await_mail(account.email, after=1).code)
    page.get_by_role("button", name="Confirm and continue").click()
    check_accessibility(page)
    # Whoever has the device does not prove to be its holder: nothing is made, and the page says so.
    verify(devtools, device, is_verified=False)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("No passkey was made. You can try again.")
    verify(devtools, device, is_verified=True)
    page.get_by_role("button", name="Add a passkey").click()

    expect(page.get_by_role("status")).to_contain_text("Your passkey was added")
    check_accessibility(page)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("This device has a passkey for this account already.")
    page.context.clear_cookies()
    page.goto(f"{root}/sign-in?next=/payments")
    check_accessibility(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{root}/payments")

    page.context.clear_cookies()
    page.goto(f"{account.root}/sign-in")
    expect(page.get_by_role("button", name="Send link and code")).to_be_visible()
    assert page.get_by_role("button", name="Sign in with a passkey").count() == 0


def sign_in_by_code(live_portal: Any, page: Page, root: str, address: str) -> None:
    page.goto(f"{root}/sign-in")
    page.get_by_label("Email address").fill(address)
    page.get_by_role("button", name="Send link and code").click()
    page.get_by_label("Code").fill(live_portal.await_mail(address).code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{root}/")


def verify(devtools: Any, device: Any, *, is_verified: bool) -> None:
    devtools.send(
        "WebAuthn.setUserVerified", {"authenticatorId": device["authenticatorId"], "isUserVerified": is_verified}
    )
