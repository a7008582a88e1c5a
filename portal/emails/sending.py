"""From a mail's page to the mail server: rendered, addressed, delivered, with its papers attached."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.documents.queries import find_attached, find_paper
from portal.documents.rules import file_name
from portal.documents.typesetting import Typesetter
from portal.emails.delivery import deliver
from portal.emails.messages import Attachment, Envelope, build_message
from portal.emails.rendering import render_mail
from portal.merchants.queries import MerchantProfile
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.tenancy import Scope

_log = logging.getLogger(__name__)
_MAX_ROWS = 400
"""Rows of a paper that is attached, at most: a longer one takes longer than a message may, and is a download."""
_MAX_ATTACHED_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper to attach: of which object, whether a merchant's own PDF is looked for, and what the file is called."""

    object_id: str
    name: tuple[str, ...]
    may_be_own: bool = False


def send_mail(
    renderer: Renderer,
    services: Services,
    merchant: MerchantProfile,
    name: str,
    page: Any,
    *,
    to: str,
    message_id: str,
    reply_to: str | None = None,
    attachments: Sequence[Attachment] = (),
) -> None:
    """Render `emails/<name>` and hand it to the mail server. Raises what `deliver` and `build_message` raise."""
    mail = render_mail(renderer, name, page, theme=merchant.theme)
    envelope = Envelope(
        sender_name=merchant.name,
        sender=services.settings.mail_from,
        to=to,
        reply_to=reply_to or page.brand.support_email,
        message_id=message_id,
        at=services.clock.now(),
        unsubscribe_url=page.brand.unsubscribe_url,
    )
    deliver(services.settings.smtp_url, build_message(mail, envelope, attachments))


def draw_attachments(
    services: Services, typesetter: Typesetter | None, scope: Scope, paper: Paper | None
) -> list[Attachment]:
    """Return a paper as an attachment; none where it cannot be drawn: a mail about money goes without its PDF rather than not at all,
    and its page has the download."""
    if typesetter is None or paper is None:
        return []
    with services.database.read() as reader:
        own = find_attached(reader, scope.merchant_id, paper.object_id) if paper.may_be_own else None
        stored = find_paper(reader, scope, paper.object_id) if own is None else None
    try:
        if own is None and (stored is None or len(stored.content["rows"]) > _MAX_ROWS):
            return []
        content = own if own is not None else typesetter.draw(stored)  # type: ignore[arg-type]  # One of the two is there.
    except Exception:  # Whatever typst or a font does: see above.
        _log.exception("mail.paper_not_drawn", extra={"object": paper.object_id})
        return []
    if len(content) > _MAX_ATTACHED_BYTES:
        return []
    return [Attachment(file_name(*paper.name), content)]
