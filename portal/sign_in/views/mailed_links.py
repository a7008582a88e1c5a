"""The page of the link of a notice, whose button signs in for an hour to invoices and payments. A GET never uses the link."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_services, now, redirect_to
from portal.customer_pages.visits import sign_in_path
from portal.sign_in import page_builders
from portal.sign_in.operations.mailed_links import use_mailed_link
from portal.sign_in.operations.sessions import NewSession
from portal.sign_in.queries.mailed_links import FoundLink, find_mailed_link, find_target
from portal.sign_in.rules.challenges import checked_target
from portal.sign_in.rules.tokens import mailed_link_of
from portal.sign_in.views.responses import current_visitor, redirect_signed_in
from portal.web.policies import public
from portal.web.render import render_page


def add_routes(blueprint: Blueprint) -> None:
    """Add the routes of the link, damaged ones included: those lead to the sign-in page."""
    for damaged in ("/sign-in/mail", "/sign-in/mail/", "/sign-in/mail/<token>/<path:rest>"):
        blueprint.add_url_rule(damaged, "damaged_mailed_link", damaged_mailed_link)
    # A mail program may have taken the full stop or slash behind an address for a part of it.
    for ending in ("", "/"):
        blueprint.add_url_rule(f"/sign-in/mail/<token>{ending}", "mailed_link", mailed_link)
        blueprint.add_url_rule(f"/sign-in/mail/<token>{ending}", "mailed_link_entry", enter, methods=["POST"])


@public
def mailed_link(token: str) -> Response:
    """Show whose account the link opens, and where; it stays unused, whoever opens it and however often."""
    link = _find_open(token)
    if link is None:
        return _lead_to_sign_in(token)
    if _is_signed_in_already(link):
        return redirect_to(link.target)
    page = page_builders.build_mailed_link_page(_cleaned(token), link, signed_in=g.signed_in)
    return render_page("sign_in/mailed_link.html", page)


@public
def damaged_mailed_link(token: str = "", rest: str = "") -> Response:
    """Lead to the sign-in page from a link that a mail program cut or broke in two."""
    return _lead_to_sign_in(token)


@public
def enter(token: str) -> Response:
    """Sign in by the link, after a click on its page."""
    services, visitor = current_services(), current_visitor()
    link = _find_open(token)
    link_id = mailed_link_of(services.settings.keys, g.merchant.id, _cleaned(token))
    if link is None or link_id is None:
        return _lead_to_sign_in(token)
    if _is_signed_in_already(link):
        return redirect_to(link.target)
    new_session: NewSession | None = services.database.run(
        lambda session: use_mailed_link(session, services.settings, g.merchant.id, visitor, link_id, at=now())
    )
    return _lead_to_sign_in(token) if new_session is None else redirect_signed_in(new_session)


def _find_open(token: str) -> FoundLink | None:
    """Return a link that signs in now: none does at a merchant that does not allow it any more."""
    services = current_services()
    link_id = mailed_link_of(services.settings.keys, g.merchant.id, _cleaned(token))
    if link_id is None or not g.merchant.settings.notices.sign_in_links:
        return None
    with services.database.read() as reader:
        link = find_mailed_link(reader, services.settings.keys, g.merchant.id, link_id)
    return link if link is not None and link.is_open(now()) else None


def _is_signed_in_already(link: FoundLink) -> bool:
    """Return whether the customer is signed in here: then the link would only take from what that opens, and is not needed."""
    return g.signed_in is not None and g.signed_in.customer_id == link.account.id


def _lead_to_sign_in(token: str) -> Response:
    """Redirect to where the link would have led, by the sign-in page where nobody is signed in."""
    target = checked_target(request.args.get("next"))
    if target == "/":
        with current_services().database.read() as reader:
            target = find_target(reader, g.merchant.id, token)
    if g.signed_in is not None:
        return redirect_to(target)
    path = sign_in_path(target)
    return redirect_to(f"{path}{'&' if '?' in path else '?'}link=ended")


def _cleaned(token: str) -> str:
    """Return a token without the full stops that ended the sentence or line it stood in."""
    return token.rstrip(".")
