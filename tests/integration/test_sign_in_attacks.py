"""The attacks of docs/signing-in.md, small: an hour's beginning against one owner, a merchant with few of each."""

from __future__ import annotations

import pytest

from portal.database import Database
from portal.settings import Settings
from portal.sign_in.rules.challenges import CODE_LETTERS
from tests.attacks.sign_in import (
    ATTACKERS,
    HOME,
    POSSIBLE_CODES,
    Attacker,
    Browser,
    World,
    arrive,
    besiege,
    known_browser,
    many_ips,
    one_48,
    overrun,
)

SMALL = {
    "sign_in_mails_per_hour": 20,
    "sign_in_spare_mails_per_ip_per_hour": 2,
    "sign_in_spare_mails_per_network_per_hour": 4,
    "sign_in_failures_per_hour": 15,
}


def test_attacker_keeps_no_owner_out_and_guesses_hopelessly(database: Database, settings: Settings) -> None:
    world = World(database, settings)
    known = known_browser(world)

    siege = besiege(world, ATTACKERS[-1], minutes=12)

    assert siege.mail_count <= 6
    assert siege.guess_count == 20
    assert siege.chance < 4e-9
    assert arrive(world, Browser(HOME)) == "link"
    world.clock.advance(minutes=1)
    assert arrive(world, known) == "code"


@pytest.mark.parametrize(
    "attacker", [Attacker("/48", one_48), Attacker("12 IPs", lambda: many_ips(12))], ids=["48", "ips"]
)
def test_attacker_refuses_nobody_elsewhere_at_a_merchant(
    database: Database, settings: Settings, attacker: Attacker
) -> None:
    world = World(database, settings.model_copy(update=SMALL))
    known = known_browser(world)

    run = overrun(world, attacker, patience=13)

    # The merchant's twenty; then four for a whole /48, and two for each address in all.
    assert run.request_count == {"/48": 24, "12 IPs": 24}[attacker.name]
    assert run.guess_count == 15
    assert arrive(world, Browser(HOME)) == "link"
    world.clock.advance(minutes=2)
    assert arrive(world, known) == "code"


def test_codes_are_as_many_as_the_figures_say() -> None:
    assert len(CODE_LETTERS) == 20
    assert POSSIBLE_CODES == 25_600_000_000
