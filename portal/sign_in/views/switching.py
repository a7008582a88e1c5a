"""The page on which a reader switches to another account of the mailbox that was proved."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import current_scope, current_services, now, reading, redirect_to
from portal.errors import NotFound
from portal.people.rules import Right
from portal.sign_in.operations.switching import switch_account
from portal.sign_in.page_builders import build_accounts_page
from portal.sign_in.queries.mailboxes import list_switchable_accounts
from portal.sign_in.views.responses import current_visitor, read_owed, redirect_signed_in
from portal.web.policies import signed_in
from portal.web.render import render_page

PATH = "/accounts"


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of switching."""
    blueprint.add_url_rule(PATH, "accounts", accounts)
    blueprint.add_url_rule(PATH, "switch_account", switch, methods=["POST"])


@signed_in(to=Right.READ)
def accounts() -> Response:
    """The accounts of the reader's mailbox."""
    scope, keys = current_scope(), current_services().settings.keys
    with reading() as reader:
        found = list_switchable_accounts(reader, keys, scope, g.signed_in.session_id, now())
    page = build_accounts_page(found, read_owed(found), current=scope.customer_id, address=g.signed_in.own_email or "")
    return render_page("sign_in/accounts.html", page)


@signed_in(to=Right.READ)
def switch() -> Response:
    """Switch to the account that was chosen; the one that is open stays as it is. Raises NotFound for one that the mailbox has not."""
    services, visitor, account = current_services(), current_visitor(), request.form.get("account", "")
    if account == g.signed_in.customer_id:
        return redirect_to("/")
    new_session = services.database.run(
        lambda session: switch_account(
            session, services.settings, current_scope(), visitor, session_id=g.signed_in.session_id, account=account, at=now()
        )
    )  # fmt: skip
    if new_session is None:
        raise NotFound
    return redirect_signed_in(new_session)
