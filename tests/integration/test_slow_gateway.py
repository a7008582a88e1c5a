"""Pages while the gateway does not answer: each answers in time, says what is so, and the payment goes on without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import pytest
from flask import Flask, g, has_app_context

from portal.app import build_runtime
from portal.clock import MovableClock
from portal.gateway_calls import WAIT_SECONDS, BoundedCalls, WaitBudget
from portal.gateways.contract import ChargeOutcome, State
from portal.invoices.models import Invoice
from portal.money import Money
from portal.payments.jobs import check_payments, send_payments
from portal.payments.models import Payment
from portal.services import Services
from portal.web.gateway_waits import build_gateway_calls, request_budget
from portal.web.runtime import EXTENSION, Runtime
from tests.support.accounts import Account, make_account
from tests.support.apps import app_on
from tests.support.bundled import bundled_renderer
from tests.support.page_client import PageClient
from tests.support.scripted_gateway import OneGateway, ScriptedGateway
from tests.support.waiting import wait_for

AT_ONCE = 1.0
"""Longer than a page takes that waits for nobody, on a busy machine too."""


def short_budget() -> WaitBudget:
    """A request of these tests waits a fraction of what a real one waits; what is no request, not at all."""
    if not has_app_context():
        return WaitBudget(0.0)
    budget: WaitBudget = g.setdefault("gateway_budget", WaitBudget(0.15))
    return budget


@dataclass
class HangingGateway:
    """A gateway that does not answer before `answers` is set. `threads` are those that called it, by method."""

    inner: ScriptedGateway
    answers: threading.Event = field(default_factory=threading.Event)
    threads: dict[str, set[str]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found) or name == "read_event":
            return found

        def call(*arguments: Any) -> Any:
            self.threads.setdefault(name, set()).add(threading.current_thread().name)
            assert self.answers.wait(30)
            return found(*arguments)

        return call


@dataclass
class Desk:
    """A customer's browser at a server with eight threads whose gateway hangs until it is told to answer."""

    app: Flask
    account: Account
    gateway: HangingGateway
    calls: BoundedCalls
    services: Services

    def browser(self) -> PageClient:
        return self.account.sign_in(self.app)

    def confirm(self, browser: PageClient, invoice: str, method: str) -> str:
        """Pay an invoice by the saved method; return the payment's id."""
        chosen = browser.post(
            "/acme/checkout", _fields(browser.get(f"/acme/checkout?invoice={invoice}"), payment_method=method)
        )
        review = browser.get(chosen.headers["Location"])
        done = browser.post(review.form(action="/confirmation").action, review.form(action="/confirmation").fields)
        assert done.headers["Location"] == f"/acme/payments/{review.path.rpartition('/')[2]}"
        return review.path.rpartition("/")[2]

    def hold_all_threads(self) -> None:
        """From now on no call can begin until the gateway answers."""
        for number in range(32):
            self.calls.send(f"pay_{number}", self.gateway.answers.wait)
        for number in range(16):
            self.calls.ask(f"pay_{number}-lookup", self.gateway.answers.wait)

    def advance(self, **time: float) -> None:
        clock = self.services.clock
        assert isinstance(clock, MovableClock)
        clock.advance(**time)

    def payment(self, payment_id: str) -> Payment:
        with self.services.database.unit_of_work() as session:
            return session.get_one(Payment, (self.account.scope.merchant_id, payment_id))

    def answer(self) -> None:
        """The gateway answers everything that waits for it."""
        self.gateway.answers.set()
        self.calls.finish()


def _fields(page: Any, **chosen: str) -> dict[str, Any]:
    return {**page.form(action="/checkout").fields, **chosen}


@pytest.fixture
def desk(services: Services, gateway: ScriptedGateway) -> Iterator[Desk]:
    hanging = HangingGateway(gateway)
    clock = services.clock
    assert isinstance(clock, MovableClock)

    def let_time_pass(_label: str) -> None:
        clock.advance(milliseconds=1)  # A payment is sent a moment after it was confirmed.

    slow = replace(services, gateways=OneGateway(hanging), crash_point=let_time_pass)
    account = make_account(slow)
    calls = BoundedCalls(8, short_budget)
    yield Desk(app_on(slow, calls=calls), account, hanging, calls, slow)
    hanging.answers.set()
    calls.finish()


def took(call: Any) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_confirmation_is_answered_while_the_gateway_hangs_and_the_payment_goes_on(desk: Desk) -> None:
    invoice, method = desk.account.invoice(), desk.account.method(is_default=True)
    browser = desk.browser()

    payment = desk.confirm(browser, invoice, method)
    page = browser.get(f"/acme/payments/{payment}")

    assert "Your payment is being sent to Sandbox Pay" in page.text
    assert "you pay only once" in page.text
    assert "Being sent" in page.text
    desk.answer()
    assert "Paid" in browser.get(f"/acme/payments/{payment}").text
    assert desk.gateway.inner.captured == [payment]


def test_payment_for_which_no_thread_is_free_is_sent_by_the_worker_and_its_page_says_so(desk: Desk) -> None:
    method = desk.account.method(is_default=True)
    browser = desk.browser()
    desk.hold_all_threads()
    payment = desk.confirm(browser, desk.account.invoice(), method)

    page = browser.get(f"/acme/payments/{payment}")

    assert "Nothing has been charged yet." in page.text
    assert desk.payment(payment).sent_at is None
    desk.gateway.answers.set()
    desk.advance(seconds=4)
    assert send_payments(desk.services) == 1
    assert desk.gateway.inner.captured == [payment]


def test_unsent_payment_can_be_stopped_on_its_page(desk: Desk) -> None:
    method = desk.account.method(is_default=True)
    browser = desk.browser()
    desk.hold_all_threads()
    payment = desk.confirm(browser, desk.account.invoice(), method)

    page = browser.get(f"/acme/payments/{payment}")
    browser.post(page.form(action="/cancellation").action, page.form(action="/cancellation").fields)

    assert desk.payment(payment).status == "canceled"
    desk.answer()
    assert desk.gateway.inner.captured == []


def test_stop_for_which_no_thread_is_free_is_kept_and_its_page_says_so(desk: Desk) -> None:
    browser = desk.browser()
    invoice = desk.account.invoice(amount_reserved=5000)
    payment = desk.account.payment("pending", pays={invoice: 5000}, state="active", gateway_page_reference="pg_1")
    desk.hold_all_threads()
    form = browser.get(f"/acme/payments/{payment}").form(action="/cancellation")

    page = browser.get(browser.post(form.action, form.fields).headers["Location"])

    assert "This payment is being stopped" in page.text
    assert "It has not been stopped" not in page.text
    assert "cancel" not in desk.gateway.threads
    desk.gateway.inner.ledger[payment] = ChargeOutcome(State.PENDING, payment, money=Money(5000, "USD"))
    desk.advance(seconds=3)
    desk.answer()
    check_payments(desk.services)
    assert desk.payment(payment).status == "canceled"
    assert "You stopped this payment" in browser.get(f"/acme/payments/{payment}").text


def test_payment_that_was_never_sent_says_so_and_offers_to_pay_again(desk: Desk) -> None:
    method = desk.account.method(is_default=True)
    browser = desk.browser()
    desk.hold_all_threads()
    payment = desk.confirm(browser, desk.account.invoice(), method)
    desk.advance(minutes=10)
    send_payments(desk.services)

    page = browser.get(f"/acme/payments/{payment}")

    assert "This payment was never sent" in page.text
    assert "Nothing was charged, and nothing will be." in page.text
    assert page.way("Pay $50.00 another way").startswith("/acme/checkout?")
    assert "It was never sent. Nothing was charged." in browser.get("/acme/payments").text


def test_eight_confirmations_at_once_leave_half_of_the_threads_to_others(desk: Desk) -> None:
    patient = BoundedCalls(8, lambda: WaitBudget(20.0))
    server = replace(desk, app=app_on(desk.services, calls=patient), calls=patient)
    method = desk.account.method(is_default=True)
    browsers = [server.browser() for _ in range(8)]
    invoices = [desk.account.invoice() for _ in browsers]

    with ThreadPoolExecutor(8) as pool:
        confirmed = [pool.submit(server.confirm, *each, method) for each in zip(browsers, invoices, strict=True)]
        answered = list(islice(as_completed(confirmed, 20), 4))
        seconds = took(lambda: server.browser().get("/acme/"))
        still_waiting = [each for each in confirmed if not each.done()]
        server.answer()

    assert seconds < AT_ONCE
    assert len(answered) == len(still_waiting) == 4
    assert len(desk.gateway.inner.captured) == 8


def test_page_of_a_payment_shows_what_is_recorded_where_others_wait_already(desk: Desk) -> None:
    patient = BoundedCalls(2, lambda: WaitBudget(20.0))
    server = replace(desk, app=app_on(desk.services, calls=patient), calls=patient)
    first, second = (desk.account.payment("processing") for _ in range(2))
    waiting = threading.Thread(target=server.browser().get, args=(f"/acme/payments/{first}",))
    waiting.start()
    wait_for(lambda: desk.gateway.threads)

    browser = server.browser()
    seconds = took(lambda: browser.get(f"/acme/payments/{second}"))

    assert seconds < AT_ONCE
    assert waiting.is_alive()
    desk.gateway.answers.set()
    waiting.join(10)


def test_no_page_calls_a_gateway_in_its_own_thread(desk: Desk) -> None:
    """Whatever a page asks of a gateway waits for no longer than a request may wait, and in no thread of the server."""
    account, browser = desk.account, desk.browser()
    method = account.method(is_default=True)
    held, other = account.invoice(), account.invoice()
    desk.confirm(browser, held, method)  # charge
    unknown = account.payment("processing", pays={other: 5000}, state="active")
    account.change(Invoice, other, amount_reserved=5000)
    pending = account.payment("pending")

    steps = [
        lambda: browser.get(f"/acme/payments/{unknown}"),  # look_up
        lambda: browser.get(f"/acme/checkout?invoice={other}"),
        lambda: browser.post(
            "/acme/checkout", {**_csrf(browser), "invoice": other, "payment_method": method}, status=422
        ),
        lambda: browser.post(f"/acme/checkout/{pending}/cancellation", _csrf(browser)),  # cancel
        lambda: browser.post("/acme/payment-methods/new", _csrf(browser)),  # open_setup
        lambda: browser.get(f"/acme/payment-methods/new/{account.setup()}"),  # look_up_setup
        lambda: desk.confirm(browser, account.invoice(), "new"),  # open_page
    ]
    seconds = [took(step) for step in steps]

    assert max(seconds) < AT_ONCE, seconds
    called = {"charge", "look_up", "cancel", "open_setup", "look_up_setup", "open_page"}
    assert called <= desk.gateway.threads.keys()
    assert set().union(*desk.gateway.threads.values()) == {"gateway-call"}


def test_checkout_says_so_while_the_gateway_is_slow(desk: Desk) -> None:
    method = desk.account.method(is_default=True)
    browser = desk.browser()
    health = _runtime(desk).gateway_health
    first = desk.account.invoice()
    assert "slow to answer" not in browser.get(f"/acme/checkout?invoice={first}").text

    desk.confirm(browser, first, method)
    health._now = lambda: time.monotonic() + WAIT_SECONDS
    second = desk.account.invoice()
    choice = browser.get(f"/acme/checkout?invoice={second}")
    chosen = browser.post("/acme/checkout", _fields(choice, payment_method=method))
    review = browser.get(chosen.headers["Location"])

    assert "Sandbox Pay is slow to answer at the moment" in choice.text
    assert "Sandbox Pay is slow to answer at the moment" in review.text
    assert "Sandbox Pay répond lentement en ce moment" in browser.get(f"{review.path}?locale=fr").text
    health._now = time.monotonic
    desk.answer()
    assert "slow to answer" not in browser.get(f"/acme/checkout?invoice={second}&locale=en").text


def test_a_request_waits_two_seconds_in_all_by_the_servers_own_threads(app: Flask, services: Services) -> None:
    calls = build_gateway_calls(services.settings.server_threads)
    with app.app_context():
        first = request_budget()
        first.seconds_left -= 1.5
        left = request_budget().seconds_left
    with app.app_context():
        fresh = request_budget().seconds_left

    assert (left, fresh) == (0.5, 2.0)
    assert calls.most_waiting == 4


def test_pages_of_a_server_are_bounded_unless_something_else_is_asked_for(services: Services) -> None:
    runtime = build_runtime(services, bundled_renderer())

    assert isinstance(runtime.services.calls, BoundedCalls)
    assert runtime.services.calls.most_waiting == services.settings.server_threads // 2


def _csrf(browser: PageClient) -> dict[str, Any]:
    page = browser.get("/acme/payment-methods/new")
    return {"csrf_token": page.form(action="/payment-methods/new").fields["csrf_token"]}


def _runtime(desk: Desk) -> Runtime:
    runtime: Runtime = desk.app.extensions[EXTENSION]
    return runtime
