"""How the calls to gateways that a request causes are made: in its own thread, or in others that it waits for only briefly.

A web server has few threads. A gateway that does not answer must not hold them: the request goes on, and so does the call.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_log = logging.getLogger(__name__)
Call = Callable[[], object]

WAIT_SECONDS = 2.0
"""How long a request waits for gateways, for all its calls together."""
_ORDERS_A_THREAD, _QUESTIONS_A_THREAD = 4, 2
"""Calls that may be under way in a process, for each thread of its server."""
_FINISH_SECONDS = 8.0


class GatewayCalls(Protocol):
    """Makes calls that record their own outcome. `subject` is the id of what a call is about (`pay_…`, `pms_…`)."""

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        """Make a call that changes something at the gateway. It may go on after this returns, or not be made at all: whoever calls
        has stored what is to be done, so that the worker does it then. `merchant_id` is whose gateway it is, for a worker's turns."""
        ...

    def ask(self, subject: str, call: Call) -> None:
        """Make a call that only looks up. It is left out where too many requests wait for gateways already."""
        ...

    def wait_for_turn(self) -> frozenset[str]:
        """Wait until a further call can be made; return the merchants that have to leave it to others."""
        ...

    def wait_for_end(self, seconds: float) -> bool:
        """Wait so long for a call to end; return whether one has."""
        ...


class NoTurns:
    """For calls that are made at once: every merchant may make the next one, and none is under way."""

    def wait_for_turn(self) -> frozenset[str]:
        return frozenset()

    def wait_for_end(self, seconds: float) -> bool:
        return False


class DirectCalls(NoTurns):
    """Makes each call at once, in the caller's thread: for workers and commands, which have nobody waiting."""

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        call()

    def ask(self, subject: str, call: Call) -> None:
        call()


@dataclass(slots=True)
class WaitBudget:
    """How long one request may still wait for gateways, in seconds."""

    seconds_left: float = WAIT_SECONDS


class BoundedCalls(NoTurns):
    """Makes calls in threads of its own. A request waits two seconds for all of them together, and at most half of the server's
    threads wait at a time: past either, the request is answered and the call goes on.

    `server_threads` is how many threads the server has in this process; `budget` returns that of the current request. Nothing is
    queued in memory: where no thread is free, an order is left to the worker, and a question is not asked. Thread-safe, and safe
    before a fork while nothing is called.
    """

    def __init__(self, server_threads: int, budget: Callable[[], WaitBudget] = WaitBudget) -> None:
        self.most_waiting = server_threads // 2
        self._budget = budget
        self._waiting = threading.Semaphore(self.most_waiting)
        self._orders = threading.Semaphore(server_threads * _ORDERS_A_THREAD)
        self._questions = threading.Semaphore(server_threads * _QUESTIONS_A_THREAD)
        self._lock = threading.Lock()
        self._running: dict[str, threading.Event] = {}
        self._unfinished: set[threading.Event] = set()
        self._has_called = False

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        finished = self._start(subject, call, self._orders)
        if finished is not None and self._waiting.acquire(blocking=False):
            try:
                self._wait(finished)
            finally:
                self._waiting.release()

    def ask(self, subject: str, call: Call) -> None:
        if self.most_waiting == 0:
            # A server with one thread: nobody ever waits, and the next load of the page shows the answer.
            if subject not in self._running:
                self._start(subject, call, self._questions)
            return
        if self._budget().seconds_left <= 0 or not self._waiting.acquire(blocking=False):
            return
        try:
            # What is under way about the same subject records the truth: a second call would only hold another thread.
            finished = self._running.get(subject) or self._start(subject, call, self._questions)
            if finished is not None:
                self._wait(finished)
        finally:
            self._waiting.release()

    def finish(self, within_seconds: float = _FINISH_SECONDS) -> None:
        """Wait until the calls under way are finished, for a process that ends. What is not is looked up by the worker."""
        until = time.monotonic() + within_seconds
        with self._lock:
            unfinished = list(self._unfinished)
        for finished in unfinished:
            finished.wait(max(0.0, until - time.monotonic()))

    def _wait(self, finished: threading.Event) -> None:
        budget, began = self._budget(), time.monotonic()
        finished.wait(max(0.0, budget.seconds_left))
        budget.seconds_left -= time.monotonic() - began

    def _start(self, subject: str, call: Call, free: threading.Semaphore) -> threading.Event | None:
        """Start the call in a thread, and return what is set when it is finished; None where no thread is free."""
        if not free.acquire(blocking=False):
            return None
        finished = threading.Event()

        def run() -> None:
            try:
                call()
            except Exception:  # Nobody may be waiting for it any more. What failed is looked up again.
                _log.exception("gateway_call.failed", extra={"subject": subject})
            finally:
                free.release()
                self._end(subject, finished)

        with self._lock:
            self._running[subject] = finished
            self._unfinished.add(finished)
            is_first, self._has_called = not self._has_called, True
        if is_first:
            _finish_at_exit(self)
        try:
            # A daemon: a process that is to end waits for it, but not for ever.
            threading.Thread(target=run, name="gateway-call", daemon=True).start()
        except RuntimeError:  # The machine allows no further thread, or the process ends.
            _log.warning("gateway_call.no_thread", extra={"subject": subject})
            free.release()
            self._end(subject, finished)
            return None
        return finished

    def _end(self, subject: str, finished: threading.Event) -> None:
        with self._lock:
            self._unfinished.discard(finished)
            if self._running.get(subject) is finished:
                del self._running[subject]
        finished.set()


class CallsSideBySide:
    """Makes so many calls at a time, each in a thread of its own, for a worker: whoever calls waits until a thread is free, and never
    for a call.

    A merchant whose gateway does not answer leaves threads to the others: each may have at most twice as many calls under way as there
    are threads free. Alone it has two thirds of them; where several merchants' calls hang, each has less, and the next thread that is
    free goes to one that has few. Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()
        self._has_ended = threading.Condition()

    def wait_for_turn(self) -> frozenset[str]:
        with self._has_ended:
            self._has_ended.wait_for(lambda: self._free > 0)
            return frozenset(name for name, count in self._under_way.items() if name and count >= 2 * self._free)

    def wait_for_end(self, seconds: float) -> bool:
        with self._has_ended:
            return self._has_ended.wait(seconds)

    def send(self, subject: str, call: Call, *, merchant_id: str = "") -> None:
        with self._has_ended:
            self._has_ended.wait_for(lambda: self._free > 0)
            self._under_way[merchant_id] += 1
        try:
            # A daemon: what is still under way when the worker ends is done again by the next one.
            thread = threading.Thread(
                target=self._run, args=(subject, call, merchant_id), name="gateway-call", daemon=True
            )
            thread.start()
        except RuntimeError:  # The machine allows no further thread. What was to be called becomes due again.
            self._end(merchant_id)
            raise

    def ask(self, subject: str, call: Call) -> None:
        self.send(subject, call)

    def finish(self, within_seconds: float) -> None:
        """Wait until the calls under way are finished, for a worker that ends."""
        with self._has_ended:
            self._has_ended.wait_for(lambda: self._free == self._most, max(0.0, within_seconds))

    @property
    def _free(self) -> int:
        return self._most - self._under_way.total()

    def _run(self, subject: str, call: Call, merchant_id: str) -> None:
        try:
            call()
        except Exception:  # No call may end the others.
            _log.exception("gateway_call.failed", extra={"subject": subject})
        finally:
            self._end(merchant_id)

    def _end(self, merchant_id: str) -> None:
        with self._has_ended:
            self._under_way[merchant_id] -= 1
            if not self._under_way[merchant_id]:
                del self._under_way[merchant_id]
            self._has_ended.notify_all()


def _finish_at_exit(calls: BoundedCalls) -> None:
    """Let a process that ends finish its calls. Registered with the first call, so that it is done by the process that called, and
    not by the one from which it was forked."""
    held = weakref.ref(calls)

    def finish() -> None:
        if (found := held()) is not None:
            found.finish()

    atexit.register(finish)
