"""What a customer's name, addresses and telephone number must look like, and how they are compared; no tables here."""

from __future__ import annotations

import unicodedata

import idna


def email_key(address: str) -> str:
    """The address as it is compared: two addresses are one customer's when their keys are equal.

    Never raises and never is mailed to: mail goes to the stored address alone (threats 18). The part before the @ is
    compared without case too, as every mail service in use does.
    """
    cleaned = unicodedata.normalize("NFC", address.strip())
    local, at, domain = cleaned.rpartition("@")
    return unicodedata.normalize("NFC", f"{local}{at}{_ascii_domain(domain)}".casefold())


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        return domain
