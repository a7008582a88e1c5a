"""Kills at random moments under load: customers buy, servers die and come back, and in the end both ledgers are compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import sqlalchemy as sa

from portal.payments.models import Payment
from portal.payments.rules.statuses import UNSETTLED
from portal.refunds.models import Refund
from tests.crash.customers import Customer, Purchase
from tests.crash.installation import DEAD, Installation
from tests.crash.reckoning import reckon
from tests.support.live_accounts import Account

CUSTOMERS_A_MERCHANT = 3
CURRENCIES = ("USD", "XAF")
GATEWAY_TIMEOUT_SECONDS = 2
"""Longer than a slow answer, so that an order may be answered while its server is dead."""
IN_FLIGHT_SECONDS = 20
WORKER_SHARE, STEERED_SHARE, REFUND_SHARE = 0.25, 0.85, 0.4
SETTLING_ROUNDS = 12


@dataclass
class Tally:
    """What was seen so far. `in_flight` counts the kills at which an order was given and its answer was not known;
    `captured` those of them where the gateway had taken the money already. Totals are minor units by currency."""

    kills: int = 0
    web_kills: int = 0
    worker_kills: int = 0
    in_flight: int = 0
    captured: int = 0
    purchases: int = 0
    charges: int = 0
    unknowns: int = 0
    resolved: int = 0
    refunds: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    booked: Counter[str] = field(default_factory=Counter)


class KillsFailed(AssertionError):
    """The world is not as it has to be after the kills; the faults are named line by line."""


def kill_again_and_again(
    installation: Installation,
    kills: int,
    chance: Random,
    tally: Tally,
    *,
    name: str,
    steered_share: float = STEERED_SHARE,
) -> None:
    """Kill so many times on this installation, let everything settle, and reckon up.

    `name` begins the slugs of merchants that are made for it; `steered_share` of the kills are aimed at an order in flight.
    Raises KillsFailed.
    """
    slugs = [f"{name}-{currency.lower()}" for currency in CURRENCIES]
    for slug, currency in zip(slugs, CURRENCIES, strict=True):
        installation.add_merchant(slug, currency)
    customers = [
        Customer.create(installation.accounts.create(slug)) for slug in slugs for _ in range(CUSTOMERS_A_MERCHANT)
    ]
    chaos = _Chaos(installation, customers, chance, tally, steered_share)
    try:
        chaos.start()
        for _ in range(kills):
            chaos.kill_once()
    finally:
        chaos.stop()
    chaos.settle()
    faults = chaos.faults
    for slug in slugs:
        merchant = next(each.account.merchant for each in customers if each.account.slug == slug)
        found = reckon(installation.database, installation.accounts.sandbox, merchant.id, slug)
        faults += found.faults
        tally.charges += found.charge_count
        tally.taken += found.taken
        tally.booked += found.booked
    if faults:
        raise KillsFailed("\n  ".join(["after the kills:", *faults]))


class _Chaos:
    """One installation under load, whose processes are killed and started again."""

    def __init__(
        self, installation: Installation, customers: list[Customer], chance: Random, tally: Tally, steered_share: float
    ) -> None:
        self._steered_share = steered_share
        self.faults: list[str] = []
        self._installation, self._customers, self._chance, self._tally = installation, customers, chance, tally
        self._merchants = sorted({each.account.merchant.id for each in customers})
        self._unknown: set[str] = set()
        self._refundable: list[tuple[Account, str]] = []

    def start(self) -> None:
        self._serve()
        self._installation.start_worker()

    def stop(self) -> None:
        """End worker and web server: what comes then is done round by round."""
        self._installation.close()

    def kill_once(self) -> None:
        """Let customers buy, kill the web server or the worker among them, count what was in flight, and start it again."""
        tally, chance = self._tally, self._chance
        purchases = [customer.plan(chance) for customer in self._customers]
        does_worker_die = chance.random() < WORKER_SHARE
        marked = None if does_worker_die or chance.random() > self._steered_share else chance.choice(purchases)
        if marked is not None:
            marked.way, marked.answer = "card", "slow"
        tally.kills += 1
        tally.purchases += len(purchases)
        with ThreadPoolExecutor(len(purchases) + 1) as pool:
            buying = [
                pool.submit(customer.buy, purchase)
                for customer, purchase in zip(self._customers, purchases, strict=True)
            ]
            refunding = self._refund(pool)
            if does_worker_die:
                self._kill_worker(buying, purchases)
            else:
                self._kill_web(purchases, marked)
            for bought in buying:
                bought.result()
            for refunded in refunding:
                refunded.result()
        for purchase in purchases:
            self.faults += purchase.faults
            if does_worker_die and purchase.broke_off:
                self.faults.append(f"{purchase.way}: the web server broke off, although nobody killed it")
            if purchase.step == "done" and purchase.way == "card" and purchase.answer == "normal":
                self._refundable.append((purchase.account, purchase.payment_id))
        if not does_worker_die:
            self._serve()

    def settle(self) -> None:
        """Let the world calm down: the worker's rounds go on, the clock is set forward, until nothing is unknown any more."""
        installation = self._installation
        self._serve()
        for number in range(SETTLING_ROUNDS):
            # At first by minutes, so that orders which never arrived are resent; then past the time of every checkout.
            self._age(timedelta(minutes=1) if number < 4 else timedelta(hours=4))
            assert installation.work() == 0
            if not self._unsettled():
                break
            time.sleep(0.5)  # The gateway's own time: a prompt takes it three seconds.
        installation.stop()
        self._tally.unknowns += len(self._unknown)
        self._tally.resolved += len(self._unknown - self._unsettled())

    def _kill_web(self, purchases: list[Purchase], marked: Purchase | None) -> None:
        """At any moment, or soon after the intent of the `marked` purchase, which is answered slowly, was written down."""
        if marked is not None:
            _wait_until(lambda: marked.is_over or self._is_under_way(marked), IN_FLIGHT_SECONDS)
            time.sleep(self._chance.uniform(0, 0.4))
        else:
            time.sleep(self._chance.uniform(0, 0.8))
        self._installation.kill()
        on_their_way = {purchase.payment_id for purchase in purchases if purchase.is_on_its_way}
        if self._installation.await_end() != DEAD:
            self.faults.append("the web server ended by itself")
        self._tally.web_kills += 1
        self._count_in_flight(on_their_way)

    def _is_under_way(self, purchase: Purchase) -> bool:
        if not purchase.is_on_its_way:
            return False
        statement = sa.select(Payment.status).where(
            Payment.merchant_id == purchase.account.merchant.id, Payment.id == purchase.payment_id
        )
        with self._installation.database.read() as reader:
            return reader.execute(statement).scalar() == "processing"

    def _kill_worker(self, buying: list[Future[None]], purchases: list[Purchase]) -> None:
        """Give it an order to bring: one that got lost and is due; kill it while the gateway answers slowly."""
        for bought in buying:
            bought.result()
        bait = self._lay_bait() if self._chance.random() < self._steered_share else None
        if bait is not None:
            _wait_until(lambda: bool(self._installation.accounts.sandbox.ledger(bait)), IN_FLIGHT_SECONDS)
        time.sleep(self._chance.uniform(0, 0.4))
        if self._installation.kill_worker() != DEAD:
            self.faults.append("the worker ended by itself")
        self._tally.worker_kills += 1
        self._count_in_flight({bait} if bait is not None else set())
        self._installation.start_worker()

    def _lay_bait(self) -> str:
        """An order that was lost on its way, whose second bringing is answered slowly; tells the payment's id."""
        customer = self._customers[self._chance.randrange(len(self._customers))]
        account = customer.account
        payment_id = account.begin(account.open_invoice(), method=customer.methods["card"])
        sandbox = account.live.sandbox
        sandbox.behave(payment_id, answer="drop_before")
        sandbox.behave(payment_id, answer="slow", delay_seconds=1, webhooks="never")
        self._tally.purchases += 1
        status = self._installation.visit(account).confirm(payment_id)
        if status != 303:
            self.faults.append(f"the confirmation of {payment_id} answered {status}, not 303")
        account.age(payment_id)
        return payment_id

    def _count_in_flight(self, payment_ids: set[str]) -> None:
        """Of these payments the dead process had the order in hand: which of them is without an outcome in the database?"""
        with self._installation.database.unit_of_work() as session:
            unknown = set(
                session.execute(
                    sa.select(Payment.id).where(
                        Payment.merchant_id.in_(self._merchants),
                        Payment.id.in_(payment_ids),
                        Payment.status == "processing",
                    )
                ).scalars()
            )
        taken = {charge["idempotency_key"] for charge in self._installation.accounts.sandbox.ledger()}
        self._tally.in_flight += bool(unknown)
        self._tally.captured += bool(unknown & taken)
        self._unknown |= unknown

    def _refund(self, pool: ThreadPoolExecutor) -> list[Future[int]]:
        """Now and then somebody at the merchant's gives a little back, in a process that may die of it."""
        if not self._refundable or self._chance.random() > REFUND_SHARE:
            return []
        account, payment_id = self._refundable.pop(self._chance.randrange(len(self._refundable)))
        crash_at = self._chance.choice(("", "refund.intent_committed", "refund.gateway_answered"))
        self._tally.refunds += 1
        return [pool.submit(self._installation.refund, account, payment_id, crash_at)]

    def _serve(self) -> None:
        self._installation.serve(gateway_timeout_seconds=GATEWAY_TIMEOUT_SECONDS)

    def _unsettled(self) -> set[str]:
        """What is still under way: payments and refunds."""
        with self._installation.database.unit_of_work() as session:
            payments = sa.select(Payment.id).where(
                Payment.merchant_id.in_(self._merchants), Payment.status.in_(UNSETTLED)
            )
            refunds = sa.select(Refund.id).where(Refund.merchant_id.in_(self._merchants), Refund.status == "pending")
            return {*session.execute(payments).scalars(), *session.execute(refunds).scalars()}

    def _age(self, by: timedelta) -> None:
        for account in {customer.account.merchant.id: customer.account for customer in self._customers}.values():
            account.age_unsettled(by)


def _wait_until(comes_about: Callable[[], bool], seconds: float) -> None:
    """For a moment that need not come: a kill at another one is a kill too."""
    deadline = time.monotonic() + seconds
    while not comes_about() and time.monotonic() < deadline:
        time.sleep(0.005)
