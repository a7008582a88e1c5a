"""What every view below a pay link reads of its request."""

from __future__ import annotations

from datetime import date

from flask import Response, g

from portal.customer_pages.context import (
    redirect_to,
    root,
)
from portal.pay_links.queries import PayLinkState


def current_link() -> PayLinkState:
    """Return the link of this request, which the guard has found."""
    link: PayLinkState = g.pay_link
    return link


def redirect_below(path: str = "") -> Response:
    """Return a 303 to a page of this link; "" is that of the invoice."""
    return redirect_to(f"{g.pay_path.removeprefix(root())}{path}")


def ends_on(link: PayLinkState) -> date | None:
    """Return the day on which the page goes, in the merchant's zone; None before the invoice is settled."""
    return g.merchant.day_of(link.ends_at) if link.ends_at is not None else None
