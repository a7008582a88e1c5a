"""Every setting of an installation, with its default and unit: read once at the start, all invalid ones reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "PORTAL_"
_OF_TESTS = f"{PREFIX}TEST_"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class UnknownSetting:
    """A key that begins as ours do and is none of them; `nearest` is the setting that may have been meant."""

    name: str
    nearest: str | None

    def __str__(self) -> str:
        meant = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"there is no setting {self.name}{meant}"


class SettingsFault(Exception):
    """One or more settings are missing or wrong. `faults` has a sentence for each, naming the setting, never its value."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def _split_on(separator: str) -> BeforeValidator:
    def parse(value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(separator) if part.strip()) if isinstance(value, str) else value
        )

    return BeforeValidator(parse)


class Settings(BaseSettings):
    """Environment variables with `PORTAL_` in front; a host application may give Flask config keys of the same names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: str = Field("", description="SQLAlchemy address; default: SQLite in the instance folder")
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="secrets of at least 32 characters, comma-separated, newest first; older ones only verify"
    )
    base_url: str = Field("http://127.0.0.1:5000", description="the portal's own origin, as links in mail have it")
    redis_url: str = Field("", description="optional: shared flood limits")
    smtp_url: str = Field(
        "smtp://127.0.0.1:25", description="smtp://, smtp+starttls:// or smtps://, with user and password if needed"
    )
    mail_from: str = Field("portal@localhost.example", description="sender of all mail")
    dkim_selectors: Annotated[tuple[str, ...], NoDecode, _split_on(",")] = Field(
        (),
        description="selectors of the DKIM keys with which the mail server signs, comma-separated; for portal doctor",
    )
    themes_dir: Annotated[tuple[Path, ...], NoDecode, _split_on(":")] = Field(
        (), description="more theme folders, colon-separated"
    )
    fonts_dir: Annotated[tuple[Path, ...], NoDecode, _split_on(":")] = Field(
        (),
        description="folders of fonts for papers in further scripts, colon-separated; /usr/share/fonts has the system's",
    )
    trusted_proxies: int = Field(0, ge=0, le=10, description="how many proxies in front set X-Forwarded-*")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least level that is logged")
    demo: bool = Field(False, description="the demo's pages: caught mail, start page, frames on loopback")
    demo_mail_dir: str = Field("", description="demo only: the maildir of caught mail")
    sandbox_url: str = Field("", description="origin of the sandbox gateway, for merchants that use it")
    notchpay_url: str = Field("https://api.notchpay.co", description="origin of Notch Pay's API; another one for tests")
    stripe_url: str = Field("https://api.stripe.com", description="origin of Stripe's API; another one for tests")
    gateway_timeout_seconds: float = Field(10, gt=0, le=60, description="timeout of a request to a gateway")
    server_threads: int = Field(
        8,
        ge=1,
        le=256,
        description="threads of each process of the web server, also of one of your own: at most half of them wait for a gateway",
    )
    database_busy_seconds: float = Field(15, gt=0, le=120, description="SQLite: how long a writer waits for another")
    database_pool_size: int = Field(8, ge=1, le=200, description="connections in the pool of a process")

    sign_in_minutes: int = Field(10, ge=1, le=60, description="life of a mailed link and code, in minutes from sending")
    sign_in_tries: int = Field(5, ge=1, le=20, description="wrong codes from one browser for one address an hour")
    sign_in_mails_per_address_per_minute: int = Field(1, ge=1, description="mails to one address a minute")
    sign_in_mails_per_address_per_hour: int = Field(
        10, ge=1, description="mails to one address an hour for all strangers together, and for each known browser"
    )
    sign_in_mails_per_ip_per_hour: int = Field(
        60, ge=1, description="messages requested from one network address an hour"
    )
    sign_in_mails_per_hour: int = Field(
        5000, ge=1, description="messages that strangers request at one merchant an hour; then the spare ones are left"
    )
    sign_in_spare_mails_per_ip_per_hour: int = Field(
        5, ge=1, description="messages a network address may request an hour when the merchant's are used up"
    )
    sign_in_spare_mails_per_network_per_hour: int = Field(
        60, ge=1, description="the same for an IPv6 /48, which looks like many network addresses"
    )
    sign_in_failures_per_address_per_hour: int = Field(20, ge=1, description="wrong codes for one address an hour")
    sign_in_failures_in_a_row: int = Field(100, ge=1, description="wrong codes for one address without a success")
    sign_in_failures_per_ip_per_hour: int = Field(100, ge=1, description="wrong codes from one network address an hour")
    sign_in_failures_per_hour: int = Field(25_000, ge=1, description="wrong codes of strangers at one merchant an hour")
    session_days: int = Field(30, ge=1, le=400, description="life of a customer's own session, in days")
    session_idle_hours: int = Field(24, ge=1, description="a customer's own session ends after so many idle hours")
    session_cap: int = Field(50, ge=1, description="sessions a customer may have; the oldest end")
    portal_session_url_minutes: int = Field(5, ge=1, le=60, description="life of the address of a session from the API")
    portal_session_minutes: int = Field(60, ge=1, le=1440, description="life of a session from the API, idle or not")
    payment_expires_hours: int = Field(3, ge=1, le=72, description="an unconfirmed payment expires after so many hours")
    payment_attempts_per_customer_per_hour: int = Field(
        60, ge=1, description="confirmations of payments a customer an hour"
    )
    payment_prompts_per_phone_per_hour: int = Field(
        6, ge=1, description="requests to approve a payment on a telephone: to one number, and of one customer, an hour"
    )
    payment_attempts_per_pay_link_per_hour: int = Field(
        10, ge=1, description="payments that may be confirmed by one pay link an hour"
    )
    payment_prompts_per_pay_link_per_hour: int = Field(
        3, ge=1, description="prompts by one pay link an hour, and to one number by any"
    )
    events_days: int = Field(
        90, ge=1, le=3650, description="how many days events are stored with their payload; the audit log stays"
    )
    erasures_file: str = Field(
        "",
        description="file to which the worker adds a line for each erased customer; after an old backup is restored, portal erasures replay reads it",
    )
    exports_per_customer_per_day: int = Field(
        3, ge=1, description="how often a customer may have a copy of its data made within a day"
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="bearer token of /metrics; without one only this machine may read it"
    )
    url_prefix: str = Field(
        "",
        description="in a host application: where its one merchant's pages are mounted, such as /billing; Portal sets it, a worker of its own needs it",
    )
    pages_per_ip_per_minute: int = Field(
        600, ge=1, description="flood limit: requests from one network address a minute"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **sources: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @classmethod
    def load(cls, values: Mapping[str, Any], *, instance: Path | None = None) -> Self:
        """Read `PORTAL_…` keys from `values` (`os.environ`, or a Flask config).

        `instance` is the folder of the default SQLite database (default: `instance` in the working folder).
        Raises SettingsFault with all faults at once.
        """
        known = {
            name: values[PREFIX + name.upper()]
            for name in cls.model_fields
            if values.get(PREFIX + name.upper()) not in (None, "")
        }
        if "database_url" not in known:
            known["database_url"] = f"sqlite:///{(instance or Path('instance')).absolute() / 'portal.db'}"
        try:
            return cls(**known)
        except ValidationError as fault:
            raise SettingsFault(
                [_sentence(error) for error in fault.errors(include_input=False, include_url=False)]
            ) from None

    @classmethod
    def list_unknown(cls, values: Mapping[str, Any]) -> list[UnknownSetting]:
        """Return the `PORTAL_…` keys that are no setting, by name: most are misspelt, and would do nothing without a word."""
        known = [PREFIX + name.upper() for name in cls.model_fields]
        unknown = sorted(
            name for name in values if name.startswith(PREFIX) and name not in known and not name.startswith(_OF_TESTS)
        )
        return [UnknownSetting(name, next(iter(get_close_matches(name, known, 1)), None)) for name in unknown]

    @field_validator("secret_key", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _strong_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 32 for key in value):
            raise ValueError("each key needs at least 32 characters")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        return value

    @field_validator("base_url", "sandbox_url", "notchpay_url", "stripe_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path.strip("/")
            or parts.query
            or parts.username
        ):
            raise ValueError("must be an origin such as https://portal.example")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("must be https unless it is this machine")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        if urlsplit(value).scheme not in ("smtp", "smtps", "smtp+starttls"):
            raise ValueError("must begin with smtp://, smtp+starttls:// or smtps://")
        return value

    @model_validator(mode="after")
    def _needs_a_key(self) -> Self:
        if not self.secret_key:
            raise ValueError("SECRET_KEY is missing: give at least 32 random characters")
        return self

    @field_validator("url_prefix")
    @classmethod
    def _mount(cls, value: str) -> str:
        parts = value.split("/")
        if value and (parts[0] or not all(part.replace("-", "").replace("_", "").isalnum() for part in parts[1:])):
            raise ValueError("must begin with a slash and have none at its end, such as /billing")
        return value

    def page_url(self, slug: str, path: str) -> str:
        """Return the absolute URL of a merchant's page, from the settings alone; `path` is below the merchant's root (threats, rule 6)."""
        return f"{self.base_url}{self.url_prefix or '/' + slug}{path}"

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The secret keys as bytes, newest first."""
        return tuple(key.get_secret_value().encode() for key in self.secret_key)

    @property
    def is_loopback_http(self) -> bool:
        """Whether the portal is reached on this machine without TLS, where cookie prefixes are not possible."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _sentence(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return PREFIX + message
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}"
