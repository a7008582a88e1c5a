"""What is at rest, logged or sent elsewhere signs nobody in; what is secret comes from the secret source alone."""

from __future__ import annotations

import logging
import random
import sys

from portal.sign_in.operations import create_portal_session
from portal.sign_in.rules.tokens import token_digest
from tests.support.actors import OPERATOR
from tests.support.site import path_of
from tests.support.statements import contents

CARD = "4000056655665556"


def test_no_link_code_or_token_is_at_rest_or_logged(site, caplog):
    caplog.set_level(logging.DEBUG)
    browser = site.browser()
    caught = site.request_mail(browser)
    browser.get(path_of(caught))
    while_open = repr(contents(site.services.database))
    browser.post(path_of(caught))
    with site.services.database.unit_of_work() as session:
        minted = create_portal_session(session, site.services.settings, site.scope, at=site.clock.now(), actor=OPERATOR)
    site.browser().get(f"/acme{minted.path}")
    site.browser().get(path_of(caught)[:-1], status=404)

    everything = while_open + repr(contents(site.services.database)) + "".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if not record.name.startswith(("aiosmtpd", "mail", "asyncio"))
    )  # fmt: skip
    proof = path_of(caught).rpartition("/")[2][22:]
    session_token = browser.client.get_cookie("portal_acme").value
    browser_token = browser.client.get_cookie("portal_browser_acme").value
    for secret in (
        caught.code,
        caught.code.replace("-", ""),
        proof,
        session_token,
        browser_token,
        minted.path.rpartition("/")[2],
    ):
        assert secret not in everything
    # The net is not empty: what may be at rest is found.
    assert repr(token_digest(session_token)) in everything


def test_card_number_typed_or_sent_anywhere_is_not_at_rest(site):
    """Threats 167: whatever a browser sends along with signing in."""
    browser = site.browser()
    browser.client.environ_base["HTTP_USER_AGENT"] = f"agent {CARD}"
    caught = site.request_mail(browser)
    browser.post("/acme/sign-in", {"email": "a@shop.example", "next": f"/payments?q={CARD}"}, status=422)
    browser.post("/acme/sign-in/code", {"code": caught.code})
    for address in (f"{CARD}@shop.example", f"x@{CARD}.example"):
        site.browser().post("/acme/sign-in", {"email": address}, status=422)

    at_rest = repr(contents(site.services.database))
    assert CARD not in at_rest
    assert f"agent •••• {CARD[-4:]}" in at_rest


def test_signing_in_uses_no_guessable_randomness(site, monkeypatch):
    callers = set()

    def watched(name):
        original = getattr(random, name)

        def draw(*arguments, **options):
            callers.add(sys._getframe(1).f_code.co_filename)
            return original(*arguments, **options)

        return draw

    for name in ("random", "randint", "choice", "getrandbits", "randrange", "choices", "sample", "randbytes"):
        monkeypatch.setattr(random, name, watched(name))

    site.signed_in()

    # The boundary between the parts of a message is drawn by the email package, and secret to nobody.
    assert {name for name in callers if not name.endswith("email/generator.py")} == set()
