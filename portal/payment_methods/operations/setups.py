"""Saving a method without paying: write the intent, open the gateway's page, record the outcome.

The same discipline as paying: no call inside a transaction, none without a committed intent, and one function that records.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType, gateway_actor
from portal.gateways.contract import Gateway, Lookup, SetupOutcome, SetupRequest, State
from portal.gateways.polling import RESEND_AFTER, next_check
from portal.merchants.queries import get_merchant
from portal.payment_methods.errors import SetupsUnavailable, TooManySetups
from portal.payment_methods.models import PaymentMethodSetup
from portal.payment_methods.operations.consents import Consent, consenting_actor, link_consent, record_consent
from portal.payment_methods.operations.methods import get_method, lock_methods, prefer, remember_method
from portal.payment_methods.operations.removal import replace_method
from portal.payment_methods.operations.uses import MethodUsers
from portal.payment_methods.queries.at_gateways import get_payer
from portal.payment_methods.rules import SETUP_UNSETTLED, decide_setup_status, is_contradiction, read_nickname
from portal.public_ids import first_id, new_id
from portal.services import Services
from portal.tenancy import Scope

log = logging.getLogger(__name__)
MIN_LOOKUP_INTERVAL = timedelta(milliseconds=500)
"""How often pages look up a setup, however often they are loaded; a customer who may be back from the gateway's page is exempt."""


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the customer chose for the new method. `replaces` is the method that it replaces, None for an additional one."""

    nickname: str = ""
    make_default: bool = False
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedSetup:
    """What recording an outcome did. `method_id` is the method that was saved, None while there is none."""

    setup_id: str
    customer_id: str
    before: str
    status: str
    method_id: str | None

    @property
    def has_changed(self) -> bool:
        return self.before != self.status


def begin_setup(
    services: Services,
    scope: Scope,
    options: SetupOptions,
    *,
    actor: Actor,
    consent: Consent,
    locale: str,
    pages_url: str,
) -> str:
    """Begin to save a method: store the setup with the consent, open the gateway's page, and return the setup's id. The page may not
    be open yet when this returns (`Services.calls`).

    The setup's own page is `pages_url` and its id; `locale` is the language of the gateway's page. Raises SetupsUnavailable,
    TooManySetups, NicknameTooLong, NicknameUnusable, and NoResultFound when `options.replaces` is not this customer's; then
    nothing was written and nothing was sent.
    """
    gateway = services.gateways.find(scope.merchant_id)
    if gateway is None or not gateway.capabilities.setup_page:
        raise SetupsUnavailable
    name = gateway.name
    request = services.database.run(
        lambda session: _write_intent(
            session,
            services=services,
            scope=scope,
            options=options,
            gateway=name,
            consent=consent,
            locale=locale,
            pages_url=pages_url,
            actor=actor,
        )
    )
    services.crash_point("setup.intent_committed")
    services.calls.send(request.reference, partial(_open, services, scope.merchant_id, gateway, request))
    return request.reference


def look_up_setup_for_page(services: Services, merchant_id: str, setup_id: str) -> None:
    """Resolve a setup before a page shows it, if it was not looked up a moment ago and there is a thread for it."""
    look_up = partial(resolve_setup, services, merchant_id, setup_id, unless_checked_within=MIN_LOOKUP_INTERVAL)
    services.calls.ask(setup_id, look_up)


def resolve_setup(
    services: Services, merchant_id: str, setup_id: str, *, unless_checked_within: timedelta = timedelta(0)
) -> None:
    """Look up a setup without a proven outcome at its gateway, and record the outcome.

    A setup that the gateway does not know is opened again under the same reference. One whose time is up expires, and is still
    looked up when its page is loaded: the customer may have been on the gateway's page all the time. Safe to call from anywhere
    at any time.
    """
    now = services.clock.now()
    pending = services.database.run(
        lambda session: _begin_lookup(session, merchant_id, setup_id, now, unless_checked_within)
    )
    gateway = services.gateways.find_named(merchant_id, pending.gateway) if pending is not None else None
    if pending is None or gateway is None or not gateway.capabilities.setup_page:
        return
    outcome = _look_up(services, gateway, pending, now)
    _record(services, merchant_id, setup_id, outcome)


def record_setup(
    session: Session,
    users: MethodUsers,
    merchant_id: str,
    setup_id: str,
    outcome: SetupOutcome,
    *,
    at: datetime,
) -> RecordedSetup:
    """Update a setup and the customer's methods to the gateway's outcome, in the caller's transaction.

    Idempotent, as `record_outcome` is: the same outcome again, from any caller, changes nothing.
    """
    setup = _lock(session, merchant_id, setup_id)
    before = setup.status
    status = decide_setup_status(before, setup.id, outcome)
    if is_contradiction(setup.id, outcome):
        log.error("setup.outcome_contradicted", extra={"setup": setup.id, "outcome": outcome.state.value})
        return RecordedSetup(setup.id, setup.customer_id, before, before, setup.payment_method_id)
    setup.gateway_page_reference = setup.gateway_page_reference or outcome.page_reference
    if status != "requires_action":
        setup.action_url = None
    elif outcome.state is State.REQUIRES_ACTION:
        setup.action_url = outcome.action_url
    if status != before:
        setup.status = status
        if status == "complete":
            _save_method(session, users, setup, outcome, at)
        _record_end(session, setup, outcome, at)
    session.flush()
    return RecordedSetup(setup.id, setup.customer_id, before, status, setup.payment_method_id)


def _write_intent(
    session: Session,
    *,
    services: Services,
    scope: Scope,
    options: SetupOptions,
    gateway: str,
    consent: Consent,
    locale: str,
    pages_url: str,
    actor: Actor,
) -> SetupRequest:
    now = services.clock.now()
    _limit(session, scope, services.settings.payment_attempts_per_customer_per_hour, now)
    if options.replaces is not None:
        get_method(session, scope, options.replaces)
    setup_id = new_id("pms", now)
    setup = PaymentMethodSetup(
        merchant_id=scope.merchant_id,
        id=setup_id,
        customer_id=scope.customer_id,
        gateway=gateway,
        status="processing",
        nickname=read_nickname(options.nickname),
        make_default=options.make_default,
        replaces=options.replaces,
        locale=locale,
        return_url=f"{pages_url}/{setup_id}",
        next_check_at=next_check(0, now),
        checked_at=now,
        created_at=now,
        expires_at=now + timedelta(hours=services.settings.payment_expires_hours),
    )
    session.add(setup)
    session.flush()
    record_consent(session, scope, consent, at=now, setup_id=setup_id)
    event = Event(
        type=EventType.PAYMENT_METHOD_SETUP_STARTED,
        merchant_id=scope.merchant_id,
        object_id=setup_id,
        customer_id=scope.customer_id,
        details={"replaces": options.replaces},
        at=now,
    )
    record(session, actor, event)
    return _build_request(session, setup)


def _build_request(session: Session, setup: PaymentMethodSetup) -> SetupRequest:
    merchant = get_merchant(session, setup.merchant_id)
    payer = get_payer(session, Scope(setup.merchant_id, setup.customer_id), setup.gateway)
    return SetupRequest(
        setup.id,
        merchant.legal_name,
        payer,
        merchant.currency,
        return_url=setup.return_url,
        cancel_url=setup.return_url,
        locale=setup.locale,
    )


def _open(services: Services, merchant_id: str, gateway: Gateway, request: SetupRequest) -> None:
    outcome = gateway.open_setup(request)
    services.crash_point("setup.gateway_answered")
    _record(services, merchant_id, request.reference, outcome)


@dataclass(frozen=True, slots=True)
class _PendingLookup:
    """A setup whose outcome is looked up, and its request, which is resent when the gateway does not know it."""

    lookup: Lookup
    request: SetupRequest
    gateway: str
    expires_at: datetime


def _begin_lookup(
    session: Session, merchant_id: str, setup_id: str, now: datetime, unless_checked_within: timedelta
) -> _PendingLookup | None:
    """Store that the gateway is being looked up now; return None when nothing is unknown, or a lookup was made just before."""
    setup = _lock(session, merchant_id, setup_id)
    if setup.status not in SETUP_UNSETTLED and setup.status != "expired":
        return None
    was_just_looked_up = setup.checked_at is not None and now < setup.checked_at + unless_checked_within
    if was_just_looked_up and setup.status != "requires_action":
        return None
    setup.checked_at = now
    lookup = Lookup(setup.id, setup.created_at, page_reference=setup.gateway_page_reference)
    return _PendingLookup(lookup, _build_request(session, setup), setup.gateway, setup.expires_at)


def _look_up(services: Services, gateway: Gateway, pending: _PendingLookup, now: datetime) -> SetupOutcome:
    outcome = gateway.look_up_setup(pending.lookup)
    services.crash_point("setup.looked_up")
    if outcome.state in (State.ABSENT, State.REQUIRES_ACTION, State.PENDING) and now >= pending.expires_at:
        return SetupOutcome(State.FAILED, pending.lookup.reference, failure_code="timeout", evidence="expired")
    if outcome.state is State.ABSENT and now >= pending.lookup.sent_at + RESEND_AFTER:
        return gateway.open_setup(pending.request)
    return outcome


def _save_method(
    session: Session, users: MethodUsers, setup: PaymentMethodSetup, outcome: SetupOutcome, at: datetime
) -> None:
    """Save the new method, with the options that the customer chose for it."""
    assert outcome.method is not None, "a success has a method (decide_setup_status)"
    scope = Scope(setup.merchant_id, setup.customer_id)
    actor = consenting_actor(session, scope, setup_id=setup.id)
    setup.payment_method_id = remember_method(
        session, scope, setup.gateway, outcome.method, actor=actor, at=at, nickname=setup.nickname or None
    )
    link_consent(session, setup.merchant_id, setup.payment_method_id, setup_id=setup.id)
    method = get_method(session, scope, setup.payment_method_id)
    if method.status != "active":
        return  # The merchant has changed gateways meanwhile: a method that cannot be charged replaces none.
    if setup.replaces is not None:
        replace_method(session, users, scope, setup.replaces, method, actor=actor, at=at)
    if setup.make_default:
        prefer(session, lock_methods(session, scope), method, actor=actor, at=at)


def _record_end(session: Session, setup: PaymentMethodSetup, outcome: SetupOutcome, at: datetime) -> None:
    if setup.status in SETUP_UNSETTLED:
        return
    setup.completed_at, setup.next_check_at = at, None
    setup.failure_code = outcome.failure_code
    if setup.status != "complete":
        event = Event(
            type=EventType.PAYMENT_METHOD_SETUP_FAILED,
            merchant_id=setup.merchant_id,
            object_id=setup.id,
            customer_id=setup.customer_id,
            details={"status": setup.status, "failure_code": setup.failure_code, "evidence": outcome.evidence},
            at=at,
        )
        record(session, gateway_actor(setup.gateway), event)
    log.info("setup.status_changed", extra={"setup": setup.id, "status": setup.status})


def _record(services: Services, merchant_id: str, setup_id: str, outcome: SetupOutcome) -> None:
    services.database.run(
        lambda session: record_setup(
            session, services.method_users, merchant_id, setup_id, outcome, at=services.clock.now()
        )
    )


def _lock(session: Session, merchant_id: str, setup_id: str) -> PaymentMethodSetup:
    return session.execute(
        sa.select(PaymentMethodSetup)
        .where(PaymentMethodSetup.merchant_id == merchant_id, PaymentMethodSetup.id == setup_id)
        .with_for_update()
    ).scalar_one()


def _limit(session: Session, scope: Scope, most: int, now: datetime) -> None:
    """Limit setups, since saving cards also tests them: counted in rows, so that the limit survives a restart (threats 125, 195)."""
    count = session.execute(
        sa.select(sa.func.count()).where(
            PaymentMethodSetup.merchant_id == scope.merchant_id,
            PaymentMethodSetup.customer_id == scope.customer_id,
            PaymentMethodSetup.id >= first_id("pms", now - timedelta(hours=1)),
        )
    ).scalar_one()
    if count >= most:
        raise TooManySetups
