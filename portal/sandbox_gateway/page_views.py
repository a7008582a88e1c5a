"""What a payer sees of a hosted page, for paying (`/pay/…`) and for saving a method (`/setup/…`): a form without scripts."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, abort, redirect
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.behaviours import Behaviour
from portal.sandbox_gateway.errors import NotCancelable, NotFound
from portal.sandbox_gateway.hosted_pages import HostedPages, PageClosed
from portal.sandbox_gateway.instance import current_gateway, drop_connection
from portal.sandbox_gateway.instruments import InvalidInstrument
from portal.sandbox_gateway.page_forms import read_submitted_instrument, reject_cross_site_posts
from portal.sandbox_gateway.page_rendering import (
    render_closed_page,
    render_failed_page,
    render_form,
    render_form_errors,
)
from portal.sandbox_gateway.payment_pages import PAYMENT_PAGES
from portal.sandbox_gateway.setups import SETUPS

PAGE = "/<any(pay, setup):path>/<page_id>"

blueprint = Blueprint("page_views", __name__)
blueprint.before_request(reject_cross_site_posts)


@blueprint.get(PAGE)
def show_page(path: str, page_id: str) -> AnyResponse:
    pages = _PAGES[path]
    with current_gateway().database.read() as connection:
        page = _get_page(pages, connection, page_id)
        return _find_response_without_form(pages, connection, page) or render_form(pages, page)


@blueprint.post(PAGE)
def submit_form(path: str, page_id: str) -> AnyResponse:
    gateway, pages = current_gateway(), _PAGES[path]
    now = gateway.clock.now()
    with gateway.database.read() as connection:
        page = _get_page(pages, connection, page_id)
    try:
        instrument = read_submitted_instrument(page, now)
        with gateway.database.write() as connection:
            submission = pages.submit(connection, pages.get(connection, page_id), instrument, now)
            next_url = pages.next_url(connection, submission.page, now)
    except InvalidInstrument as invalid:
        with gateway.database.read() as connection:
            response = _find_response_without_form(pages, connection, page)
        return response or render_form_errors(pages, page, invalid.errors)
    except PageClosed as closed:
        return render_closed_page(pages, page, closed.status)
    _delay_or_drop(submission.behaviour)
    if submission.behaviour.answer in ("error_before", "error_after"):
        return render_failed_page(pages, page)
    return redirect(next_url or pages.page_path(page), 303)


@blueprint.post(f"{PAGE}/cancel")
def cancel(path: str, page_id: str) -> AnyResponse:
    gateway, pages = current_gateway(), _PAGES[path]
    with gateway.database.write() as connection:
        page = _get_page(pages, connection, page_id)
        try:
            pages.cancel(connection, page, gateway.clock.now())
        except NotCancelable:
            return redirect(pages.page_path(page), 303)
    return redirect(page["cancel_url"], 303)


def _get_page(pages: HostedPages, connection: sqlite3.Connection, page_id: str) -> sqlite3.Row:
    try:
        return pages.get(connection, page_id)
    except NotFound:
        abort(404)


def _find_response_without_form(
    pages: HostedPages, connection: sqlite3.Connection, page: sqlite3.Row
) -> AnyResponse | None:
    """The response for a page whose form has been submitted already, or cannot be submitted any more."""
    now = current_gateway().clock.now()
    status = pages.status(page, now)
    if status in ("canceled", "expired"):
        return render_closed_page(pages, page, status)
    next_url = pages.next_url(connection, page, now)
    return None if next_url is None else redirect(next_url, 303)


def _delay_or_drop(behaviour: Behaviour) -> None:
    if behaviour.answer in ("drop_before", "drop_after"):
        drop_connection()
    if behaviour.answer == "slow":
        current_gateway().wait(behaviour.delay_seconds)


_PAGES: dict[str, HostedPages] = {pages.path: pages for pages in (PAYMENT_PAGES, SETUPS)}
