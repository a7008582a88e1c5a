"""Handlers of the outbox's mail kinds: read the rows, render the mail, send it. The worker calls them at least once a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from portal.customers.queries.customers import find_customer
from portal.database import Reader
from portal.emails.delivery import deliver
from portal.emails.messages import Envelope, build_message
from portal.emails.pages import (
    ConfirmationMail,
    EmailChangedMail,
    MethodExpiringMail,
    QuestionMail,
    ReceiptLine,
    ReceiptMail,
    RefundMail,
    SignInMail,
    SurplusMail,
)
from portal.emails.rendering import build_mail_brand, render_mail
from portal.invoices.queries.invoices import find_invoices
from portal.invoices.rules import title_without_number
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.outbox.jobs import Handler
from portal.payment_methods.pages import method_name
from portal.payment_methods.queries.methods import ACTIVE, find_method
from portal.payment_methods.rules import expiry_key, method_state
from portal.payments.queries.payments import StoredPayment, get_payment, list_shares
from portal.questions.queries import find_question
from portal.refunds.queries import get_refund
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.sign_in.operations import prepare_sign_in_mail
from portal.sign_in.operations.confirmations import prepare_confirmation_mail
from portal.sign_in.operations.email_changes import find_change
from portal.sign_in.rules.challenges import mask_address
from portal.sign_in.rules.tokens import undo_token
from portal.tenancy import MerchantScope, Scope


def build_mail_handlers(renderer: Renderer) -> Mapping[str, Handler]:
    """Return the outbox's handler of each kind of mail, all on one renderer."""
    return {kind: partial(send, renderer) for kind, send in _MAILS.items()}


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
    _send(renderer, services, merchant, "sign_in", page, to=content.to, message_id=message_id)


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
    _send(renderer, services, merchant, "confirmation", page, to=content.to, message_id=message_id)


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
    _send(renderer, services, merchant, "email_changed", page, to=to, message_id=message_id)


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
    _send(
        renderer, services, merchant, "question", page, to=brand.support_email, message_id=message_id, reply_to=customer.email
    )  # fmt: skip


def send_receipt_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Send the receipt of a payment. A deleted customer or one without an address gets none."""
    payment_id = _object_id(payload, "payment")
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        payment = get_payment(reader, MerchantScope(merchant_id), payment_id)
        customer = _find_recipient(reader, merchant_id, payment.customer_id)
        if customer is None:
            return
        lines = _receipt_lines(reader, Scope(merchant_id, customer.id), payment)
    page = ReceiptMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        payee=merchant.legal_name,
        amount=payment.amount,
        currency=payment.currency,
        at=(payment.completed_at or payment.updated_at).astimezone(ZoneInfo(merchant.timezone)),
        method=method_name(payment.method_type or "other", payment.method_brand, payment.method_last4),
        lines=lines,
        credit_amount=payment.credit_amount,
        is_top_up=payment.kind == "top_up",
        link=merchant_page_url(services, merchant, f"/payments/{payment.id}"),
        reference=payment.id,
    )
    _send(renderer, services, merchant, "receipt", page, to=customer.email, message_id=message_id)


def send_method_expiring_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Notify the customer that a saved method expires soon, or has expired.

    Nothing is sent for a method that was removed, replaced or renewed meanwhile, nor to a customer who is deleted or has no
    address.
    """
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        method = find_method(reader, MerchantScope(merchant_id), _object_id(payload, "method"), statuses=ACTIVE)
        customer = _find_recipient(reader, merchant_id, method.customer_id) if method is not None else None
    if method is None or customer is None or expiry_key(method) != payload["expiry"]:
        return
    gateway = services.gateways.find(merchant_id)
    today = services.clock.now().astimezone(ZoneInfo(merchant.timezone)).date()
    page = MethodExpiringMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        method=method_name(method.type, method.brand, method.last4, method.bank_name),
        nickname=method.nickname,
        expiry=f"{method.exp_month:02d}/{method.exp_year}",
        has_expired=method_state(method, today) == "expired",
        is_default=method.is_default,
        can_replace=gateway is not None and gateway.capabilities.setup_page,
        link=merchant_page_url(services, merchant, f"/payment-methods/{method.id}"),
    )
    _send(renderer, services, merchant, "method_expiring", page, to=customer.email, message_id=message_id)


def send_refund_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Notify the customer that a refund is on its way, or that their bank did not accept it.

    The first is not sent once the second has happened.
    """
    refund_id = _object_id(payload, "refund")
    # "told" is in messages that were queued before events were recorded.
    is_returned = payload.get("type") == "refund.failed" or payload.get("told") == "came_back"
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        refund = get_refund(reader, MerchantScope(merchant_id), refund_id)
        payment = get_payment(reader, MerchantScope(merchant_id), refund.payment_id)
        customer = _find_recipient(reader, merchant_id, payment.customer_id)
    if customer is None or (refund.status == "failed" and not is_returned):
        return
    page = RefundMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        payee=merchant.legal_name,
        amount=refund.amount,
        currency=refund.currency,
        method=method_name(payment.method_type or "other", payment.method_brand, payment.method_last4),
        link=merchant_page_url(services, merchant, f"/payments/{payment.id}"),
        reference=refund_id,
        has_come_back=is_returned,
    )
    _send(renderer, services, merchant, "refund", page, to=customer.email, message_id=message_id)


def send_surplus_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Notify the customer that a payment which no invoice could take was added to their credit (threats, rule 23)."""
    payment_id = str(payload["payment"])
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        payment = get_payment(reader, MerchantScope(merchant_id), payment_id)
        customer = _find_recipient(reader, merchant_id, payment.customer_id)
    if customer is None:
        return
    page = SurplusMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        payee=merchant.legal_name,
        amount=int(payload["amount"]),
        currency=payment.currency,
        link=merchant_page_url(services, merchant, f"/payments/{payment.id}"),
        reference=payment.id,
    )
    _send(renderer, services, merchant, "surplus", page, to=customer.email, message_id=message_id)


def _object_id(payload: Mapping[str, Any], former_key: str) -> str:
    """Return the id of the event's object; `former_key` has it in messages that were queued before events were recorded."""
    return str(payload.get("object") or payload[former_key])


def _receipt_lines(reader: Reader, scope: Scope, payment: StoredPayment) -> tuple[ReceiptLine, ...]:
    """Return the lines of a receipt: the amount paid of each invoice, oldest due first, in the payment's currency; the description of
    a payment without an invoice; none of a top-up, which has its own title."""
    shares = [share for share in list_shares(reader, scope, [payment.id])[payment.id] if share.state == "settled"]
    invoices = find_invoices(reader, scope, [share.invoice_id for share in shares])
    shares.sort(key=lambda share: (invoices[share.invoice_id].due_on, share.invoice_id))
    if not shares and payment.kind != "top_up":
        return (ReceiptLine(payment.description, "", payment.amount),)
    return tuple(
        ReceiptLine(
            title_without_number(invoices[share.invoice_id].description, invoices[share.invoice_id].number),
            invoices[share.invoice_id].number,
            share.amount if share.price is None else share.price,
        )
        for share in shares
    )


@dataclass(frozen=True, slots=True)
class _Recipient:
    id: str
    email: str
    locale: str | None


def _find_recipient(reader: Reader, merchant_id: str, customer_id: str) -> _Recipient | None:
    """Return id, address and language of a customer; None for one who is deleted or has no address."""
    customer = find_customer(reader, MerchantScope(merchant_id), customer_id)
    if customer is None or not customer.email:
        return None
    return _Recipient(customer.id, customer.email, customer.locale)


def merchant_page_url(services: Services, merchant: MerchantProfile, path: str) -> str:
    """Return the absolute URL of a merchant's page, from the settings alone and never from a request (threats, rule 6)."""
    return services.settings.page_url(merchant.slug, path)


def _send(
    renderer: Renderer,
    services: Services,
    merchant: MerchantProfile,
    name: str,
    page: Any,
    *,
    to: str,
    message_id: str,
    reply_to: str | None = None,
) -> None:
    mail = render_mail(renderer, name, page, theme=merchant.theme)
    envelope = Envelope(
        sender_name=merchant.name,
        sender=services.settings.mail_from,
        to=to,
        reply_to=reply_to or page.brand.support_email,
        message_id=message_id,
        at=services.clock.now(),
    )
    deliver(services.settings.smtp_url, build_message(mail, envelope))


_MAILS = MappingProxyType(
    {
        "sign_in_mail": send_sign_in_mail,
        "confirmation_mail": send_confirmation_mail,
        "question_mail": send_question_mail,
        "email_changed_mail": send_email_changed_mail,
        "receipt_mail": send_receipt_mail,
        "refund_mail": send_refund_mail,
        "surplus_mail": send_surplus_mail,
        "method_expiring_mail": send_method_expiring_mail,
    }
)
