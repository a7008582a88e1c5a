"""The headings of the history: a month each, but sparse months share one."""

from __future__ import annotations

from datetime import date

import pytest

from portal.examples import payment_rows
from portal.payments.page_builders.history import group_by_month
from portal.rendering.formats import formats_for

ROW = payment_rows(1)[0]


@pytest.mark.parametrize(
    ("months", "headings"),
    [
        ([(11, 3), (10, 2)], ["November 2026", "October 2026"]),
        ([(11, 2), (9, 1), (8, 1), (7, 1)], ["November 2026", "July – September 2026"]),
        ([(11, 1), (10, 1), (9, 3)], ["October – November 2026", "September 2026"]),
        ([(11, 5), (10, 1), (9, 4)], ["November 2026", "September – October 2026"]),
        ([(11, 5), (10, 1)], ["October – November 2026"]),
        ([(11, 1)], ["November 2026"]),
        ([], []),
    ],
)
def test_months_of_one_payment_share_a_heading(months: list[tuple[int, int]], headings: list[str]) -> None:
    rows = [ROW._replace(on=date(2026, month, 28 - n)) for month, count in months for n in range(count)]

    grouped = group_by_month(rows)

    english = formats_for("en")
    titles = [english.months(group.since, group.on) if group.since else english.month(group.on) for group in grouped]
    assert [title.replace("\u2009", " ") for title in titles] == headings
    assert [row for group in grouped for row in group.rows] == rows


def test_heading_over_the_turn_of_a_year_names_both() -> None:
    assert formats_for("fr").months(date(2025, 11, 30), date(2026, 1, 2)).replace("\u2009", " ") == (
        "Novembre 2025 – janvier 2026"
    )
