"""Ids: random, of the promised shape, in the order of their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.public_ids import first_id, id_time, is_id, new_id, new_ordered_id

INSTANTS = st.integers(631_152_000_000, 7_258_118_400_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))


@given(INSTANTS)
def test_id_has_its_shape(at: datetime):
    assert re.fullmatch(r"pay_[0-9A-Za-z]{22}", new_id("pay", at)) and is_id("pay", new_id("pay", at))


@given(INSTANTS, INSTANTS)
def test_ids_sort_by_time(one: datetime, other: datetime):
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (new_id("pay", one) < new_id("pay", other)) == (one < other)


@given(INSTANTS)
def test_first_id_is_before_every_id_of_its_instant(at: datetime):
    assert first_id("pay", at) <= new_id("pay", at)


@given(INSTANTS)
def test_id_contains_its_instant(at: datetime):
    assert id_time(new_id("pay", at)) == at.replace(microsecond=at.microsecond // 1000 * 1000)


@pytest.mark.parametrize("text", ["", "pay_", "pay_1", "pay_" + "é" * 22, "pay_" + "z" * 22])
def test_text_that_is_not_an_id_has_no_instant(text: str):
    assert id_time(text) is None


def test_ids_of_one_instant_differ():
    at = datetime(2026, 3, 19, tzinfo=UTC)

    assert len({new_id("pay", at) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pay_",
        "pay",
        "inv_" + "0" * 22,
        "pay_" + "0" * 21,
        "pay_" + "0" * 23,
        "pay_" + "0" * 21 + "é",
        "pay_" + "0" * 21 + "\n",
        "PAY_" + "0" * 22,
    ],
)
def test_text_that_is_not_an_id_of_the_prefix_is_refused(text: str):
    assert not is_id("pay", text)


def test_ordered_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    at = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)

    made = [new_ordered_id("evt", at) for _ in range(500)]

    assert sorted(made) == made and len(set(made)) == 500
    assert all(is_id("evt", each) and id_time(each) == at for each in made)
    assert new_ordered_id("evt", at + timedelta(milliseconds=1)) > made[-1]
