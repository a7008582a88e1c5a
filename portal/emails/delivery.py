"""Sends a message through the mail server of the settings; one connection for each message, never in a request."""

from __future__ import annotations

import smtplib
import ssl
from urllib.parse import unquote, urlsplit

from portal.emails.messages import Message
from portal.outbox.errors import Undeliverable

TIMEOUT_SECONDS = 8
"""Below the ten seconds in which a worker has to end, and far below a lease."""

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def deliver(smtp_url: str, message: Message) -> None:
    """Send one message, or raise: Undeliverable when the server refuses it permanently (5xx), else smtplib's or OSError.

    A server that had accepted the message when the connection broke may get it twice, with the same Message-ID.
    """
    with _open(smtp_url) as server:
        options = ["SMTPUTF8", "BODY=8BITMIME"] if message.needs_utf8 else []
        try:
            server.sendmail(message.sender, [message.to], message.content, mail_options=options)
        except smtplib.SMTPRecipientsRefused as fault:
            code = next(iter(fault.recipients.values()))[0]
            if 500 <= code < 600:
                raise Undeliverable(f"recipient refused, {code}") from None
            raise
        except smtplib.SMTPDataError as fault:
            if 500 <= fault.smtp_code < 600:
                raise Undeliverable(f"message refused, {fault.smtp_code}") from None
            raise


def check_connection(smtp_url: str) -> None:
    """Connect to the mail server, log in if the settings say so, and send nothing. Raises smtplib's errors and OSError."""
    with _open(smtp_url) as server:
        server.noop()


def _open(smtp_url: str) -> smtplib.SMTP:
    parts = urlsplit(smtp_url)
    server = _connect(parts.scheme, parts.hostname or "127.0.0.1", parts.port or _PORTS[parts.scheme])
    if parts.username:
        try:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
    return server


def _connect(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    if scheme == "smtp+starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
