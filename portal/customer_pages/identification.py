"""Keeps a browser's session in step with who is logged in to the host application (`portal.host_identity`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Request, g
from sqlalchemy.orm import Session

from portal.customer_pages.context import now
from portal.customer_pages.cookies import browser_token, session_token, set_session_cookie_later
from portal.customer_pages.login import PortalUser
from portal.customers.errors import DuplicateCustomer, InvalidCustomer
from portal.events.rules import Actor, ActorType
from portal.host_identity import Customer, HostFailed, HostIdentity, list_customers_of
from portal.sign_in.operations import Visitor, revoke_session, start_session
from portal.sign_in.queries import SignedIn, find_session
from portal.sign_in.rules.challenges import OF_HOST
from portal.tenancy import Scope
from portal.web.runtime import Runtime, current_g, request_number

_log = logging.getLogger(__name__)
_Describe = Callable[[Request, Customer], Mapping[str, Any] | None]
# Pages of anybody, files, and what programs call: nobody is signed in there, and the host is not asked.
_WITHOUT_CUSTOMER = frozenset({"pay", "static", "hooks", "healthz", "readyz", "metrics", "favicon.ico"})


def follow_host(runtime: Runtime, request: Request) -> bool:
    """Make the browser's session that of whom the host names, and return whether a new one was started.

    `g.signed_in` is who is signed in afterwards. None ends a session that the host made. Another customer ends any, and so does one
    who cannot be signed in: unknown and not created, blocked, or several of one mail address (`g.is_without_account`). Raises HostFailed with
    nobody signed in, and the browser's session as it was.
    """
    if runtime.identity is None or not _is_asked(request):
        return False
    before: SignedIn | None = g.signed_in
    named = _ask(runtime, runtime.identity, request, runtime.identity.details_of)
    if named is None:
        _sign_in(before)
        if before is not None and before.kind in OF_HOST:
            _end(runtime, before)
        return False
    current_g().is_named_by_host = True
    if before is not None and before.customer_id in named:
        _sign_in(before)
        return False
    if len(named) == 1:
        _start(runtime, request, named[0])
        return True
    current_g().is_without_account = True
    if before is not None:
        _end(runtime, before)
    return False


def hide_who_is_not_named(runtime: Runtime, request: Request) -> None:
    """Show nobody on this page whom the host does not name, and change no session: for pages of errors, which come before
    `follow_host` where no page has the address, or the request was refused."""
    before: SignedIn | None = g.signed_in
    if runtime.identity is None or before is None or g.get("is_host_asked"):
        return
    _sign_in(None)
    if not _is_asked(request):
        return
    try:
        named = _ask(runtime, runtime.identity, request, _create_nobody)
    except HostFailed:
        return
    if (before.kind not in OF_HOST) if named is None else before.customer_id in named:
        _sign_in(before)


def _is_asked(request: Request) -> bool:
    return request.path.split("/", 2)[1] not in _WITHOUT_CUSTOMER


def _ask(runtime: Runtime, identity: HostIdentity, request: Request, describe: _Describe) -> list[str] | None:
    """Return the ids of those whom the host names: None for nobody, empty for one who has no account and whom `describe` gives none.

    Nobody is signed in until the answer is there. Raises HostFailed.
    """
    before: SignedIn | None = g.signed_in
    _sign_in(None)
    current_g().is_host_asked = True
    customer = identity.customer_of(request)
    if customer is None:
        return None
    if before is not None and customer.id == before.customer_id:
        return [before.customer_id]  # Its session was found, so that it may sign in.
    try:
        return list_customers_of(
            runtime.services,
            g.merchant.id,
            customer,
            lambda: describe(request, customer),
            actor=_host_actor(),
            at=now(),
        )
    except (InvalidCustomer, DuplicateCustomer) as fault:
        _log.warning("host_customer.refused", extra={"number": request_number(), "reason": str(fault)})
        raise HostFailed from fault


def _create_nobody(_request: Request, _customer: Customer) -> None:
    return None


def _start(runtime: Runtime, request: Request, customer_id: str) -> None:
    """Start a session of this customer in place of the browser's own."""
    services, at = runtime.services, now()
    scope = Scope(g.merchant.id, customer_id)
    visitor = Visitor(
        browser_token(), request.remote_addr or "", request.user_agent.string, session_token(), request_number()
    )

    def start(session: Session) -> tuple[str, timedelta, SignedIn | None]:
        new = start_session(
            session, services.settings, scope, visitor, kind="identified", by="host", target="/", at=at, actor=_host_actor()
        )  # fmt: skip
        return new.token, new.expires_at - at, find_session(session, scope.merchant_id, new.token, at)

    token, life, signed_in = services.database.run(start)
    set_session_cookie_later(token, life)
    _sign_in(signed_in)


def _end(runtime: Runtime, before: SignedIn) -> None:
    scope, at = Scope(g.merchant.id, before.customer_id), now()
    runtime.services.database.run(
        lambda session: revoke_session(session, scope, before.session_id, actor=_host_actor(), at=at, reason="host")
    )
    set_session_cookie_later("", timedelta(0))
    _sign_in(None)


def _sign_in(signed_in: SignedIn | None) -> None:
    here = current_g()
    here.signed_in = signed_in
    here.portal_user = PortalUser(signed_in) if signed_in is not None else None


def _host_actor() -> Actor:
    return Actor(ActorType.HOST, g.merchant.slug, request_id=request_number())
