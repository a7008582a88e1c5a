"""The page of privacy: a copy of all that is held, its download, and the request to erase it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    local,
    now,
    reading,
    redirect_to,
    run_signed_in,
)
from portal.errors import NotFound
from portal.people.rules import Right
from portal.privacy.errors import ErasureBegun, ExportUnderWay, TooManyExports
from portal.privacy.operations.erasing import request_erasure, withdraw_erasure
from portal.privacy.operations.exporting import request_export
from portal.privacy.page_builders import build_privacy_page
from portal.privacy.queries import (
    find_erasure,
    find_latest_export,
    find_part,
    find_ready_export,
    read_money_under_way,
    read_owed_and_credit,
)
from portal.privacy.rules.erasures import WITHDRAWN_WITHIN
from portal.services import Services
from portal.sign_in.views.confirming import ask_for_code, code_page, needs_code
from portal.tenancy import Scope
from portal.web.downloads import send_file
from portal.web.policies import signed_in
from portal.web.render import render_page

PATH = "/privacy"
# With it the page says that the code was right, and that the act is to be chosen again.
_CONFIRMED = f"{PATH}?done=confirmed"
_UNPROCESSABLE, _TOO_MANY, _CONFLICT = 422, 429, 409
_DONE = frozenset({"export", "erasure", "withdrawn", "confirmed"})


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of privacy."""
    blueprint.add_url_rule(PATH, "privacy", privacy)
    blueprint.add_url_rule(f"{PATH}/export", "request_export", ask_for_export, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/export.zip", "export_zip", download)
    blueprint.add_url_rule(f"{PATH}/erasure", "request_erasure", ask_for_erasure, methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/erasure/withdrawal", "withdraw_erasure", withdraw, methods=["POST"])


@signed_in(to=Right.MANAGE)
def privacy() -> Response:
    """What is held and may be had, what an erasure does, and how far either is."""
    done = request.args.get("done", "")
    return _page(done=done if done in _DONE else "")


@signed_in(to=Right.MANAGE)
def ask_for_export() -> Response:
    """Have a copy of all that is held made by the worker, after a fresh code."""
    if needs_code():
        return ask_for_code(_CONFIRMED)
    services = current_services()
    wanted = partial(
        request_export, scope=current_scope(), locale=g.shell.locale, actor=current_actor(), at=now(),
        most_a_day=services.settings.exports_per_customer_per_day,
    )  # fmt: skip
    try:
        services.database.run(wanted)
    except ExportUnderWay:
        return _page(fault="under_way", status=_CONFLICT)
    except TooManyExports:
        return _page(fault="too_many", status=_TOO_MANY)
    return redirect_to(f"{PATH}?done=export")


@signed_in(to=Right.MANAGE)
def download() -> Response:
    """The export that is ready, in pieces as it is stored; the fresh code is asked for on a page of its own, since this changes nothing."""
    services, scope = current_services(), current_scope()
    with reading() as reader:
        export = find_ready_export(reader, scope, g.signed_in.person_id, at=now())
    if export is None:
        raise NotFound
    if needs_code():
        return redirect_to(code_page(_CONFIRMED))
    response = send_file(_pieces(services, scope, export.id), name="my-data.zip", content_type="application/zip")
    response.content_length = export.byte_count
    return response


@signed_in(to=Right.MANAGE)
def ask_for_erasure() -> Response:
    """Request the erasure, after a fresh code, of somebody who said that it has what it needs."""
    if request.form.get("sure") != "yes":
        return _page(fault="unsure", status=_UNPROCESSABLE)
    if needs_code():
        return ask_for_code(_CONFIRMED)
    wanted: Callable[[Any], bool] = partial(
        request_erasure, scope=current_scope(), actor=current_actor(), at=now(), withdrawn_within=WITHDRAWN_WITHIN
    )
    run_signed_in(wanted)
    return redirect_to(f"{PATH}?done=erasure")


@signed_in(to=Right.MANAGE)
def withdraw() -> Response:
    """Take the request to erase back. What keeps the data needs no code."""
    scope = current_scope()
    with reading() as reader:
        erasure = find_erasure(reader, scope)
    if erasure is not None and erasure.requested_by != "customer":
        raise NotFound
    try:
        current_services().database.run(partial(withdraw_erasure, scope=scope, actor=current_actor(), at=now()))
    except ErasureBegun:
        return _page(fault="begun", status=_CONFLICT)
    return redirect_to(f"{PATH}?done=withdrawn")


def _pieces(services: Services, scope: Scope, export_id: str) -> Iterator[bytes]:
    """Yield the ZIP piece by piece, each read when its turn has come."""
    for position in count():
        with services.database.read() as reader:
            piece = find_part(reader, scope, export_id, position)
        if piece is None:
            return
        yield piece


def _page(*, done: str = "", fault: str = "", status: int = 200) -> Response:
    scope = current_scope()
    with reading() as reader:
        owed, credit = read_owed_and_credit(reader, scope)
        page = build_privacy_page(
            find_ready_export(reader, scope, g.signed_in.person_id, at=now()),
            find_latest_export(reader, scope, g.signed_in.person_id, at=now()),
            find_erasure(reader, scope),
            read_money_under_way(reader, scope),
            owed,
            credit,
            local=local,
            asks_for_code=needs_code(),
            done=done,
            fault=fault,
        )
    return render_page("privacy.html", page, status)
