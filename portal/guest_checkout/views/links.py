"""What every view below a pay link reads of its request."""

from __future__ import annotations

from datetime import date

from flask import Response, g

from portal.customer_pages.context import now, redirect_to, root
from portal.database import Reader
from portal.pay_links.queries import PayLinkState, find_pay_link


def current_link() -> PayLinkState:
    """Return the link of this request, which the guard has found."""
    link: PayLinkState = g.pay_link
    return link


def redirect_below(path: str = "") -> Response:
    """Return a 303 to a page of this link; "" is that of the invoice."""
    return redirect_to(f"{g.pay_path.removeprefix(root())}{path}")


def ends_on(reader: Reader) -> date | None:
    """Return the day on which the page goes, in the merchant's zone; None before the invoice is settled. As it is now: the view itself may
    have heard from the gateway that it is paid."""
    link = find_pay_link(reader, g.merchant.id, current_link().id, now=now())
    return g.merchant.day_of(link.ends_at) if link is not None and link.ends_at is not None else None
