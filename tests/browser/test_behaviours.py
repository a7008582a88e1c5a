"""What the scripts add to the pages, in the browser; that pages work without them is the journeys' affair."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.shown_pages import ShownPages


@pytest.fixture
def shown(page: Page) -> ShownPages:
    return ShownPages(page)


def test_form_pressed_twice_goes_out_once_and_wakes_when_shown_again(shown: ShownPages, page: Page) -> None:
    shown.open("review-ready")
    pay = page.get_by_role("button", name="Pay $325.98 to Acme Software Inc.")
    form = page.locator(".payment-panel form")

    pay.dblclick()
    form.evaluate("form => form.requestSubmit()")

    assert len(shown.posted) == 1 and shown.posted[0].endswith("/confirmation")
    expect(form).to_have_attribute("aria-busy", "true")
    assert "Pay $325.98" in pay.inner_text()

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    assert form.evaluate("form => form.inert") is False


def test_pay_takes_no_press_in_its_first_moments_on_the_screen(shown: ShownPages, page: Page) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1)
    shown.open("review-ready")
    page.clock.run_for(1_000)

    # On a page that was just opened by the stylesheet, whether or not its scripts have arrived.
    page.evaluate(AS_JUST_OPENED, 590)
    assert not _press(page)
    page.evaluate(AS_JUST_OPENED, 610)
    assert _press(page)

    # Where it comes into view later, as by a scroll, from then on.
    page.set_viewport_size({"width": 375, "height": 200})
    shown.open("review-ready")
    page.clock.run_for(1_000)
    page.evaluate(AS_JUST_OPENED, 610)
    _pay(page).evaluate("button => button.scrollIntoView({block: 'center'})")
    expect(_pay(page)).to_have_attribute("data-new", "")
    page.clock.run_for(590)
    assert not _press(page)
    page.clock.run_for(20)
    assert _press(page)


HIDDEN = """
(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
  dispatchEvent(new Event("visibilitychange"));
}
"""
AS_JUST_OPENED = """
(milliseconds) => {
  const panel = document.querySelector(".payment-panel"), { parentNode, nextSibling } = panel;
  panel.remove();
  parentNode.insertBefore(panel, nextSibling);
  for (const animation of panel.getAnimations()) { animation.pause(); animation.currentTime = milliseconds; }
}
"""
"""The panel so many milliseconds after it was first drawn, and no later until this is called again."""


def _pay(page: Page) -> Locator:
    return page.get_by_role("button", name="Pay $325.98 to Acme Software Inc.")


def _press(page: Page) -> bool:
    """Press at the place of the button, whatever takes the press there, and return whether its form goes out: a person does not wait for
    it to be ready."""
    place = _pay(page).bounding_box()
    assert place
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    return page.locator(".payment-panel form").get_attribute("aria-busy") == "true"


def test_waiting_page_takes_over_the_outcome_and_stops_asking(shown: ShownPages, page: Page) -> None:
    page.clock.install()
    shown.open("payment-processing")
    shown.prepare("payment-just-paid")

    page.clock.run_for(3_000)

    expect(page.get_by_text("The receipt is on its way to")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()
    assert page.title().startswith("Paid $325.98")
    page.clock.run_for(200)
    expect(page.locator("body > [role=status]")).to_have_text("Paid $325.98")
    count_before = shown.fetched_count

    page.clock.run_for(120_000)

    assert shown.fetched_count == count_before == 2


def test_waiting_page_asks_ever_less_often_while_nothing_changes(shown: ShownPages, page: Page) -> None:
    page.clock.install()
    shown.open("payment-phone")

    for _ in range(60):
        page.clock.run_for(1_000)

    assert 5 <= shown.fetched_count - 1 <= 10
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve on your phone")


def test_waiting_page_stops_after_half_an_hour_and_asks_again_when_it_is_shown(shown: ShownPages, page: Page) -> None:
    page.clock.install()
    shown.open("payment-processing")
    for _ in range(32):
        page.clock.run_for(60_000)
    count_before = shown.fetched_count
    page.clock.run_for(300_000)
    assert shown.fetched_count == count_before

    # Hidden it asks for nothing, and at once when its tab is shown again.
    page.evaluate(HIDDEN, True)
    page.clock.run_for(60_000)
    assert shown.fetched_count == count_before
    shown.prepare("payment-just-paid")
    page.evaluate(HIDDEN, False)

    expect(page.get_by_text("The receipt is on its way to")).to_be_visible()


@pytest.mark.parametrize("typed", ["wdjbmjht", "WDJB-MJHT", " wdjb mjht"])
def test_code_is_written_in_capitals_with_its_hyphen(typed: str, shown: ShownPages, page: Page) -> None:
    shown.open("code")
    field = page.get_by_label("Code from the email")

    field.press_sequentially(typed)

    expect(field).to_have_value("WDJB-MJHT")


def test_code_is_taken_from_a_paste_and_corrected_by_deleting(shown: ShownPages, page: Page) -> None:
    shown.open("code")
    field = page.get_by_label("Code from the email")

    field.fill("wdjb-mjht ")
    expect(field).to_have_value("WDJB-MJHT")
    for _ in range(4):
        field.press("Backspace")

    expect(field).to_have_value("WDJB")
    field.press("Backspace")
    expect(field).to_have_value("WDJ")


def test_hand_off_posts_itself_once_and_not_on_coming_back(shown: ShownPages, page: Page) -> None:
    shown.open("session")
    assert shown.posted == ["/acme/sign-in/session/tok"]

    page.reload(wait_until="networkidle")

    assert shown.posted == ["/acme/sign-in/session/tok"]


def test_hand_off_asks_first_where_somebody_else_is_signed_in(shown: ShownPages) -> None:
    shown.open("session-switch")

    assert shown.posted == []


@pytest.mark.parametrize(
    ("example", "focused"),
    [
        ("sign-in-malformed", "#email"),
        ("code-wrong", "#code"),
        ("choose-method-missing", "input[type=radio] >> nth=0"),
        ("choose-amount-low", "#amount"),
    ],
)
def test_first_fault_has_the_focus(example: str, focused: str, shown: ShownPages, page: Page) -> None:
    shown.open(example)

    expect(page.locator(focused)).to_be_focused()


@pytest.mark.parametrize(("theme", "locale", "direction"), [("savane", "fr", "ltr"), ("acme", "en", "rtl")])
def test_nothing_scrolls_sideways_on_the_smallest_phone(
    theme: str, locale: str, direction: str, shown: ShownPages, page: Page
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    wide = []

    for name in ("overview", "overview-francs", "payments", "invoices", "invoice-part-paid", "choose", "review-ready"):
        shown.show(name, theme=theme, locale=locale, direction=direction)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(name)

    assert wide == []


def test_text_is_copied_by_a_button_that_says_so(shown: ShownPages, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.open("invoice-transfer")
    page.get_by_text("Pay by bank transfer").click()
    button = page.get_by_role("button", name="Copy IBAN")

    button.press("Enter")

    expect(page.locator("body > [role=status]")).to_have_text("Copied")
    expect(page.get_by_role("button", name="Copied IBAN")).to_be_focused()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("dd:has(button:focus) bdi").inner_text()
    box = page.get_by_role("button", name="Copied IBAN").bounding_box()
    assert box and min(box["width"], box["height"]) >= 44


def test_no_copy_button_is_there_where_a_page_may_not_copy(shown: ShownPages, page: Page) -> None:
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined })")
    shown.open("payment-complete")

    expect(page.get_by_role("term").filter(has_text="Reference")).to_be_visible()
    assert page.locator("[data-behaviour=copy]:visible").count() == 0 < page.locator("[data-behaviour=copy]").count()
