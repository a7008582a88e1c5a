"""In Firefox, for `make verify` alone: no page scrolls sideways there, and a customer comes from the address to a paid invoice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.test_accessibility import Site, site  # noqa: F401  # The fixture.
from tests.browser.test_widths import BRANDS, EXAMPLES, OVER, long_pages
from tests.support.firefox import Firefox, run_firefox
from tests.support.operable import UNFOLD

# The driver leaves sockets open while it waits for Firefox to listen.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WAYS = {"en-375-dark": ("acme", "en-US", 375, True), "fr-1280-light": ("savane", "fr-FR", 1280, False)}


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    with run_firefox() as started:
        yield started


@pytest.mark.parametrize("template", EXAMPLES)
def test_no_page_scrolls_sideways_in_firefox(firefox: Firefox, site: Site, renderer, themes, template: str) -> None:  # noqa: F811
    # Of the brands one, by turns: what runs over in both is found in Chromium already.
    theme, locale = BRANDS[list(EXAMPLES).index(template) % len(BRANDS)]

    faults = []
    for name, html in long_pages(renderer, themes, EXAMPLES[template], theme=theme, locale=locale):
        site.html = html
        firefox.open(site.address)
        firefox.evaluate(UNFOLD)
        for width in (320, 1024):
            firefox.resize(width)
            faults += [f"{name} at {width} px: {fault}" for fault in firefox.evaluate(OVER)]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("slug", "languages", "width", "dark"), WAYS.values(), ids=WAYS)
def test_a_customer_signs_in_and_pays_in_firefox(
    live_portal, slug: str, languages: str, width: int, dark: bool
) -> None:
    account = live_portal.accounts.create(slug)
    account.save_card()
    invoice = account.open_invoice()

    with run_firefox(dark=dark, languages=languages) as firefox:
        firefox.open(f"{account.root}/invoices/{invoice}")
        firefox.resize(width)
        firefox.fill("main input[name=email]", account.email)
        firefox.press("main [data-primary]")
        firefox.await_address(lambda address: address.endswith("/sign-in/code"))
        firefox.open(live_portal.await_mail(account.email).link)
        firefox.await_address(lambda address: address.endswith(f"/invoices/{invoice}"))
        assert firefox.evaluate("document.documentElement.lang") == languages[:2]
        assert firefox.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        firefox.press("main [data-primary]")
        firefox.await_address(lambda address: re.search(r"/checkout/pay_\w+$", address) is not None)
        firefox.evaluate("new Promise(done => setTimeout(done, 800))")
        firefox.press("main [data-primary]")
        firefox.await_address(lambda address: re.search(r"/payments/pay_\w+$", address) is not None)
        heading = firefox.evaluate("document.querySelector('h1').textContent")

    assert heading.split()[0] in ("Paid", "Payé")
    assert account.invoice(invoice).status == "paid"
    account.check_money()


def test_a_list_changes_in_place_in_firefox(live_portal) -> None:
    account = live_portal.accounts.find("acme", "maya@lindqvist.example")

    with run_firefox() as firefox:
        firefox.open(account.mint_session("/payments"))
        firefox.await_address(lambda address: address.endswith("/payments"))
        firefox.evaluate("new Promise(done => setTimeout(done, 2000))")  # Loaded, and idle.
        firefox.evaluate("document.documentElement.dataset.mark = 'kept'")
        firefox.press(".tabs a[href$='status=failed']")
        firefox.await_address(lambda address: address.endswith("?status=failed"))
        firefox.evaluate("new Promise(done => setTimeout(done, 500))")
        chosen = firefox.evaluate("document.activeElement.textContent")
        firefox.evaluate("history.back()")
        firefox.await_address(lambda address: address.endswith("/payments"))
        firefox.evaluate("new Promise(done => setTimeout(done, 1000))")
        back = firefox.evaluate("document.querySelector('.tabs [aria-current]').textContent")
        kept = firefox.evaluate("document.documentElement.dataset.mark")

    assert (chosen.split()[0], back.split()[0], kept) == ("Failed", "All", "kept")
