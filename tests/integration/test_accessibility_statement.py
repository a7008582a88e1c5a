"""The accessibility statement: for everybody, and a link away from every page."""

from __future__ import annotations

from flask import Flask

from portal.services import Services
from tests.support.accounts import make_account
from tests.support.page_client import PageClient


def test_statement_is_a_link_away_before_signing_in_and_after(app: Flask, services: Services) -> None:
    account = make_account(services)

    for browser, door in ((PageClient(app.test_client()), "/acme/sign-in"), (account.sign_in(app), "/acme/")):
        statement = browser.get(browser.get(door).link("Accessibility"))
        assert "level AA" in statement.text
