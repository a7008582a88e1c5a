"""The demo's mail catcher: an SMTP server on loopback that stores every message in a maildir, and a list of them."""

from __future__ import annotations

import base64
import mailbox
import re
import socket
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from portal.demo.pages import CaughtMail
from portal.fingerprints import fingerprint

HOST = "127.0.0.1"
_MAX_ATTEMPTS = 5
_ADDRESS = re.compile(r"https?://\S+")
_CODE = re.compile(r"^[0-9A-Z]{4}-[0-9A-Z]{4}$", re.MULTILINE)


class _MaildirHandler:
    """The handler that aiosmtpd calls for each message."""

    def __init__(self, folder: Path) -> None:
        self.box = mailbox.Maildir(folder, create=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.box.add(mailbox.MaildirMessage(envelope.content))
        return "250 caught"


def start_mail_catcher(folder: Path) -> tuple[Any, int]:
    """Start the server on a free port of loopback. Return its controller, to be stopped by `stop()`, and the port."""
    from aiosmtpd.controller import Controller

    for _ in range(_MAX_ATTEMPTS):
        # The controller does not accept port 0: it connects to its own port to see whether it is ready.
        port = _free_port()
        controller = Controller(_MaildirHandler(folder), hostname=HOST, port=port)
        try:
            controller.start()
        except OSError:
            continue
        return controller, port
    raise OSError("no free port for the mail catcher")


def list_mails(folder: Path) -> list[CaughtMail]:
    """Return all mails, newest first."""
    if not folder.is_dir():
        return []
    found = []
    for path in (folder / "new").iterdir():
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        found.append((path.stat().st_mtime_ns, _read(message, path)))
    return [mail for _, mail in sorted(found, key=lambda pair: pair[0], reverse=True)]


def find_mail(folder: Path, key: str) -> CaughtMail | None:
    """Return the mail of this key, or None."""
    return next((mail for mail in list_mails(folder) if mail.key == key), None)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _read(message: EmailMessage, path: Path) -> CaughtMail:
    text = _body(message, "plain")
    link, code = _ADDRESS.search(text), _CODE.search(text)
    return CaughtMail(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=text,
        html=_with_pictures(_body(message, "html"), message),
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        link=link.group() if link else None,
        code=code.group() if code else None,
        key=fingerprint(path.name.encode()),
    )


def _body(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    # As base64 (Arabic), the body keeps the line ends of the mail; quoted, it has ours.
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def _with_pictures(html: str, message: EmailMessage) -> str:
    """Return the HTML with the pictures of the message in place of their ids, as a mail program shows it."""
    for part in message.walk():
        assert isinstance(part, EmailMessage)
        content_id = str(part["Content-ID"] or "").strip("<>")
        if content_id and part.get_content_type() == "image/png":
            content = base64.b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{content_id}", f"data:image/png;base64,{content}")
    return html
