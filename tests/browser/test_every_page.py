"""Every page of the running system in a real browser: none scrolls sideways, axe finds nothing, strangers and newcomers read what to do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from portal.demo.example_data import EXAMPLE_MERCHANTS
from tests.support.accessibility import Seen, accessibility_faults, bring_axe
from tests.support.checkout_steps import go_to_review, pay_at_gateway
from tests.support.live_accounts import Account
from tests.support.tiers import IS_LONG, tier

WIDTHS = (320, 375, 1280)
NIGHT_ON_A_PHONE, DAY_AT_A_DESK = ("acme", "dark", 320), ("savane", "light", 1280)
EXAMPLES = {example.slug: example for example in EXAMPLE_MERCHANTS}
LISTS = (
    "/", "/payments", "/payments?status=failed", "/invoices", "/invoices?status=overdue", "/invoices?status=paid",
    "/invoices?status=all", "/payment-methods", "/checkout", "/privacy", "/no-such-page",
)  # fmt: skip


@pytest.fixture
def page(page: Page) -> Page:
    bring_axe(page)
    return page


@pytest.mark.parametrize(("slug", "scheme", "width"), tier([NIGHT_ON_A_PHONE], [NIGHT_ON_A_PHONE, DAY_AT_A_DESK]))
def test_a_full_account_fits_every_width_and_axe(live_portal, page, enter, slug, scheme, width):
    account = live_portal.accounts.find(slug, live_portal.customers[slug][0])
    enter(account)
    page.emulate_media(color_scheme=scheme)

    faults, seen = [], Seen()
    for path in (*_own_pages(account), *LISTS):
        page.goto(account.root + path)
        faults += _faults(page, width, seen)

    assert not faults, "\n".join(faults)


def test_a_newcomer_reads_that_there_is_nothing_and_what_will_come(live_portal, page, enter):
    example = EXAMPLES["acme"]
    assert example.new_customer.email is not None
    account = live_portal.accounts.find("acme", example.new_customer.email)
    enter(account)

    faults, words, seen = [], {}, Seen()
    for path in LISTS:
        page.goto(account.root + path)
        faults += _faults(page, 375, seen)
        words[path] = page.get_by_role("main").inner_text()

    assert not faults, "\n".join(faults)
    assert "Nothing to pay" in words["/"]
    for path in ("/payments", "/invoices", "/payment-methods"):
        assert not re.search(r"\bNone\b|\bnull\b", words[path]) and len(words[path]) > 60, words[path]


@pytest.mark.parametrize(
    ("slug", "scheme", "width"), tier([DAY_AT_A_DESK], [("acme", "light", 1280), ("savane", "dark", 320)])
)
def test_doors_and_the_gateways_pages_fit_every_width_and_axe(live_portal, page, slug, scheme, width):
    account = live_portal.accounts.create(slug)
    invoice = account.open_invoice()
    page.emulate_media(color_scheme=scheme)
    faults, seen = [], Seen()

    for address in ("/", "/demo/mail", f"/{slug}/sign-in", f"/{slug}/sign-in/code", f"/{slug}/sign-in/link/damaged"):
        page.goto(live_portal.origin + address)
        faults += _faults(page, width, seen)
    page.goto(account.root + f"/sign-in?next=/invoices/{invoice}")
    page.get_by_role("textbox").fill(account.email)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(re.compile("/sign-in/code"))
    faults += _faults(page, width, seen)
    page.context.clear_cookies()  # In the browser that asked, the page of the link posts itself and is gone at once.
    page.goto(live_portal.await_mail(account.email).link)
    faults += _faults(page, width, seen)
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url(re.compile(invoice))
    go_to_review(page, account, invoice, with_new=True)
    faults += _faults(page, width, seen)
    pay_at_gateway(page)
    faults += _faults(page, width, seen)
    page.goto(live_portal.sandbox.origin)
    faults += _faults(page, width, seen)
    page.goto(f"{live_portal.origin}/demo/mail")
    faults += _faults(page, width, seen)

    assert not faults, "\n".join(faults)


def test_strange_ids_are_one_page_that_leads_home(live_portal, page, enter):
    account, other = live_portal.accounts.create(), live_portal.accounts.create()
    theirs = other.open_invoice()
    their_payment = other.begin(theirs)
    unknown = "0" * 22
    enter(account)

    shown = set()
    for path in (
        f"/invoices/{theirs}", f"/invoices/inv_{unknown}", "/invoices/inv_", "/invoices/1", "/invoices/%F0%9F%92%B6",
        "/invoices/inv_' OR 1=1 --", f"/payments/{their_payment}", f"/payments/pay_{unknown}", "/payments/..%2f..%2f",
        f"/checkout/{their_payment}", f"/checkout?invoice={theirs}", "/checkout?invoice=inv_%D9%A1", f"/{'x' * 3000}",
    ):  # fmt: skip
        answer = page.goto(account.root + path)
        assert answer is not None and answer.status == 404, path
        # But for the number that a reader can name when they ask.
        shown.add(re.sub(r"[0-9A-F]{4}-[0-9A-F]{4}", "", page.get_by_role("main").inner_text()))

    assert len(shown) == 1
    page.get_by_role("main").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/acme/$"))


def _own_pages(account: Account) -> list[str]:
    """One page of the account for each state that a payment or an invoice of it is in; and a checkout."""
    payments = {payment.status: payment for payment in account.payments() if payment.listed}
    assert len(payments) == 12, f"the demo shows {sorted(payments)}"
    invoices = {(i.status, i.amount_reserved > 0, i.due_on): i for i in account.invoices()}
    kinds = {(status, held): i for (status, held, _), i in sorted(invoices.items(), key=lambda pair: pair[0][2])}
    free = next(i for (status, held), i in kinds.items() if status == "open" and not held)
    return [
        *(f"/payments/{payment.id}" for payment in payments.values()),
        *(f"/invoices/{invoice.id}" for invoice in kinds.values()),
        f"/checkout?invoice={free.id}",
        f"/checkout/{payments['incomplete'].id}",
    ]


def _faults(page: Page, width_of_axe: int, seen: Seen) -> list[str]:
    """What is wrong with the page that is shown: it scrolls sideways at some width, or axe has found something at this one.

    axe looks at a page that has something in a place where no page before it had that; in `make verify` at every page.
    """
    faults = []
    for width in (*(w for w in WIDTHS if w != width_of_axe), width_of_axe):
        page.set_viewport_size({"width": width, "height": 800})
        beyond = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        if beyond > 0:
            faults.append(f"{page.url} at {width}: {beyond} px wider than the window")
    if not seen.adds(page.content()) and not IS_LONG:
        return faults
    return faults + [f"{page.url} at {width_of_axe}: {fault}" for fault in accessibility_faults(page)]
