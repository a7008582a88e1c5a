"""The texts of the consent to save a method: the page shows exactly what is stored as the consent."""

from __future__ import annotations

from flask import g, request

from portal.payment_methods.operations.consents import Consent
from portal.phrases import phrase
from portal.rendering.translations import translator

SAVE_WHILE_PAYING = (
    phrase("Save this payment method for next time"),
    phrase("Stored securely by %(gateway)s; we see the last digits only."),
)
"""The box of the checkout and the hint below it."""
SAVE_BY_SETUP = phrase(
    "By continuing, you allow %(merchant)s to save this payment method with %(gateway)s and to charge it when you pay here. You can"
    " remove it at any time."
)


def checkout_consent_text(locale: str, *, gateway: str) -> str:
    """Return the text beside the box of the checkout."""
    label, hint = SAVE_WHILE_PAYING
    translate = translator(locale)
    return f"{translate.gettext(label)}. {translate.gettext(hint, gateway=gateway)}"


def setup_consent_text(locale: str, *, merchant: str, gateway: str) -> str:
    """Return the text above the button that leads to the gateway's page."""
    return translator(locale).gettext(SAVE_BY_SETUP, merchant=merchant, gateway=gateway)


def current_consent(wording: str) -> Consent:
    """Return the consent that is given with the current request."""
    agent = request.headers.get("User-Agent", "")
    return Consent(wording, g.shell.locale, request.remote_addr or "", agent, g.signed_in.person_id)
