"""Handlers of the outbox's mail kinds: read the rows, render the mail, send it. The worker calls them at least once a message."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.database import Reader
from portal.emails.delivery import deliver
from portal.emails.messages import Envelope, build_message
from portal.emails.pages import MethodExpiringMail, ReceiptLine, ReceiptMail, RefundMail, SignInMail, SurplusMail
from portal.emails.rendering import build_mail_brand, render_mail
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.outbox.jobs import Handler
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.pages import method_name
from portal.payment_methods.rules import expiry_key, method_state
from portal.payments.models import Payment
from portal.payments.queries.payments import get_payment
from portal.refunds.models import Refund
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.sign_in.operations import prepare_sign_in_mail
from portal.tenancy import Scope

_METHOD_COLUMNS = (
    "id", "type", "brand", "last4", "bank_name", "nickname", "exp_month", "exp_year", "is_default", "status",
)  # fmt: skip


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


def send_receipt_mail(
    renderer: Renderer, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str
) -> None:
    """Send the receipt of a payment. A deleted customer or one without an address gets none."""
    payment_id = _object_id(payload, "payment")
    with services.database.read() as reader:
        merchant = get_merchant(reader, merchant_id)
        customer = _payer(reader, merchant_id, payment_id)
        if customer is None:
            return
        payment = get_payment(reader, Scope(merchant_id, customer.id), payment_id)
    page = ReceiptMail(
        brand=build_mail_brand(renderer, merchant, customer.locale),
        payee=merchant.legal_name,
        amount=payment.amount,
        currency=payment.currency,
        at=(payment.completed_at or payment.updated_at).astimezone(ZoneInfo(merchant.timezone)),
        method=method_name(payment.method_type or "other", payment.method_brand, payment.method_last4),
        lines=tuple(
            ReceiptLine(share.description or "", share.number, share.amount)
            for share in payment.shares
            if share.state == "settled"
        )
        or (ReceiptLine(payment.description, "", payment.amount),),
        credit_amount=payment.credit_amount,
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
        row = reader.execute(
            sa.select(*(PaymentMethod.__table__.c[name] for name in _METHOD_COLUMNS), Customer.email, Customer.locale)
            .join(
                Customer,
                sa.and_(Customer.merchant_id == PaymentMethod.merchant_id, Customer.id == PaymentMethod.customer_id),
            )
            .where(
                PaymentMethod.merchant_id == merchant_id,
                Customer.merchant_id == merchant_id,
                PaymentMethod.id == _object_id(payload, "method"),
                PaymentMethod.status == "active",
                Customer.deleted_at.is_(None),
            )
        ).first()
    if row is None or not row.email or expiry_key(row) != payload["expiry"]:
        return
    gateway = services.gateways.find(merchant_id)
    today = services.clock.now().astimezone(ZoneInfo(merchant.timezone)).date()
    page = MethodExpiringMail(
        brand=build_mail_brand(renderer, merchant, row.locale),
        method=method_name(row.type, row.brand, row.last4, row.bank_name),
        nickname=row.nickname,
        expiry=f"{row.exp_month:02d}/{row.exp_year}",
        has_expired=method_state(row, today) == "expired",
        is_default=row.is_default,
        can_replace=gateway is not None and gateway.capabilities.setup_page,
        link=merchant_page_url(services, merchant, f"/payment-methods/{row.id}"),
    )
    _send(renderer, services, merchant, "method_expiring", page, to=row.email, message_id=message_id)


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
        refund = reader.execute(
            sa.select(Refund.payment_id, Refund.status, Refund.amount, Refund.currency).where(
                Refund.merchant_id == merchant_id, Refund.id == refund_id
            )
        ).one()
        customer = _payer(reader, merchant_id, refund.payment_id)
        if customer is None or (refund.status == "failed" and not is_returned):
            return
        payment = get_payment(reader, Scope(merchant_id, customer.id), refund.payment_id)
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
        customer = _payer(reader, merchant_id, payment_id)
        if customer is None:
            return
        payment = get_payment(reader, Scope(merchant_id, customer.id), payment_id)
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


def _payer(reader: Reader, merchant_id: str, payment_id: str) -> Any:
    """Return id, address and language of the customer of a payment; None for one who is deleted or has no address."""
    return reader.execute(
        sa.select(Customer.id, Customer.email, Customer.locale)
        .join(Payment, sa.and_(Payment.merchant_id == Customer.merchant_id, Payment.customer_id == Customer.id))
        .where(
            Customer.merchant_id == merchant_id,
            Payment.merchant_id == merchant_id,
            Payment.id == payment_id,
            Customer.deleted_at.is_(None),
            Customer.email != "",
        )
    ).first()


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
) -> None:
    mail = render_mail(renderer, name, page, theme=merchant.theme)
    envelope = Envelope(
        sender_name=merchant.name,
        sender=services.settings.mail_from,
        to=to,
        reply_to=page.brand.support_email,
        message_id=message_id,
        at=services.clock.now(),
    )
    deliver(services.settings.smtp_url, build_message(mail, envelope))


_MAILS = MappingProxyType(
    {
        "sign_in_mail": send_sign_in_mail,
        "receipt_mail": send_receipt_mail,
        "refund_mail": send_refund_mail,
        "surplus_mail": send_surplus_mail,
        "method_expiring_mail": send_method_expiring_mail,
    }
)
