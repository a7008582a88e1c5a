"""Persons of the accounts of a `Site`, as invitations and sign-ins leave them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.customers.rules.profiles import email_key
from portal.events.rules import customer_actor
from portal.people.models import Person
from portal.public_ids import new_id
from portal.sign_in.operations.people import remove_person
from portal.tenancy import Scope
from tests.support.page_client import PageClient
from tests.support.site import Site, path_of


def insert_person(
    site: Site, email: str, role: str = "viewer", scope: Scope | None = None, *, joined_at: datetime | None = None, **columns: Any
) -> str:  # fmt: skip
    """A person of Maya's account, or of another one; invited now, unless `joined_at` says that it joined."""
    at, scope = site.clock.now(), scope or site.scope
    row = {"created_at": at, "invited_at": at, **columns}
    person = Person(
        merchant_id=scope.merchant_id, id=new_id("per", at), customer_id=scope.customer_id, email=email, email_key=email_key(email),
        role=role, joined_at=joined_at, **row,
    )  # fmt: skip
    with site.services.database.unit_of_work() as session:
        session.add(person)
        return person.id


def remove(site: Site, person_id: str, scope: Scope | None = None) -> None:
    """Remove a person, as whoever has the account's own address does."""
    scope = scope or site.scope
    with site.services.database.unit_of_work() as session:
        remove_person(session, scope, person_id, actor=customer_actor(scope.customer_id), at=site.clock.now())


def person_signed_in(site: Site, email: str) -> PageClient:
    """A browser in which somebody signed in by the mail to this address."""
    browser = site.browser()
    browser.post(path_of(site.request_mail(browser, email)))
    return browser
