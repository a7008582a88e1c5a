"""The demo's own pages: where to start, and the mail it caught. They exist in the demo alone."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Response, g, jsonify

from portal.customer_pages.context import current_services
from portal.customer_pages.shells import build_bare_shell
from portal.customers.queries.customers import list_customers_by_email
from portal.demo.example_data import STORIES, Story
from portal.demo.mail_catcher import list_mails
from portal.demo.pages import DemoCustomer, DemoMerchant, MailPage, SandboxNumber, StartPage
from portal.merchants.queries import list_merchants
from portal.phrases import phrase
from portal.tenancy import MerchantScope
from portal.web.headers import forbid_storing
from portal.web.policies import public
from portal.web.render import render_page

_FULL, _EMPTY = phrase("A year of payments, one invoice overdue"), phrase("New here: nothing owed, nothing paid")
_EVERY_WAY = phrase(
    "Every way to pay: a deposit, preset amounts, another currency, less after a card had too little, and credit"
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


@public
def start() -> Response:
    """The merchants, somebody to sign in as at each, and the numbers that the sandbox knows."""
    services = current_services()
    stories = {story.slug: story for story in STORIES}
    with services.database.read() as reader:
        merchants = tuple(
            DemoMerchant(
                merchant.name,
                f"/{merchant.slug}/",
                _ABOUT[merchant.slug],
                _customers(reader, merchant.id, stories[merchant.slug]),
            )
            for merchant in list_merchants(reader)
            if merchant.slug in stories
        )
    numbers = tuple(SandboxNumber(*number) for number in _NUMBERS)
    return _page("demo/start.html", StartPage(merchants, numbers, "/demo/mail", services.settings.sandbox_url + "/"))


@public
def mail() -> Response:
    """Every mail caught, newest first."""
    return _page("demo/mail.html", MailPage(tuple(list_mails(_folder()))))


@public
def mail_json() -> Response:
    """The same for scripts."""
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


def _customers(reader: sa.Connection, merchant_id: str, story: Story) -> tuple[DemoCustomer, ...]:
    """The story's own customers that are there still; what was imported since is found by its address."""
    told = {
        **{details.email: _FULL for details in story.customers},
        story.chooser.email: _EVERY_WAY,
        story.newcomer.email: _EMPTY,
    }
    scope = MerchantScope(merchant_id)
    names = {row.email: row.name for email in told if email for row in list_customers_by_email(reader, scope, email)}
    return tuple(
        DemoCustomer(names[email] or "", email, f"/{story.slug}/sign-in", about)
        for email, about in told.items()
        if email in names and email
    )
