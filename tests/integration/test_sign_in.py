"""Signing in by link and by code, as a browser does it (threats, group L)."""

from __future__ import annotations

from tests.support.front_door import ADDRESS, path_of


def test_link_signs_in_after_a_click(door):
    browser = door.browser()
    caught = door.mailed(browser, next="/invoices")

    page = browser.get(path_of(caught))
    assert page.headline == "Is this you?"
    assert "Maya Lindqvist" in page.text
    assert "m•••@lindqvist.example" in page.text
    response = browser.post(path_of(caught))

    assert response.headers["Location"] == "/acme/invoices"
    assert "portal_acme=" in response.headers["Set-Cookie"]
    assert browser.get("/acme/invoices").headline == "Invoices"


def test_code_signs_in_the_browser_that_asked(door):
    browser = door.browser()
    page = browser.submit(browser.get("/acme/sign-in"), "Send link and code", email=ADDRESS)
    (caught,) = door.deliver()

    page = browser.submit(page, "Sign in", code=caught.code.lower().replace("-", " "))

    assert page.path == "/acme/"
