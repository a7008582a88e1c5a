"""A merchant that takes payments through a scripted gateway, a customer with a card, and an invoice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from portal.clock import MovableClock
from portal.crash_points import do_nothing
from portal.customers.models import Customer
from portal.database import Database
from portal.merchants.models import Merchant
from portal.method_users import METHOD_USERS
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import new_id
from portal.services import Services
from portal.settings import Settings
from portal.tenancy import Scope
from tests.support.mail_catcher import MailCatcher, catch_mail
from tests.support.paying import Till
from tests.support.scripted_gateway import OneGateway, ScriptedGateway
from tests.support.site import Site, make_site


@pytest.fixture
def make_scope(database: Database, clock: MovableClock) -> Callable[[], Scope]:
    """Makes another merchant with one customer."""

    def make() -> Scope:
        now = clock.now()
        merchant_id, customer_id = new_id("mer", now), new_id("cus", now)
        with database.unit_of_work() as session:
            session.add(
                Merchant(
                    id=merchant_id,
                    slug=merchant_id[-10:].lower(),
                    mode="test",
                    status="active",
                    name="Acme",
                    legal_name="Acme Software Inc.",
                    currency="USD",
                    locale="en",
                    timezone="UTC",
                    theme="acme",
                    gateway="sandbox",
                    created_at=now,
                    updated_at=now,
                )
            )
            session.flush()
            session.add(
                Customer(
                    merchant_id=merchant_id,
                    id=customer_id,
                    name="Maya Lindqvist",
                    email="maya@lindqvist.example",
                    email_key="maya@lindqvist.example",
                    created_at=now,
                    updated_at=now,
                )
            )
        return Scope(merchant_id, customer_id)

    return make


@pytest.fixture
def till(database: Database, clock: MovableClock, settings: Settings, make_scope: Callable[[], Scope]) -> Till:
    """A till on the test's database."""
    scope = make_scope()
    method_id = new_id("pm", clock.now())
    with database.unit_of_work() as session:
        session.add(
            PaymentMethod(
                merchant_id=scope.merchant_id,
                id=method_id,
                customer_id=scope.customer_id,
                gateway="sandbox",
                token="tok_visa",
                fingerprint="fp-visa",
                type="card",
                brand="visa",
                last4="4242",
                exp_month=12,
                exp_year=2030,
                is_default=True,
                status="active",
                created_at=clock.now(),
            )
        )
    gateway = ScriptedGateway()
    services = Services(settings, database, OneGateway(gateway), METHOD_USERS, clock, do_nothing)
    return Till(services, gateway, scope, method_id, clock)


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
