"""Examples of signing in, the error pages and the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from portal.demo.pages import CaughtMail, DemoCustomer, DemoMerchant, MailPage, SandboxNumber, StartPage
from portal.documents.errors import PapersBusy, TooManyInArchive
from portal.examples.parts import (
    NOW,
    Example,
)
from portal.sign_in.pages import (
    AccountChoice,
    AddressPage,
    ChooseAccountPage,
    CodePage,
    LinkExpiredPage,
    LinkPage,
    MailedLinkPage,
    SessionPage,
    Target,
)
from portal.web.pages import ErrorPage


def sign_in_examples() -> Iterator[Example]:
    invoice = Target("/invoices/inv_0Yc3mQ9sT7vLkPzE000001", "invoice", "ACME-0412")
    yield Example("sign-in", "sign_in/address.html", AddressPage())
    yield Example("sign-in-malformed", "sign_in/address.html", AddressPage(invoice, "maya@lindqvist", "malformed"))
    yield Example("sign-in-missing", "sign_in/address.html", AddressPage(fault="missing"))
    yield Example(
        "sign-in-target", "sign_in/address.html", AddressPage(Target("/invoices/inv_0Yc3mQ9sT7vLkPzE000001", "invoice"))
    )
    yield Example("sign-in-idle", "sign_in/address.html", AddressPage(invoice, notice="idle"))
    yield Example("sign-in-signed-out", "sign_in/address.html", AddressPage(notice="signed_out"))
    yield Example("sign-in-link-ended", "sign_in/address.html", AddressPage(invoice, notice="link_ended"))
    yield Example("sign-in-passkey", "sign_in/address.html", AddressPage(passkey='{"challenge": "AAAA"}'))
    for what in ("refused", "expired", "too_many"):
        page = AddressPage(notice=f"passkey_{what}", passkey='{"challenge": "AAAA"}')
        yield Example(f"sign-in-passkey-{what}", "sign_in/address.html", page)
    yield Example("sign-in-no-account", "sign_in/address.html", AddressPage(notice="no_account"))

    code = CodePage("maya@lindqvist.example")
    later = NOW + timedelta(minutes=15)
    yield Example("code", "sign_in/code.html", code)
    yield Example("code-wrong", "sign_in/code.html", replace(code, state="wrong", code="WDJB-MJHT", tries_left=4))
    yield Example("code-short", "sign_in/code.html", replace(code, state="short", code="WDJB-MJ", missing_count=2))
    yield Example("code-long", "sign_in/code.html", replace(code, state="short", code="WDJBMJHTT", missing_count=-1))
    yield Example("code-pasted-card", "sign_in/code.html", replace(code, state="card_number"))
    yield Example("code-expired", "sign_in/code.html", replace(code, state="expired"))
    yield Example("code-expired-before", "sign_in/code.html", replace(code, state="expired", sent_at=NOW))
    yield Example("code-target", "sign_in/code.html", replace(code, target=Target("/invoices", "invoices")))
    yield Example("code-sent-again", "sign_in/code.html", replace(code, state="sent_again"))
    yield Example("code-sent-before", "sign_in/code.html", replace(code, state="sent_before", sent_at=NOW))
    yield Example("code-under-way", "sign_in/code.html", replace(code, state="sent_before"))
    yield Example("code-locked", "sign_in/code.html", replace(code, state="locked", until=later))
    yield Example("code-unasked", "sign_in/code.html", CodePage(None))

    link = LinkPage("tok", "Maya Lindqvist", "m•••@lindqvist.example", invoice, device="phone")
    yield Example("link", "sign_in/link.html", link)
    yield Example(
        "link-posts-itself", "sign_in/link.html", replace(link, address="maya@lindqvist.example", posts_itself=True)
    )
    yield Example("link-nameless", "sign_in/link.html", replace(link, name="", device="computer"))
    yield Example("link-switch-nameless", "sign_in/link.html", replace(link, signed_in_as=""))
    yield Example("link-switch", "sign_in/link.html", replace(link, signed_in_as="Jonas Berg", target=Target()))
    expired = LinkExpiredPage("expired", invoice, "tok", "m•••@lindqvist.example")
    yield Example("link-expired", "sign_in/link_expired.html", expired)
    yield Example("link-used", "sign_in/link_expired.html", replace(expired, state="used", target=Target()))
    yield Example("link-damaged", "sign_in/link_expired.html", LinkExpiredPage("damaged", invoice))
    yield Example("code-shut", "sign_in/code.html", replace(code, state="locked"))
    accounts = (
        AccountChoice("cus_1", "Maya Lindqvist"),
        AccountChoice("cus_2", "Maya Lindqvist", "Lindqvist & Berg AB"),
    )
    yield Example(
        "choose-account", "sign_in/choose_account.html", ChooseAccountPage("/sign-in/code", accounts, "WDJB-MJHT")
    )
    yield Example("session", "sign_in/session.html", SessionPage("tok", "Maya Lindqvist", invoice))
    yield Example("session-nameless", "sign_in/session.html", SessionPage("tok", "", invoice))
    yield Example("mailed-link", "sign_in/mailed_link.html", MailedLinkPage("tok", "Maya Lindqvist", invoice))
    yield Example(
        "mailed-link-switch",
        "sign_in/mailed_link.html",
        MailedLinkPage("tok", "Maya Lindqvist", Target(), "Jonas Berg"),
    )
    yield Example("session-switch", "sign_in/session.html", SessionPage("tok", "Maya", Target(), "Jonas Berg"))


def error_examples() -> Iterator[Example]:
    yield Example("not-found", "errors/not_found.html", ErrorPage("8F2A-41C7"))
    yield Example("not-found-nowhere", "errors/not_found.html", ErrorPage("8F2A-41C7", has_home=False))
    yield Example("forbidden", "errors/forbidden.html", ErrorPage("8F2A-41C7", back_url="/acme/sign-in"))
    yield Example(
        "card-number", "errors/card_number.html", ErrorPage("8F2A-41C7", back_url="/acme/payment-methods/new")
    )
    yield Example("card-number-nowhere", "errors/card_number.html", ErrorPage("8F2A-41C7"))
    yield Example("forbidden-nowhere", "errors/forbidden.html", ErrorPage("8F2A-41C7"))
    yield Example("too-many", "errors/too_many.html", ErrorPage("8F2A-41C7", until=NOW + timedelta(minutes=15)))
    yield Example("too-many-vague", "errors/too_many.html", ErrorPage("8F2A-41C7"))
    yield Example(
        "documents-busy", "errors/documents.html", ErrorPage("8F2A-41C7", until=NOW, sentence=PapersBusy.sentence)
    )
    yield Example(
        "documents-too-many",
        "errors/documents.html",
        ErrorPage("8F2A-41C7", back_url="/acme/invoices", sentence=TooManyInArchive.sentence),
    )
    yield Example("broken", "errors/broken.html", ErrorPage("8F2A-41C7"))
    for name in ("not_found", "card_number", "broken"):
        signed_in = Example(
            f"{name}-signed-in".replace("_", "-"), f"errors/{name}.html", ErrorPage("8F2A-41C7"), "nowhere"
        )
        yield signed_in
    yield Example(
        "full-sign-in",
        "errors/full_sign_in.html",
        ErrorPage("8F2A-41C7", sign_in_path="/sign-in?next=/details"),
        "nowhere",
    )
    yield Example("not-allowed", "errors/not_allowed.html", ErrorPage("8F2A-41C7"), "nowhere")
    yield Example("method-not-allowed", "errors/method_not_allowed.html", ErrorPage("8F2A-41C7"))


def demo_examples() -> Iterator[Example]:
    merchants = (
        DemoMerchant(
            "Acme", "/acme/", "A software company, in English and US dollars.",
            (
                DemoCustomer("Maya Lindqvist", "maya@lindqvist.example", "/acme/sign-in", "Two invoices overdue"),
                DemoCustomer("", "jonas@berg.example", "/acme/sign-in"),
                DemoCustomer(
                    "Sofia Marin", "sofia@marin.example", "/acme/sign-in",
                    "Every way to pay: a deposit, preset amounts, another currency, less after a card had insufficient funds, and credit",
                ),
            ),
        ),
        DemoMerchant(
            "Savane Énergie", "/savane/", "An energy company, in French and CFA francs.",
            (DemoCustomer("Aïcha Njoya", "aicha@njoya.example", "/savane/sign-in"),), "/savane/pay/0Yc3",
        ),
    )  # fmt: skip
    numbers = tuple(
        SandboxNumber(kind, number, does)
        for kind, number, does in (
            ("card", "4242 4242 4242 4242", "succeeds"),
            ("card", "4000 0000 0000 0002", "declined"),
            ("card", "4000 0000 0000 9995", "insufficient_funds"),
            ("card", "4000 0000 0000 3220", "requires_action"),
            ("card", "4000 0000 0000 0119", "unknown"),
            ("phone", "000002", "fails"),
            ("phone", "000003", "never"),
            ("phone", "000004", "canceled"),
            ("bank", "0001", "later"),
            ("bank", "0002", "returned"),
        )
    )
    start = StartPage(merchants, numbers, "/demo/mail", "http://localhost:5001/")
    yield Example("demo", "demo/start.html", start)
    code = CaughtMail(
        to="maya@lindqvist.example",
        subject="WDJB-MJHT is your code for Acme",
        text="WDJB-MJHT\n\nhttp://127.0.0.1:5000/…\n",
        at=NOW,
        link="http://127.0.0.1:5000/acme/sign-in/link/tok",
        code="WDJB-MJHT",
        html="<p>WDJB-MJHT</p>",
        key="abcdefghijklmnop",
    )
    receipt = replace(
        code, to="jonas@berg.example", subject="Receipt from Acme", text="You paid.\n", link=None, code=None, html=""
    )
    mails = (code, receipt)
    yield Example("mail", "demo/mail.html", MailPage(mails))
    yield Example("mail-none", "demo/mail.html", MailPage(()))
