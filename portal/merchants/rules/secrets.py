"""Encrypts the secrets of a merchant's account at a gateway, under keys derived from the installation's secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.merchants.errors import SecretsUnreadable

_PURPOSE = b"portal: gateway accounts, version 1"


def encrypt_secrets(secrets: Mapping[str, str], keys: Sequence[bytes]) -> bytes:
    """Encrypt with the newest (first) of the installation's keys; `keys` is `settings.keys`."""
    return _fernet(tuple(keys)).encrypt(json.dumps(dict(secrets), sort_keys=True).encode())


def decrypt_secrets(encrypted: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Decrypt what any of the keys encrypted. Raises SecretsUnreadable when none of them did."""
    try:
        decrypted = json.loads(_fernet(tuple(keys)).decrypt(encrypted))
    except InvalidToken:
        raise SecretsUnreadable from None
    return {str(name): str(value) for name, value in decrypted.items()}


def is_newest(encrypted: bytes, keys: Sequence[bytes]) -> bool:
    """Return whether the newest key decrypts it, so that the older ones are not needed for it any more."""
    try:
        _fernet(tuple(keys[:1])).decrypt(encrypted)
    except InvalidToken:
        return False
    return True


def rotate_secrets(encrypted: bytes, keys: Sequence[bytes]) -> bytes:
    """Return the same secrets under the newest key. Raises SecretsUnreadable."""
    try:
        return _fernet(tuple(keys)).rotate(encrypted)
    except InvalidToken:
        raise SecretsUnreadable from None


@lru_cache(maxsize=8)
def _fernet(keys: tuple[bytes, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key)
