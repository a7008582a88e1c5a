"""Events of a gateway at the webhook endpoint: verified, stored once, answered. What they lead to is in test_event_handling.py."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from portal.provider_events.jobs import handle_events
from portal.provider_events.models import ProviderEvent
from portal.services import Services
from tests.support.accounts import make_account
from tests.support.paying import PayingCustomer
from tests.support.scripted_gateway import lost


@pytest.fixture
def slug(payer: PayingCustomer) -> str:
    return payer.slug


@pytest.fixture
def client(payer: PayingCustomer, services: Services):

    from tests.support.apps import served_app

    return served_app(payer.services).test_client()


def post(client, slug: str, event_id: str, reference: str, signature: str = "right", gateway: str = "sandbox") -> int:
    body = f"{event_id} {reference}".encode()
    response = client.post(f"/hooks/{slug}/{gateway}", data=body, headers={"Signature": signature})
    return int(response.status_code)


def test_event_is_stored_and_nothing_else_is_done_before_the_response(payer: PayingCustomer, client, slug: str) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    call_count = len(payer.gateway.calls)

    assert post(client, slug, "evt_1", payment) == 200

    assert len(payer.gateway.calls) == call_count
    (event,) = payer.rows(ProviderEvent)
    assert (event.reference, event.attempts, event.due_at) == (payment, 0, payer.clock.now())


def test_same_event_again_is_stored_once(payer: PayingCustomer, client, slug: str) -> None:
    payment = payer.pay(payer.invoice())

    assert [post(client, slug, "evt_1", payment) for _ in range(3)] == [200, 200, 200]

    assert len(payer.rows(ProviderEvent)) == 1


def test_same_event_at_two_processes_at_once_is_acknowledged_twice_and_stored_once(
    payer: PayingCustomer, client, slug: str
) -> None:
    statuses: list[int] = []
    other = threading.Thread(target=lambda: statuses.append(post(client, slug, "evt_1", "pay_unknown")))
    now = payer.clock.now()

    with payer.services.database.unit_of_work() as session:
        session.add(
            ProviderEvent(
                merchant_id=payer.scope.merchant_id,
                gateway="sandbox",
                event_id="evt_1",
                type="charge.succeeded",
                reference=None,
                received_at=now,
                handled_at=now,
            )
        )
        session.flush()
        other.start()
        other.join(0.3)  # It waits for this transaction.
    other.join()

    assert statuses == [200]
    assert len(payer.rows(ProviderEvent)) == 1


def test_event_about_an_unknown_object_is_stored_too(payer: PayingCustomer, client, slug: str) -> None:
    assert post(client, slug, "evt_1", "pay_0351NVaOhsYXswh5OTufqs") == 200
    assert post(client, slug, "evt_2", "not a reference of ours") == 200

    assert len(payer.rows(ProviderEvent)) == 2


@pytest.mark.parametrize("signature", ["", "wrong", "é", "x" * 5000])
def test_forged_event_is_refused_without_a_reason(payer: PayingCustomer, client, slug: str, signature: str) -> None:
    assert post(client, slug, "evt_1", "pay_x", signature.encode().decode("latin-1")) == 400
    assert payer.rows(ProviderEvent) == []


def test_event_for_no_such_merchant_or_gateway_is_refused(payer: PayingCustomer, client, slug: str) -> None:
    assert post(client, "nobody", "evt_1", "pay_x") == 404
    assert post(client, slug, "evt_1", "pay_x", gateway="stripe") == 400


def test_get_is_not_allowed(client, slug: str) -> None:
    assert client.get(f"/hooks/{slug}/sandbox").status_code == 405


def test_event_of_one_merchant_changes_nothing_of_another(
    payer: PayingCustomer, client, services: Services, app: Flask
) -> None:
    other = make_account(services, "other")
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())

    assert post(client, other.slug, "evt_1", payment) == 200
    handle_events(payer.services)

    assert payer.status(payment) == "processing"
