"""However often and in how many tabs a customer presses Pay, the gateway charges once."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.support.checkout_steps import choose, go_to_review, pay, pay_button

# Two fetches from the page itself, as two windows of one browser would send them.
CONFIRM_TWICE = """
async () => {
  const form = document.querySelector("main form[action$='/confirmation']");
  const send = () => fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))});
  return (await Promise.all([send(), send()])).map(answer => [answer.status, answer.url]);
}
"""


def test_a_double_click_charges_once(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice()
    enter(account)
    payment = go_to_review(page, account, invoice)
    live_portal.sandbox.behave(payment, answer="slow", delay_seconds=1)

    pay_button(page).dblclick()

    page.wait_for_url(re.compile("/payments/pay_"))
    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert len(live_portal.sandbox.ledger(payment)) == len(account.charges()) == 1
    account.check_money()


def test_reload_back_and_pay_again_charge_once(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice()
    enter(account)
    go_to_review(page, account, invoice)
    pay(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")

    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Paid")
    page.go_back()
    # Whether it comes from the browser's memory or anew: it cannot be paid twice.
    if pay_button(page).is_visible():
        pay(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    page.goto(f"{account.root}/checkout?invoice={invoice}")
    expect(page.get_by_role("main")).to_contain_text("There is nothing left to pay.")

    assert len(account.charges()) == 1
    account.check_money()


def test_two_confirmations_posted_at_once_charge_once(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice()
    enter(account)
    payment = go_to_review(page, account, invoice)

    answers = page.evaluate(CONFIRM_TWICE)

    assert answers == [[200, f"{account.root}/payments/{payment}"]] * 2
    page.goto(f"{account.root}/payments/{payment}")
    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert len(account.charges()) == 1
    account.check_money()


def test_of_two_tabs_one_pays_and_the_other_says_so(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice()
    enter(account)
    go_to_review(page, account, invoice)
    other = page.context.new_page()
    go_to_review(other, account, invoice)
    other.goto(f"{account.root}/checkout?invoice={invoice}")  # It stands at the first step of a third checkout.

    pay_button(page).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This checkout has ended")
    expect(page.get_by_role("main")).to_contain_text("Nothing was taken")
    page.get_by_role("button", name="Start again").click()
    choose(page)
    pay(page)
    expect(page.get_by_role("main")).to_contain_text("Paid")
    other.get_by_role("button", name="Review $49.00").click()

    expect(other.get_by_role("alert")).to_contain_text("There is nothing left to pay.")
    assert len(account.charges()) == 1
    account.check_money()


def test_a_payment_under_way_keeps_the_other_tab_from_paying(live_portal, page, enter):
    account = live_portal.accounts.create()
    account.save_card()
    invoice = account.open_invoice()
    enter(account)
    other = page.context.new_page()
    other.goto(f"{account.root}/checkout?invoice={invoice}")
    payment = go_to_review(page, account, invoice)
    live_portal.sandbox.behave(payment, answer="drop_before", webhooks="never", count=1000)
    pay(page)
    expect(page.get_by_role("main")).to_contain_text("We do not know yet whether it went through")

    other.get_by_role("button", name="Review $49.00").click()
    expect(other.get_by_role("alert")).to_contain_text("What you chose is being paid. You cannot pay it twice.")
    other.get_by_role("link", name="See the payment").click()
    other.wait_for_url(re.compile(payment))
    expect(other.get_by_role("main")).to_contain_text("Do not pay again")

    assert account.charges() == []
    account.check_money(is_settled=False)
