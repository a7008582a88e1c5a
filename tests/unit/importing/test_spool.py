"""The waiting room: rows of one object come together, and each refusal is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from portal.importing.operations import spool as spool_module
from portal.importing.operations.spool import Spool

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_rows_of_one_object_come_together_in_the_files_order():
    with Spool() as spool:
        for line, owner, number in [(2, "b", "1"), (3, "a", "2"), (4, "b", "1"), (5, "a", "1")]:
            spool.add(line, owner, number, AT, {"line": line}, "")

        groups = [(group.owner, group.object, [row.line for row in group.rows]) for group in spool.groups()]

    assert groups == [("a", "1", [5]), ("a", "2", [3]), ("b", "1", [2, 4])]


def test_earliest_good_row_of_an_owner_is_told_with_each_group():
    with Spool() as spool:
        spool.add(2, "a", "1", datetime(2026, 2, 1, tzinfo=UTC), {}, "")
        spool.add(3, "a", "2", AT, {}, "")
        spool.refuse(4, "bad", "", owner="a", object_="3", spoils=True)

        assert {group.owner_at for group in spool.groups()} == {int(AT.timestamp() * 1_000_000)}


def test_every_row_is_counted_and_every_refusal_kept_by_line():
    with Spool() as spool:
        spool.refuse(4, "customer is empty", "raw 4")
        spool.add(2, "a", "1", AT, {}, "raw 2")
        spool.add(3, "a", "2", AT, {}, "raw 3")
        list(spool.groups())
        spool.refuse_spooled([2], "is paid")

        assert (spool.row_count(), spool.refusal_count()) == (3, 2)
        assert list(spool.refusals()) == [(2, "is paid", "raw 2"), (4, "customer is empty", "raw 4")]


def test_too_large_object_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_GROUP_ROWS", 10)
    with Spool() as spool:
        for line in range(2, 40):
            spool.add(line, "a", "1", AT, {}, "")

        (group,) = spool.groups()

        assert len(group.rows) == 11
        assert spool.refusal_count() == 38 - 11
