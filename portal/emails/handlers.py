"""Handlers of the outbox's mail kinds: read the rows, render the mail, send it. The worker calls them at least once a message."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from portal.customers.queries.customers import find_customer
from portal.documents.typesetting import Typesetter
from portal.emails.account_notices import (
    compose_method_added,
    compose_method_expiring,
    compose_method_removed,
    compose_new_device,
    compose_passkey_added,
    compose_passkey_removed,
)
from portal.emails.destinations import agree_url, merchant_page_url
from portal.emails.invoice_notices import compose_due_soon, compose_invoice, compose_overdue
from portal.emails.notices import Composer, NoticeSender
from portal.emails.pages import (
    ConfirmationMail,
    CopyInvitationMail,
    EmailChangedMail,
    PersonInvitedMail,
    QuestionMail,
    SignInMail,
)
from portal.emails.payment_notices import (
    compose_payment_failed,
    compose_receipt,
    compose_refund,
    compose_surplus,
)
from portal.emails.privacy_notices import (
    send_erased_mail,
    send_erasure_requested_mail,
    send_export_ready_mail,
)
from portal.emails.rendering import build_mail_brand
from portal.emails.sending import send_mail
from portal.emails.statement_notices import compose_statement
from portal.invoices.queries.invoices import find_invoices
from portal.merchants.queries import get_merchant
from portal.notices.queries import find_copy
from portal.notices.rules import INVITATION_DAYS
from portal.outbox.jobs import Handler
from portal.people.queries import find_person
from portal.people.rules import INVITATION_FOR, is_open
from portal.questions.queries import find_question
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.sign_in.operations import prepare_sign_in_mail
from portal.sign_in.operations.confirmations import prepare_confirmation_mail
from portal.sign_in.operations.email_changes import find_change
from portal.sign_in.rules.challenges import mask_address
from portal.sign_in.rules.tokens import invitation_token, undo_token
from portal.tenancy import MerchantScope


def build_mail_handlers(renderer: Renderer, typesetter: Typesetter | None = None) -> Mapping[str, Handler]:
    """Return the outbox's handler of each kind of mail, all on one renderer. Without a typesetter nothing is attached."""
    sender = NoticeSender(renderer, COMPOSERS, typesetter)
    return {
        **{kind: partial(send, renderer) for kind, send in _MAILS.items()},
        **{kind: partial(sender.send, kind) for kind in COMPOSERS},
        "copy_mail": sender.send_copy,
        "person_copy_mail": sender.send_to_person,
    }


def send_sign_in_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Send link and code of a challenge, derived at this moment; its ten minutes begin. For an unknown address nothing is sent."""
    at = services.clock.now()
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
    content = services.database.run(
        lambda session: prepare_sign_in_mail(session, services.settings, merchant_id, str(payload["challenge"]), at=at)
    )
    if content is None or merchant.status != "active":
        return
    page = SignInMail(
        brand=build_mail_brand(renderer, merchant, content.locale),
        code=content.code,
        link=merchant_page_url(services, merchant, f"/sign-in/link/{content.token}"),
        minutes=content.minutes,
    )
    send_mail(renderer, services, merchant, "sign_in", page, to=content.to, message_id=message_id)


def send_confirmation_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Send the code of a confirmation, derived at this moment; its ten minutes begin."""
    at = services.clock.now()
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
    content = services.database.run(
        lambda session: prepare_confirmation_mail(
            session, services.settings, merchant_id, str(payload["confirmation"]), at=at
        )
    )
    if content is None or merchant.status != "active":
        return
    page = ConfirmationMail(
        brand=build_mail_brand(renderer, merchant, content.locale),
        code=content.code,
        minutes=content.minutes,
        purpose=content.purpose,
    )
    send_mail(renderer, services, merchant, "confirmation", page, to=content.to, message_id=message_id)


def send_email_changed_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Tell the address before that there is another one, and where to undo that; nothing once it cannot be undone."""
    change_id = str(payload["change"])
    with services.database.unit_of_work() as session:
        merchant = get_merchant(session, merchant_id)
        change = find_change(session, merchant_id, change_id, at=services.clock.now())
        customer = find_customer(session, MerchantScope(merchant_id), change.customer_id) if change else None
        if change is None or customer is None:
            return
        zone = ZoneInfo(merchant.timezone)
        page = EmailChangedMail(
            brand=build_mail_brand(renderer, merchant, customer.locale or merchant.locale),
            new_address=mask_address(change.new_email),
            at=change.changed_at.astimezone(zone),
            undo_until=change.undo_until.astimezone(zone),
            link=merchant_page_url(
                services, merchant, f"/details/email/undo/{undo_token(services.settings.keys, merchant_id, change_id)}"
            ),
        )
        to = change.old_email
    send_mail(renderer, services, merchant, "email_changed", page, to=to, message_id=message_id)


def send_question_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Send a customer's question to the merchant; the answer to it goes to the customer's own address."""
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        scope = MerchantScope(merchant_id)
        question = find_question(reader, scope, str(payload["object"]))
        customer = find_customer(reader, scope, question.customer_id) if question else None
        brand = build_mail_brand(renderer, merchant, merchant.locale)
        if question is None or customer is None or not brand.support_email:
            return
        invoices = find_invoices(reader, scope, [question.object_id]) if question.object_id else {}
    invoice = invoices.get(question.object_id or "")
    page = QuestionMail(
        brand=brand,
        customer=customer.company_name or customer.name or customer.email or customer.id,
        address=customer.email or "",
        number=invoice.number if invoice is not None else question.object_id or "",
        topic=question.topic,
        lines=tuple(question.text.split("\n")),
    )
    send_mail(
        renderer, services, merchant, "question", page, to=brand.support_email, message_id=message_id, reply_to=customer.email
    )  # fmt: skip


def send_copy_invitation_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Ask an address whether it wants a customer's copies; nothing once it answered, or the customer took it back."""
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        copy = find_copy(reader, MerchantScope(merchant_id), str(payload["copy"]))
        customer = find_customer(reader, MerchantScope(merchant_id), copy.customer_id) if copy else None
    if copy is None or copy.agreed_at or copy.ended_at or customer is None or not customer.email:
        return
    if merchant.status != "active" or customer.blocked:
        return
    page = CopyInvitationMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        customer=customer.email,
        days=INVITATION_DAYS,
        link=agree_url(services, merchant, copy.id),
    )
    send_mail(renderer, services, merchant, "copy_invitation", page, to=copy.address, message_id=message_id)


def send_person_invited_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Invite an address to an account; nothing once it joined, the invitation was withdrawn, or the account is closed."""
    scope, at = MerchantScope(merchant_id), services.clock.now()
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        person = find_person(reader, scope, str(payload["object"]))
        customer = find_customer(reader, scope, person.customer_id) if person else None
        inviter = find_person(reader, scope, person.invited_by) if person and person.invited_by else None
    if person is None or person.removed_at or person.joined_at or customer is None or customer.deleted_at:
        return
    if not is_open(joined_at=None, invited_at=person.invited_at, at=at):
        return
    if merchant.status != "active" or customer.blocked:
        return
    page = PersonInvitedMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        inviter=(inviter.email if inviter is not None else customer.email) or "",
        role=person.role,
        days=INVITATION_FOR.days,
        link=merchant_page_url(
            services,
            merchant,
            f"/people/invitations/{invitation_token(services.settings.keys, merchant_id, person.id)}",
        ),
    )
    send_mail(renderer, services, merchant, "person_invited", page, to=person.email, message_id=message_id)


_MAILS = MappingProxyType(
    {
        "sign_in_mail": send_sign_in_mail,
        "confirmation_mail": send_confirmation_mail,
        "question_mail": send_question_mail,
        "email_changed_mail": send_email_changed_mail,
        "copy_invitation_mail": send_copy_invitation_mail,
        "person_invited_mail": send_person_invited_mail,
        "export_ready_mail": send_export_ready_mail,
        "erasure_requested_mail": send_erasure_requested_mail,
        "erased_mail": send_erased_mail,
    }
)
COMPOSERS: Mapping[str, Composer] = MappingProxyType(
    {
        "invoice_mail": compose_invoice,
        "due_soon_mail": compose_due_soon,
        "overdue_mail": compose_overdue,
        "statement_mail": compose_statement,
        "receipt_mail": compose_receipt,
        "refund_mail": compose_refund,
        "surplus_mail": compose_surplus,
        "payment_failed_mail": compose_payment_failed,
        "method_expiring_mail": compose_method_expiring,
        "method_added_mail": compose_method_added,
        "method_removed_mail": compose_method_removed,
        "new_device_mail": compose_new_device,
        "passkey_added_mail": compose_passkey_added,
        "passkey_removed_mail": compose_passkey_removed,
    }
)
"""What writes each notice; those that carry a secret are above."""
