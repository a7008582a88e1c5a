"""The waiting room: rows of one object come together, who is who is found out, and each refusal is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.importing.operations import spool as spool_module
from portal.importing.operations.spool import Spool
from portal.importing.rules.groups import Keys, Reading

AT = datetime(2026, 1, 1, tzinfo=UTC)


def reading(owner: str | None, number: str, at: datetime = AT, **payload: Any) -> Reading:
    return Reading(Keys(number, owner), at, payload)


def of_person(
    reference: str | None = None, email: str | None = None, phone: str | None = None, number: str = "1"
) -> Reading:
    keys = Keys(number, None, None, reference, email, email, phone)
    person = {"email": email, "phone": phone}
    return Reading(keys, AT, {}, [], {name: value for name, value in person.items() if value})


def owners_of(*readings: Reading) -> dict[int, str | None]:
    """The owner that the spool finds for each row, by its line; None for a row that is refused."""
    with Spool() as spool:
        for line, each in enumerate(readings, 2):
            spool.add(line, each, [])
        spool.find_owners()
        refused = {line for line, _, _ in spool.refusals()}
        found = {row.line: group.owner for group in spool.groups() for row in group.rows if row.reason is None}
    return {line: found.get(line) for line in sorted({*refused, *found})}


def test_rows_of_one_object_come_together_in_the_files_order():
    with Spool() as spool:
        for line, owner, number in [(2, "b", "1"), (3, "a", "2"), (4, "b", "1"), (5, "a", "1")]:
            spool.add(line, reading(owner, number), [])

        groups = [(group.owner, group.object, [row.line for row in group.rows]) for group in spool.groups()]

    assert groups == [("b", "1", [2, 4]), ("a", "2", [3]), ("a", "1", [5])]


def test_earliest_good_row_of_an_owner_is_named_with_each_group():
    with Spool() as spool:
        spool.add(2, reading("a", "1", datetime(2026, 2, 1, tzinfo=UTC)), [])
        spool.add(3, reading("a", "2"), [])
        spool.add(4, Reading(Keys("3", "a"), datetime(2020, 1, 1, tzinfo=UTC), {}, ["bad"]), [])

        assert {group.owner_at for group in spool.groups()} == {int(AT.timestamp() * 1_000_000)}


def test_every_row_is_counted_and_every_refusal_kept_by_line():
    with Spool() as spool:
        spool.refuse(4, "customer is empty", ["raw 4"])
        spool.add(2, reading("a", "1"), ["raw 2"])
        spool.add(3, reading("a", "2"), ["raw 3"])
        list(spool.groups())
        spool.refuse_spooled({2: "is paid"})

        assert (spool.row_count(), spool.refusal_count()) == (3, 2)
        assert list(spool.refusals()) == [(2, "is paid", ["raw 2"]), (4, "customer is empty", ["raw 4"])]
        assert spool.reasons(1) == [("customer is empty", 1)]


def test_too_large_object_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_GROUP_ROWS", 10)
    with Spool() as spool:
        for line in range(2, 40):
            spool.add(line, reading("a", "1"), [])

        (group,) = spool.groups()

        assert len(group.rows) == 11
        assert spool.refusal_count() == 38 - 11


def test_object_is_not_whole_without_a_refused_row_of_its_name():
    with Spool() as spool:
        spool.add(2, reading("a", "1"), [])
        spool.add(3, reading("a", "2"), [])
        spool.refuse(4, "a quote is broken", [], object_="2")

        assert {group.object: group.spoilt_by for group in spool.groups()} == {"1": None, "2": 4}


@pytest.mark.parametrize(
    ("readings", "owners"),
    [
        ([of_person("1", "a@x"), of_person("2", "b@x")], ["r:1", "r:2"]),
        ([of_person("1", "a@x"), of_person(None, "a@x")], ["r:1", "r:1"]),
        ([of_person(None, "a@x"), of_person("1", "a@x")], ["r:1", "r:1"]),
        ([of_person(None, "a@x"), of_person(None, "b@x")], ["e:a@x", "e:b@x"]),
        ([of_person("1", "a@x", "+1"), of_person(None, None, "+1")], ["r:1", "r:1"]),
        ([of_person(None, "a@x", "+1"), of_person(None, None, "+1")], ["e:a@x", "e:a@x"]),
        ([of_person(None, None, "+1"), of_person(None, None, "+1")], ["p:+1", "p:+1"]),
        ([of_person("0", "a@x"), of_person("0", "b@x"), of_person("0")], ["r:0", None, "r:0"]),
        ([of_person("0"), of_person("0", "a@x"), of_person("0", "b@x")], ["r:0", "r:0", None]),
        ([of_person("0", None, "+1"), of_person("0", None, "+2")], ["r:0", None]),
        ([of_person("0", "a@x", "+1"), of_person("0", "a@x", "+2")], ["r:0", "r:0"]),
        ([of_person("1", "a@x"), of_person("2", "a@x"), of_person(None, "a@x")], ["r:1", "r:2", None]),
        ([of_person("1", "a@x", "+1"), of_person("2", "b@x", "+1"), of_person(None, None, "+1")], ["r:1", "r:2", None]),
    ],
)
def test_rows_are_about_the_person_whom_they_name(readings, owners):
    numbered = [
        Reading(Keys(str(line), None, None, *_names(each)), AT, {}, [], each.person)
        for line, each in enumerate(readings, 2)
    ]

    assert list(owners_of(*numbered).values()) == owners


def test_first_value_that_is_not_empty_counts_over_all_rows_of_a_person():
    with Spool() as spool:
        spool.add(2, of_person("1", number="9"), [])
        spool.add(3, of_person("1", "a@x", number="8"), [])
        spool.add(4, of_person("1", "a@x", "+1", number="7"), [])
        spool.find_owners()

        people = [dict(group.person) for group in spool.groups()]

    assert people == [{"email": "a@x", "phone": "+1"}] * 3


def _names(each: Reading) -> tuple[str | None, ...]:
    return each.keys.reference, each.keys.email, each.keys.email_key, each.keys.phone
