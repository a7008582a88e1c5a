"""The demo's own pages: the start page and the caught mails. They are registered in the demo only."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Response, abort, g, jsonify

from portal.customer_pages.context import current_services, now
from portal.customer_pages.shells import build_bare_shell
from portal.customers.queries.customers import list_customers_by_email
from portal.customers.rules.profiles import email_key
from portal.demo.example_data import EXAMPLE_MERCHANTS, ExampleMerchant
from portal.demo.mail_catcher import find_mail, list_mails
from portal.demo.pages import DemoCustomer, DemoMerchant, MailPage, SandboxNumber, StartPage
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.pay_links.operations import address_of
from portal.pay_links.queries import find_standing_link
from portal.people.queries import list_accounts
from portal.phrases import phrase
from portal.tenancy import MerchantScope
from portal.web.headers import forbid_storing
from portal.web.policies import public
from portal.web.render import render_page

_YEAR_OF_PAYMENTS, _NEW_CUSTOMER = (
    phrase("A year of payments, one invoice overdue"),
    phrase("New here: nothing owed, nothing paid"),
)
_PERSON = phrase("A person of two accounts: pays for one, sees the other, and switches between them")
_PAYMENT_OPTIONS = phrase(
    "Every way to pay: a deposit, preset amounts, another currency, less after a card had insufficient funds, and credit"
)
_NUMBERS = (
    ("card", "4242 4242 4242 4242", "succeeds"),
    ("card", "4000 0000 0000 0002", "declined"),
    ("card", "4000 0000 0000 9995", "insufficient_funds"),
    ("card", "4000 0000 0000 3220", "requires_action"),
    ("card", "4000 0000 0000 0119", "unknown"),
    ("phone", "000000", "succeeds"),
    ("phone", "000001", "insufficient_funds"),
    ("phone", "000002", "fails"),
    ("phone", "000003", "never"),
    ("phone", "000004", "canceled"),
    ("bank", "0001", "later"),
    ("bank", "0002", "returned"),
)
_ABOUT = {
    "acme": phrase("A software company in Seattle: English, US dollars, cards and bank accounts."),
    "savane": phrase("An energy company in Douala: French, CFA francs, telephones and cards."),
}


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the demo, at the application's root."""
    blueprint.add_url_rule("/", "start", start)
    blueprint.add_url_rule("/demo/mail", "mail", mail)
    blueprint.add_url_rule("/demo/mail.json", "mail_json", mail_json)
    blueprint.add_url_rule("/demo/mail/<key>", "mail_html", mail_html)


@public
def start() -> Response:
    """The merchants with customers to sign in as, and the sandbox's test numbers."""
    services = current_services()
    examples = {example.slug: example for example in EXAMPLE_MERCHANTS}
    with services.database.read() as reader:
        merchants = tuple(
            DemoMerchant(
                merchant.name,
                f"/{merchant.slug}/",
                _ABOUT[merchant.slug],
                _customers(reader, merchant.id, examples[merchant.slug]),
                _pay_link(reader, merchant),
            )
            for merchant in list_merchants(reader)
            if merchant.slug in examples
        )
    numbers = tuple(SandboxNumber(*number) for number in _NUMBERS)
    return _page("demo/start.html", StartPage(merchants, numbers, "/demo/mail", services.settings.sandbox_url + "/"))


@public
def mail() -> Response:
    """Every mail caught, newest first."""
    return _page("demo/mail.html", MailPage(tuple(list_mails(_folder()))))


@public
def mail_html(key: str) -> Response:
    """The HTML of one mail, for the frame on the page of all: its links open beside the page, and nothing in it runs."""
    caught = find_mail(_folder(), key)
    if caught is None or not caught.html:
        abort(404)
    g.shows_mail = True
    response = Response(caught.html.replace("<head>", '<head><base target="_blank">', 1), mimetype="text/html")
    forbid_storing(response)
    return response


@public
def mail_json() -> Response:
    """The same as JSON, for scripts."""
    response = jsonify(
        [
            {
                "to": caught.to,
                "subject": caught.subject,
                "text": caught.text,
                "html": caught.html,
                "at": caught.at.isoformat(),
            }
            for caught in list_mails(_folder())
        ]
    )
    forbid_storing(response)
    return response


def _page(name: str, page: object) -> Response:
    g.shell = build_bare_shell()
    response = render_page(name, page)
    forbid_storing(response)
    return response


def _folder() -> Path:
    return Path(current_services().settings.demo_mail_dir)


def _pay_link(reader: sa.Connection, merchant: MerchantProfile) -> str | None:
    services = current_services()
    link_id = find_standing_link(reader, MerchantScope(merchant.id))
    return address_of(services.settings, merchant.id, merchant.slug, link_id) if link_id else None


def _customers(reader: sa.Connection, merchant_id: str, example: ExampleMerchant) -> tuple[DemoCustomer, ...]:
    """The example customers that still exist, by email address; customers may have been imported or deleted since."""
    descriptions = {
        **{details.email: _YEAR_OF_PAYMENTS for details in example.customers},
        example.options_customer.email: _PAYMENT_OPTIONS,
        example.new_customer.email: _NEW_CUSTOMER,
    }
    scope, emails = MerchantScope(merchant_id), [email for email in descriptions if email]
    names = {row.email: row.name for email in emails for row in list_customers_by_email(reader, scope, email)}
    name, address = example.person
    if list_accounts(reader, scope, email_key(address), now()):
        names[address], descriptions[address] = name, _PERSON
    return tuple(
        DemoCustomer(names[email] or "", email, f"/{example.slug}/sign-in", about)
        for email, about in descriptions.items()
        if email in names and email
    )
