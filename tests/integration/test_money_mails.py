"""Mails about money that goes back and money that came too late: what they say, and when none is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.emails.handlers import build_mail_handlers
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.settings import Settings
from tests.support.actors import STAFF
from tests.support.bundled import bundled_renderer
from tests.support.mail_catcher import MailCatcher
from tests.support.paying import PayingCustomer

HANDLERS = build_mail_handlers(bundled_renderer())


@pytest.fixture
def office(payer: PayingCustomer, services: Services, settings: Settings, mail: MailCatcher) -> Services:
    """The payer's services, with what it takes to write to its customer."""
    return replace(payer.services, settings=settings.model_copy(update={"smtp_url": mail.url}))


def refunded(payer: PayingCustomer) -> str:
    payment = payer.pay(payer.invoice())
    return refund_payment(payer.services, payer.scope.merchant_id, payment, 700, reason=None, actor=STAFF)


def test_refund_says_how_much_is_on_its_way(payer: PayingCustomer, office: Services, mail: MailCatcher) -> None:
    refund_id = refunded(payer)

    HANDLERS["refund_mail"](office, payer.scope.merchant_id, {"object": refund_id, "type": "refund.complete"}, "obx_1")

    (caught,) = mail.take()
    assert caught.message["Subject"] == "Your refund of $7.00 from Acme Software Inc."
    assert "few days" in caught.text and refund_id in caught.text


def test_refund_that_came_back_says_where_the_money_is(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    refund_id = refunded(payer)

    HANDLERS["refund_mail"](office, payer.scope.merchant_id, {"object": refund_id, "type": "refund.failed"}, "obx_1")

    (caught,) = mail.take()
    assert caught.message["Subject"] == "Your refund from Acme Software Inc. did not go through"
    assert "The money is not lost" in caught.text


def test_refund_that_came_back_before_its_mail_left_is_not_announced_any_more(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    refund_id = refunded(payer)
    with payer.services.database.unit_of_work() as session:
        row = session.get(Refund, (payer.scope.merchant_id, refund_id))
        assert row is not None
        row.status = "failed"

    HANDLERS["refund_mail"](office, payer.scope.merchant_id, {"object": refund_id, "type": "refund.complete"}, "obx_1")

    assert mail.take() == []


def test_surplus_says_how_much_stands_to_the_customers_credit(
    payer: PayingCustomer, office: Services, mail: MailCatcher
) -> None:
    payment = payer.pay(payer.invoice())

    HANDLERS["surplus_mail"](office, payer.scope.merchant_id, {"payment": payment, "amount": 3000}, "obx_1")

    (caught,) = mail.take()
    assert caught.message["Subject"] == "$30.00 was added to your credit with Acme Software Inc."
    assert "approved after all" in caught.text
