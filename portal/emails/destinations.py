"""Where the links of mails lead: absolute addresses, from the settings alone and never from a request (threats, rule 6)."""

from __future__ import annotations

from portal.customers.rules.profiles import mailbox_of
from portal.merchants.queries import MerchantProfile
from portal.notices.rules import agree_token, copy_stop_token, stop_token
from portal.services import Services


def merchant_page_url(services: Services, merchant: MerchantProfile, path: str) -> str:
    """Return the absolute URL of a merchant's page; `path` is below the merchant's root."""
    return services.settings.page_url(merchant.slug, path)


def invoice_button_url(services: Services, merchant: MerchantProfile, invoice_id: str) -> str:
    """Return where the button of a mail about one invoice leads, to pay it, where it has no pay link: its page, which asks who is not
    signed in to sign in and keeps the target."""
    return merchant_page_url(services, merchant, f"/invoices/{invoice_id}")


def payment_url(services: Services, merchant: MerchantProfile, payment_id: str) -> str:
    """Return the page of a payment."""
    return merchant_page_url(services, merchant, f"/payments/{payment_id}")


def stop_url(services: Services, merchant: MerchantProfile, customer_id: str, kind: str, address: str) -> str:
    """Return the link that stops a kind of notice for the customer, without signing in (RFC 8058)."""
    token = stop_token(services.settings.keys, merchant.id, customer_id, kind, mailbox_of(address))
    return merchant_page_url(services, merchant, f"/notices/unsubscribe/{token}")


def stop_copies_url(services: Services, merchant: MerchantProfile, copy_id: str, address: str) -> str:
    """Return the link that ends copies to an address, for whoever gets them there."""
    token = copy_stop_token(services.settings.keys, merchant.id, copy_id, mailbox_of(address))
    return merchant_page_url(services, merchant, f"/notices/unsubscribe/{token}")


def agree_url(services: Services, merchant: MerchantProfile, copy_id: str) -> str:
    """Return the link with which an address agrees to get copies."""
    return merchant_page_url(
        services, merchant, f"/notices/copies/{agree_token(services.settings.keys, merchant.id, copy_id)}"
    )
