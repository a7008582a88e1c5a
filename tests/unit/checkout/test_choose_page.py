from __future__ import annotations

from datetime import UTC, date, datetime

from portal.checkout.forms.fields import CheckoutFields
from portal.checkout.page_builders.choose import MAX_CHANGEABLE, CheckoutContext, build_choose_page
from portal.checkout.pages import ChoosePage
from portal.checkout.queries import Payable
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payments.rules.amounts import Due


def test_each_invoice_of_a_few_can_be_left_out_and_others_added():
    page = _choose(3, others=2)

    assert page.invoices[0].change_url == f"/acme/checkout?invoice={_id(1)}&invoice={_id(2)}"
    assert len(page.others) == 2


def test_a_sum_of_hundreds_of_invoices_has_no_address_that_names_them_all():
    page = _choose(300, others=2)

    assert len(page.invoices) == 300 and page.others == ()
    assert {invoice.change_url for invoice in page.invoices} == {None}
    assert page.currencies == ()


def test_no_address_on_the_page_is_longer_than_a_server_takes():
    page = _choose(MAX_CHANGEABLE - 1, others=2)

    addresses = [choice.change_url or "" for choice in (*page.invoices, *page.others)]
    addresses += [offer.url for offer in page.currencies]
    longest = max(map(len, addresses))
    assert longest < 4000  # gunicorn takes 4,094 bytes of a request's first line.


def _choose(count: int, *, others: int) -> ChoosePage:
    payable = [
        Payable(
            _id(number),
            f"A-{number}",
            "",
            date(2026, 3, 1),
            "GBP",
            100,
            False,
            Due(_id(number), "GBP", 100, 1, prices={"EUR": 120}),
        )
        for number in range(count + others)
    ]
    return build_choose_page(
        CheckoutFields(),
        payable[:count],
        payable,
        [],
        CheckoutContext(
            "Acme", "Sandbox Pay", can_add=True, can_save=True, options=PaymentOptions(), usual_currency="GBP"
        ),
        root="/acme",
        today=date(2026, 3, 19),
        now=datetime(2026, 3, 19, 10, 42, tzinfo=UTC),
        zone=UTC,
        locale="en",
        faults={},
        held_by=None,
    )


def _id(number: int) -> str:
    return f"inv_{number:022d}"
