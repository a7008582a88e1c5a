"""Passkeys: what a browser is asked for, and what it answers with, verified by a library; no tables.

A challenge is made for one browser and one purpose, and is not stored: 16 random bytes, when it was made, and a keyed hash of both.
Whoever verifies an answer notes the random bytes, so that no answer is accepted twice (`UsedChallenge`).
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from portal.clock import CLOCKS_DIFFER_BY, has_begun
from portal.sign_in.rules.tokens import Keys, challenge_mac, is_challenge_mac

Purpose = Literal["add", "sign-in"]
CHALLENGE_LIFE = timedelta(minutes=30)
FORGET_AFTER = CHALLENGE_LIFE + 2 * CLOCKS_DIFFER_BY
"""How long the random part of an answered challenge is kept: then it is too old by every process's clock."""
MAX_PASSKEYS = 10
"""How many a customer may have."""
MAX_ANSWER = 20_000
"""The longest answer of a browser that is read, in characters."""
_NONCE, _INSTANT = 16, 8
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What readers raise of input that is no answer at all."""


class PasskeyRefused(Exception):
    """An answer that proves nothing. `reason` is "expired" (its challenge is too old, or of another browser) or "refused"."""

    def __init__(self, reason: Literal["expired", "refused"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Where passkeys are used: `host` is the name that they are bound to, without a port; `origin` that of the page."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that a browser has just made. `is_synced`: its maker keeps it on the reader's other devices too."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


def host_name(host: str) -> str:
    """Return the name of a host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def relying_party(scheme: str, host: str) -> RelyingParty | None:
    """Return where a page at `host` (with its port) may use passkeys; None where browsers have none: at a number, or over plain http."""
    name = host_name(host)
    is_local = name == "localhost" or name.endswith(".localhost")
    if not name or _is_number(name) or (scheme != "https" and not is_local):
        return None
    return RelyingParty(name, f"{scheme}://{host}")


def new_challenge(keys: Keys, merchant_id: str, purpose: Purpose, bound_to: str, *, at: datetime) -> bytes:
    """Return a challenge for the browser or session whose token or id `bound_to` is."""
    made = secrets.token_bytes(_NONCE) + int(at.timestamp()).to_bytes(_INSTANT, "big")
    return made + challenge_mac(keys[0], merchant_id, f"{purpose}\x1f{bound_to}\x1f{made.hex()}")


def creation_options(
    challenge: bytes, party: RelyingParty, *, payee: str, holder: str, name: str, kept: Iterable[bytes]
) -> str:
    """Return the options with which a browser makes a passkey, as JSON. `holder` is an id, `name` what the browser shows; `kept` are the
    credentials that there are: no device makes a second one. The device has to make sure who holds it."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.host,
        rp_name=payee,
        user_id=holder.encode(),
        user_name=name,
        user_display_name=name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in kept],
    )
    return options_to_json(options)


def request_options(challenge: bytes, party: RelyingParty) -> str:
    """Return the options with which a browser signs in by any passkey that it has for this host, as JSON."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return options_to_json(options)


def answered_challenge(
    keys: Keys, merchant_id: str, purpose: Purpose, bound_to: str, answer: str, *, at: datetime
) -> bytes:
    """Return the challenge that a browser answered, if it is ours, of this browser, and not too old. Raises PasskeyRefused."""
    challenge = _challenge_in(answer)
    made, mac = challenge[: _NONCE + _INSTANT], challenge[_NONCE + _INSTANT :]
    if not is_challenge_mac(keys, merchant_id, f"{purpose}\x1f{bound_to}\x1f{made.hex()}", mac=mac):
        raise PasskeyRefused("expired")
    made_at = datetime.fromtimestamp(int.from_bytes(made[_NONCE:], "big"), UTC)
    if not has_begun(made_at, at) or at >= made_at + CHALLENGE_LIFE:
        raise PasskeyRefused("expired")
    return challenge


def nonce_of(challenge: bytes) -> bytes:
    """Return the random part of a challenge, which no answer may have twice."""
    return challenge[:_NONCE]


def credential_of(answer: str) -> bytes:
    """Return the id of the passkey that an answer claims to be of. Raises PasskeyRefused."""
    from webauthn.helpers import base64url_to_bytes

    try:
        return base64url_to_bytes(str(_read(answer)["id"]))
    except _MALFORMED:
        raise PasskeyRefused("refused") from None


def verify_new(answer: str, challenge: bytes, party: RelyingParty) -> NewPasskey:
    """Return the passkey of an answer to `creation_options`. Raises PasskeyRefused."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, *_MALFORMED):
        raise PasskeyRefused("refused") from None
    return NewPasskey(
        verified.credential_id, verified.credential_public_key, verified.sign_count, verified.credential_backed_up
    )


def verify_use(answer: str, challenge: bytes, party: RelyingParty, *, public_key: bytes, sign_count: int) -> int:
    """Return the new count of a passkey that answered `request_options`. Raises PasskeyRefused, also where its count went back: the key
    was copied."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, *_MALFORMED):
        raise PasskeyRefused("refused") from None
    return verified.new_sign_count


def _challenge_in(answer: str) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    try:
        client_data = json.loads(base64url_to_bytes(str(_read(answer)["response"]["clientDataJSON"])))
        return base64url_to_bytes(str(client_data["challenge"]))
    except _MALFORMED:
        raise PasskeyRefused("refused") from None


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER:
        raise PasskeyRefused("refused")
    try:
        read = json.loads(answer)
    except _MALFORMED:
        raise PasskeyRefused("refused") from None
    if not isinstance(read, dict):
        raise PasskeyRefused("refused")
    return read


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
