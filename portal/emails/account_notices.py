"""Composes the notices about payment methods and signing in: what expires, what was saved or removed, a passkey, a browser that is new."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from portal.customers.queries.customers import StoredCustomer
from portal.emails.notices import Composed, Writing
from portal.emails.pages import MethodChangedMail, MethodExpiringMail, NewDeviceMail, PasskeyChangedMail
from portal.networks import shown_region
from portal.notice_kinds import METHOD_CHANGED, METHOD_EXPIRING, NEW_DEVICE, PASSKEY_CHANGED
from portal.payment_methods.pages import method_name
from portal.payment_methods.queries.methods import ACTIVE, ANY_STATUS, find_method
from portal.payment_methods.rules import expiry_key, method_state
from portal.people.queries import find_person
from portal.sign_in.queries import find_stored_session
from portal.sign_in.queries.passkeys import find_passkey
from portal.web.devices import browser_and_system


def compose_method_expiring(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A saved method expires soon, or has expired; None for one that was removed, replaced or renewed meanwhile."""
    method = find_method(writing.reader, writing.scope, _object_id(payload), statuses=ACTIVE)
    customer = writing.customer(method.customer_id) if method is not None else None
    if method is None or customer is None or expiry_key(method) != payload["expiry"]:
        return None
    gateway = writing.services.gateways.find(writing.merchant.id)
    page = MethodExpiringMail(
        brand=writing.brand(customer),
        method=method_name(method.type, method.brand, method.last4, method.bank_name),
        nickname=method.nickname,
        expiry=f"{method.exp_month:02d}/{method.exp_year}",
        has_expired=method_state(method, writing.merchant.day_of(writing.services.clock.now())) == "expired",
        is_default=method.is_default,
        can_replace=gateway is not None and gateway.capabilities.setup_page,
        link=writing.url(f"/payment-methods/{method.id}"),
    )
    return Composed(METHOD_EXPIRING, "method_expiring", customer, page)


def compose_method_added(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A method was saved; None for one that is gone already."""
    return _method_changed(writing, payload, is_removed=False)


def compose_method_removed(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A method was removed."""
    return _method_changed(writing, payload, is_removed=True)


def compose_new_device(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """Somebody signed in in a browser that this customer, or this person of its account, had not used before; the mail goes to whose mailbox it was."""
    session = find_stored_session(writing.reader, writing.scope, str(payload["object"]))
    customer = writing.customer(session.customer_id) if session is not None else None
    if session is None or customer is None:
        return None
    customer = _as_person(writing, customer, session.person_id)
    if customer is None:
        return None
    browser, system = browser_and_system(session.user_agent)
    zone = ZoneInfo(customer.timezone or writing.merchant.timezone)
    page = NewDeviceMail(
        brand=writing.brand(customer),
        browser=browser,
        system=system,
        network=shown_region(session.network) if session.network else "",
        at=session.created_at.astimezone(zone),
        link=writing.url("/security"),
    )
    return Composed(NEW_DEVICE, "new_device", customer, page)


def compose_passkey_added(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A passkey was added; None for one that is gone already."""
    return _passkey_changed(writing, payload, is_removed=False)


def compose_passkey_removed(writing: Writing, payload: dict[str, Any]) -> Composed | None:
    """A passkey was removed."""
    return _passkey_changed(writing, payload, is_removed=True)


def _passkey_changed(writing: Writing, payload: dict[str, Any], *, is_removed: bool) -> Composed | None:
    passkey = find_passkey(writing.reader, writing.scope, str(payload["object"]))
    customer = writing.customer(passkey.customer_id) if passkey is not None else None
    if passkey is None or customer is None or (passkey.removed_at is not None) != is_removed:
        return None
    customer = _as_person(writing, customer, passkey.person_id)
    if customer is None:
        return None
    browser, system = browser_and_system(passkey.user_agent)
    page = PasskeyChangedMail(
        brand=writing.brand(customer),
        browser=browser,
        system=system,
        at=(passkey.removed_at or passkey.created_at).astimezone(
            ZoneInfo(customer.timezone or writing.merchant.timezone)
        ),
        is_removed=is_removed,
        link=writing.url("/security"),
    )
    return Composed(PASSKEY_CHANGED, "passkey_changed", customer, page)


def _as_person(writing: Writing, customer: StoredCustomer, person_id: str | None) -> StoredCustomer | None:
    """Return the customer with the address of whose mailbox it was: that of a person; None for one who was removed."""
    if person_id is None:
        return customer
    person = find_person(writing.reader, writing.scope, person_id)
    return customer._replace(email=person.email) if person is not None and person.removed_at is None else None


def _method_changed(writing: Writing, payload: dict[str, Any], *, is_removed: bool) -> Composed | None:
    method = find_method(writing.reader, writing.scope, str(payload["object"]), statuses=ANY_STATUS)
    customer = writing.customer(method.customer_id) if method is not None else None
    if method is None or customer is None or (method.status == "removed") != is_removed:
        return None
    at = (method.removed_at if is_removed else None) or method.created_at
    page = MethodChangedMail(
        brand=writing.brand(customer),
        method=method_name(method.type, method.brand, method.last4, method.bank_name),
        nickname=method.nickname,
        at=at.astimezone(ZoneInfo(customer.timezone or writing.merchant.timezone)),
        is_removed=is_removed,
        link=writing.url("/payment-methods"),
    )
    return Composed(METHOD_CHANGED, "method_changed", customer, page)


def _object_id(payload: dict[str, Any]) -> str:
    """Return the id of the event's object; messages that were queued before events were recorded have it under another key."""
    return str(payload.get("object") or payload["method"])
