"""A crowd pays one invoice at once, through the pages of a real server: one charge, and every other reads what happened. 80 in
`make test`, 200 in `make verify`; one button is pressed 200 times in both, which a server with eight threads sees as many at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import sqlalchemy as sa

from tests.crash.browser import Browser, Page
from tests.support.live_accounts import Account
from tests.support.tiers import tier

PAYERS, PRESSES, SESSIONS = tier(80, 200), 200, 40
START_SECONDS = 30


def test_crowd_of_payers_of_one_invoice_charges_it_once(installation):
    account, invoice, cookies, card = _prepare(installation)
    deadlocks = _deadlocks(installation)
    start = Barrier(PAYERS)

    def pay(number: int) -> str:
        with Browser(cookies[number % SESSIONS]) as browser:
            start.wait(START_SECONDS)
            page = browser.open(f"{account.root}/checkout?invoice={invoice}")
            form = page.form("/checkout")
            if form is None:
                return _reported(page, 200)
            page = browser.send(form, payment_method=card)
            if page.status != 303:
                return _reported(page, 422)
            form = browser.open(page.leads_to).form("/confirmation")
            if form is None:
                return "ended"  # A newer checkout took its place before it was shown.
            page = browser.send(form)
            return "paid" if page.status == 303 else _reported(page, 409, 422)

    with ThreadPoolExecutor(PAYERS) as pool:
        answers = Counter(pool.map(pay, range(PAYERS)))

    assert answers["paid"] == 1
    assert set(answers) <= {"paid", "ended", "being paid", "settled"}
    assert len(account.charges()) == 1
    assert account.invoice(invoice).status == "paid"
    account.check_money()
    assert _deadlocks(installation) == deadlocks


def test_two_hundred_presses_of_one_button_charge_once(installation):
    account, invoice, cookies, card = _prepare(installation)
    deadlocks = _deadlocks(installation)
    payment = account.begin(invoice, method=card)
    forms = [_open(cookie, f"{account.root}/checkout/{payment}").form("/confirmation") for cookie in cookies]
    start = Barrier(PRESSES)

    def press(number: int) -> tuple[int, str]:
        form = forms[number % SESSIONS]
        assert form is not None
        with Browser(cookies[number % SESSIONS]) as browser:
            start.wait(START_SECONDS)
            page = browser.send(form)
        return page.status, page.leads_to

    with ThreadPoolExecutor(PRESSES) as pool:
        answers = set(pool.map(press, range(PRESSES)))

    assert answers == {(303, f"{account.root}/payments/{payment}")}
    assert len(account.charges()) == 1
    account.check_money()
    assert _deadlocks(installation) == deadlocks


def _prepare(installation) -> tuple[Account, str, list[tuple[str, str]], str]:
    account = installation.accounts.create()
    card = account.save_card()
    installation.serve()
    return account, account.open_invoice(), [account.sign_in() for _ in range(SESSIONS)], card


def _deadlocks(installation) -> int:
    """How many PostgreSQL has broken up in this database so far: each costs its payers a second. SQLite knows none."""
    if installation.database.is_sqlite:
        return 0
    installation.stop()  # Its connections hand in their figures when they end, at the latest.
    with installation.database.read() as reader:
        statement = sa.text("select deadlocks from pg_stat_database where datname = current_database()")
        count = int(reader.execute(statement).scalar_one())
    installation.serve()
    return count


def _open(cookie: tuple[str, str], url: str) -> Page:
    with Browser(cookie) as browser:
        return browser.open(url)


def _reported(page: Page, *statuses: int) -> str:
    """What the page says of the invoice; only these statuses may say it."""
    assert page.status in statuses, f"{page.url} answered {page.status}"
    for word, sentence in (
        ("being paid", "This invoice is being paid."),
        ("settled", "lready settled"),
        ("ended", "This checkout has ended"),
    ):
        if sentence in page.text:
            return word
    return f"{page.url}: {page.text}"
