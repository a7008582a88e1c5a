"""Everything that a customer does without any script: the lists, the details, the notices, paying, and by a pay link; and scripts that
come late, or never, are waited for by nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.checkout_steps import PAY, enter_card, go_to_review, pay_button
from tests.support.live_accounts import Account, today
from tests.support.live_portal import LivePortal

Enter = Callable[[Account], None]
NO_SCRIPTS = pytest.mark.browser_context_args(java_script_enabled=False)


@NO_SCRIPTS
def test_lists_are_walked_without_scripts(live_portal: LivePortal, page: Page, enter: Enter) -> None:
    account = live_portal.accounts.find("acme", "maya@lindqvist.example")
    enter(account)
    page.goto(f"{account.root}/payments")
    main = page.get_by_role("main")

    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()
    expect(page).to_have_url(re.compile(r"/payments\?status=failed$"))
    page.get_by_role("searchbox", name="Search payments").fill("nothing of that name")
    main.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="No payment matches “nothing of that name”")).to_be_visible()
    main.get_by_role("link", name="Clear all", exact=True).click()
    main.get_by_text("Method, currency, dates").click()
    main.get_by_label("From", exact=True).fill(f"{today().year}-01-01")
    main.get_by_role("button", name="Apply").click()
    expect(main.get_by_role("link", name="Remove this filter")).to_be_visible()
    main.get_by_role("link", name="Clear all", exact=True).click()
    main.get_by_role("link", name="Older").click()
    expect(main.get_by_role("link", name="Newer")).to_be_visible()

    page.goto(f"{account.root}/invoices")
    main.get_by_role("link", name="All", exact=True).click()
    expect(main.get_by_role("table")).to_be_visible()
    page.goto(f"{account.root}/statement")
    main.get_by_role("link", name="This quarter").click()
    main.get_by_text("Other dates").click()
    main.get_by_label("From", exact=True).fill("2026-01-01")
    main.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("from=2026-01-01"))
    page.goto(f"{account.root}/security")
    main.get_by_role("link", name="What happened before").click()
    expect(main.get_by_role("heading", name="What happened")).to_be_visible()


@NO_SCRIPTS
def test_details_and_notices_are_saved_without_scripts(live_portal: LivePortal, page: Page, enter: Enter) -> None:
    account = live_portal.accounts.create(name="Nora Blank")
    enter(account)
    page.goto(f"{account.root}/details")
    main = page.get_by_role("main")

    main.get_by_label("Name", exact=True).fill("Nora Plain")
    main.get_by_role("combobox", name="Country").first.select_option("FR")
    main.get_by_role("button", name="Show the fields of this country").first.click()
    expect(main.get_by_label("Name", exact=True)).to_have_value("Nora Plain")
    for part, text in {"line1": "1 rue de la Paix", "postal_code": "75002", "city": "Paris"}.items():
        main.locator(f'[name="billing_address.{part}"]').fill(text)
    main.get_by_role("button", name="Save details").click()
    expect(main.get_by_text("Your details were saved.")).to_be_visible()

    page.goto(f"{account.root}/notices")
    main.get_by_role("checkbox", disabled=False).first.uncheck()
    main.get_by_role("button", name="Save notifications").click()
    expect(main.get_by_text("Your notifications were saved.")).to_be_visible()


@NO_SCRIPTS
def test_invoice_is_paid_without_scripts_and_offers_no_button_that_needs_one(
    live_portal: LivePortal, page: Page, enter: Enter
) -> None:
    account = live_portal.accounts.create(name="Nora Blank")
    account.save_card()
    enter(account)
    go_to_review(page, account, account.open_invoice(4900))

    pay_button(page).click()
    page.wait_for_url(re.compile(r"/payments/pay_\w+$"))

    expect(page.get_by_role("heading", level=1)).to_contain_text("Paid", timeout=20_000)  # It reloads itself.
    assert page.get_by_role("button", name="Copy Reference").count() == 0
    account.check_money()


@NO_SCRIPTS
def test_pay_link_is_paid_without_scripts(live_portal: LivePortal, page: Page) -> None:
    account = live_portal.accounts.create(name="Nora Blank")
    page.goto(account.pay_link(account.open_invoice(4900)))

    page.get_by_role("main").get_by_role("button", name="Review $49.00").click()
    page.get_by_role("main").get_by_role("button", name=PAY).click()
    page.get_by_role("link", name="Continue to pay $49.00").click()
    enter_card(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Paid", timeout=20_000)
    account.check_money()


def test_overview_is_usable_before_any_script_or_symbol_has_come(
    live_portal: LivePortal, page: Page, enter: Enter
) -> None:
    account = live_portal.accounts.create(name="Nora Blank")
    account.open_invoice(4900)
    enter(account)
    page.route(re.compile(r"\.(js|svg|ico)$"), lambda route: None)  # On their way for ever.

    page.goto(account.root, wait_until="commit")
    pay_button(page).click(no_wait_after=True)

    page.wait_for_url(re.compile(r"/checkout"), wait_until="commit")
    expect(pay_button(page).or_(page.get_by_role("button", name=re.compile("^Review ")))).to_be_visible()
