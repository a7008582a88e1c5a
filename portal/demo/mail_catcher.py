"""Catches the demo's mail: an SMTP server on loopback that keeps every message in a maildir, and the reading of it."""

from __future__ import annotations

import mailbox
import re
import socket
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from portal.demo.pages import CaughtMail

HOST = "127.0.0.1"
_TRIES = 5
_ADDRESS = re.compile(r"https?://\S+")
_CODE = re.compile(r"^[0-9A-Z]{4}-[0-9A-Z]{4}$", re.MULTILINE)


class _Catcher:
    """What aiosmtpd calls for each message."""

    def __init__(self, folder: Path) -> None:
        self.box = mailbox.Maildir(folder, create=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.box.add(mailbox.MaildirMessage(envelope.content))
        return "250 caught"


def start_catcher(folder: Path) -> tuple[Any, int]:
    """Start catching on a free port of loopback; gives the controller (to `.stop()`) and the port."""
    from aiosmtpd.controller import Controller

    for _ in range(_TRIES):
        # The controller cannot be given port 0: it connects to itself by the number that it was told.
        port = _free_port()
        controller = Controller(_Catcher(folder), hostname=HOST, port=port)
        try:
            controller.start()
        except OSError:
            continue
        return controller, port
    raise OSError("no free port for the mail catcher")


def list_mails(folder: Path) -> list[CaughtMail]:
    """Every mail caught, newest first."""
    if not folder.is_dir():
        return []
    found = []
    for path in (folder / "new").iterdir():
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        found.append((path.stat().st_mtime_ns, _read(message, path)))
    return [mail for _, mail in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _read(message: EmailMessage, path: Path) -> CaughtMail:
    text = _part(message, "plain")
    link, code = _ADDRESS.search(text), _CODE.search(text)
    return CaughtMail(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=text,
        html=_part(message, "html"),
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        link=link.group() if link else None,
        code=code.group() if code else None,
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""
