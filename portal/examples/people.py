"""Examples of the account's persons: every role and state, the forms and their faults, and the page of switching."""

from __future__ import annotations

from collections.abc import Iterator

from portal.examples.parts import NOW, Example, example_id
from portal.people.pages import AccountInvitationPage, PeoplePage, PersonEntry
from portal.sign_in.pages import AccountChoice, AccountOwed, AccountsPage

_LONG = f"{'w' * 64}@{'long-' * 12}name.example"
_OWN = PersonEntry("", "Maya Lindqvist", "maya@lindqvist.example", "owner", "joined", is_you=True)
_PEOPLE = (
    _OWN,
    PersonEntry(example_id("per", 1), "Jonas Weber", "jonas@weber.example", "payer", "joined", NOW.date()),
    PersonEntry(example_id("per", 2), "", _LONG, "viewer", "joined", NOW.date()),
    PersonEntry(example_id("per", 3), "W" * 120, "sam@lindqvist.example", "owner", "invited", NOW.date()),
    PersonEntry(example_id("per", 5), "", "lea@moreau.example", "payer", "declined", NOW.date()),
    PersonEntry(example_id("per", 4), "", "ingrid@moreau.example", "viewer", "expired", NOW.date()),
)


def people_examples() -> Iterator[Example]:
    """The page of persons and that of switching, each state of them once."""
    yield Example("people-closed", "people.html", PeoplePage(_PEOPLE, False, 7), "people")
    yield Example("people-alone", "people.html", PeoplePage((_OWN,), True, 7), "people")
    for done in ("invited", "removed"):
        yield Example(f"people-{done}", "people.html", PeoplePage(_PEOPLE, True, 7, done=done), "people")
    for fault in ("known", "too_many", "role", "name"):
        page = PeoplePage(_PEOPLE[:2], True, 7, fault=fault, typed="jonas@", typed_name="Jonas", typed_role="payer")
        yield Example(f"people-{fault}", "people.html", page, "people")
    for state in ("ask", "declined", "gone"):
        asked = AccountInvitationPage(state, "t" * 65, "maya@lindqvist.example", "payer", _LONG)
        yield Example(f"people-invitation-{state}", "people_invitation.html", asked)
    accounts = (
        AccountChoice(
            example_id("cus", 1),
            "Maya Lindqvist",
            "Lindqvist Studio",
            "owner",
            is_current=True,
            owed=(AccountOwed(2, 12000, "EUR"), AccountOwed(1, 500_000_00, "XAF")),
        ),
        AccountChoice(example_id("cus", 2), "Northlight Cooperative", role="payer"),
        AccountChoice(example_id("cus", 3), "W" * 120, "", "viewer"),
    )
    yield Example("accounts", "sign_in/accounts.html", AccountsPage(accounts, "maya@lindqvist.example"), "accounts")
    yield Example("accounts-alone", "sign_in/accounts.html", AccountsPage((), "maya@lindqvist.example"), "accounts")
