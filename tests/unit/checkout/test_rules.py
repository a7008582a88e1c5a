from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.checkout.rules import least_first_part, list_channels
from portal.payments.amounts import Due, price
from tests.support.scripted_gateway import ScriptedGateway

AMOUNTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=8)


@given(AMOUNTS)
def test_least_first_part_reaches_every_invoice_and_a_cent_less_leaves_one_out(amounts):
    dues = _dues(amounts)
    least = least_first_part(dues, "USD")
    assert least is not None

    assert len(price(dues, "USD", amount=least).parts) == len(dues)
    if least > 1:
        assert len(price(dues, "USD", amount=least - 1).parts) < len(dues)


def test_price_in_another_currency_cannot_be_split():
    assert least_first_part([Due("inv_1", "USD", 5000, 1, prices={"EUR": 4600})], "EUR") is None
    assert least_first_part([], "USD") is None


@pytest.mark.parametrize(("currency", "count"), [("XAF", 2), ("EUR", 0), ("XOF", 0)])
def test_telephones_are_asked_in_the_currency_of_their_country(currency, count):
    assert len(list_channels(ScriptedGateway(), currency)) == count


def _dues(amounts):
    return [Due(f"inv_{place}", "USD", amount, 1) for place, amount in enumerate(amounts)]
