"""Creates a test merchant's account at the sandbox, which accepts any key, and registers its webhook."""

from __future__ import annotations

import secrets

import click

from portal.commands.environment import webhook_url
from portal.merchants.operations import SANDBOX
from portal.settings import Settings


def new_account(slug: str) -> dict[str, str]:
    """Return the secrets of a new account."""
    return {"secret_key": f"sk_sandbox_{slug}", "event_secret": secrets.token_urlsafe(32)}


def register_webhook(settings: Settings, slug: str, account: dict[str, str]) -> None:
    """Register the merchant's webhook at the sandbox. Payments work without it too: the worker looks them up."""
    from portal.gateways.http import JsonClient, UnusableResponse

    client = JsonClient(
        settings.sandbox_url, {"Authorization": f"Bearer {account['secret_key']}"}, settings.gateway_timeout_seconds
    )
    try:
        response = client.post(
            "/v1/webhook_endpoints",
            {"url": webhook_url(settings, slug, SANDBOX), "secret": account["event_secret"]},
        )
    except UnusableResponse:
        response = None
    if response is None or response.status >= 300:
        click.echo(
            "the sandbox gateway does not answer; its events will not come, payments are looked up instead", err=True
        )
