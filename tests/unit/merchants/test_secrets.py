"""Gateway secrets at rest: nothing readable, any key in rotation opens, no other does."""

from __future__ import annotations

import pytest

from portal.merchants.errors import SecretsUnreadable
from portal.merchants.rules.secrets import decrypt_secrets, encrypt_secrets, rotate_secrets

OLD, NEW = b"an old secret of more than thirty-two characters", b"a new secret of more than thirty-two characters"
SECRETS = {"secret_key": "sk_sandbox_acme"}


def test_stored_secrets_are_unreadable():
    sealed = encrypt_secrets(SECRETS, [OLD])

    assert b"sandbox" not in sealed
    assert decrypt_secrets(sealed, [OLD]) == SECRETS


def test_older_key_opens_while_it_is_listed():
    sealed = encrypt_secrets(SECRETS, [OLD])

    assert decrypt_secrets(sealed, [NEW, OLD]) == SECRETS
    with pytest.raises(SecretsUnreadable):
        decrypt_secrets(sealed, [NEW])


def test_rotation_leaves_the_old_key_behind():
    rotated = rotate_secrets(encrypt_secrets(SECRETS, [OLD]), [NEW, OLD])

    assert decrypt_secrets(rotated, [NEW]) == SECRETS


@pytest.mark.parametrize("sealed", [b"", b"nonsense", b"gAAAA"])
def test_damaged_secret_is_refused(sealed):
    with pytest.raises(SecretsUnreadable):
        decrypt_secrets(sealed, [NEW])
