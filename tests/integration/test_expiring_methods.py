"""Methods that run out: the customer is written to once a method and expiry, in their language, and about nothing that is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from portal.claims import claim, list_candidates
from portal.customers.models import Customer
from portal.outbox.models import OutboxMessage
from portal.payment_methods.jobs import _EXPIRING, mail_expiring_methods
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.rules import expiries_to_notify, method_state
from portal.public_ids import is_id, new_id
from portal.worker import build_handlers, deliver_due
from tests.support.bundled import bundled_renderer
from tests.support.site import Site

# The site's clock stands in the middle of March 2026; eight weeks on is the middle of May.


def save(site: Site, month: int | None = 4, year: int | None = 2026, **given: Any) -> str:
    method_id = new_id("pm", site.clock.now())
    row = {
        "gateway": "sandbox", "token": f"tok_{method_id}", "fingerprint": method_id, "type": "card", "brand": "visa",
        "last4": "4242", "exp_month": month, "exp_year": year, "status": "active", **given,
    }  # fmt: skip
    with site.services.database.unit_of_work() as session:
        session.add(
            PaymentMethod(
                merchant_id=site.scope.merchant_id,
                id=method_id,
                customer_id=site.scope.customer_id,
                created_at=site.clock.now(),
                **row,
            )
        )
    return method_id


def change(site: Site, table: Any, **values: Any) -> None:
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(table).where(table.merchant_id == site.scope.merchant_id).values(**values))


def send(site: Site) -> list[Any]:
    mail_expiring_methods(site.services)
    deliver_due(site.services, build_handlers(bundled_renderer()))
    return list(site.mail.take())


@pytest.mark.parametrize(
    ("month", "year", "is_notified"),
    [
        (3, 2026, True),
        (4, 2026, True),
        (2, 2026, True),
        (5, 2026, False),
        (12, 2025, False),
        (4, 2030, False),
        (None, None, False),
    ],
)
def test_customer_is_notified_eight_weeks_before_and_once(
    site: Site, month: int | None, year: int | None, is_notified: bool
) -> None:
    save(site, month, year)

    assert len(send(site)) == is_notified
    assert send(site) == []


def test_mail_names_the_method_and_leads_to_its_page(site: Site) -> None:
    method_id = save(site, nickname="Studio card", is_default=True)

    (caught,) = send(site)

    assert caught.message["Subject"] == "Visa\u00a0••••\u00a04242 expires soon"
    for part in (caught.text, caught.html):
        assert "This payment method can be used until the end of 04/2026." in part
        assert "Studio card" in part
        assert f"/acme/payment-methods/{method_id}" in part
        assert "It is your default payment method" in part
    assert caught.message["Auto-Submitted"] == "auto-generated"


def test_mail_is_in_the_customers_language(site: Site) -> None:
    save(site)
    change(site, Customer, locale="fr")

    (caught,) = send(site)

    assert "expire bientôt" in caught.message["Subject"]
    assert "expires" not in caught.text + caught.html


def test_method_that_ran_out_unnoticed_is_called_so(site: Site) -> None:
    save(site, 2, 2026)

    (caught,) = send(site)

    assert caught.message["Subject"].endswith("has expired")
    assert "can no longer be used" in caught.text


def test_outbox_holds_ids_only(site: Site) -> None:
    method_id = save(site)

    mail_expiring_methods(site.services)

    (message,) = site.rows(OutboxMessage)
    event = message.payload.pop("event")
    assert message.payload == {"type": "payment_method.expiring", "object": method_id, "expiry": 202604}
    assert is_id("evt", event)


def test_new_expiry_of_the_same_method_is_notified_again_when_its_time_comes(site: Site) -> None:
    save(site)
    assert len(send(site)) == 1

    change(site, PaymentMethod, exp_year=2027)
    assert send(site) == []
    site.clock.advance(days=365)

    assert len(send(site)) == 1


def test_two_workers_write_once(site: Site) -> None:
    for _ in range(5):
        save(site)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: mail_expiring_methods(site.services), range(3)))

    assert sum(counts) == 5
    assert len(site.rows(OutboxMessage)) == 5


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (PaymentMethod, {"status": "removed"}),
        (PaymentMethod, {"exp_year": 2029}),
        (Customer, {"email": None, "email_key": None}),
        (Customer, {"deleted_at": True}),
    ],
)
def test_nobody_is_written_to_about_what_is_gone_meanwhile(site: Site, table: Any, values: dict[str, Any]) -> None:
    save(site)
    mail_expiring_methods(site.services)
    change(site, table, **{name: site.clock.now() if value is True else value for name, value in values.items()})

    deliver_due(site.services, build_handlers(bundled_renderer()))

    assert site.mail.take() == []


def test_what_is_notified_is_what_pages_call_expiring() -> None:
    for today in (date(2026, 1, 1), date(2026, 3, 6), date(2026, 3, 7), date(2026, 8, 31), date(2026, 12, 31)):
        first, last = expiries_to_notify(today)

        for year, month in ((year, month) for year in (2025, 2026, 2027) for month in range(1, 13)):
            method = PaymentMethod(status="active", exp_year=year, exp_month=month)
            if method_state(method, today) == "expiring":
                assert first <= year * 100 + month <= last
            if year * 100 + month > last:
                assert method_state(method, today) == "active"


def test_method_that_expires_at_another_time_by_now_is_not_claimed(site: Site) -> None:
    save(site, month=4)
    now = site.clock.now()
    with site.services.database.read() as reader:
        (candidate,) = list_candidates(reader, _EXPIRING, now, limit=10)
    change(site, PaymentMethod, exp_month=5)

    assert site.services.database.run(lambda session: claim(session, _EXPIRING, candidate, now)) is None
    assert [row.notified_expiry for row in site.rows(PaymentMethod)] == [None]
