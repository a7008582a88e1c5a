"""From a rendered mail to the bytes of a message: the only module that writes mail headers, and refuses unsafe values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import idna

from portal.emails.headers import mailbox_header, plain_header, text_header
from portal.emails.rendering import RenderedMail
from portal.outbox.errors import Undeliverable

HEADERS = frozenset(
    {
        "from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted", "mime-version",
        "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post",
    }
)  # fmt: skip
"""The only headers that a message may have, each at most once."""

_ENCODED_WORD = re.compile(r"=\?.*\?.*\?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INVALID_IN_ADDRESS = re.compile(r"[\s,;:<>()\[\]\\\"]")


class HeaderRefused(Undeliverable):
    """Something that enters a header holds a line break, a control character, an encoded word, or is not a single address."""

    sentence = "A header of this message would not be safe."


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender, recipient and date. `message_id` is the outbox's, stable over retries, so that mail programs show a repeated message once.
    `unsubscribe_url`, of a mail that can be stopped, is the link that mail programs offer (RFC 8058), "" of any other."""

    sender_name: str
    sender: str
    to: str
    reply_to: str
    message_id: str
    at: datetime
    unsubscribe_url: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF that a message carries, under the name of its file."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """The message that is sent to the mail server, byte for byte. `needs_utf8`: an address has letters beyond ASCII before its @."""

    sender: str
    to: str
    content: bytes
    needs_utf8: bool


def build_message(mail: RenderedMail, envelope: Envelope, attachments: Sequence[Attachment] = ()) -> Message:
    """Return a message of two parts, text and HTML with its pictures, and its attachments. Raises HeaderRefused (threats, rule 9).

    Its headers are written by `portal.emails.headers`, its body is ASCII, so that any server takes it. Python 3.11 turns an encoded
    word that holds a line break into a real `Bcc:`, so such values are refused, and the finished bytes are checked once more.
    """
    sender, to = _address(envelope.sender), _address(envelope.to)
    head = [
        mailbox_header("From", _header_text(envelope.sender_name), sender.addr_spec),
        mailbox_header("To", "", to.addr_spec),
    ]
    if envelope.reply_to:
        head.append(mailbox_header("Reply-To", "", _address(envelope.reply_to).addr_spec))
    head += [
        text_header("Subject", _header_text(mail.subject)),
        plain_header("Date", format_datetime(envelope.at)),
        plain_header("Message-ID", f"<{_header_text(envelope.message_id)}@{sender.domain}>"),
        plain_header("Auto-Submitted", "auto-generated"),
    ]
    if envelope.unsubscribe_url:
        head += [
            plain_header("List-Unsubscribe", f"<{_url(envelope.unsubscribe_url)}>"),
            plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    content = "".join(head).encode() + _body(mail, attachments)
    check_head(content)
    needs_utf8 = not content.partition(b"\r\n\r\n")[0].isascii()
    return Message(sender.addr_spec, to.addr_spec, content, needs_utf8)


def check_head(content: bytes) -> None:
    """Read finished bytes as a mail server will; raise HeaderRefused for a header that is not listed, or one that is repeated."""
    head, _, _ = content.partition(b"\r\n\r\n")
    names = [
        line.partition(b":")[0].decode("ascii", "replace").lower()
        for line in head.split(b"\r\n")
        if line[:1] not in (b" ", b"\t")
    ]
    if not HEADERS.issuperset(names) or len(set(names)) != len(names) or b"\n" in head.replace(b"\r\n", b""):
        raise HeaderRefused


def _body(mail: RenderedMail, attachments: Sequence[Attachment]) -> bytes:
    """Return the parts of the message, after the headers that say how to read them."""
    message = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    html = message.get_payload(1)
    assert isinstance(html, EmailMessage)
    for picture in mail.pictures:
        html.add_related(picture.png, "image", "png", cid=f"<{picture.cid}>", disposition="inline")
    for attachment in attachments:
        message.add_attachment(attachment.content, "application", "pdf", filename=attachment.name)
    return message.as_bytes()


def _header_text(text: str) -> str:
    if _CONTROL.search(text) or _ENCODED_WORD.search(text):
        raise HeaderRefused
    return text


def _url(text: str) -> str:
    """Return an address of ours as a header may hold it."""
    if not text.isascii() or " " in text or "<" in text or ">" in text:
        raise HeaderRefused
    return _header_text(text)


def _address(text: str) -> Address:
    local, at, domain = _header_text(text).rpartition("@")
    if not (local and at and domain) or "@" in local or _INVALID_IN_ADDRESS.search(text):
        raise HeaderRefused
    try:
        host = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
        return Address(username=local, domain=host)
    except (idna.IDNAError, ValueError) as fault:
        raise HeaderRefused from fault
