"""`portal gateway`: connect a merchant to a gateway, list the accounts, rotate the encryption of their secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence

import click

from portal.clock import SystemClock
from portal.commands.environment import load_settings, named_merchant, open_database, webhook_url, wrong_usage
from portal.commands.sandbox_account import new_account, register_webhook
from portal.database import Reader
from portal.errors import PortalError
from portal.events.rules import COMMAND
from portal.gateways.accounts import EVENT_SECRETS, SECRETS, AccountRefused, checked_secrets, split_values
from portal.gateways.contract import Gateway, State
from portal.merchants.errors import SecretsUnreadable
from portal.merchants.operations import SANDBOX, connect_gateway, rotate_accounts
from portal.merchants.queries import AccountRow, MerchantProfile, find_encrypted_secrets, list_accounts
from portal.merchants.rules.secrets import decrypt_secrets, is_newest
from portal.payment_methods.operations.methods import update_methods_for_gateway
from portal.payments.operations.gateway_requests import lookup_of
from portal.payments.queries.payments import StoredPayment
from portal.reconciliation.queries import count_under_way, list_known_payments
from portal.settings import Settings


class PaymentsUnderWay(PortalError):
    """Payments or refunds at the previous gateway have no outcome yet, and only that gateway knows it."""

    status = 409


@click.group()
def gateway() -> None:
    """Connect merchants to gateways, and manage the secrets of their accounts."""


@gateway.command("connect")
@click.argument("slug")
@click.argument("name", metavar="GATEWAY", type=click.Choice(list(SECRETS)))
@click.option(
    "--from-env",
    "variables",
    multiple=True,
    metavar="name=VARIABLE",
    help="Read a secret from a variable of the environment; then standard input is not read.",
)
@click.option(
    "--keep-event-secrets",
    is_flag=True,
    help="Accept the previous event secrets beside the new ones, until the gateway signs with the new ones alone.",
)
@click.option("--offline", is_flag=True, help="Do not check the key at the gateway.")
def connect(slug: str, name: str, variables: tuple[str, ...], keep_event_secrets: bool, offline: bool) -> None:
    """Let the merchant SLUG take payments through GATEWAY (sandbox, stripe or notchpay) from now on.

    Secrets are read from standard input, a line `name=value` each, or from the environment; never from arguments, which other
    users of the machine see. Stripe needs secret_key and event_secrets, Notch Pay public_key, private_key and
    event_secrets; several event secrets are separated by commas. The sandbox needs none. All are stored encrypted.
    """
    settings = load_settings()
    with open_database(settings) as database:
        merchant = named_merchant(database, slug)
        given = new_account(slug) if name == SANDBOX else _read_secrets(name, variables)
        if keep_event_secrets:
            with database.read() as reader:
                given = _with_earlier(given, find_encrypted_secrets(reader, merchant.id, name), settings)
        secrets = checked_secrets(name, merchant.mode, given)
        if not offline:
            account = _reach(name, merchant, secrets, settings)
            with database.read() as reader:
                known_payments = list_known_payments(reader, merchant.id, name)
            _require_same_account(account, known_payments)
        with database.unit_of_work() as session:
            _require_nothing_under_way(session, merchant, name)
            at = SystemClock().now()
            connect_gateway(session, merchant, name, secrets, keys=settings.keys, actor=COMMAND, at=at)
            update_methods_for_gateway(session, merchant.id, name, actor=COMMAND, at=at)
    if name == SANDBOX:
        register_webhook(settings, slug, secrets)
    click.echo(f"{slug} takes payments through {name} now; events come to {webhook_url(settings, slug, name)}")


@gateway.command("list")
def list_() -> None:
    """List the accounts: merchant, mode, gateway, time of the last change; never their secrets."""
    settings = load_settings()
    with open_database(settings) as database, database.read() as reader:
        for account in list_accounts(reader):
            click.echo(_line(account, settings))


@gateway.command("rotate")
def rotate() -> None:
    """Encrypt the secrets of all accounts with the newest key of SECRET_KEY; the older keys are not needed for them any more.

    Safe while everything runs, and to run again. Exits 1 when no key decrypts an account.
    """
    settings = load_settings()
    with open_database(settings) as database:
        with database.unit_of_work() as session:
            done = rotate_accounts(session, keys=settings.keys, actor=COMMAND, at=SystemClock().now())
        with database.read() as reader:
            slugs = [
                account.slug
                for account in list_accounts(reader)
                if _decrypted(account.encrypted_secrets, settings) is None
            ]
    click.echo(f"{done.rotated} accounts encrypted anew, {done.current} were already")
    if slugs:
        raise SecretsUnreadable(f"no key of SECRET_KEY opens the account of {', '.join(slugs)}: connect it again")


def _read_secrets(gateway_name: str, variables: tuple[str, ...]) -> dict[str, str]:
    if variables:
        with wrong_usage(AccountRefused):
            named = _pairs(variables, "--from-env takes name=VARIABLE, each name once")
        return {name: os.environ.get(variable, "") for name, variable in named.items()}
    names = ", ".join(secret.name for secret in SECRETS[gateway_name])
    written = (line.strip() for line in sys.stdin)
    lines = [line for line in written if line and not line.startswith("#")]
    return _pairs(lines, f"standard input takes a line name=value for each of {names}")


def _pairs(texts: Iterable[str], sentence: str) -> dict[str, str]:
    """Return names and values. An invalid text is not repeated in the error: it may be a secret."""
    found: dict[str, str] = {}
    for text in texts:
        name, is_pair, value = (part.strip() for part in text.partition("="))
        if not is_pair or name in found:
            raise AccountRefused(sentence)
        found[name] = value
    return found


def _with_earlier(given: Mapping[str, str], encrypted: bytes | None, settings: Settings) -> dict[str, str]:
    earlier = decrypt_secrets(encrypted, settings.keys) if encrypted is not None else {}
    both = split_values(f"{given.get(EVENT_SECRETS, '')},{earlier.get(EVENT_SECRETS, '')}")
    return {**given, EVENT_SECRETS: ",".join(both)}


def _reach(name: str, merchant: MerchantProfile, secrets: Mapping[str, str], settings: Settings) -> Gateway:
    from portal.gateways.registry import make_gateway

    account = make_gateway(name, merchant.mode, secrets, settings)
    if account is None:
        raise AccountRefused("SANDBOX_URL is not set: this installation has no sandbox")
    if not account.is_reachable():
        raise AccountRefused(f"{account.title} does not answer, or refuses the key; nothing was changed")
    return account


def _require_same_account(account: Gateway, known_payments: Sequence[StoredPayment]) -> None:
    """Refuse keys of another account while only the previous one knows the outcome of a payment or a refund: the other does not
    have the request, and it would be sent again. It is the same account when it knows a payment that the previous one reported."""
    if known_payments and all(
        account.look_up(lookup_of(row)).state in (State.ABSENT, State.UNKNOWN) for row in known_payments
    ):
        raise PaymentsUnderWay(
            f"this account of {account.title} does not confirm that {known_payments[0].id} is its own, so it may be another one. Payments or"
            " refunds at the one of before have no outcome yet, and only that one can tell it; wait for the worker, and connect then"
        )


def _require_nothing_under_way(reader: Reader, merchant: MerchantProfile, name: str) -> None:
    payments, refunds = count_under_way(reader, merchant.id, other_than=[name])
    if payments or refunds:
        raise PaymentsUnderWay(
            f"{payments} payments and {refunds} refunds of {merchant.slug} have no outcome yet, and only {merchant.gateway}"
            " can tell it; wait for the worker, and connect then"
        )


def _line(account: AccountRow, settings: Settings) -> str:
    secrets = _decrypted(account.encrypted_secrets, settings)
    if secrets is None:
        state = "no key of SECRET_KEY opens it"
    elif is_newest(account.encrypted_secrets, settings.keys):
        state = f"opens with {', '.join(_counted(secrets))}"
    else:
        state = f"opens with {', '.join(_counted(secrets))}; encrypted with an older key"
    used = "used" if account.is_used else "unused"
    return f"{account.slug} ({account.mode})  {account.gateway}  {used}  since {account.updated_at:%Y-%m-%d %H:%M} UTC  {state}"


def _counted(secrets: Mapping[str, str]) -> list[str]:
    """Return the names of secrets, with how many there are of those that come in several."""
    return [
        f"{name} ({len(split_values(value))})" if name == EVENT_SECRETS else name for name, value in secrets.items()
    ]


def _decrypted(encrypted: bytes, settings: Settings) -> dict[str, str] | None:
    try:
        return decrypt_secrets(encrypted, settings.keys)
    except SecretsUnreadable:
        return None
