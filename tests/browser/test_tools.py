"""The browser tests' own tools work: Chromium starts, and axe finds what is wrong."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.support.accessibility import accessibility_faults


def test_axe_finds_a_field_without_label(browser: Browser):
    tab = browser.new_page()
    tab.set_content(
        "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><input name=q></main></html>"
    )

    assert [fault.split()[0] for fault in accessibility_faults(tab)] == ["label"]


def test_axe_finds_nothing_where_all_is_well(browser: Browser):
    tab = browser.new_page()
    tab.set_content("<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><p>Well.</p></main></html>")

    assert accessibility_faults(tab) == []
