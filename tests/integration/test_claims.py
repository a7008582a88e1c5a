"""Claims: of several workers each gets another row, the longest due first, and nobody gets what is another's or not due any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from portal.claims import NOW, Queue, Row, claim, claim_next, list_candidates
from portal.database import Database
from portal.outbox.models import OutboxMessage
from portal.tenancy import Scope
from tests.support.site import Site

PAUSE = timedelta(minutes=1)


def postponed(row: Row, now: datetime) -> dict[str, Any]:
    return {"attempts": row.attempts + 1, "due_at": now + PAUSE}


QUEUE = Queue(
    OutboxMessage,
    columns=(OutboxMessage.attempts, OutboxMessage.due_at),
    is_due=sa.and_(OutboxMessage.done_at.is_(None), OutboxMessage.due_at <= NOW),
    order_by=(OutboxMessage.due_at,),
    claim=postponed,
)


@pytest.fixture
def put(site: Site) -> Callable[..., None]:
    """Adds a message that has been due for so many seconds."""

    def add(message_id: str, *, seconds: int = 0, merchant_id: str = site.scope.merchant_id) -> None:
        now = site.clock.now()
        with site.services.database.unit_of_work() as session:
            session.add(
                OutboxMessage(
                    merchant_id=merchant_id, id=message_id, kind="work", payload={}, created_at=now,
                    due_at=now - timedelta(seconds=seconds),
                )
            )  # fmt: skip

    return add


def read_candidates(site: Site) -> list[Row]:
    with site.services.database.read() as reader:
        return list(list_candidates(reader, QUEUE, site.clock.now(), limit=10))


def claim_alone(site: Site, candidate: Row, queue: Queue = QUEUE) -> Row | None:
    return site.services.database.run(lambda session: claim(session, queue, candidate, site.clock.now()))


def claimed_id(site: Site) -> str | None:
    row = claim_next(site.services, QUEUE)
    return row and row.id


@dataclass
class Overtaken:
    """The database of a worker that is slow: each time it has read its candidates, another worker claims the next of `rows`."""

    site: Site
    rows: list[Row]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.site.services.database.read() as reader:
            yield reader
        if self.rows:
            assert claim_alone(self.site, self.rows.pop(0)) is not None

    def run(self, work: Callable[[Session], Any]) -> Any:
        return self.site.services.database.run(work)


def claimed_id_when_overtaken(site: Site, rows: list[Row], *, chance: float = 0) -> str | None:
    database = cast(Database, Overtaken(site, rows))
    row = claim_next(replace(site.services, database=database, chance=lambda: chance), QUEUE)
    return row and row.id


def test_rows_are_claimed_longest_due_first_and_each_once(site: Site, put: Callable[..., None]) -> None:
    put("out_second", seconds=20)
    put("out_first", seconds=30)
    put("out_third", seconds=10)
    put("out_later", seconds=-10)

    assert [claimed_id(site) for _ in range(4)] == ["out_first", "out_second", "out_third", None]


def test_rows_of_merchants_that_have_to_wait_are_left_for_later(
    site: Site, put: Callable[..., None], make_scope: Callable[[], Scope]
) -> None:
    put("out_first", seconds=30)
    put("out_second", seconds=20, merchant_id=make_scope().merchant_id)

    other = claim_next(site.services, QUEUE, except_merchants={site.scope.merchant_id})

    assert other is not None and other.id == "out_second"
    assert claim_next(site.services, QUEUE, except_merchants={site.scope.merchant_id}) is None
    assert claimed_id(site) == "out_first"


def test_claimed_row_is_returned_as_it_is_now(site: Site, put: Callable[..., None]) -> None:
    put("out_1")

    row = claim_next(site.services, QUEUE)

    assert row is not None
    assert (row.merchant_id, row.id, row.attempts) == (site.scope.merchant_id, "out_1", 1)
    assert row.due_at == site.clock.now() + PAUSE


def test_row_of_a_killed_worker_becomes_due_by_itself(site: Site, put: Callable[..., None]) -> None:
    put("out_1")
    assert claimed_id(site) == "out_1"

    site.clock.advance(seconds=60)

    assert claimed_id(site) == "out_1"


def test_candidate_that_another_worker_claimed_is_not_claimed(site: Site, put: Callable[..., None]) -> None:
    put("out_1")
    (candidate,) = read_candidates(site)

    assert claim_alone(site, candidate) is not None
    assert claim_alone(site, candidate) is None


def test_candidate_that_is_not_due_any_more_is_not_claimed(site: Site, put: Callable[..., None]) -> None:
    put("out_1")
    (candidate,) = read_candidates(site)
    with site.services.database.unit_of_work() as session:
        own = OutboxMessage.merchant_id == site.scope.merchant_id
        session.execute(sa.update(OutboxMessage).where(own).values(done_at=site.clock.now()))

    assert claim_alone(site, candidate) is None
    assert site.rows(OutboxMessage)[0].attempts == 0


def test_claim_that_leaves_the_row_due_counts_once(site: Site, put: Callable[..., None]) -> None:
    """As of a refund whose days of checking went by while no worker ran: its next time is past as well."""
    put("out_1", seconds=300)
    catching_up = replace(
        QUEUE, claim=lambda row, _now: {"attempts": row.attempts + 1, "due_at": row.due_at + timedelta(seconds=60)}
    )
    (candidate,) = read_candidates(site)

    assert claim_alone(site, candidate, catching_up) is not None
    assert claim_alone(site, candidate, catching_up) is None
    assert site.rows(OutboxMessage)[0].attempts == 1


def test_claim_changes_no_other_merchants_row_of_the_same_id(site: Site, put: Callable[..., None]) -> None:
    put("out_1", seconds=2)
    put("out_1", seconds=1, merchant_id=site.other.merchant_id)

    claim_next(site.services, QUEUE)

    attempts = {row.merchant_id: row.attempts for row in site.rows(OutboxMessage)}
    assert attempts == {site.scope.merchant_id: 1, site.other.merchant_id: 0}


@pytest.mark.parametrize(("chance", "next_one"), [(0, "out_b"), (0.5, "out_c"), (0.99, "out_d"), (1, "out_d")])
def test_worker_that_loses_a_row_goes_on_with_any_of_the_others(
    site: Site, put: Callable[..., None], chance: float, next_one: str
) -> None:
    for number, letter in enumerate("abcd"):
        put(f"out_{letter}", seconds=9 - number)
    first = read_candidates(site)[:1]

    assert claimed_id_when_overtaken(site, first, chance=chance) == next_one


def test_worker_that_loses_every_row_claims_none(site: Site, put: Callable[..., None]) -> None:
    put("out_a", seconds=2)
    put("out_b", seconds=1)

    assert claimed_id_when_overtaken(site, read_candidates(site)) is None
    assert [row.attempts for row in site.rows(OutboxMessage)] == [1, 1]


def test_worker_that_finds_nothing_only_reads(site: Site) -> None:
    with (
        site.services.database.unit_of_work()
    ):  # On SQLite somebody else is writing, and goes on for as long as it takes.
        assert claimed_id(site) is None


def test_many_workers_claim_each_row_once(site: Site, put: Callable[..., None]) -> None:
    ids = [f"out_{number:02}" for number in range(60)]
    for number, message_id in enumerate(ids):
        put(message_id, seconds=60 - number)

    def work(_worker: int) -> list[str]:
        found = []
        while (row := claim_next(site.services, QUEUE)) is not None:
            found.append(row.id)
        return found

    with ThreadPoolExecutor(6) as pool:
        claimed = [message_id for found in pool.map(work, range(6)) for message_id in found]

    assert Counter(claimed) == Counter(ids)
