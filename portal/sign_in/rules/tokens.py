"""The secrets that sign in: links, codes and tokens, and their digests. Derived from the installation's secret or random; no tables.

A mailed link and code are keyed hashes of the challenge's id: no stored value lets anybody sign in. The newest secret
signs; every secret of the list verifies.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from portal.people.rules import PERSON
from portal.public_ids import LENGTH
from portal.sign_in.rules.challenges import CODE_LENGTH, CODE_LETTERS

CHALLENGE = "sic"
SESSION = "ses"
PORTAL_SESSION = "ps"
CONFIRMATION = "cfm"
EMAIL_CHANGE = "emc"
PASSKEY = "pky"
MESSAGE = "obx"
"""Of a message of the outbox, whose id is also that of the link in its mail (`MailedLink`)."""

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


def mailed_token(keys: Keys, merchant_id: str, link_id: str) -> str:
    """Return the last part of the URL in a notice that signs in: its id, and 256 bits that only this installation can compute."""
    return link_id.removeprefix(f"{MESSAGE}_") + _mailed_proof(keys[0], merchant_id, link_id)


def mailed_link_of(keys: Keys, merchant_id: str, token: str) -> str | None:
    """Return the id of the notice's link that a token proves at this merchant; None for one that is cut, changed or of another merchant."""
    match = _LINK.fullmatch(token)
    if match is None:
        return None
    link_id = f"{MESSAGE}_{match[1]}"
    proofs = [_mailed_proof(key, merchant_id, link_id).encode() for key in keys]
    return link_id if _is_one_of(match[2].encode(), proofs) else None


def code_of(keys: Keys, merchant_id: str, challenge_id: str) -> str:
    """Return the code of a challenge: eight of the twenty letters, 34.6 bits, without the hyphen it is shown with."""
    return _code(keys[0], merchant_id, challenge_id)


def is_code_of(keys: Keys, merchant_id: str, challenge_id: str, *, code: str) -> bool:
    """Return whether eight letters (as `rules.read_code` gives them) are the challenge's code under any of the secrets."""
    return _is_one_of(code.encode(), [_code(key, merchant_id, challenge_id).encode() for key in keys])


def address_digest(keys: Keys, merchant_id: str, mailbox: str) -> bytes:
    """Return the digest that stands for a mailbox (`challenges.mailbox_of`) in limits and challenges."""
    return _address_digest(keys[0], merchant_id, mailbox)


def is_address_digest(keys: Keys, merchant_id: str, mailbox: str, *, digest: bytes) -> bool:
    """Return whether a stored digest is that of the mailbox, under any of the secrets."""
    return _is_one_of(digest, [_address_digest(key, merchant_id, mailbox) for key in keys])


def network_digest(keys: Keys, merchant_id: str, network: str) -> bytes:
    """Return the digest that stands for a network (`portal.networks`) in limits."""
    return _mac(keys[0], "sign-in-network", merchant_id=merchant_id, subject=network)


def browser_subject(browser_digest: bytes, address_digest: bytes) -> bytes:
    """Return what stands in limits for one browser and one mailbox together, from the digests of both."""
    return sha256(browser_digest + address_digest).digest()


def confirmation_code(keys: Keys, merchant_id: str, confirmation_id: str) -> str:
    """Return the code of a confirmation, without the hyphen it is shown with."""
    return _letters(_mac(keys[0], "confirmation-code", merchant_id=merchant_id, subject=confirmation_id))


def is_confirmation_code(keys: Keys, merchant_id: str, confirmation_id: str, *, code: str) -> bool:
    """Return whether eight letters are the confirmation's code under any of the secrets."""
    codes = [_letters(_mac(key, "confirmation-code", merchant_id=merchant_id, subject=confirmation_id)) for key in keys]
    return _is_one_of(code.encode(), [each.encode() for each in codes])


def undo_token(keys: Keys, merchant_id: str, change_id: str) -> str:
    """Return the last part of the URL at which a change of address is undone: its id, and 256 bits that only this installation can compute."""
    return change_id.removeprefix(f"{EMAIL_CHANGE}_") + _undo_proof(keys[0], merchant_id, change_id)


def change_of(keys: Keys, merchant_id: str, token: str) -> str | None:
    """Return the id of the change that an undo token proves at this merchant; None for any other text."""
    match = _LINK.fullmatch(token)
    if match is None:
        return None
    change_id = f"{EMAIL_CHANGE}_{match[1]}"
    proofs = [_undo_proof(key, merchant_id, change_id).encode() for key in keys]
    return change_id if _is_one_of(match[2].encode(), proofs) else None


def invitation_token(keys: Keys, merchant_id: str, person_id: str) -> str:
    """Return the last part of the URL of an invitation to an account: the person's id, and 256 bits that only this installation can compute.
    It signs nobody in; whoever has it can decline the invitation."""
    return person_id.removeprefix(f"{PERSON}_") + _invitation_proof(keys[0], merchant_id, person_id)


def person_of(keys: Keys, merchant_id: str, token: str) -> str | None:
    """Return the id of the person whose invitation a token proves at this merchant; None for any other text."""
    match = _LINK.fullmatch(token)
    if match is None:
        return None
    person_id = f"{PERSON}_{match[1]}"
    proofs = [_invitation_proof(key, merchant_id, person_id).encode() for key in keys]
    return person_id if _is_one_of(match[2].encode(), proofs) else None


def challenge_mac(key: bytes, merchant_id: str, subject: str) -> bytes:
    """Return the 32 bytes that prove a challenge for a passkey to be ours."""
    return _mac(key, "passkey-challenge", merchant_id=merchant_id, subject=subject)


def is_challenge_mac(keys: Keys, merchant_id: str, subject: str, *, mac: bytes) -> bool:
    """Return whether the bytes prove a challenge, under any of the secrets."""
    return _is_one_of(mac, [challenge_mac(key, merchant_id, subject) for key in keys])


def new_token() -> str:
    """Return 256 random bits for a cookie or a URL, in 43 characters."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Return whether `text` has the shape of `new_token()`."""
    return _TOKEN.fullmatch(text) is not None


def token_digest(token: str) -> bytes:
    """Return the digest under which a random token is stored. A plain hash is enough for 256 random bits."""
    return sha256(token.encode("utf-8", "replace")).digest()


def _undo_proof(key: bytes, merchant_id: str, change_id: str) -> str:
    return urlsafe_b64encode(_mac(key, "email-undo", merchant_id=merchant_id, subject=change_id)).rstrip(b"=").decode()


def _invitation_proof(key: bytes, merchant_id: str, person_id: str) -> str:
    return urlsafe_b64encode(_mac(key, "invitation", merchant_id=merchant_id, subject=person_id)).rstrip(b"=").decode()


def _link_proof(key: bytes, merchant_id: str, challenge_id: str) -> str:
    return (
        urlsafe_b64encode(_mac(key, "sign-in-link", merchant_id=merchant_id, subject=challenge_id))
        .rstrip(b"=")
        .decode()
    )


def _mailed_proof(key: bytes, merchant_id: str, link_id: str) -> str:
    return urlsafe_b64encode(_mac(key, "mailed-link", merchant_id=merchant_id, subject=link_id)).rstrip(b"=").decode()


def _code(key: bytes, merchant_id: str, challenge_id: str) -> str:
    return _letters(_mac(key, "sign-in-code", merchant_id=merchant_id, subject=challenge_id))


def _letters(digest: bytes) -> str:
    # Of 256 bits, so that what is left over by a division by twenty makes no letter likelier than another.
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(CODE_LETTERS))
        letters.append(CODE_LETTERS[place])
    return "".join(letters)


def _address_digest(key: bytes, merchant_id: str, mailbox: str) -> bytes:
    return _mac(key, "sign-in-address", merchant_id=merchant_id, subject=mailbox)


def _mac(key: bytes, purpose: str, *, merchant_id: str, subject: str) -> bytes:
    # One key for each purpose, so that a value made for one is not valid for another.
    purpose_key = hmac.digest(key, f"portal:{purpose}".encode(), "sha256")
    return hmac.digest(purpose_key, f"{merchant_id}\x1f{subject}".encode("utf-8", "replace"), "sha256")


def _is_one_of(given: bytes, expected: list[bytes]) -> bool:
    # Each is compared, so that the time reveals nothing.
    return sum(hmac.compare_digest(given, one) for one in expected) > 0
