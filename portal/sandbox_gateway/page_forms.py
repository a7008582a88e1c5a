"""Reading a submitted form, and who may submit one."""

from __future__ import annotations

import sqlite3

from flask import abort, request

from portal.sandbox_gateway.instruments import (
    Instrument,
    InvalidInstrument,
    read_bank_account,
    read_card,
    read_expiry,
    read_mobile_money,
)


def reject_cross_site_posts() -> None:
    """Answer 403 to a form of another site. There is no session cookie, and so no CSRF token: the URL is the secret."""
    if request.method != "POST":
        return
    site = request.headers.get("Sec-Fetch-Site")
    is_own_origin = request.headers.get("Origin", request.host_url.rstrip("/")) == request.host_url.rstrip("/")
    if site not in ("same-origin", "none") and (site is not None or not is_own_origin):
        abort(403)


def read_submitted_instrument(page: sqlite3.Row, now: int) -> Instrument:
    """Return the instrument that was entered into the form of a page. Raises InvalidInstrument."""
    form = request.form
    channels = page["channels"].split(",")
    channel = form.get("channel", channels[0] if len(channels) == 1 else "")
    if channel not in channels:
        raise InvalidInstrument({"channel": "channel_unknown"})
    if channel == "card":
        expiry = read_expiry(form.get("expiry", ""))
        return read_card(form.get("number", ""), expiry, form.get("holder", ""), now, cvc=form.get("cvc", ""))
    if channel == "mobile_money":
        return read_mobile_money(form.get("phone", ""))
    return read_bank_account(account_number=form.get("account_number", ""), bank_name=form.get("bank_name", ""))
