"""The outbox's relay: at least once, one worker at a time, pauses, dead letters, and workers that die."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from portal.outbox.errors import Undeliverable
from portal.outbox.jobs import count_dead_letters, deliver_next, lease_next
from portal.outbox.models import OutboxMessage
from portal.outbox.operations import enqueue
from portal.worker import Job, Schedule, clean_up, run_forever, run_once


def put(door, *, kind="work", due_in=0, **payload):
    at = door.clock.now()
    with door.services.database.unit_of_work() as session:
        return enqueue(session, door.scope.merchant_id, kind, payload, at=at, due_at=at + timedelta(seconds=due_in))


def row(door, message_id):
    (found,) = door.rows(OutboxMessage, id=message_id)
    return found


class Recorder:
    """A handler that notes what it is given, and raises the faults it was told to, one a call."""

    def __init__(self, *faults):
        self.calls = []
        self.faults = list(faults)

    def __call__(self, services, merchant_id, payload, message_id):
        self.calls.append((merchant_id, payload, message_id))
        if self.faults:
            fault = self.faults.pop(0)
            if fault is not None:
                raise fault


def test_message_is_delivered_once_with_its_id(door):
    handler = Recorder()
    message_id = put(door, number=7)

    assert deliver_next(door.services, {"work": handler}) == "done"
    assert deliver_next(door.services, {"work": handler}) is None

    assert handler.calls == [(door.scope.merchant_id, {"number": 7}, message_id)]
    assert row(door, message_id).done_at == door.clock.now()


def test_message_waits_until_it_is_due(door):
    handler = Recorder()
    put(door, due_in=60)

    door.clock.advance(seconds=59)
    assert deliver_next(door.services, {"work": handler}) is None
    door.clock.advance(seconds=1)

    assert deliver_next(door.services, {"work": handler}) == "done"


def test_oldest_due_message_goes_first(door):
    handler = Recorder()
    late, early = put(door, due_in=20), put(door, due_in=10)
    door.clock.advance(seconds=30)

    deliver_next(door.services, {"work": handler})
    deliver_next(door.services, {"work": handler})

    assert [call[2] for call in handler.calls] == [early, late]


def test_failed_message_is_tried_again_after_growing_pauses(door):
    handler = Recorder(*[OSError("maya@lindqvist.example cannot be reached")] * 3)
    message_id = put(door)
    pauses = []
    for _ in range(3):
        assert deliver_next(door.services, {"work": handler}) == "retried"
        pauses.append((row(door, message_id).due_at - door.clock.now()).total_seconds())
        assert deliver_next(door.services, {"work": handler}) is None
        door.clock.move_to(row(door, message_id).due_at)

    assert deliver_next(door.services, {"work": handler}) == "done"
    assert 4 <= pauses[0] <= 6 < 8 <= pauses[1] <= 12 < 16 <= pauses[2] <= 24


def test_dead_letter_after_twelve_tries_is_kept_and_says_no_address(door):
    handler = Recorder(*[OSError("maya@lindqvist.example cannot be reached")] * 20)
    message_id = put(door)
    begun = door.clock.now()
    outcomes: list[str | None] = []
    while outcomes[-1:] != ["dead"]:
        outcomes.append(deliver_next(door.services, {"work": handler}))
        door.clock.move_to(max(door.clock.now(), row(door, message_id).due_at))

    assert outcomes == ["retried"] * 11 + ["dead"]
    assert timedelta(hours=1) < door.clock.now() - begun < timedelta(hours=4)
    door.clock.advance(days=60)
    clean_up(door.services)
    assert deliver_next(door.services, {"work": handler}) is None
    assert row(door, message_id).last_error == "OSError"
    assert count_dead_letters(door.services.database) == 1


def test_what_can_never_be_delivered_is_given_up_at_once(door):
    message_id = put(door)

    assert deliver_next(door.services, {"work": Recorder(Undeliverable("recipient refused, 550"))}) == "dead"

    assert row(door, message_id).last_error == "Undeliverable recipient refused, 550"


def test_message_of_an_unknown_kind_waits_for_a_worker_that_knows_it(door):
    message_id = put(door, kind="from_the_future")

    assert deliver_next(door.services, {}) == "retried"
    door.clock.move_to(row(door, message_id).due_at)

    assert deliver_next(door.services, {"from_the_future": Recorder()}) == "done"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(("place", "deliveries"), [("outbox.leased", 0), ("outbox.delivered", 1)])
def test_lease_of_a_dead_worker_is_taken_over_within_a_minute(door, place, deliveries):
    def die(label):
        if label == place:
            raise Killed

    handler = Recorder()
    message_id = put(door)
    with pytest.raises(Killed):
        deliver_next(replace(door.services, crash_point=die), {"work": handler})
    assert len(handler.calls) == deliveries
    assert deliver_next(door.services, {"work": handler}) is None

    door.clock.advance(seconds=60)

    assert deliver_next(door.services, {"work": handler}) == "done"
    assert handler.calls[-1][2] == message_id


def test_message_that_kills_every_worker_is_given_up(door):
    def die(_services, _merchant_id, _payload, _message_id):
        raise Killed

    message_id = put(door)
    for _ in range(12):
        with pytest.raises(Killed):
            deliver_next(door.services, {"work": die})
        door.clock.advance(minutes=1)

    assert deliver_next(door.services, {"work": die}) == "dead"
    assert row(door, message_id).attempts == 13


def test_slow_worker_does_not_speak_for_the_one_that_took_over(door):
    message_id = put(door)
    taken_over = Recorder(None)

    def slow(_services, _merchant_id, _payload, _message_id):
        door.clock.advance(seconds=60)
        assert deliver_next(door.services, {"work": taken_over}) == "done"
        raise OSError

    assert deliver_next(door.services, {"work": slow}) == "retried"

    assert row(door, message_id).done_at is not None
    assert row(door, message_id).last_error is None


def test_slow_worker_does_not_end_the_lease_of_the_one_that_took_over(door):
    message_id = put(door)

    def slow(_services, _merchant_id, _payload, _message_id):
        door.clock.advance(seconds=60)
        assert lease_next(door.services) is not None
        raise OSError

    deliver_next(door.services, {"work": slow})

    assert row(door, message_id).leased_until > door.clock.now()
    assert deliver_next(door.services, {"work": Recorder()}) is None


def test_many_workers_deliver_each_message_once(door):
    ids = {put(door, number=number) for number in range(60)}
    delivered = []

    def handler(_services, _merchant_id, _payload, message_id):
        delivered.append(message_id)

    def work(_number):
        while deliver_next(door.services, {"work": handler}):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert Counter(delivered) == Counter(dict.fromkeys(ids, 1))


def test_clock_that_jumps_back_does_not_hold_a_lease_for_ever(door):
    handler = Recorder()
    put(door)
    door.clock.advance(hours=2)
    lease_next(door.services)
    door.clock.advance(hours=-1)

    assert deliver_next(door.services, {"work": handler}) == "done"


def test_one_round_tells_what_it_did(door):
    put(door, number=1)
    put(door, number=2)
    put(door, due_in=10)
    jobs = (Job("checked", timedelta(seconds=1), lambda _services: 3),)

    counts = run_once(door.services, {"work": Recorder(OSError())}, jobs=jobs)

    assert counts == {"checked": 3, "done": 1, "retried": 1, "dead": 0}


def test_job_that_fails_does_not_keep_the_others_from_running(door):
    def fail(_services):
        raise RuntimeError

    schedule = Schedule(
        (Job("broken", timedelta(seconds=5), fail), Job("fine", timedelta(seconds=5), lambda _services: 1))
    )

    assert schedule.run_due(door.services) == {"failed_jobs": 1, "fine": 1}
    assert schedule.run_due(door.services) == {}
    door.clock.advance(seconds=5)
    assert schedule.run_due(door.services) == {"failed_jobs": 1, "fine": 1}


def test_worker_goes_on_until_it_is_stopped(door):
    stop, delivered = threading.Event(), threading.Event()
    worker = threading.Thread(
        target=run_forever,
        args=(door.services, {"work": lambda *_: delivered.set()}, stop),
        kwargs={"jobs": ()},
    )
    worker.start()
    try:
        put(door)
        assert delivered.wait(5)
    finally:
        stop.set()
        worker.join(5)

    assert not worker.is_alive()


def test_job_that_hangs_holds_up_no_mail_and_no_end(door, monkeypatch):
    """As asking a gateway does that takes every call and answers none."""
    monkeypatch.setattr("portal.worker._END_WITHIN_SECONDS", 0.1)
    stop, delivered, hangs, lets_go = (threading.Event() for _ in range(4))

    def hang(_services) -> int:
        hangs.set()
        lets_go.wait(20)
        return 0

    worker = threading.Thread(
        target=run_forever,
        args=(door.services, {"work": lambda *_: delivered.set()}, stop),
        kwargs={"jobs": (Job("hanging", timedelta(seconds=1), hang),)},
    )
    worker.start()
    try:
        assert hangs.wait(5)
        put(door)
        assert delivered.wait(5)
        stop.set()
        worker.join(5)
        assert not worker.is_alive()
    finally:
        stop.set()
        lets_go.set()
        worker.join(5)


def test_delivered_messages_are_forgotten_after_a_month(door):
    put(door)
    deliver_next(door.services, {"work": Recorder()})

    door.clock.advance(days=29)
    clean_up(door.services)
    assert door.count(OutboxMessage) == 1
    door.clock.advance(days=2)
    clean_up(door.services)

    assert door.count(OutboxMessage) == 0
