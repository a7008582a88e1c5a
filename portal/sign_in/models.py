"""Tables of signing in. Nothing in them lets anybody sign in: tokens and codes are derived, or stored as digests."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.database import STRICT, Base, Count, Digest, Flag, Id, Instant, Text

_OPEN_OF_ACCOUNT = sa.text("closed_at is null and person_id is null")
_OPEN_OF_PERSON = sa.text("closed_at is null and person_id is not null")


class Challenge(Base):
    """One link and one code by mail, which all browsers share that request them for a mailbox within ten minutes (`SignInRequest`).

    Both are derived from the installation's secret when the mail is sent. `address_digest` is that of the mailbox. `customer_id` is
    null when the address is unknown: the row is there all the same, so that known and unknown addresses look alike. While
    `is_joinable`, further requests join it, and the index lets a mailbox have no second one. `mail_requested_at` is when its
    mail was due last. `expires_at` is null until the mail is being sent, since the ten minutes begin then. `target` and `locale`
    are of the request that came last. `person_id` is the person of the customer's account whose mailbox it is, null where it is the
    account's own.

    `browser_digest`, `tries_left` and `withheld_until` are of the release before, which bound a challenge to one browser. Nothing
    reads them; they go with the next migration that contracts.
    """

    __tablename__ = "sign_in_challenges"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_sign_in_challenges_merchant_id_browser_digest", "merchant_id", "browser_digest", "id"),
        sa.Index("ix_sign_in_challenges_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index(
            "uq_sign_in_challenges_joinable",
            "merchant_id",
            "address_digest",
            unique=True,
            sqlite_where=sa.text("is_joinable"),
            postgresql_where=sa.text("is_joinable"),
        ),
        sa.CheckConstraint("tries_left >= 0", name="tries_left_not_negative"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str | None] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    address_digest: Mapped[bytes] = mapped_column(Digest)
    masked_address: Mapped[str] = mapped_column(Text)
    browser_digest: Mapped[bytes] = mapped_column(Digest)
    target: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Id)
    tries_left: Mapped[int] = mapped_column(Count)
    created_at: Mapped[datetime] = mapped_column(Instant)
    withheld_until: Mapped[datetime | None] = mapped_column(Instant)
    mailed_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    is_joinable: Mapped[bool] = mapped_column(Flag, server_default=sa.false())
    mail_requested_at: Mapped[datetime | None] = mapped_column(Instant)


class SignInRequest(Base):
    """A browser that requested the mail of a challenge: the only ones that its code is good in, and whose link posts itself.

    `masked_address` is the address as it was typed there; `target` is where signing in leads there.
    """

    __tablename__ = "sign_in_requests"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["merchant_id", "challenge_id"], ["sign_in_challenges.merchant_id", "sign_in_challenges.id"]
        ),
        sa.Index("ix_sign_in_requests_browser", "merchant_id", "browser_digest", "requested_at"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    challenge_id: Mapped[str] = mapped_column(Id, primary_key=True)
    browser_digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    masked_address: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(Instant)


class Confirmation(Base):
    """A code by mail that proves a mailbox to somebody who is signed in already, derived when its mail is sent.

    `purpose`: "identity" (the reader's own address, before something that a stolen session must not do), "new_address", or
    "undo" (the address before, of `change_id`, by a link without a session). One of each is open at a time, of "identity" one of each
    person (`person_id`); `address` is null where the mail goes to the reader's own. Its time begins with the sending. It is closed when it was proved, cancelled or replaced.
    """

    __tablename__ = "confirmations"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_confirmations_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index(
            "uq_confirmations_open", "merchant_id", "customer_id", "purpose", unique=True,
            sqlite_where=_OPEN_OF_ACCOUNT, postgresql_where=_OPEN_OF_ACCOUNT,
        ),
        sa.Index(
            "uq_confirmations_open_of_person", "merchant_id", "person_id", "purpose", unique=True,
            sqlite_where=_OPEN_OF_PERSON, postgresql_where=_OPEN_OF_PERSON,
        ),
        sa.CheckConstraint("purpose in ('identity', 'new_address', 'undo')", name="purpose_known"),
        sa.CheckConstraint("tries_left >= 0", name="tries_left_not_negative"),
        STRICT,
    )  # fmt: skip

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    session_id: Mapped[str | None] = mapped_column(Id)
    purpose: Mapped[str] = mapped_column(Id)
    change_id: Mapped[str | None] = mapped_column(Id)
    address: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Id)
    tries_left: Mapped[int] = mapped_column(Count)
    created_at: Mapped[datetime] = mapped_column(Instant)
    mailed_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)


class EmailChange(Base):
    """An address that a customer changed: until `undo_until` whoever has the one before can undo it.

    `since_at` is from when on what was done with the account is ended by that, `person_id` the person who changed it, null where that was
    whoever had the address before; both are null in rows of an earlier release.
    """

    __tablename__ = "email_changes"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_email_changes_merchant_id_customer_id", "merchant_id", "customer_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    old_email: Mapped[str] = mapped_column(Text)
    new_email: Mapped[str] = mapped_column(Text)
    since_at: Mapped[datetime | None] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    undo_until: Mapped[datetime] = mapped_column(Instant)
    undone_at: Mapped[datetime | None] = mapped_column(Instant)


class KnownBrowser(Base):
    """A browser in which a customer was signed in. Its cookie's token signs nobody in: it only gives the browser budgets of its own."""

    __tablename__ = "sign_in_known_browsers"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_sign_in_known_browsers_customer", "merchant_id", "customer_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    browser_digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    signed_in_at: Mapped[datetime] = mapped_column(Instant)


class PersonsBrowser(Base):
    """A browser in which a person of an account was signed in: what `KnownBrowser` is for the account's own mail address, under the same token."""

    __tablename__ = "sign_in_persons_browsers"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "person_id"], ["persons.merchant_id", "persons.id"]),
        sa.Index("ix_sign_in_persons_browsers_person", "merchant_id", "person_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    browser_digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, primary_key=True)
    signed_in_at: Mapped[datetime] = mapped_column(Instant)


class Passkey(Base):
    """A passkey of a customer, or of a person of its account (`person_id`), as a second way in. It works at one host name (`host`), of one
    merchant.

    `address_digest` is that of the mailbox to which it belongs: where the merchant gives the account another address, it signs in no more.
    `credential_id` is the name that its maker gave it, and `public_key` verifies it (COSE); neither signs anybody in. `user_agent` is that
    of the browser in which it was added. `sign_count` is what it said last of how often it was used, 0 for those that do not count.
    """

    __tablename__ = "passkeys"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "person_id"], ["persons.merchant_id", "persons.id"]),
        sa.UniqueConstraint("merchant_id", "credential_id"),
        sa.Index("ix_passkeys_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.Index("ix_passkeys_merchant_id_person_id", "merchant_id", "person_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    address_digest: Mapped[bytes] = mapped_column(Digest)
    credential_id: Mapped[bytes] = mapped_column(Digest)
    public_key: Mapped[bytes] = mapped_column(Digest)
    host: Mapped[str] = mapped_column(Id)
    sign_count: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"))
    is_synced: Mapped[bool] = mapped_column(Flag)
    user_agent: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class UsedChallenge(Base):
    """The random part of a challenge that a passkey answered: no answer is accepted twice. Deleted when the challenge is too old anyway."""

    __tablename__ = "passkey_used_challenges"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    nonce: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    used_at: Mapped[datetime] = mapped_column(Instant)


class SignInSession(Base):
    """A browser that is signed in. The cookie holds a random token; the row holds its digest.

    `person_id` is the person of the account who signed in, null for its own mail address, the API and the host. `address_digest` is the
    keyed digest of the mailbox that was proved, of sessions by mail; `can_switch` whether it had other accounts then.
    """

    __tablename__ = "sign_in_sessions"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.UniqueConstraint("merchant_id", "token_digest"),
        sa.Index("ix_sign_in_sessions_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.CheckConstraint(
            "kind in ('mail', 'mailed', 'passkey', 'api', 'frame', 'host', 'identified')", name="kind_known"
        ),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    person_id: Mapped[str | None] = mapped_column(Id)
    address_digest: Mapped[bytes | None] = mapped_column(Digest)
    can_switch: Mapped[bool] = mapped_column(Flag, default=False, server_default=sa.false())
    token_digest: Mapped[bytes] = mapped_column(Digest)
    kind: Mapped[str] = mapped_column(Id)
    idle_seconds: Mapped[int] = mapped_column(Count)
    user_agent: Mapped[str] = mapped_column(Text)
    # The wider network that it was begun from (`networks.region_of`); never an address.
    network: Mapped[str | None] = mapped_column(Id)
    return_url: Mapped[str | None] = mapped_column(Text)
    # When whoever uses it entered a fresh code last (`Confirmation`).
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class PortalSession(Base):
    """A session created through the API, the command (`kind` api) or by the host application (host): its URL works once."""

    __tablename__ = "portal_sessions"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]),
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.UniqueConstraint("merchant_id", "token_digest"),
        sa.Index("ix_portal_sessions_merchant_id_customer_id", "merchant_id", "customer_id"),
        sa.CheckConstraint("kind in ('api', 'host')", name="kind_known"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    token_digest: Mapped[bytes] = mapped_column(Digest)
    kind: Mapped[str] = mapped_column(Id, default="api", server_default="api")
    target: Mapped[str] = mapped_column(Text)
    return_url: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class MailedLink(Base):
    """The link of a notice that signs in, once, for 30 minutes after the notice left. Its token is derived when the mail is written.

    `id` is that of the notice's message, so that a mail that is sent again has the same link. `address_digest` is that of the mailbox it
    was sent to: the link is of no use once the customer has another.
    """

    __tablename__ = "mailed_links"
    __table_args__ = (
        sa.ForeignKeyConstraint(["merchant_id", "customer_id"], ["customers.merchant_id", "customers.id"]),
        sa.Index("ix_mailed_links_merchant_id_customer_id", "merchant_id", "customer_id"),
        STRICT,
    )

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id)
    address_digest: Mapped[bytes] = mapped_column(Digest)
    target: Mapped[str] = mapped_column(Text)
    mailed_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class RateCounter(Base):
    """How often something happened in the current window: a limit that survives a restart.

    `key` names the limit and a digest of the address or network it limits, never the address itself.
    """

    __tablename__ = "rate_counters"
    __table_args__ = (sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"]), STRICT)

    merchant_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(Id, primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(Instant)
    count: Mapped[int] = mapped_column(Count)
