from __future__ import annotations

import pytest

from portal.checkout.rules import list_channels
from tests.support.scripted_gateway import ScriptedGateway


@pytest.mark.parametrize(("currency", "count"), [("XAF", 2), ("EUR", 0), ("XOF", 0)])
def test_prompts_are_in_the_currency_of_their_country(currency, count):
    assert len(list_channels(ScriptedGateway(), currency)) == count
