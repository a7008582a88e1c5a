"""A merchant that takes payments through a scripted gateway, a customer with a card, and an invoice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from portal import Portal
from portal.clock import MovableClock
from portal.crash_points import do_nothing
from portal.database import Database
from portal.method_users import METHOD_USERS
from portal.services import Services
from portal.settings import Settings
from portal.tenancy import Scope
from tests.support import customers
from tests.support.accounts import make_account
from tests.support.hosts import OpenShop, Shop, build_host, dispose, mount
from tests.support.identified import People
from tests.support.mail_catcher import MailCatcher, catch_mail
from tests.support.paying import PayingCustomer
from tests.support.scripted_gateway import OneGateway, ScriptedGateway
from tests.support.site import Site, make_site


@pytest.fixture
def make_scope(database: Database, clock: MovableClock) -> Callable[[], Scope]:
    """Makes another merchant with one customer."""
    numbers = count(1)

    def make() -> Scope:
        with database.unit_of_work() as session:
            slug = f"acme-{next(numbers)}"
            merchant_id = customers.add_merchant(
                session, slug, at=clock.now(), name="Acme", legal_name="Acme Software Inc.", theme="acme"
            )
            return customers.add_customer(session, merchant_id, at=clock.now())

    return make


@pytest.fixture
def payer(
    database: Database, clock: MovableClock, settings: Settings, make_scope: Callable[[], Scope]
) -> PayingCustomer:
    """A paying customer with a saved card, on the test's database."""
    scope = make_scope()
    with database.unit_of_work() as session:
        method_id = customers.insert_method(
            session, scope, at=clock.now(), token="tok_visa", fingerprint="fp-visa", is_default=True
        )
    gateway = ScriptedGateway()
    services = Services(settings, database, OneGateway(gateway), METHOD_USERS, clock, do_nothing)
    return PayingCustomer(services, gateway, scope, method_id, clock)


@pytest.fixture(scope="session")
def _mail_server() -> Iterator[MailCatcher]:
    with catch_mail() as catcher:
        yield catcher


@pytest.fixture
def mail(_mail_server: MailCatcher) -> MailCatcher:
    """A mail server without any mail yet."""
    _mail_server.take()
    _mail_server.answer = "250 OK"
    return _mail_server


@pytest.fixture
def site(database: Database, settings: Settings, clock: MovableClock, mail: MailCatcher) -> Site:
    """A portal with a mail server on the test's database."""
    return make_site(database, settings, clock, mail)


@pytest.fixture
def open_shop(services: Services, clock: MovableClock) -> Iterator[OpenShop]:
    """Opens a shop whose portal has the test's database; its clock is the machine's. Options are those of `Portal`."""
    clock.move_to(datetime.now(UTC))
    account = make_account(services)
    opened: list[Portal] = []

    def open_one(proxy: str = "", **options: Any) -> Shop:
        app = build_host(proxy)
        portal = mount(app, services, proxy=proxy, **options)
        opened.append(portal)
        return Shop(app, portal, account)

    yield open_one
    for portal in opened:
        dispose(portal)


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def shop(open_shop: OpenShop, people: People) -> Shop:
    """The shop whose users `people` names."""
    return open_shop(identify=people.who)
