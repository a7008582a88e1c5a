"""Filters, tabs and pages of lists change the page without a full load; what is not that page is opened as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.live_accounts import Account
from tests.support.live_portal import LivePortal

Enter = Callable[[Account], None]
TOO_MANY = "<!doctype html><title>Not now</title><main id='main'><h1>Not now</h1></main>"
ANSWERED_IN_PLACE = "[data-htmx-powered]"


@pytest.fixture
def account(live_portal: LivePortal) -> Account:
    """A customer of the demo with two pages of payments, some failed, and invoices of several years."""
    return live_portal.accounts.find("acme", "maya@lindqvist.example")


@pytest.fixture
def open_page(page: Page, enter: Enter, account: Account) -> Callable[[str], None]:
    """Opens a page signed in, and marks the document: a full load would lose the mark."""
    enter(account)

    def open_marked(path: str) -> None:
        page.goto(account.root + path)
        page.locator(ANSWERED_IN_PLACE).first.wait_for(state="attached")
        page.evaluate("window.mark = true")

    return open_marked


def test_history_is_narrowed_searched_and_paged_without_a_full_load(open_page, page: Page) -> None:
    open_page("/payments")
    tabs, said = page.get_by_role("navigation", name="Status"), page.locator("body > [role=status]")

    tabs.get_by_role("link", name="Failed").click()
    expect(said).to_have_text(re.compile(r"^Payments, newest first \(\d+\)$"))
    expect(page).to_have_url(re.compile(r"/payments\?status=failed$"))
    expect(tabs.get_by_role("link", name="Failed")).to_be_focused()
    # The languages lead to what is shown now, and not to what was loaded.
    assert "status=failed" in (page.locator("footer [lang=fr]").get_attribute("href") or "")

    search = page.get_by_role("searchbox", name="Search payments")
    search.fill("nothing of that name")
    search.press("Enter")
    expect(page.get_by_role("heading", name="No payment matches “nothing of that name”")).to_be_visible()
    expect(search).to_be_focused()
    expect(said).to_have_text("No payment matches “nothing of that name”")

    page.get_by_role("link", name="Clear all", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.get_by_role("link", name="Older").click()
    expect(page).to_have_url(re.compile("/payments[?]after="))
    expect(page.get_by_role("link", name="Newer")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("link", name="Older")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="No payment matches “nothing of that name”")).to_be_visible()
    expect(search).to_have_value("nothing of that name")
    _is_marked(page)
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


@pytest.mark.parametrize(
    ("path", "link", "address", "said"),
    [
        ("/invoices", "All", "/invoices[?]status=all$", r"^Invoices \(\d+\)"),
        ("/statement", "This quarter", "/statement[?]from=", r"^Movements, oldest first \(\d+\)$"),
        ("/security", "What happened before", "/security[?]", r"^What happened \(\d+\)$"),
    ],
)
def test_other_lists_change_in_place(path: str, link: str, address: str, said: str, open_page, page: Page) -> None:
    open_page(path)

    page.get_by_role("main").get_by_role("link", name=link, exact=True).click()

    expect(page).to_have_url(re.compile(address))
    expect(page.locator("body > [role=status]")).to_have_text(re.compile(said))
    _is_marked(page)


def test_slow_answer_shows_that_it_is_on_its_way_and_a_second_press_asks_once(open_page, page: Page) -> None:
    open_page("/payments")
    held: list[Route] = []
    page.route("**/payments?status=failed", lambda route: held.append(route))
    failed = page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed")

    failed.dblclick()

    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    assert len(held) == 1
    held[0].continue_()
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    expect(failed).to_have_attribute("aria-current", "true")
    _is_marked(page)


def test_another_tab_takes_the_place_of_one_that_is_still_on_its_way(open_page, page: Page) -> None:
    open_page("/payments")
    held: list[Route] = []
    page.route("**/payments?status=failed", lambda route: held.append(route))
    tabs = page.get_by_role("navigation", name="Status")

    tabs.get_by_role("link", name="Failed").click()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    tabs.get_by_role("link", name="Refunded").click()

    expect(page).to_have_url(re.compile("status=refunded$"))
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    _is_marked(page)


def test_what_is_typed_while_an_answer_is_on_its_way_is_kept(open_page, page: Page) -> None:
    open_page("/payments")
    held: list[Route] = []
    page.route("**/payments?*q=acme*", lambda route: held.append(route))
    search = page.get_by_role("searchbox", name="Search payments")

    search.fill("acme")
    search.press("Enter")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    search.press_sequentially(" inc")
    held[0].continue_()

    expect(page).to_have_url(re.compile("q=acme&"))
    expect(search).to_have_value("acme inc")
    _is_marked(page)


def test_expired_session_leads_to_sign_in_as_a_whole_page(open_page, page: Page) -> None:
    open_page("/payments")
    page.context.clear_cookies()

    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()

    expect(page).to_have_url(re.compile(r"/sign-in\?next=/payments%3Fstatus%3Dfailed$"))
    expect(page.get_by_role("textbox", name="Email address")).to_be_visible()
    assert page.evaluate("window.mark") is None


def test_error_is_shown_as_its_own_whole_page(open_page, page: Page) -> None:
    open_page("/payments")
    page.route(
        "**/payments?status=failed",
        lambda route: route.fulfill(status=429, content_type="text/html", body=TOO_MANY),
    )

    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()

    expect(page.get_by_role("heading", name="Not now")).to_be_visible()
    assert page.evaluate("window.mark") is None
    assert page.get_by_role("navigation").count() == 0


def test_nothing_of_the_pages_is_shown_by_back_after_signing_out(open_page, page: Page, account: Account) -> None:
    open_page("/payments")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()
    expect(page).to_have_url(re.compile("status=failed$"))
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))

    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.go_back()

    expect(page.get_by_role("textbox", name="Email address")).to_be_visible()
    assert page.get_by_role("table").count() == 0


def test_clicks_with_a_key_and_money_stay_the_browsers_own(open_page, page: Page) -> None:
    open_page("/invoices")

    powered = page.locator(ANSWERED_IN_PLACE).evaluate_all("all => all.map(one => one.href)")
    with page.context.expect_page():
        page.get_by_role("main").get_by_role("link", name="All", exact=True).click(modifiers=["Control"])

    assert powered and all(re.search(r"/invoices\?status=\w+$", address) for address in powered)
    expect(page).to_have_url(re.compile("/invoices$"))


def test_attributes_of_htmx_in_a_page_do_nothing(open_page, page: Page) -> None:
    open_page("/payments")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    injected = "<b data-hx-get='/acme/details' data-hx-trigger='load'></b><a hx-post='/acme/sign-out' href='?status=failed'>Injected</a></main>"

    def inject(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("</main>", injected))

    page.route("**/payments?status=failed", inject)
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()
    expect(page.get_by_role("link", name="Injected")).to_be_visible()
    _is_marked(page)
    page.get_by_role("link", name="Injected").click()

    expect(page.get_by_role("link", name="Injected")).to_be_visible()
    page.wait_for_function("window.mark === undefined")  # As any link: opened as a whole.
    assert [url for url in asked if "/details" in url or "/sign-out" in url] == []


# --- no answer: what is shown stays ---

NOT_LOADED = "This could not be loaded"


@pytest.fixture
def troubled(context: BrowserContext, enter: Enter, account: Account) -> Iterator[Page]:
    """The history in a page whose console may report answers that failed, and nothing else; marked as by `open_page`."""
    enter(account)
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(str(error.error)))
    page = context.new_page()
    page.goto(account.root + "/payments")
    page.locator(ANSWERED_IN_PLACE).first.wait_for(state="attached")
    page.evaluate("window.mark = true")
    yield page
    assert not faults, faults


@pytest.mark.parametrize("trouble", ["503", "no network", "cut off"])
def test_list_stays_as_it_is_without_an_answer_and_is_fetched_by_trying_again(trouble: str, troubled: Page) -> None:
    page, rows = troubled, troubled.get_by_role("main").get_by_role("row").all_inner_texts()
    failed = page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed")
    _break(page, trouble)

    failed.click()

    expect(page.get_by_text(NOT_LOADED)).to_be_in_viewport()
    expect(page.locator("body > [role=status]")).to_have_text(re.compile(f"^{NOT_LOADED}. There may be no connection"))
    expect(page).to_have_url(re.compile("/payments$"))
    expect(failed).to_be_focused()
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    assert page.get_by_role("main").get_by_role("row").all_inner_texts() == rows

    _mend(page)
    page.get_by_role("button", name="Try again").click()

    expect(page).to_have_url(re.compile(r"/payments\?status=failed$"))
    expect(failed).to_have_attribute("aria-current", "true")
    expect(page.get_by_text(NOT_LOADED)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(failed).not_to_have_attribute("aria-current", "true")
    _is_marked(page)


def test_what_is_searched_for_is_kept_without_an_answer_and_the_same_act_tries_again(troubled: Page) -> None:
    page, search = troubled, troubled.get_by_role("searchbox", name="Search payments")
    _break(page, "no network")
    search.fill("nothing of that name")
    search.press("Enter")
    expect(page.get_by_text(NOT_LOADED)).to_be_in_viewport()
    expect(search).to_have_value("nothing of that name")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_text(NOT_LOADED)).to_be_in_viewport()

    _mend(page)
    search.press("Enter")

    expect(page.get_by_role("heading", name="No payment matches “nothing of that name”")).to_be_visible()
    expect(page).to_have_url(re.compile("q=nothing"))
    expect(page.get_by_text(NOT_LOADED)).to_be_hidden()
    _is_marked(page)


def test_step_back_without_an_answer_keeps_what_is_shown_and_its_address_is_tried_again(troubled: Page) -> None:
    page, tabs = troubled, troubled.get_by_role("navigation", name="Status")
    for name in ("Failed", "Refunded"):
        tabs.get_by_role("link", name=name).click()
        expect(page).to_have_url(re.compile(f"status={name.lower()}$"))
    _break(page, "503")

    page.go_back()

    expect(page.get_by_text(NOT_LOADED)).to_be_in_viewport()
    expect(tabs.get_by_role("link", name="Refunded")).to_have_attribute("aria-current", "true")
    _mend(page)
    page.get_by_role("button", name="Try again").click()
    expect(tabs.get_by_role("link", name="Failed")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("status=failed$"))
    page.go_forward()
    expect(tabs.get_by_role("link", name="Refunded")).to_have_attribute("aria-current", "true")
    _is_marked(page)


def _break(page: Page, trouble: str) -> None:
    if trouble == "503":
        page.route("**/payments*", lambda route: route.fulfill(status=503, content_type="text/html", body=TOO_MANY))
    elif trouble == "no network":
        page.context.set_offline(True)
    else:
        page.route("**/payments*", lambda route: route.abort("connectionreset"))


def _mend(page: Page) -> None:
    page.unroute_all()
    page.context.set_offline(False)


def _is_marked(page: Page) -> None:
    assert page.evaluate("window.mark") is True, "the page was loaded as a whole"
