"""What a view reads of its request: services, merchant, who is signed in; and redirects below the merchant's root.

In `flask.g`: `merchant` (MerchantProfile), `root` (str), `signed_in` (SignedIn or None), `shell` (Shell); `is_named_by_host` and
`is_without_account` where the host application names somebody, and somebody who has no account here; `pay_link` (PayLinkState) and
`pay_path` (str, the path of its page) below a pay link. A view whose form is redirected
to a gateway sets `g.form_action_origins`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import Response, g
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from portal.events.rules import Actor, customer_actor, pay_link_actor
from portal.people.rules import Right
from portal.services import Services
from portal.sign_in.operations.sessions import hold_session
from portal.tenancy import Scope
from portal.web.local_redirects import checked_location
from portal.web.runtime import current_g, current_runtime, request_number

SEE_OTHER = 303
T = TypeVar("T")


def current_services() -> Services:
    """Return the services of this process."""
    return current_runtime().services


def reading() -> AbstractContextManager[Connection]:
    """Return the context manager of this thread's own connection (`Database.reading`): `with reading() as reader:`, for pages."""
    return current_services().database.reading()


def run_signed_in(work: Callable[[Session], T]) -> T:
    """Return the result of `work` in a unit of work that holds the session of this request: for what lets somebody in, or cannot be taken back.

    The guard has looked at the session before; whoever ends it since, and undoes what was done in it, must find that. Raises PersonGone.
    """
    scope, session_id = current_scope(), g.signed_in.session_id

    def held(session: Session) -> T:
        hold_session(session, scope, session_id)
        return work(session)

    return current_services().database.run(held)


def current_scope() -> Scope:
    """Return merchant and customer of a signed-in request; only for views with the policy `signed_in`."""
    return Scope(g.merchant.id, g.signed_in.customer_id)


def current_actor() -> Actor:
    """Return who is signed in as the actor of this request: the customer, and the person of its account, if it is one."""
    return customer_actor(g.signed_in.customer_id, person=g.signed_in.person_id, request_id=request_number())


def can_pay() -> bool:
    """Return whether whoever is signed in may pay, and the merchant has a gateway to pay at."""
    return bool(g.signed_in.may(Right.PAY)) and current_services().gateways.find(g.merchant.id) is not None


def can_use_methods() -> bool:
    """Return whether whoever is signed in may pay with a saved method, or save one; who came by the link of a notice may not."""
    return not g.signed_in.is_by_notice


def pay_link_reader() -> Actor:
    """Return whoever has the pay link as the actor of this request; only for views with the policy `pay_link`."""
    return pay_link_actor(g.pay_link.id, request_id=request_number())


def root() -> str:
    """Return the prefix of the merchant's pages, without a slash at the end: "/acme", "/billing" or ""."""
    prefix: str = g.root
    return prefix


def now() -> datetime:
    """Return the instant of this request in UTC, the same at every call."""
    here = current_g()
    if "now" not in here:
        here.now = current_services().clock.now()
    instant: datetime = here.now
    return instant


def local(instant: datetime) -> datetime:
    """Return an instant as the reader's clock shows it."""
    return instant.astimezone(reader_zone())


def reader_zone() -> ZoneInfo:
    """Return the timezone in which the reader is shown hours: its own, or else the merchant's. Days are always the merchant's."""
    return ZoneInfo((g.signed_in.timezone if g.signed_in is not None else None) or g.merchant.timezone)


def today() -> date:
    """Return today's date in the merchant's timezone."""
    day: date = g.merchant.day_of(now())
    return day


def redirect_to(path: str) -> Response:
    """Return a 303 to a page of this merchant; `path` is below its root ("/payments/pay_…"). Raises NotLocal for anything else."""
    if not path.startswith("/"):
        raise ValueError("a path below the root begins with a slash")
    return Response(status=SEE_OTHER, headers={"Location": checked_location(root() + path)})
