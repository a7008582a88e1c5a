"""Mails that were under way when requests began to join: the migration keeps their links, and the release before reads what it finds."""

from __future__ import annotations

import sqlalchemy as sa

from portal.migrations import downgrade, upgrade
from portal.public_ids import new_id
from portal.sign_in.models import Challenge, SignInRequest
from portal.sign_in.rules.tokens import CHALLENGE, address_digest, link_token, token_digest
from tests.support.site import ADDRESS

BEFORE = "2026_11_29_choices_contracted"


def test_link_that_was_mailed_before_works_after_the_migration_and_posts_itself_where_it_was_requested(site):
    asker, other = site.browser(), site.browser()
    asker.get("/acme/sign-in")
    asker.client.set_cookie("portal_browser_acme", "b" * 43)
    database, at = site.services.database, site.clock.now()
    downgrade(database, BEFORE)
    open_id, _withheld_id = (_insert_as_before(site, "b" * 43, at, withheld=withheld) for withheld in (False, True))

    upgrade(database)
    database.dispose()  # No connection goes on with what it has prepared for the tables of before.

    assert [row.challenge_id for row in site.rows(SignInRequest)] == [open_id]
    path = f"/acme/sign-in/link/{link_token(site.services.settings.keys, site.scope.merchant_id, open_id)}"
    assert "post-once" in asker.get(path).html
    assert "post-once" not in other.get(path).html
    # A request of now joins none of before.
    site.request_sign_in(other)
    assert site.count(Challenge) == 3
    assert asker.post(path).headers["Location"] == "/acme/invoices"


def test_schema_of_before_comes_back_with_its_challenges(site):
    site.request_mail(site.browser())
    (challenge,) = site.rows(Challenge)
    database = site.services.database

    downgrade(database, BEFORE)
    with database.read() as reader:
        rows = reader.execute(sa.text("select id, tries_left from sign_in_challenges")).all()
    upgrade(database)
    database.dispose()

    assert [tuple(row) for row in rows] == [(challenge.id, 5)]


def _insert_as_before(site, browser, at, *, withheld):
    challenge_id, later = new_id(CHALLENGE, at), site.clock.now().replace(minute=52)
    with site.services.database.unit_of_work() as session:
        columns = {
            "merchant_id": site.scope.merchant_id, "id": challenge_id, "customer_id": site.scope.customer_id,
            "address_digest": address_digest(site.services.settings.keys, site.scope.merchant_id, ADDRESS),
            "masked_address": "m•••@lindqvist.example", "browser_digest": token_digest(browser), "target": "/invoices",
            "locale": "en", "tries_left": 5, "created_at": at, "withheld_until": later if withheld else None,
            "mailed_at": None if withheld else at, "expires_at": None if withheld else later, "used_at": None,
        }  # fmt: skip
        table = sa.table("sign_in_challenges", *[sa.column(name, Challenge.__table__.c[name].type) for name in columns])
        session.execute(sa.insert(table).values(**columns))
    return challenge_id
