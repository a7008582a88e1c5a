"""The secrets that sign in: links, codes and tokens, and their digests. Derived from the installation's secret or random; no tables.

A mailed link and code are keyed hashes of the challenge's id: no stored value lets anybody sign in. The newest secret
signs; every secret of the list verifies.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from portal.public_ids import LENGTH
from portal.sign_in.rules.challenges import CODE_LETTERS

CHALLENGE = "sic"
SESSION = "ses"
PORTAL_SESSION = "ps"

Keys = Sequence[bytes]
"""The installation's secrets, newest first."""

_LINK = re.compile(rf"([0-9A-Za-z]{{{LENGTH}}})([0-9A-Za-z_-]{{43}})", re.ASCII)
_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}", re.ASCII)


def link_token(keys: Keys, merchant_id: str, challenge_id: str) -> str:
    """Return the last part of the mailed URL: the challenge's id, and 256 bits that only this installation can compute."""
    return challenge_id.removeprefix(f"{CHALLENGE}_") + _link_proof(keys[0], merchant_id, challenge_id)


def challenge_of(keys: Keys, merchant_id: str, token: str) -> str | None:
    """Return the id of the challenge that a link token proves at this merchant; None for one that is cut, changed or of another merchant."""
    match = _LINK.fullmatch(token)
    if match is None:
        return None
    challenge_id = f"{CHALLENGE}_{match[1]}"
    proofs = [_link_proof(key, merchant_id, challenge_id).encode() for key in keys]
    return challenge_id if _is_one_of(match[2].encode(), proofs) else None


def code_of(keys: Keys, merchant_id: str, challenge_id: str) -> str:
    """Return the code of a challenge: 40 bits as eight letters of Crockford's base 32, without the hyphen it is shown with."""
    return _code(keys[0], merchant_id, challenge_id)


def is_code_of(keys: Keys, merchant_id: str, challenge_id: str, *, code: str) -> bool:
    """Return whether eight letters (as `rules.read_code` gives them) are the challenge's code under any of the secrets."""
    return _is_one_of(code.encode(), [_code(key, merchant_id, challenge_id).encode() for key in keys])


def address_digest(keys: Keys, merchant_id: str, email_key: str) -> bytes:
    """Return the digest that stands for an address in limits and challenges."""
    return _mac(keys[0], "sign-in-address", merchant_id=merchant_id, subject=email_key)


def network_digest(keys: Keys, merchant_id: str, remote_address: str) -> bytes:
    """Return the digest that stands for a network in limits: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        address = ipaddress.ip_address(remote_address)
    except ValueError:
        network = "unknown"
    else:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        plain = str(mapped or address).partition("%")[0]
        network = str(ipaddress.ip_network(f"{plain}/{64 if ':' in plain else 32}", strict=False))
    return _mac(keys[0], "sign-in-network", merchant_id=merchant_id, subject=network)


def new_token() -> str:
    """Return 256 random bits for a cookie or a URL, in 43 characters."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Return whether `text` has the shape of `new_token()`."""
    return _TOKEN.fullmatch(text) is not None


def token_digest(token: str) -> bytes:
    """Return the digest under which a random token is stored. A plain hash is enough for 256 random bits."""
    return sha256(token.encode("utf-8", "replace")).digest()


def _link_proof(key: bytes, merchant_id: str, challenge_id: str) -> str:
    return (
        urlsafe_b64encode(_mac(key, "sign-in-link", merchant_id=merchant_id, subject=challenge_id))
        .rstrip(b"=")
        .decode()
    )


def _code(key: bytes, merchant_id: str, challenge_id: str) -> str:
    number = int.from_bytes(_mac(key, "sign-in-code", merchant_id=merchant_id, subject=challenge_id)[:5], "big")
    return "".join(CODE_LETTERS[number >> shift & 31] for shift in range(35, -1, -5))


def _mac(key: bytes, purpose: str, *, merchant_id: str, subject: str) -> bytes:
    # One key for each purpose, so that a value made for one is not valid for another.
    purpose_key = hmac.digest(key, f"portal:{purpose}".encode(), "sha256")
    return hmac.digest(purpose_key, f"{merchant_id}\x1f{subject}".encode("utf-8", "replace"), "sha256")


def _is_one_of(given: bytes, expected: list[bytes]) -> bool:
    # Each is compared, so that the time reveals nothing.
    return sum(hmac.compare_digest(given, one) for one in expected) > 0
