"""Attackers against signing in, by the real operations on a real database, under a clock that stands still between two of their steps.

Deterministic but for ids and tokens. It also runs on the release before the requests joined (commit 588500a), whose figures stand
beside ours in docs/signing-in.md: copy this folder there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.database import Database
from portal.outbox.models import OutboxMessage
from portal.settings import Settings
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.models import Challenge
from portal.sign_in.operations import SignInResult, Visitor, enter_code, prepare_sign_in_mail, request_sign_in, use_link
from portal.sign_in.rules.challenges import CODE_LENGTH, CODE_LETTERS, read_code
from portal.sign_in.rules.tokens import challenge_of, new_token
from tests.support import customers

ADDRESS = "maya@lindqvist.example"
HOME = "203.0.113.7"
WRONG = "BBBBBBBB"
POSSIBLE_CODES: int = len(CODE_LETTERS) ** CODE_LENGTH
TRIES = 5


@dataclass(frozen=True)
class Attacker:
    """`networks` makes the addresses that the attacker has, in turn; `in_parallel` of them are used each minute against one owner."""

    name: str
    networks: Callable[[], Iterator[str]]
    in_parallel: int = 3


def one_ip() -> Iterator[str]:
    return cycle(["198.51.100.1"])


def many_ips(count: int) -> Iterator[str]:
    return cycle([f"10.{number >> 8}.{number & 255}.1" for number in range(count)])


def one_48() -> Iterator[str]:
    return cycle([f"2001:db8:1:{number:x}::1" for number in range(65_536)])


ATTACKERS = (
    Attacker("one IP", one_ip, in_parallel=1),
    Attacker("one /48", one_48),
    Attacker("1,000 IPs", lambda: many_ips(1000)),
)
AGAINST_A_MERCHANT = (ATTACKERS[0], ATTACKERS[1], Attacker("100 IPs", lambda: many_ips(100)))
"""At a tenth, as the limits of the merchant then are: what takes 1,000 network addresses there takes 100 here."""


@dataclass
class Browser:
    """A browser with its cookies and its network."""

    network: str
    token: str = field(default_factory=new_token)
    known: str | None = None

    def visitor(self) -> Visitor:
        cookies: dict[str, Any] = {"browser": self.token, "network": self.network}
        if "known_browser" in {each.name for each in fields(Visitor)}:
            cookies["known_browser"] = self.known
        return Visitor(**cookies)


@dataclass(frozen=True)
class Mail:
    """A mail in the owner's mailbox."""

    at: Any
    code: str
    token: str


class World:
    """A merchant with one customer, and what arrives in the customer's mailbox."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings, self.clock = database, settings, MovableClock()
        self.mails: list[Mail] = []
        with database.unit_of_work() as session:
            merchant_id = customers.add_merchant(session, f"shop-{uuid4().hex[:8]}", at=self.clock.now())
            self.scope = customers.add_customer(session, merchant_id, ADDRESS, at=self.clock.now())
        self.merchant_id = self.scope.merchant_id

    def request(self, browser: Browser, address: str = ADDRESS) -> bool:
        """Request a mail; return whether the request was taken."""
        try:
            with self.database.unit_of_work() as session:
                request_sign_in(
                    session, self.settings, self.merchant_id, browser.visitor(), address=address, target="/", locale="en",
                    at=self.clock.now(),
                )  # fmt: skip
        except TooManyMessages:
            return False
        return True

    def enter(self, browser: Browser, code: str = WRONG) -> SignInResult:
        """Enter a code; a browser that it signs in is known from then on."""
        try:
            with self.database.unit_of_work() as session:
                attempt = enter_code(
                    session, self.settings, self.merchant_id, browser.visitor(), code=code, at=self.clock.now()
                )
        except TooManyMessages:
            return SignInResult.LOCKED
        if attempt.new_session is not None:
            browser.known = getattr(attempt.new_session, "known_browser", None)
        return attempt.result

    def open_link(self, browser: Browser, token: str) -> SignInResult:
        challenge_id = challenge_of(self.settings.keys, self.merchant_id, token)
        assert challenge_id is not None
        with self.database.unit_of_work() as session:
            attempt = use_link(
                session,
                self.settings,
                self.merchant_id,
                browser.visitor(),
                challenge_id=challenge_id,
                at=self.clock.now(),
            )
        return attempt.result

    def deliver(self) -> None:
        """Send what is due, as the worker does; the owner's mails stay in the mailbox."""
        at = self.clock.now()
        with self.database.unit_of_work() as session:
            due = session.execute(
                sa.select(OutboxMessage).where(OutboxMessage.done_at.is_(None), OutboxMessage.due_at <= at)
            ).scalars().all()  # fmt: skip
            for message in due:
                message.done_at = at
                if message.kind != "sign_in_mail":
                    continue
                content = prepare_sign_in_mail(
                    session, self.settings, self.merchant_id, str(message.payload["challenge"]), at=at
                )
                if content is not None and content.to == ADDRESS:
                    self.mails.append(Mail(at, content.code, content.token))

    def pass_minute(self) -> None:
        self.deliver()
        self.clock.advance(minutes=1)
        self.deliver()

    def open_codes(self) -> int:
        """How many codes of the owner are valid now."""
        with self.database.unit_of_work() as session:
            return session.execute(
                sa.select(sa.func.count()).select_from(Challenge).where(
                    Challenge.merchant_id == self.merchant_id, Challenge.customer_id == self.scope.customer_id,
                    Challenge.used_at.is_(None), Challenge.expires_at > self.clock.now(),
                )
            ).scalar_one()  # fmt: skip


@dataclass
class Siege:
    """What an hour of an attack on one owner came to. `open_codes`: the most that were valid at once."""

    mail_count: int = 0
    guess_count: int = 0
    open_codes: int = 0

    @property
    def chance(self) -> float:
        """The chance that one of the hour's guesses was right."""
        return self.guess_count * self.open_codes / POSSIBLE_CODES


def besiege(world: World, attacker: Attacker, *, minutes: int) -> Siege:
    """Attack the owner: each minute a fresh browser in each of some networks requests a mail, and tries five codes."""
    siege, networks, first = Siege(), attacker.networks(), len(world.mails)
    for _ in range(minutes):
        for network in islice(networks, attacker.in_parallel):
            browser = Browser(network)
            if world.request(browser):
                world.deliver()
                siege.guess_count += guess(world, browser)
        siege.open_codes = max(siege.open_codes, world.open_codes())
        world.pass_minute()
    siege.mail_count = len(world.mails) - first
    return siege


def guess(world: World, browser: Browser) -> int:
    """Try wrong codes as long as they are judged; return how many were."""
    for number in range(TRIES):
        if world.enter(browser) is not SignInResult.WRONG:
            return number
    return TRIES


def arrive(world: World, browser: Browser) -> str:
    """The owner signs in, with two minutes' patience: by "code" in this browser, by a "link" of the mailbox, or is "out"."""
    is_taken = world.request(browser)
    for _ in range(3):
        world.deliver()
        recent = [mail for mail in world.mails if (world.clock.now() - mail.at).total_seconds() < 600]
        if is_taken and recent:
            code = read_code(recent[-1].code)
            assert isinstance(code, str)
            if world.enter(browser, code) is SignInResult.SIGNED_IN:
                return "code"
        for mail in reversed(recent):
            if world.open_link(browser, mail.token) is SignInResult.SIGNED_IN:
                return "link"
        world.clock.advance(minutes=1)
    return "out"


def known_browser(world: World) -> Browser:
    """A browser in which the owner signed in a day ago."""
    browser = Browser(HOME)
    assert arrive(world, browser) == "code"
    world.clock.advance(days=1)
    return browser


@dataclass
class Run:
    """What an hour of an attack on one merchant came to: requests that were taken, and wrong codes that were judged."""

    request_count: int = 0
    guess_count: int = 0


def overrun(world: World, attacker: Attacker, *, patience: int) -> Run:
    """Attack the merchant: mails for ever new addresses, and codes tried for each, until so many requests are refused in a row."""
    run, refused_in_a_row, networks = Run(), 0, attacker.networks()
    while refused_in_a_row < patience:
        browser = Browser(next(networks))
        if world.request(browser, f"customer{run.request_count}@shop.example"):
            run.request_count += 1
            refused_in_a_row = 0
            run.guess_count += guess(world, browser)
        else:
            refused_in_a_row += 1
    return run
