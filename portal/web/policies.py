"""Who may call a view: every route declares it, and the application does not start with one that does not (deny by default)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from portal.people.rules import Right

if TYPE_CHECKING:
    from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "portal_policy"
_RIGHT = "portal_right"
_BY_NOTICE = "portal_by_notice"


class Policy(Enum):
    """What the guard requires of a request before its view runs."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    PAY_LINK = "pay_link"
    GATEWAY_SIGNED = "gateway_signed"
    MAILED_LINK = "mailed_link"


class RouteWithoutPolicy(Exception):
    """One or more routes do not declare who may call them, or with which right; the application does not start."""


def public(view: View) -> View:
    """Anybody may call it. An unsafe method still needs a request of our own pages."""
    return _declare(view, Policy.PUBLIC)


def signed_in(*, to: Right, by_notice: bool = False) -> Callable[[View], View]:
    """Only a signed-in customer whose role has the right `to`; others get a page that says so, and who is not signed in is redirected to
    `/sign-in`, and back afterwards. With `by_notice` also who is signed in by the link of a notice, which opens nothing else: no page or
    act of details, methods, people, security or privacy declares it."""

    def declare(view: View) -> View:
        setattr(view, _RIGHT, to)
        setattr(view, _BY_NOTICE, by_notice)
        return _declare(view, Policy.SIGNED_IN)

    return declare


def pay_link(view: View) -> View:
    """Only who has the pay link whose token is in the address (`g.pay_link`); anybody else is redirected to `/sign-in`. Nobody is signed in
    there, whatever cookie the browser sends."""
    return _declare(view, Policy.PAY_LINK)


def gateway_signed(view: View) -> View:
    """Anybody may call it from anywhere: the view itself verifies the signature of the body before it trusts anything in it."""
    return _declare(view, Policy.GATEWAY_SIGNED)


def mailed_link(view: View) -> View:
    """Anybody may call it from anywhere: the token in its address is all the right that it takes, and that does one thing which harms
    nobody. A mail program posts to it without cookie, token of the form or origin (RFC 8058)."""
    return _declare(view, Policy.MAILED_LINK)


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """Return the declared policy of a view, or None where it has none."""
    return getattr(view, _ATTRIBUTE, None)


def right_of(view: Callable[..., Any]) -> Right | None:
    """Return the right that a view for signed-in customers needs, None for any other."""
    return getattr(view, _RIGHT, None)


def collect_by_notice(app: Flask, *, prefix: str = "") -> frozenset[str]:
    """Return the endpoints that are open to who is signed in by the link of a notice."""
    return frozenset(
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith(prefix) and getattr(view, _BY_NOTICE, False)
    )


def collect_rights(app: Flask, *, prefix: str = "") -> dict[str, Right]:
    """Return the right that each endpoint for signed-in customers needs; raises RouteWithoutPolicy naming all that have none."""
    of_customers = {
        endpoint: right_of(view)
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith(prefix) and policy_of(view) is Policy.SIGNED_IN
    }
    missing = sorted(endpoint for endpoint, right in of_customers.items() if right is None)
    if missing:
        raise RouteWithoutPolicy(f"routes without a right: {', '.join(missing)}")
    return {endpoint: right for endpoint, right in of_customers.items() if right is not None}


def collect_policies(app: Flask, *, prefix: str = "") -> dict[str, Policy]:
    """Return the policy of every endpoint whose name begins with `prefix`; raises RouteWithoutPolicy naming all that have none."""
    found: dict[str, Policy] = {}
    missing = []
    for endpoint, view in app.view_functions.items():
        if not endpoint.startswith(prefix):
            continue
        policy = policy_of(view)
        if policy is None:
            missing.append(endpoint)
        else:
            found[endpoint] = policy
    if missing:
        raise RouteWithoutPolicy(f"routes without a policy: {', '.join(sorted(missing))}")
    return found


def _declare(view: View, policy: Policy) -> View:
    setattr(view, _ATTRIBUTE, policy)
    return view
