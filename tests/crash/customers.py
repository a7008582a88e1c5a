"""Customers who buy through the pages of a running portal, each a purchase at a time, whatever happens to the servers meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from random import Random

import requests

from tests.crash.browser import Browser, Page
from tests.support.live_accounts import (
    BROKEN_CARD,
    DECLINED_CARD,
    GOOD_CARD,
    GOOD_PHONE,
    POOR_CARD,
    Account,
)

HOSTED = "hosted page"
WAYS = {"card": 8, HOSTED: 4, "phone": 3, "broken card": 2, "declined card": 1, "poor card": 1}
"""Ways to pay, and how often each is taken."""
ANSWERS = {"normal": 8, "slow": 6, "drop_after": 2, "error_after": 2, "drop_before": 2}
"""What the gateway does with an order by a saved method."""
EVENTS = {"normal": 4, "never": 4, "twice": 1, "late": 1, "out_of_order": 1}
SLOW_SECONDS = 1
LATEST_START_SECONDS = 0.3


@dataclass
class Purchase:
    """One customer's way to one payment. `step` is how far it came; `broke_off` when a server died on it on the way."""

    account: Account
    way: str
    amount: int
    answer: str
    events: str
    starts_after_seconds: float
    invoice_id: str = ""
    payment_id: str = ""
    step: str = "begun"
    broke_off: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """It came to an end of whatever kind, or beyond what its confirmation was answered."""
        return self.broke_off or bool(self.faults) or self.step in ("answered", "done")

    @property
    def is_on_its_way(self) -> bool:
        """The customer pressed Pay and has no answer yet."""
        return self.step == "pressed"


@dataclass(frozen=True)
class Customer:
    """Somebody with a session and saved methods of every kind, by the name of the way to pay."""

    account: Account
    cookie: tuple[str, str]
    methods: dict[str, str]

    @classmethod
    def create(cls, account: Account) -> Customer:
        methods = {
            "card": account.save_card(GOOD_CARD),
            "broken card": account.save_card(BROKEN_CARD),
            "declined card": account.save_card(DECLINED_CARD),
            "poor card": account.save_card(POOR_CARD),
            "phone": account.save_phone(GOOD_PHONE),
            HOSTED: "new",
        }
        return cls(account, account.sign_in(), methods)

    def plan(self, chance: Random) -> Purchase:
        """What this customer does next."""
        way = _pick(chance, WAYS)
        answer = "normal" if way in (HOSTED, "broken card") else _pick(chance, ANSWERS)
        amount, starts_after = 1000 + chance.randrange(9000), chance.uniform(0, LATEST_START_SECONDS)
        return Purchase(self.account, way, amount, answer, _pick(chance, EVENTS), starts_after)

    def buy(self, purchase: Purchase) -> None:
        """Pay an invoice through the pages; a server that dies on the way ends it there."""
        time.sleep(purchase.starts_after_seconds)
        try:
            with Browser(self.cookie) as browser:
                self._buy(purchase, browser)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            purchase.broke_off = True

    def _buy(self, purchase: Purchase, browser: Browser) -> None:
        root = self.account.root
        purchase.invoice_id = self.account.open_invoice(purchase.amount)
        page = browser.open(f"{root}/checkout?invoice={purchase.invoice_id}")
        if not _is(200, page, purchase):
            return
        form = page.form("/checkout")
        assert form is not None, "the checkout has its form"
        page = browser.send(form, payment_method=self.methods[purchase.way])
        if not _is(303, page, purchase):
            return
        purchase.payment_id = page.leads_to.rsplit("/", 1)[1]
        self.account.live.sandbox.behave(
            purchase.payment_id, answer=purchase.answer, webhooks=purchase.events, delay_seconds=SLOW_SECONDS
        )
        form = browser.open(page.leads_to).form("/confirmation")
        assert form is not None, "the review has its button"
        purchase.step = "pressed"
        page = browser.send(form)
        if not _is(303, page, purchase):
            return
        purchase.step = "answered"
        if purchase.way == HOSTED:
            self._pay_at_gateway(purchase, browser)
        _is(200, _arrive(browser, f"{root}/payments/{purchase.payment_id}"), purchase)
        purchase.step = "done"

    def _pay_at_gateway(self, purchase: Purchase, browser: Browser) -> None:
        url = self.account.payment(purchase.payment_id).action_url
        if url is None:
            return  # The order's answer was lost: the payment is looked up, and nobody was sent anywhere.
        form = browser.open(url).form(url.rsplit("/", 1)[1])
        assert form is not None, "the gateway's page has its form"
        browser.send(form, channel="card", number=GOOD_CARD, expiry="08/40", cvc="123")


def _arrive(browser: Browser, url: str) -> Page:
    """A payment's page may lead on to the gateway once; loaded again it is itself."""
    page = browser.open(url)
    return browser.open(url) if page.status == 303 else page


def _is(status: int, page: Page, purchase: Purchase) -> bool:
    if page.status != status:
        purchase.faults.append(f"{purchase.way}: {page.url} answered {page.status}, not {status}: {page.title}")
    return page.status == status


def _pick(chance: Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
