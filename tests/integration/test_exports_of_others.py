"""What an export must not have of others: devices, telephones, digits, the ids of other customers."""

from __future__ import annotations

import json

from portal.customers.operations import change_email, dismiss_merge
from portal.events.operations import delete_old_events
from portal.events.rules import EventType, customer_actor
from portal.gateways.contract import State
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.operations.methods import rename_method
from portal.payment_methods.operations.setups import SetupOptions, begin_setup, resolve_setup
from portal.payments.operations.paying import resolve_payment
from portal.payments.rules.choices import Prompt
from portal.tenancy import MerchantScope
from tests.integration.test_exports import made, used_by_two
from tests.support import customers
from tests.support.actors import STAFF
from tests.support.pay_links import guest_of
from tests.support.site import Site

DEVICE = "Anna's card laptop"


def save_a_method(site: Site, person: str) -> None:
    setup = begin_setup(
        site.services, site.scope, SetupOptions(), locale="en", pages_url="http://127.0.0.1:5000/acme/payment-methods/new",
        consent=Consent("Acme may keep it.", "en", "203.0.113.99", DEVICE, person),
        actor=customer_actor(site.scope.customer_id, person=person),
    )  # fmt: skip
    site.services.gateways.find(site.scope.merchant_id).finish_setup(setup)  # type: ignore[union-attr]
    resolve_setup(site.services, site.scope.merchant_id, setup)


def test_consent_shows_the_device_of_who_gave_it_and_not_of_who_touched_the_method_last(site: Site) -> None:
    anna, bert = used_by_two(site)
    save_a_method(site, anna)
    berts = customer_actor(site.scope.customer_id, person=bert)
    (method,) = site.rows(PaymentMethod)
    site.services.database.run(
        lambda session: rename_method(session, site.scope, method.id, "ours", actor=berts, at=site.clock.now())
    )

    of_bert = made(site, person=bert).read("data.json").decode()
    site.clock.advance(days=1)
    of_anna = made(site, person=anna).read("data.json").decode()

    assert DEVICE not in of_bert and "203.0.113.99" not in of_bert
    assert DEVICE in of_anna


def test_consent_of_a_person_is_not_the_accounts_own_once_its_events_are_deleted(site: Site) -> None:
    anna, _ = used_by_two(site)
    save_a_method(site, anna)
    site.clock.advance(days=400)
    site.services.database.run(
        lambda session: delete_old_events(session, site.scope.merchant_id, retention_days=1, at=site.clock.now())
    )

    assert DEVICE not in made(site).read("data.json").decode()


def test_export_has_neither_digits_nor_telephone_of_who_paid_by_the_link(site: Site) -> None:
    gateway = site.services.gateways.find(site.scope.merchant_id)
    with site.services.database.unit_of_work() as session:
        first, second = (
            customers.add_invoice(session, site.scope, 5000, at=site.clock.now(), number=number) for number in "AB"
        )
    by_phone = guest_of(site.services, site.scope, first).pay(Prompt("cm.mtn", "+237677000012"))
    gateway.settle(by_phone, State.SUCCEEDED)  # type: ignore[union-attr]
    by_card = guest_of(site.services, site.scope, second).pay()
    gateway.pay_page(by_card)  # type: ignore[union-attr]
    for payment in (by_phone, by_card):
        resolve_payment(site.services, site.scope.merchant_id, payment)

    data = json.loads(made(site).read("data.json"))

    assert [each["status"] for each in data["payments"]] == ["complete", "complete"]
    for section in ("payments", "events"):
        text = json.dumps(data[section])
        assert "677000012" not in text and "4242" not in text and '"0012"' not in text, section


def test_export_names_no_other_customer_of_the_address(site: Site) -> None:
    other = site.add_customer("shared@else.example")
    with site.services.database.unit_of_work() as session:
        at, scope = site.clock.now(), MerchantScope(site.scope.merchant_id)
        actor, event_type = customer_actor(site.scope.customer_id), EventType.CUSTOMER_EMAIL_CHANGED
        change_email(session, site.scope, "shared@else.example", event_type=event_type, actor=actor, at=at)
        session.flush()
        dismiss_merge(session, scope, site.scope.customer_id, other.customer_id, actor=STAFF, at=at)

    archive = made(site)

    assert "customer.email_changed" in archive.read("data.json").decode()
    assert other.customer_id not in archive.read("data.json").decode() + archive.read("data.html").decode()
