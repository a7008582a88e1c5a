"""In Firefox, for `make verify` alone: no page scrolls sideways there, and a customer comes from the address to a paid invoice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.browser.test_accessibility import Site, site  # noqa: F401  # The fixture.
from tests.browser.test_widths import BRANDS, EXAMPLES, NAME, OVER, WIDTHS, lengthened
from tests.support.example_pages import example_shell, render_example
from tests.support.firefox import Firefox, run_firefox

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
    faults = []
    for theme, locale in BRANDS:
        for example in EXAMPLES[template]:
            shell = example_shell(themes, theme=theme, locale=locale, current=example.current)
            shell = replace(shell, merchant_name=NAME, customer_name=shell.customer_name and NAME)
            site.html = render_example(renderer, replace(example, page=lengthened(example.page)), shell)
            firefox.open(site.address)
            for width in WIDTHS:
                firefox.resize(width)
                faults += [f"{example.name}, {theme}, at {width} px: {fault}" for fault in firefox.evaluate(OVER)]

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
