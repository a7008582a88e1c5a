"""What a view may ask about its request: services, merchant, who is signed in, and the way back below the merchant's pages.

In `flask.g`: `merchant` (MerchantProfile), `root` (str), `signed_in` (SignedIn or None), `shell` (Shell). A view that leads to a
gateway by its form sets `g.form_action_origins`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Response, g
from sqlalchemy import Connection

from portal.events.rules import Actor, customer_actor
from portal.services import Services
from portal.tenancy import Scope
from portal.web.local_redirects import checked_location
from portal.web.runtime import current_g, current_runtime, request_number

SEE_OTHER = 303


def current_services() -> Services:
    """What this process works with."""
    return current_runtime().services


def reading() -> AbstractContextManager[Connection]:
    """`with reading() as reader:` reads through this thread's own connection (`Database.reading`): for pages."""
    return current_services().database.reading()


def current_scope() -> Scope:
    """Merchant and customer of a signed-in request; only views with the policy `signed_in` may ask."""
    return Scope(g.merchant.id, g.signed_in.customer_id)


def current_actor() -> Actor:
    """The signed-in customer as the one who acts, in this request."""
    return customer_actor(g.signed_in.customer_id, request_id=request_number())


def root() -> str:
    """The prefix of the merchant's pages, without a slash at the end: "/acme", "/billing" or ""."""
    prefix: str = g.root
    return prefix


def now() -> datetime:
    """The instant of this request in UTC, the same however often it is asked."""
    here = current_g()
    if "now" not in here:
        here.now = current_services().clock.now()
    instant: datetime = here.now
    return instant


def local(instant: datetime) -> datetime:
    """An instant in the merchant's timezone."""
    zone: ZoneInfo = ZoneInfo(g.merchant.timezone)
    return instant.astimezone(zone)


def today() -> date:
    """The day it is at the merchant's."""
    day: date = g.merchant.day_of(now())
    return day


def redirect_to(path: str) -> Response:
    """303 to a page of this merchant; `path` is below its root ("/payments/pay_…"). Raises NotLocal for anything else."""
    if not path.startswith("/"):
        raise ValueError("a path below the root begins with a slash")
    return Response(status=SEE_OTHER, headers={"Location": checked_location(root() + path)})
