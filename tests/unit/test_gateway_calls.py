"""Calls to gateways that a request waits for only briefly, and that never hold more than half of a server's threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from portal.gateway_calls import BoundedCalls, CallsSideBySide, WaitBudget

AT_ONCE = 0.5
"""Longer than anything takes that does not wait, on a busy machine too."""


class Hanging:
    """A gateway that does not answer until it is told to; `begun` counts the calls that have reached it."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.begun = threading.Semaphore(0)
        self.done = 0
        self._lock = threading.Lock()

    def call(self) -> None:
        self.begun.release()
        assert self.answers.wait(30)
        with self._lock:
            self.done += 1


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    gateway = Hanging()
    yield gateway
    gateway.answers.set()


def calls_of(threads: int, wait_seconds: float = 30.0) -> BoundedCalls:
    """Calls of a server with so many threads, each request of which waits so long."""
    return BoundedCalls(threads, lambda: WaitBudget(wait_seconds))


@contextmanager
def waiting(calls: BoundedCalls, gateway: Hanging, count: int) -> Iterator[ThreadPoolExecutor]:
    """So many requests that wait for the gateway, each in a thread of its own."""
    with ThreadPoolExecutor(count) as pool:
        for number in range(count):
            pool.submit(calls.send, f"pay_{number}", gateway.call)
        for _ in range(count):
            assert gateway.begun.acquire(timeout=10)
        time.sleep(0.05)  # The calls have begun; their requests are about to wait.
        yield pool
        gateway.answers.set()


def took(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_answer_that_comes_in_time_is_waited_for() -> None:
    heard: list[str] = []

    def answer(word: str) -> None:
        time.sleep(0.05)
        heard.append(word)

    calls_of(8).send("pay_1", lambda: answer("paid"))
    calls_of(8).ask("pay_1", lambda: answer("seen"))

    assert heard == ["paid", "seen"]


def test_request_goes_on_after_its_wait_and_so_does_the_call(hanging: Hanging) -> None:
    calls = calls_of(8, 0.1)

    assert took(lambda: calls.send("pay_1", hanging.call)) < AT_ONCE
    assert hanging.done == 0
    hanging.answers.set()
    calls.finish()

    assert hanging.done == 1


def test_all_calls_of_a_request_together_wait_no_longer_than_one(hanging: Hanging) -> None:
    budget = WaitBudget(0.2)
    calls = BoundedCalls(8, lambda: budget)

    def ask_often() -> None:
        for number in range(10):
            calls.ask(f"pay_{number}", hanging.call)

    seconds = took(ask_often)

    assert 0.2 <= seconds < 0.2 + AT_ONCE
    assert budget.seconds_left <= 0


def test_no_more_than_half_of_the_threads_wait(hanging: Hanging) -> None:
    calls = calls_of(8)

    with waiting(calls, hanging, 4):
        assert took(lambda: calls.send("pay_five", hanging.call)) < AT_ONCE
        assert hanging.begun.acquire(timeout=10)  # Nobody waits for it, and it is made all the same.
        assert took(lambda: calls.ask("pay_six", hanging.call)) < AT_ONCE
        assert not hanging.begun.acquire(timeout=0.05)  # A question is left out.


def test_waits_that_are_over_leave_their_place_to_others(hanging: Hanging) -> None:
    calls = calls_of(2, 0.05)
    calls.send("pay_1", hanging.call)

    assert 0.05 <= took(lambda: calls.send("pay_2", hanging.call)) < AT_ONCE


def test_server_with_one_thread_never_waits(hanging: Hanging) -> None:
    calls = calls_of(1)

    assert took(lambda: calls.send("pay_1", hanging.call)) < AT_ONCE
    assert hanging.begun.acquire(timeout=10)


def test_order_for_which_no_thread_is_free_is_left_to_the_worker(hanging: Hanging) -> None:
    calls = calls_of(1)
    for number in range(4):
        calls.send(f"pay_{number}", hanging.call)
        assert hanging.begun.acquire(timeout=10)

    assert took(lambda: calls.send("pay_five", hanging.call)) < AT_ONCE

    assert not hanging.begun.acquire(timeout=0.05)
    hanging.answers.set()
    calls.finish()
    assert hanging.done == 4


def test_questions_leave_the_threads_of_orders_alone(hanging: Hanging) -> None:
    calls = calls_of(2, 0.02)
    for number in range(8):
        calls.ask(f"pay_{number}", hanging.call)
    for _ in range(4):
        assert hanging.begun.acquire(timeout=10)
    assert not hanging.begun.acquire(timeout=0.05)

    calls.send("pay_order", hanging.call)

    assert hanging.begun.acquire(timeout=10)


def test_question_about_what_is_under_way_waits_for_that_and_asks_nothing(hanging: Hanging) -> None:
    calls = calls_of(8)

    with waiting(calls, hanging, 1) as pool, ThreadPoolExecutor(1) as other:
        second = other.submit(calls.ask, "pay_0", lambda: pytest.fail("it is under way"))
        time.sleep(0.05)
        assert not second.done()
        hanging.answers.set()
        second.result(10)
        assert hanging.done == 1
        assert pool is not None


def test_call_that_fails_is_logged_and_the_request_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("the database is away")

    calls_of(8).send("pay_1", fail)

    assert [record.getMessage() for record in caplog.records] == ["gateway_call.failed"]


def test_threads_are_free_again_after_calls_that_failed() -> None:
    calls = calls_of(1)
    for number in range(20):
        calls.send(f"pay_{number}", lambda: 1 / 0)
        calls.finish()
    heard: list[int] = []

    calls.send("pay_last", lambda: heard.append(1))
    calls.finish()

    assert heard == [1]


def test_end_of_a_process_waits_for_its_calls_but_not_for_ever(hanging: Hanging) -> None:
    calls = calls_of(8, 0.0)
    calls.send("pay_1", hanging.call)

    assert 0.1 <= took(lambda: calls.finish(0.1)) < AT_ONCE


def _allow_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_call_for_which_the_machine_has_no_thread_is_left_to_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, made = BoundedCalls(2, lambda: WaitBudget(5.0)), threading.Event()
    with monkeypatch.context() as machine:
        _allow_no_thread(machine)
        for _ in range(20):
            calls.send("pay_1", made.set)
            calls.ask("pay_1", made.set)
    assert not made.is_set()

    calls.send("pay_1", made.set)

    assert made.is_set()
    calls.finish()


def test_lane_goes_on_after_the_machine_had_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, made = CallsSideBySide(2), threading.Event()
    with monkeypatch.context() as machine:
        _allow_no_thread(machine)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                calls.send("pay_1", made.set)
    sender = threading.Thread(target=calls.send, args=("pay_1", made.set), daemon=True)

    sender.start()

    assert made.wait(5)


def send_all(calls: CallsSideBySide, hanging: Hanging, merchant: str) -> int:
    """Make calls for a merchant until it has to leave the turn to others; return how many."""
    count = 0
    while merchant not in calls.wait_for_turn():
        calls.send("pay_1", hanging.call, merchant_id=merchant)
        count += 1
    return count


def test_merchant_leaves_threads_of_a_lane_to_others(hanging: Hanging) -> None:
    calls = CallsSideBySide(24)

    counts = [send_all(calls, hanging, merchant) for merchant in ("mer_a", "mer_b")]

    assert counts == [16, 6]
    assert calls.wait_for_turn() == {"mer_a", "mer_b"}


def test_thread_that_becomes_free_is_for_a_merchant_that_has_few(hanging: Hanging) -> None:
    calls, one = CallsSideBySide(4), threading.Event()
    for merchant in ("mer_a", "mer_a", "mer_b"):
        calls.send("pay_1", hanging.call, merchant_id=merchant)
    calls.send("pay_2", one.wait, merchant_id="mer_c")

    one.set()

    assert calls.wait_for_turn() == {"mer_a"}


def test_wait_for_the_end_of_a_call_says_whether_one_has_ended(hanging: Hanging) -> None:
    calls = CallsSideBySide(2)
    calls.send("pay_1", hanging.call, merchant_id="mer_a")

    assert not calls.wait_for_end(0.05)
    threading.Timer(0.05, hanging.answers.set).start()
    assert calls.wait_for_end(5)
    calls.finish(5)
    assert calls.wait_for_turn() == frozenset()


def test_server_with_one_thread_asks_and_never_waits(hanging: Hanging) -> None:
    calls = calls_of(1)

    assert took(lambda: calls.ask("pay_1", hanging.call)) < AT_ONCE
    assert hanging.begun.acquire(timeout=10)
    calls.ask("pay_1", hanging.call)
    assert not hanging.begun.acquire(timeout=0.1)
