"""A portal with two merchants, a customer of each and a mail server, for tests of signing in, outbox and mail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask

from portal.clock import MovableClock
from portal.customers.models import Customer
from portal.database import Database
from portal.method_users import METHOD_USERS
from portal.services import Services
from portal.settings import Settings
from portal.tenancy import Scope
from portal.worker import build_handlers, deliver_due
from tests.support import customers
from tests.support.apps import app_on, served_app
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import Caught, MailCatcher
from tests.support.page_client import PageClient
from tests.support.scripted_gateway import OneGateway, ScriptedGateway

ADDRESS = "maya@lindqvist.example"


@dataclass
class Site:
    """`scope` is Maya's at acme; `other` is a customer's of another merchant with the same address."""

    services: Services
    app: Flask
    clock: MovableClock
    mail: MailCatcher
    scope: Scope
    other: Scope
    root: str = "/acme"

    def browser(self) -> PageClient:
        """Return a new browser, not signed in."""
        return PageClient(self.app.test_client())

    def request_sign_in(self, browser: PageClient, address: str = ADDRESS, *, next: str = "/", root: str = "") -> None:
        browser.post(f"{root or self.root}/sign-in", {"email": address, "next": next})

    def deliver(self) -> list[Caught]:
        """Deliver the outbox, and return the mails that were sent."""
        deliver_due(self.services, build_handlers(bundled_renderer()))
        return self.mail.take()

    def request_mail(self, browser: PageClient, address: str = ADDRESS, *, next: str = "/") -> Caught:
        """Request a message, deliver it, and return it: the newest with a code, since invoices are mailed about too."""
        self.request_sign_in(browser, address, next=next)
        return [mail for mail in self.deliver() if mail.has_code][-1]

    def signed_in(self) -> PageClient:
        """Return a browser in which Maya is signed in."""
        browser = self.browser()
        browser.post(path_of(self.request_mail(browser)))
        return browser

    def add_customer(self, email: str | None, *, merchant_id: str = "", **columns: Any) -> Scope:
        """Another customer; the address is stored in the form given."""
        merchant_id = merchant_id or self.scope.merchant_id
        with self.services.database.unit_of_work() as session:
            return customers.add_customer(session, merchant_id, email, at=self.clock.now(), **columns)

    def change_customer(self, scope: Scope, **columns: Any) -> None:
        with self.services.database.unit_of_work() as session:
            session.execute(
                sa.update(Customer)
                .where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id)
                .values(**columns)
            )

    def with_settings(self, **changes: Any) -> Site:
        """Return the same site with other settings, on the same database."""
        services = replace(self.services, settings=self.services.settings.model_copy(update=changes))
        return replace(self, services=services, app=served_app(services))

    def rows(self, table: Any, **where: Any) -> list[Any]:
        with self.services.database.unit_of_work() as session:
            return list(
                session.execute(sa.select(table).filter_by(**where).order_by(*table.__table__.primary_key)).scalars()
            )

    def count(self, table: Any, **where: Any) -> int:
        return len(self.rows(table, **where))


def path_of(caught: Caught) -> str:
    """Return the path of the mailed link."""
    return urlsplit(caught.link).path


def make_site(database: Database, settings: Settings, clock: MovableClock, mail: MailCatcher) -> Site:
    """Return a site on the test's database."""
    settings = settings.model_copy(update={"smtp_url": mail.url, "mail_from": "billing@portal.example"})
    services = Services(settings, database, OneGateway(ScriptedGateway()), METHOD_USERS, clock)
    at = clock.now()
    with database.unit_of_work() as session:
        scope, other = (
            customers.add_customer(session, customers.add_merchant(session, slug, theme=slug, at=at), ADDRESS, at=at)
            for slug in ("acme", "savane")
        )
    return Site(services, app_on(services), clock, mail, scope, other)
