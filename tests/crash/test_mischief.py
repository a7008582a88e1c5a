"""A gateway that breaks, is silent, slow or confused, and customers that press at once: one charge, and the truth in the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.provider_events.models import ProviderEvent
from tests.crash.installation import GATEWAY_TIMEOUT_SECONDS
from tests.support.live_accounts import BROKEN_CARD, GOOD_CARD, SILENT_PHONE
from tests.support.waiting import wait_for


@pytest.mark.parametrize("answer", ["error_after", "drop_after", "drop_before", "slow", "broken_card"])
def test_an_order_without_an_answer_is_looked_up_and_charged_once(installation, answer):
    account = installation.accounts.create()
    invoice = account.open_invoice()
    payment = account.begin(invoice, method=account.save_card(BROKEN_CARD if answer == "broken_card" else GOOD_CARD))
    visitor = installation.visit(account)
    if answer != "broken_card":
        delay = GATEWAY_TIMEOUT_SECONDS + 1
        installation.accounts.sandbox.behave(payment, answer=answer, delay_seconds=delay, webhooks="never")
    installation.serve()

    assert visitor.confirm(payment) == 303
    assert account.payment(payment).status == "processing"
    if answer != "drop_before":
        wait_for(account.charges)  # The broken card's is there after three seconds.
    account.age(payment, timedelta(seconds=3))
    page = visitor.look(f"/payments/{payment}")
    is_known = account.payment(payment).status == "complete"
    assert ("Paid" if is_known else "We do not know yet whether it went through") in page
    assert visitor.confirm(payment) == 303
    assert len(account.charges()) == (answer != "drop_before")
    account.age(payment)
    assert installation.work() == 0

    assert (len(account.charges()), account.invoice(invoice).status) == (1, "paid")
    account.check_money()


def test_an_order_that_is_refused_for_ever_frees_the_invoice_within_minutes(installation):
    account = installation.accounts.create()
    invoice, card = account.open_invoice(), account.save_card()
    payment = account.begin(invoice, method=card)
    visitor = installation.visit(account)
    # The gateway stores its 500 under the key and answers it again, as Stripe does.
    installation.accounts.sandbox.behave(payment, answer="error_before")
    installation.serve()
    assert visitor.confirm(payment) == 303
    account.age(payment)
    assert installation.work() == 0
    assert (account.payment(payment).status, account.invoice(invoice).amount_reserved) == ("processing", 4900)

    account.age(payment, timedelta(minutes=13))
    assert installation.work() == 0
    assert (account.payment(payment).status, account.invoice(invoice).amount_reserved) == ("failed", 0)
    assert account.payment(payment).failure_code == "not_sent"
    assert visitor.confirm(account.begin(invoice, method=card)) == 303

    assert (len(account.charges()), account.invoice(invoice).status) == (1, "paid")
    account.check_money()


def test_events_late_twice_out_of_order_or_never_end_in_the_same_truth(installation):
    kinds = ("normal", "twice", "late", "out_of_order", "never")
    accounts = {kind: installation.accounts.create() for kind in kinds}
    payments = {
        kind: account.begin(account.open_invoice(), method=account.save_phone()) for kind, account in accounts.items()
    }
    installation.serve()
    for kind, account in accounts.items():
        installation.accounts.sandbox.behave(payments[kind], webhooks=kind, delay_seconds=1)
        assert installation.visit(account).confirm(payments[kind]) == 303
        assert account.payment(payments[kind]).status == "pending"

    wait_for(lambda: all(account.charges() for account in accounts.values()), seconds=15)
    notified = [account for kind, account in accounts.items() if kind != "never"]
    wait_for(lambda: all("charge.succeeded" in _events(account) for account in notified), seconds=15)
    accounts["never"].age(payments["never"])
    assert installation.work() == 0

    for account in accounts.values():
        assert len(account.charges()) == 1
        account.check_money()


def test_twenty_confirmations_at_once_charge_once(installation):
    account = installation.accounts.create()
    card, invoice = account.save_card(), account.open_invoice()
    payment = account.begin(invoice, method=card)
    visitors = [installation.visit(account) for _ in range(8)]
    installation.serve()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: visitors[number % 8].confirm(payment), range(20)))

    assert set(answers) == {303}
    assert (len(account.charges()), account.invoice(invoice).status) == (1, "paid")
    account.check_money()


def test_two_tabs_with_two_methods_at_once_charge_once(installation):
    account = installation.accounts.create()
    card, phone, invoice = account.save_card(), account.save_phone(SILENT_PHONE), account.open_invoice()
    visitors = [installation.visit(account) for _ in range(2)]
    installation.serve()
    first = account.begin(invoice, method=card)
    second = account.begin(invoice, method=phone)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: pair[0].confirm(pair[1]), zip(visitors, (first, second), strict=True)))

    # The newer one took the older one's place, which says so and takes nothing.
    assert answers[1] == 303 and answers[0] in (409, 422)
    assert account.payment(second).status == "pending" and account.charges() == []
    assert visitors[0].cancel(second) == 303
    assert visitors[0].confirm(account.begin(invoice, method=card)) == 303
    assert (len(account.charges()), account.invoice(invoice).status) == (1, "paid")
    account.check_money()


def _events(account) -> list[str]:
    """What the gateway has reported of this customer's payments."""
    mine = [payment.id for payment in account.payments()]
    with account.live.database.unit_of_work() as session:
        statement = sa.select(ProviderEvent.type).where(
            ProviderEvent.merchant_id == account.merchant.id, ProviderEvent.reference.in_(mine)
        )
        return list(session.execute(statement).scalars())
