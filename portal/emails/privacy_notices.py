"""Sends the mails about a customer's data: an export is ready, an erasure was requested, an erasure has begun. None signs in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.customers.queries.customers import Contact, get_contact
from portal.emails.destinations import merchant_page_url
from portal.emails.pages import PrivacyMail
from portal.emails.rendering import build_mail_brand
from portal.emails.sending import send_mail
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.people.queries import find_person
from portal.privacy.queries import StoredErasure, find_erasure, find_export
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.tenancy import MerchantScope, Scope

_PAGE = "/privacy"


def send_export_ready_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Say that an export is ready, to whoever asked for it; nothing once it is gone, or the customer or that person is."""
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        found = find_export(reader, merchant_id, str(payload["export"]))
        contact = get_contact(reader, Scope(merchant_id, found[0])) if found else None
        person = (
            find_person(reader, MerchantScope(merchant_id), found[1].person_id)
            if found and found[1].person_id
            else None
        )
    if found is None or contact is None or found[1].status != "ready" or contact.deleted_at is not None:
        return
    if found[1].person_id is not None:
        if person is None or person.removed_at is not None:
            return
        contact = contact._replace(email=person.email)
    _send(renderer, services, merchant, contact, "export", found[1].expires_at, message_id)


def send_erasure_requested_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Say that an erasure was requested, and until when it may be withdrawn; nothing once it was, or has begun."""
    merchant, contact, erasure = _read(services, merchant_id, payload)
    if contact is None or erasure is None or erasure.begun_at is not None:
        return
    _send(renderer, services, merchant, contact, "requested", erasure.due_at, message_id)


def send_erased_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Say good-bye to a customer that is deleted and being erased: its address goes when this has left."""
    merchant, contact, erasure = _read(services, merchant_id, payload)
    if contact is None or erasure is None or erasure.erased_at is not None:
        return
    _send(renderer, services, merchant, contact, "erased", services.clock.now(), message_id)


def _read(
    services: Services, merchant_id: str, payload: dict[str, Any]
) -> tuple[MerchantProfile, Contact | None, StoredErasure | None]:
    scope = Scope(merchant_id, str(payload["object"]))
    with services.database.read() as reader:
        return get_merchant(reader, merchant_id), get_contact(reader, scope), find_erasure(reader, scope)


def _send(
    renderer: Renderer,
    services: Services,
    merchant: MerchantProfile,
    contact: Contact,
    kind: str,
    at: datetime,
    message_id: str,
) -> None:
    if not contact.email or merchant.status != "active":
        return
    page = PrivacyMail(
        brand=build_mail_brand(renderer, merchant, contact.locale),
        kind=kind,
        at=at.astimezone(ZoneInfo(merchant.timezone)),
        link="" if kind == "erased" else merchant_page_url(services, merchant, _PAGE),
    )
    send_mail(renderer, services, merchant, "privacy", page, to=contact.email, message_id=message_id)
