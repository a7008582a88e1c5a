"""Sends a message through the mail server of the settings; one connection for each message, never in a request."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from portal.emails.messages import Message
from portal.outbox.errors import Refused

TIMEOUT_SECONDS = 8
"""Below the ten seconds in which a worker has to end, and far below a lease."""

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def deliver(smtp_url: str, message: Message) -> None:
    """Send one message. Raise Refused when the server refuses it permanently at any step (5xx, or no SMTPUTF8 for an address that
    needs it), else smtplib's errors or OSError, after which a later attempt may succeed.

    A server that had accepted the message when the connection broke may get it twice, with the same Message-ID.
    """
    with _open(smtp_url) as server:
        with _refusals("helo"):
            server.ehlo_or_helo_if_needed()
        if message.needs_utf8 and not server.has_extn("smtputf8"):
            raise Refused("smtputf8")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if message.needs_utf8 else []
        with _refusals("message"):
            server.sendmail(message.sender, [message.to], message.content, mail_options=options)


def check_connection(smtp_url: str) -> None:
    """Connect to the mail server, log in if the settings say so, and send nothing. Raises Refused, smtplib's errors and OSError."""
    with _open(smtp_url) as server:
        server.noop()


@contextmanager
def _open(smtp_url: str) -> Iterator[smtplib.SMTP]:
    """Yield a session with the mail server. However it ends, it takes back nothing: a message that was accepted is delivered."""
    parts = urlsplit(smtp_url)
    with _refusals("connect"):
        server = _connect(parts.scheme, parts.hostname or "127.0.0.1", parts.port or _PORTS[parts.scheme])
    try:
        if parts.scheme == "smtp+starttls":
            with _refusals("starttls"):
                server.starttls(context=ssl.create_default_context())
        if parts.username:
            with _refusals("login"):
                server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server
        with suppress(OSError):  # smtplib's exceptions are subclasses of it.
            server.quit()
    finally:
        server.close()


def _connect(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)


@contextmanager
def _refusals(step: str) -> Iterator[None]:
    """Raise Refused in place of smtplib's error for a reply of 5xx; the error of an earlier or finer step names that step."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as fault:
        code = next(iter(fault.recipients.values()))[0]
        if not _is_permanent(code):
            raise
        raise Refused("recipient", code) from None
    except smtplib.SMTPResponseException as fault:
        if not _is_permanent(fault.smtp_code):
            raise
        raise Refused(_STEPS.get(type(fault), step), fault.smtp_code) from None


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600


_STEPS = {smtplib.SMTPHeloError: "helo", smtplib.SMTPSenderRefused: "sender"}
