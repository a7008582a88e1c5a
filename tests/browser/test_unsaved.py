"""Leaving a form with changes that are not saved asks first; nothing else asks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.support.shown_pages import ShownPages


@pytest.fixture
def shown(page: Page) -> ShownPages:
    return ShownPages(page)


@pytest.fixture
def asked(page: Page) -> list[str]:
    """The questions that the browser asked on leaving; each is answered by staying."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    return asked


@pytest.mark.parametrize(
    ("example", "field", "save"),
    [
        ("details-stored", "Name", "Save details"),
        ("ask-invoice", "Your message", "Send question"),
        ("copy-", "Email address", "Add address"),
    ],
)
def test_typed_text_is_guarded_until_it_is_taken_back_or_saved(
    example: str, field: str, save: str, shown: ShownPages, page: Page, asked: list[str]
) -> None:
    shown.open(example)
    text = page.get_by_role("main").get_by_label(field, exact=True)
    before = text.input_value()

    text.fill("Something else")
    page.get_by_role("link", name="Invoices", exact=True).first.click()
    assert asked == ["beforeunload"]
    expect(text).to_have_value("Something else")
    page.locator("footer [lang=fr]").click()
    assert asked == ["beforeunload"] * 2

    text.fill(before)
    page.get_by_role("link", name="Invoices", exact=True).first.click()
    text.fill("Something else")
    page.get_by_role("button", name=save).click()

    expect(page.get_by_role("main").locator("form[aria-busy]")).to_be_attached()
    assert len(shown.posted) == 1
    assert asked == ["beforeunload"] * 2


def test_switch_is_guarded_and_a_form_that_nobody_touched_is_not(
    shown: ShownPages, page: Page, asked: list[str]
) -> None:
    shown.open("notices-all")
    switch = page.get_by_role("checkbox", disabled=False).first

    page.get_by_role("link", name="Invoices", exact=True).first.click()
    assert asked == []
    switch.click()
    page.get_by_role("link", name="Invoices", exact=True).first.click()
    assert asked == ["beforeunload"]
    switch.click()
    page.get_by_role("link", name="Invoices", exact=True).first.click()

    assert asked == ["beforeunload"]


@pytest.mark.parametrize("example", ["details-faulty", "details-country"])
def test_form_that_came_back_unsaved_is_guarded_as_it_is(
    example: str, shown: ShownPages, page: Page, asked: list[str]
) -> None:
    shown.open(example)
    page.get_by_role("main").locator("input[type=text]").first.press("End")  # Browsers ask for nobody who did nothing.

    page.get_by_role("link", name="Invoices", exact=True).first.click()

    assert asked == ["beforeunload"]
