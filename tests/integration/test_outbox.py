"""The outbox's relay: at least once, one worker at a time, pauses, dead letters, and workers that die."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from portal.clock import MovableClock
from portal.outbox.errors import Undeliverable
from portal.outbox.jobs import count_dead_letters, deliver_next, lease_next
from portal.outbox.models import OutboxMessage
from portal.outbox.operations import enqueue
from portal.worker import Job, Schedule, clean_up, run_forever, run_once


def put(site, *, kind="work", due_in=0, **payload):
    at = site.clock.now()
    with site.services.database.unit_of_work() as session:
        return enqueue(session, site.scope.merchant_id, kind, payload, at=at, due_at=at + timedelta(seconds=due_in))


def row(site, message_id):
    (found,) = site.rows(OutboxMessage, id=message_id)
    return found


class Recorder:
    """A handler that records its calls, and raises the given errors, one for each call."""

    def __init__(self, *faults):
        self.calls = []
        self.faults = list(faults)

    def __call__(self, services, merchant_id, payload, message_id):
        self.calls.append((merchant_id, payload, message_id))
        if self.faults:
            fault = self.faults.pop(0)
            if fault is not None:
                raise fault


def test_message_is_delivered_once_with_its_id(site):
    handler = Recorder()
    message_id = put(site, number=7)

    assert deliver_next(site.services, {"work": handler}) == "done"
    assert deliver_next(site.services, {"work": handler}) is None

    assert handler.calls == [(site.scope.merchant_id, {"number": 7}, message_id)]
    assert row(site, message_id).done_at == site.clock.now()


def test_message_that_was_due_at_once_does_not_wait_for_a_worker_whose_clock_is_behind(site):
    """Threats 220: five minutes are no reason to send a mail five minutes late; a retry keeps its pause."""
    handler = Recorder(OSError())
    put(site)
    behind = replace(site.services, clock=MovableClock(site.clock.now() - timedelta(minutes=5)))

    assert deliver_next(behind, {"work": handler}) == "retried"

    assert deliver_next(behind, {"work": handler}) is None
    behind.clock.advance(minutes=1)
    assert deliver_next(behind, {"work": handler}) == "done"


def test_message_waits_until_it_is_due(site):
    handler = Recorder()
    put(site, due_in=60)

    site.clock.advance(seconds=59)
    assert deliver_next(site.services, {"work": handler}) is None
    site.clock.advance(seconds=1)

    assert deliver_next(site.services, {"work": handler}) == "done"


def test_oldest_due_message_goes_first(site):
    handler = Recorder()
    late, early = put(site, due_in=20), put(site, due_in=10)
    site.clock.advance(seconds=30)

    deliver_next(site.services, {"work": handler})
    deliver_next(site.services, {"work": handler})

    assert [call[2] for call in handler.calls] == [early, late]


def test_failed_message_is_retried_after_growing_delays(site):
    handler = Recorder(*[OSError("maya@lindqvist.example cannot be reached")] * 3)
    message_id = put(site)
    pauses = []
    for _ in range(3):
        assert deliver_next(site.services, {"work": handler}) == "retried"
        pauses.append((row(site, message_id).due_at - site.clock.now()).total_seconds())
        assert deliver_next(site.services, {"work": handler}) is None
        site.clock.move_to(row(site, message_id).due_at)

    assert deliver_next(site.services, {"work": handler}) == "done"
    assert 4 <= pauses[0] <= 6 < 8 <= pauses[1] <= 12 < 16 <= pauses[2] <= 24


def test_dead_letter_after_twelve_attempts_is_stored_without_an_address(site):
    handler = Recorder(*[OSError("maya@lindqvist.example cannot be reached")] * 20)
    message_id = put(site)
    begun = site.clock.now()
    outcomes: list[str | None] = []
    while outcomes[-1:] != ["dead"]:
        outcomes.append(deliver_next(site.services, {"work": handler}))
        site.clock.move_to(max(site.clock.now(), row(site, message_id).due_at))

    assert outcomes == ["retried"] * 11 + ["dead"]
    assert timedelta(hours=1) < site.clock.now() - begun < timedelta(hours=4)
    site.clock.advance(days=60)
    clean_up(site.services)
    assert deliver_next(site.services, {"work": handler}) is None
    assert row(site, message_id).last_error == "OSError"
    assert count_dead_letters(site.services.database) == 1


def test_undeliverable_message_is_dead_lettered_at_once(site):
    message_id = put(site)

    assert deliver_next(site.services, {"work": Recorder(Undeliverable("recipient refused, 550"))}) == "dead"

    assert row(site, message_id).last_error == "Undeliverable recipient refused, 550"


def test_message_of_an_unknown_kind_waits_for_a_worker_that_knows_it(site):
    message_id = put(site, kind="from_the_future")

    assert deliver_next(site.services, {}) == "retried"
    site.clock.move_to(row(site, message_id).due_at)

    assert deliver_next(site.services, {"from_the_future": Recorder()}) == "done"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(("place", "deliveries"), [("outbox.leased", 0), ("outbox.delivered", 1)])
def test_lease_of_a_dead_worker_is_taken_over_within_a_minute(site, place, deliveries):
    def die(label):
        if label == place:
            raise Killed

    handler = Recorder()
    message_id = put(site)
    with pytest.raises(Killed):
        deliver_next(replace(site.services, crash_point=die), {"work": handler})
    assert len(handler.calls) == deliveries
    assert deliver_next(site.services, {"work": handler}) is None

    site.clock.advance(seconds=60)

    assert deliver_next(site.services, {"work": handler}) == "done"
    assert handler.calls[-1][2] == message_id


def test_message_that_kills_every_worker_is_dead_lettered(site):
    def die(_services, _merchant_id, _payload, _message_id):
        raise Killed

    message_id = put(site)
    for _ in range(12):
        with pytest.raises(Killed):
            deliver_next(site.services, {"work": die})
        site.clock.advance(minutes=1)

    assert deliver_next(site.services, {"work": die}) == "dead"
    assert row(site, message_id).attempts == 13


def test_slow_worker_does_not_overwrite_the_result_of_the_one_that_took_over(site):
    message_id = put(site)
    taken_over = Recorder(None)

    def slow(_services, _merchant_id, _payload, _message_id):
        site.clock.advance(seconds=60)
        assert deliver_next(site.services, {"work": taken_over}) == "done"
        raise OSError

    assert deliver_next(site.services, {"work": slow}) == "retried"

    assert row(site, message_id).done_at is not None
    assert row(site, message_id).last_error is None


def test_slow_worker_does_not_end_the_lease_of_the_one_that_took_over(site):
    message_id = put(site)

    def slow(_services, _merchant_id, _payload, _message_id):
        site.clock.advance(seconds=60)
        assert lease_next(site.services) is not None
        raise OSError

    deliver_next(site.services, {"work": slow})

    assert row(site, message_id).leased_until > site.clock.now()
    assert deliver_next(site.services, {"work": Recorder()}) is None


def test_many_workers_deliver_each_message_once(site):
    ids = {put(site, number=number) for number in range(60)}
    delivered = []

    def handler(_services, _merchant_id, _payload, message_id):
        delivered.append(message_id)

    def work(_number):
        while deliver_next(site.services, {"work": handler}):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert Counter(delivered) == Counter(dict.fromkeys(ids, 1))


def test_clock_that_jumps_back_does_not_hold_a_lease_for_ever(site):
    handler = Recorder()
    put(site)
    site.clock.advance(hours=2)
    lease_next(site.services)
    site.clock.advance(hours=-1)

    assert deliver_next(site.services, {"work": handler}) == "done"


def test_one_round_returns_its_counts(site):
    put(site, number=1)
    put(site, number=2)
    put(site, due_in=10)
    jobs = (Job("checked", timedelta(seconds=1), lambda _services: 3),)

    counts = run_once(site.services, {"work": Recorder(OSError())}, jobs=jobs)

    assert counts == {"checked": 3, "done": 1, "retried": 1, "dead": 0}


def test_job_that_fails_does_not_keep_the_others_from_running(site):
    def fail(_services):
        raise RuntimeError

    schedule = Schedule(
        (Job("broken", timedelta(seconds=5), fail), Job("fine", timedelta(seconds=5), lambda _services: 1))
    )

    assert schedule.run_due(site.services) == {"failed_jobs": 1, "fine": 1}
    assert schedule.run_due(site.services) == {}
    site.clock.advance(seconds=5)
    assert schedule.run_due(site.services) == {"failed_jobs": 1, "fine": 1}


def test_worker_goes_on_until_it_is_stopped(site):
    stop, delivered = threading.Event(), threading.Event()
    worker = threading.Thread(
        target=run_forever,
        args=(site.services, {"work": lambda *_: delivered.set()}, stop),
        kwargs={"jobs": ()},
    )
    worker.start()
    try:
        put(site)
        assert delivered.wait(5)
    finally:
        stop.set()
        worker.join(5)

    assert not worker.is_alive()


def test_job_that_hangs_holds_up_no_mail_and_no_end(site, monkeypatch):
    """As asking a gateway does that takes every call and answers none."""
    monkeypatch.setattr("portal.worker._END_WITHIN_SECONDS", 0.1)
    stop, delivered, hangs, lets_go = (threading.Event() for _ in range(4))

    def hang(_services) -> int:
        hangs.set()
        lets_go.wait(20)
        return 0

    worker = threading.Thread(
        target=run_forever,
        args=(site.services, {"work": lambda *_: delivered.set()}, stop),
        kwargs={"jobs": (Job("hanging", timedelta(seconds=1), hang),)},
    )
    worker.start()
    try:
        assert hangs.wait(5)
        put(site)
        assert delivered.wait(5)
        stop.set()
        worker.join(5)
        assert not worker.is_alive()
    finally:
        stop.set()
        lets_go.set()
        worker.join(5)


def test_delivered_messages_are_deleted_after_a_month(site):
    put(site)
    deliver_next(site.services, {"work": Recorder()})

    site.clock.advance(days=29)
    clean_up(site.services)
    assert site.count(OutboxMessage) == 1
    site.clock.advance(days=2)
    clean_up(site.services)

    assert site.count(OutboxMessage) == 0
