"""The state of one application's web layer between requests, and access to it from a request."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Request, current_app, g, request

from portal.database import Reader
from portal.gateway_health import GatewayHealth
from portal.people.rules import Right
from portal.readiness import WriteProof
from portal.rendering.fallbacks import Fallbacks
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.web.counting import RequestCounts
from portal.web.csrf import CsrfTokens
from portal.web.flood import FloodLimit
from portal.web.headers import SecurityHeaders
from portal.web.live_themes import LiveThemes
from portal.web.policies import Policy
from portal.web.tenants import Tenants
from portal.web.trusted_hosts import TrustedHosts

if TYPE_CHECKING:
    from portal.documents.typesetting import Typesetter
    from portal.host_identity import HostIdentity

EXTENSION = "portal_runtime"
PAGES = "portal"
"""The name of the blueprint with the pages of a merchant."""


@dataclass(slots=True)
class Runtime:
    """Made by the composition root, one an application. `merchant` is the slug of a mount, None where the path names it.

    `prefix` is that of a blueprint registered alone. `hosts` None: a host application decides which hosts are served. `policies`, `rights` (of what needs a customer) and `nav` are by endpoint, `cookies` a cache.
    `gateway_health` says which gateways are slow to answer this process. `own_origin` is that of `BASE_URL` as a browser writes it,
    `is_https` whether it is one of https. `identity` asks the host application who is logged in, where it was told to.
    """

    services: Services
    renderer: Renderer
    merchant: str | None
    hosts: TrustedHosts | None
    live_themes: LiveThemes
    tenants: Tenants
    csrf: CsrfTokens
    headers: SecurityHeaders
    flood: FloodLimit
    counts: RequestCounts
    write_proof: WriteProof
    gateway_health: GatewayHealth
    render_metrics: Callable[[RequestCounts, Fallbacks, Reader, datetime], bytes]
    typesetter: Typesetter
    own_origin: str
    is_https: bool
    identity: HostIdentity | None = None
    prefix: str = ""
    policies: dict[str, Policy] = field(default_factory=dict)
    rights: dict[str, Right] = field(default_factory=dict)
    by_notice: set[str] = field(default_factory=set)
    nav: dict[str, str] = field(default_factory=dict)
    cookies: dict[tuple[str, str, bool], Cookies] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cookies:
    """The names of a merchant's cookies, and where and how they are set."""

    session: str
    browser: str
    known: str
    address: str
    locale: str
    path: str
    is_secure: bool


def current_runtime() -> Runtime:
    """Return the runtime of the application that handles the current request."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    return runtime


def is_gateway_slow(merchant_id: str, gateway: str | None) -> bool:
    """Return whether the merchant's gateway of this name takes long to answer at the moment; false for None."""
    return gateway is not None and current_runtime().gateway_health.is_slow(merchant_id, gateway)


def current_request() -> Request:
    """Return the request without Flask's proxy, each access through which costs as much as the value."""
    return request._get_current_object()  # type: ignore[attr-defined,no-any-return]


def current_g() -> Any:
    """Return `flask.g` without the proxy (`portal.customer_pages.context` lists its attributes)."""
    return g._get_current_object()


def request_number() -> str:
    """Return the request's id, such as `8F2A-41C7`: on error pages, in the log of a failure, and in events."""
    number: str | None = g.get("number")
    if number is None:
        text = secrets.token_hex(4).upper()
        number = g.number = f"{text[:4]}-{text[4:]}"
    return number
