"""The links of notices that sign in: made when a notice leaves, used once. What they open is less than what signing in opens."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.customers.rules.profiles import mailbox_of
from portal.people.errors import PersonGone
from portal.public_ids import is_id
from portal.settings import Settings
from portal.sign_in.models import MailedLink
from portal.sign_in.operations.sessions import NewSession, Proof, Visitor, start_session
from portal.sign_in.queries.mailed_links import find_mailed_link
from portal.sign_in.rules.challenges import MAILED, MAILED_LINK_FOR, checked_target
from portal.sign_in.rules.tokens import MESSAGE, address_digest, mailed_token
from portal.tenancy import Scope


def prepare_mailed_link(
    session: Session, settings: Settings, scope: Scope, *, message_id: str, address: str, target: str, at: datetime
) -> str | None:
    """Begin the 30 minutes of the link in a notice that is sent to the customer's own `address`, and return its path below the merchant's
    root; `target` is where it leads.

    A notice that is sent again has the same link, for 30 minutes from then. None where that was used, or where the notice went to
    another mailbox before: such a notice leads to its page as it would without.
    """
    if not is_id(MESSAGE, message_id):
        return None
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    digest, expires_at = address_digest(settings.keys, scope.merchant_id, mailbox_of(address)), at + MAILED_LINK_FOR
    begun = session.execute(
        insert(MailedLink)
        .values(
            merchant_id=scope.merchant_id, id=message_id, customer_id=scope.customer_id, address_digest=digest,
            target=checked_target(target), mailed_at=at, expires_at=expires_at,
        )
        .on_conflict_do_update(
            index_elements=["merchant_id", "id"],
            set_={"mailed_at": at, "expires_at": expires_at},
            where=sa.and_(
                MailedLink.used_at.is_(None),
                MailedLink.customer_id == scope.customer_id,
                MailedLink.address_digest == digest,
            ),
        )
        .returning(MailedLink.id)
    ).scalar()  # fmt: skip
    if begun is None:
        return None
    # The target stands in the address too: mails are read long after the row is deleted.
    query = urlencode({"next": checked_target(target)}, safe="/")
    return f"/sign-in/mail/{mailed_token(settings.keys, scope.merchant_id, message_id)}?{query}"


def use_mailed_link(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, link_id: str, *, at: datetime
) -> NewSession | None:
    """Sign this browser in by the link of a notice, once; one conditional update decides between two requests.

    `link_id` is what `tokens.mailed_link_of` verified. Return None where it is used or expired, or its customer may not sign in or has
    another mailbox since.
    """
    link = find_mailed_link(session, settings.keys, merchant_id, link_id)
    if link is None or not link.is_open(at):
        return None
    used = session.execute(
        sa.update(MailedLink)
        .where(
            MailedLink.merchant_id == merchant_id,
            MailedLink.id == link_id,
            MailedLink.used_at.is_(None),
            MailedLink.expires_at > at,
            MailedLink.mailed_at <= at + CLOCKS_DIFFER_BY,
        )
        .values(used_at=at)
        .returning(MailedLink.address_digest)
        .execution_options(synchronize_session=False)
    ).scalar()
    if used is None:
        return None
    try:
        return start_session(
            session, settings, Scope(merchant_id, link.account.id), visitor, kind=MAILED, by="notice", target=link.target, at=at,
            proof=Proof(address_digest=used),
        )  # fmt: skip
    except PersonGone:  # Blocked, or with another address, at this very moment.
        return None


def expire_mailed_links(session: Session, scope: Scope, *, at: datetime) -> None:
    """Make every unused link of the customer's notices worthless."""
    session.execute(
        sa.update(MailedLink)
        .where(
            MailedLink.merchant_id == scope.merchant_id,
            MailedLink.customer_id == scope.customer_id,
            MailedLink.used_at.is_(None),
            MailedLink.expires_at > at,
        )
        .values(expires_at=at)
        .execution_options(synchronize_session=False)
    )
