"""From the mail to paid, counted by the browser: three presses where the link's page posts itself, else four, and nothing is typed."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.checkout_steps import ON_REVIEW, pay_button
from tests.support.tiers import tier
from tests.support.waiting import wait_for

INVOICE, OVERDUE = "one invoice", "all overdue"
PROGRAM, WEBMAIL = "a mail program", "mail in the browser"
PRESSES = {PROGRAM: 3, WEBMAIL: 4}
COUNT = """
addEventListener("click", (event) => event.isTrusted && pressed(event.target.textContent), true);
addEventListener("input", (event) => event.isTrusted && typed(event.target.name), true);
"""


class Hand:
    """What a person does in a browser: the trusted presses and the fields typed into, as its pages see them."""

    def __init__(self, context: BrowserContext) -> None:
        self.presses: list[str] = []
        self.typed: set[str] = set()
        context.expose_function("pressed", lambda text: self.presses.append(" ".join(text.split())))
        context.expose_function("typed", lambda name: self.typed.add(name))
        context.add_init_script(COUNT)

    def open_link(self, page: Page, link: str, mail: str) -> None:
        """Press the link of a mail. A program opens it from outside the browser; a page of mail is another site."""
        if mail == PROGRAM:
            self.presses.append("the link of the mail")
            page.goto(link)
            return
        page.route(
            "http://mail.test/",
            lambda route: route.fulfill(body=f"<a href='{link}'>Sign in</a>", content_type="text/html"),
        )
        page.goto("http://mail.test/")
        page.get_by_role("link").click()
        page.get_by_role("main").get_by_role("button", name="Yes, sign me in").click()


@pytest.mark.parametrize(
    ("what", "mail"), tier([(INVOICE, PROGRAM), (OVERDUE, WEBMAIL)], [*product((INVOICE, OVERDUE), PRESSES)])
)
def test_from_the_mail_to_paid_takes_three_presses_or_four_and_no_typing(live_portal, context, page, what, mail):
    account = live_portal.accounts.create(name="Ines Vogel")
    account.save_card()
    first = account.open_invoice(2500, "Seats", due_in_days=-9)
    account.open_invoice(1500, "Extra storage", due_in_days=-2)
    account.open_invoice(700, "Domain", due_in_days=4)
    hand = Hand(context)
    page.goto(f"{account.root}/invoices/{first}" if what == INVOICE else f"{account.root}/invoices")
    page.get_by_label("Email address").press_sequentially(account.email)
    page.get_by_role("button", name="Send link and code").click()
    link = live_portal.await_mail(account.email).link
    assert hand.typed == {"email"}
    hand.presses.clear()
    hand.typed.clear()
    paid, still, count = ("$25.00", "$22.00", "2 invoices") if what == INVOICE else ("$40.00", "$7.00", "1 invoice")

    hand.open_link(page, link, mail)
    page.locator("main button[data-primary]", has_text=f"Pay {paid}").click()
    page.wait_for_url(ON_REVIEW)
    expect(pay_button(page)).to_contain_text(f"Pay {paid} to Acme Software Inc.")
    pay_button(page).click()

    # What has happened, where the receipt is, what is still open, and what comes next.
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Paid {paid}")
    assert len(hand.presses) == PRESSES[mail], hand.presses
    assert not hand.typed
    main = page.get_by_role("main")
    expect(main).to_contain_text("to Acme Software Inc., today at ")
    expect(main).to_contain_text(re.compile(f"[Rr]eceipt (sent|is on its way) to {re.escape(account.email)}"))
    expect(main).to_contain_text("Seats")
    expect(main).to_contain_text(re.compile(rf"Still open\s*{re.escape(still)} in {count}, .*due "))
    expect(
        main.get_by_role("button", name=f"Pay {still}").or_(main.get_by_role("link", name=f"Pay {still}"))
    ).to_be_visible()
    expect(main.get_by_role("link", name="Back to overview")).to_be_visible()
    assert [charge["amount"] for charge in account.charges()] == [2500 if what == INVOICE else 4000]
    wait_for(
        lambda: any(paid in mail["text"] for mail in live_portal.mails(account.email)), sentence="no receipt in time"
    )
    account.check_money()
