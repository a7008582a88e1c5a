"""What tests of notices do: links that stop mails, other addresses that get copies."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from portal.emails.destinations import stop_url
from portal.merchants.queries import get_merchant
from portal.notices.models import NoticeCopy, NoticePreference
from portal.tenancy import Scope
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.mail_catcher import Caught
from tests.support.merchant_settings import change_settings
from tests.support.page_client import PageClient
from tests.support.site import ADDRESS, Site

ACCOUNTANT = "accounts@moreau.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def set_notices(site: Site, **notices: Any) -> None:
    with site.services.database.unit_of_work() as session:
        change_settings(session, site.scope.merchant_id, {"notices": notices}, actor=OPERATOR, at=site.clock.now())


def open_invoice(site: Site, scope: Scope | None = None, **details: Any) -> str:
    with site.services.database.unit_of_work() as session:
        return customers.add_invoice(session, scope or site.scope, at=site.clock.now(), number="A-1", **details)


def choices(site: Site) -> dict[str, bool]:
    return {row.kind: row.is_on for row in site.rows(NoticePreference)}


def stop_path(site: Site, kind: str = "receipt", scope: Scope | None = None, address: str = ADDRESS) -> str:
    scope = scope or site.scope
    with site.services.database.read() as reader:
        merchant = get_merchant(reader, scope.merchant_id)
    return urlsplit(stop_url(site.services, merchant, scope.customer_id, kind, address)).path


def mail_program(site: Site) -> Any:
    """What posts to a link of a mail: no cookie, no origin, another site's request where it is a browser's."""
    return site.app.test_client()


def with_fresh_code(site: Site, pages: PageClient | None = None) -> PageClient:
    """A signed-in browser in which a fresh code was entered."""
    pages = pages or site.signed_in()
    site.deliver()  # What was due before.
    pages.post("/acme/security/confirm/code", {"next": "/notices/copies/new"})
    (mail,) = site.deliver()
    pages.post("/acme/security/confirm", {"code": mail.code, "next": "/notices/copies/new"})
    return pages


def add_copy(site: Site, address: str = ACCOUNTANT, pages: PageClient | None = None) -> tuple[NoticeCopy, Caught]:
    pages = with_fresh_code(site, pages)
    pages.post("/acme/notices/copies", {"email": address})
    (mail,) = site.deliver()
    (copy,) = site.rows(NoticeCopy)
    return copy, mail


def agreed_copy(site: Site) -> NoticeCopy:
    copy, mail = add_copy(site)
    site.browser().post(urlsplit(mail.link).path, {})
    return copy


def insert_copy(site: Site, address: str = ACCOUNTANT) -> NoticeCopy:
    """An address that agreed before."""
    Account(site.services, site.scope, "acme").copy(address)
    copy: NoticeCopy = site.rows(NoticeCopy, address=address)[0]
    return copy
