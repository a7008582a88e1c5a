"""Whom a shop names to the portal that is mounted in it, and what the portal made of it: customers, sessions, pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flask
import flask_login
import sqlalchemy as sa

from portal.customers.models import Customer as CustomerRow
from portal.sign_in.models import SignInSession
from portal.tenancy import Scope
from tests.support import customers
from tests.support.accounts import Account
from tests.support.page_client import PageClient

SIGN_IN = "/billing/sign-in"


@dataclass
class People:
    """Whom the shop names: by the number of its user, a value to return or a function to call."""

    named: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def who(self) -> Any:
        self.requests.append(f"{flask.request.method} {flask.request.path}")
        answer = self.named.get(flask_login.current_user.get_id() or "")
        return answer() if callable(answer) else answer


def add(account: Account, **columns: Any) -> Scope:
    """Another customer of the account's merchant."""
    with account.database.unit_of_work() as session:
        return customers.add_customer(session, account.scope.merchant_id, at=account.now, **columns)


def change(account: Account, scope: Scope, **columns: Any) -> None:
    with account.database.unit_of_work() as session:
        row = session.get_one(CustomerRow, (scope.merchant_id, scope.customer_id))
        for name, value in columns.items():
            setattr(row, name, value)


def rows(account: Account, table: Any) -> list[Any]:
    with account.database.unit_of_work() as session:
        return list(session.scalars(sa.select(table).filter_by(merchant_id=account.scope.merchant_id)))


def live_sessions(account: Account) -> list[SignInSession]:
    return [row for row in rows(account, SignInSession) if row.revoked_at is None]


def seen(client: PageClient, path: str = "/billing/payments") -> str:
    """The text of a page of a signed-in customer, or "" where it leads to the sign-in page."""
    response = client.client.get(path)
    if response.status_code == 303:
        assert response.headers["Location"].startswith(SIGN_IN), response.headers["Location"]
        return ""
    assert response.status_code == 200, response.status
    return client.get(path).text


def sign_in_by_mail(account: Account, client: PageClient) -> None:
    """A session of the customer's own, as the mailed code makes one."""
    from portal.sign_in.operations import Visitor, start_session

    services = account.services
    with account.database.unit_of_work() as session:
        made = start_session(
            session, services.settings, account.scope, Visitor("browser", "192.0.2.1"), kind="mail", by="code", target="/",
            at=account.now,
        )  # fmt: skip
    client.client.set_cookie("portal_acme", made.token, path="/billing")
