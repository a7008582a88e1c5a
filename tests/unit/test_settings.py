"""Settings: all faults named at once, none with its value."""

from __future__ import annotations

import pytest

from portal.settings import Settings, SettingsFault

KEY = "k" * 40


def test_all_faults_are_named_at_once_and_no_value_is_repeated():
    with pytest.raises(SettingsFault) as fault:
        Settings.load(
            {
                "PORTAL_SECRET_KEY": "short",
                "PORTAL_BASE_URL": "ftp://secret.example",
                "PORTAL_DATABASE_URL": "mysql://me:hunter2@x/y",
                "PORTAL_LOG_LEVEL": "LOUD",
                "PORTAL_SIGN_IN_TRIES": "many",
            }
        )

    message = str(fault.value)
    for name in ("SECRET_KEY", "BASE_URL", "DATABASE_URL", "LOG_LEVEL", "SIGN_IN_TRIES"):
        assert f"PORTAL_{name}" in message
    assert not any(value in message for value in ("short", "secret.example", "hunter2", "LOUD", "many"))


def test_missing_key_is_named():
    with pytest.raises(SettingsFault, match="PORTAL_SECRET_KEY"):
        Settings.load({})


def test_keys_are_newest_first():
    assert Settings.load({"PORTAL_SECRET_KEY": f"{'n' * 32}, {'o' * 32}"}).keys == (b"n" * 32, b"o" * 32)


@pytest.mark.parametrize(
    "url", ["http://portal.example", "https://portal.example/path", "https://me@portal.example", "portal.example"]
)
def test_base_url_is_an_origin_and_https_away_from_this_machine(url: str):
    with pytest.raises(SettingsFault):
        Settings.load({"PORTAL_SECRET_KEY": KEY, "PORTAL_BASE_URL": url})


def test_empty_settings_are_defaults():
    assert Settings.load({"PORTAL_SECRET_KEY": KEY, "PORTAL_REDIS_URL": "", "PORTAL_LOG_LEVEL": ""}).log_level == "INFO"
