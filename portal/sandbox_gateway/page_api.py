"""The part of the API that opens, shows and cancels hosted pages: `/v1/pages` for paying, `/v1/setups` for saving a method."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, jsonify

from portal.sandbox_gateway import fields
from portal.sandbox_gateway.api import read_charge_parameters
from portal.sandbox_gateway.api_requests import identify_account, read_reference_parameter, respond_once
from portal.sandbox_gateway.hosted_pages import HostedPages, PageOptions, PageParameters
from portal.sandbox_gateway.idempotency import ApiResponse, json_response
from portal.sandbox_gateway.instance import current_gateway
from portal.sandbox_gateway.instruments import CHANNELS
from portal.sandbox_gateway.payment_pages import PAYMENT_PAGES, PaymentPageParameters
from portal.sandbox_gateway.setups import SETUPS
from portal.sandbox_gateway.texts import LOCALES

COLLECTION = "/<any(pages, setups):collection>"

blueprint = Blueprint("page_api", __name__, url_prefix="/v1")
blueprint.before_request(identify_account)


@blueprint.post(COLLECTION)
def post_page(collection: str) -> Response:
    pages = _PAGES[collection]
    body = fields.json_body()
    parameters = _READERS[collection](body)

    def open_page(connection: sqlite3.Connection, now: int) -> ApiResponse:
        return json_response(201, pages.serialize(connection, pages.open(connection, parameters, now), now))

    return respond_once(body, open_page)


@blueprint.get(COLLECTION)
def get_pages(collection: str) -> Response:
    gateway, pages = current_gateway(), _PAGES[collection]
    with gateway.database.read() as connection:
        rows = pages.list_by_reference(connection, g.account, read_reference_parameter())
        return jsonify(items=[pages.serialize(connection, row, gateway.clock.now()) for row in rows])


@blueprint.get(f"{COLLECTION}/<page_id>")
def get_one_page(collection: str, page_id: str) -> Response:
    gateway, pages = current_gateway(), _PAGES[collection]
    with gateway.database.read() as connection:
        row = pages.get_for_account(connection, page_id, g.account)
        return jsonify(pages.serialize(connection, row, gateway.clock.now()))


@blueprint.post(f"{COLLECTION}/<page_id>/cancel")
def post_page_cancel(collection: str, page_id: str) -> Response:
    gateway, pages = current_gateway(), _PAGES[collection]
    now = gateway.clock.now()
    with gateway.database.write() as connection:
        row = pages.cancel(connection, pages.get_for_account(connection, page_id, g.account), now)
        return jsonify(pages.serialize(connection, row, now))


def _read_payment_page(body: dict[str, Any]) -> PaymentPageParameters:
    charge = read_charge_parameters(body)
    return PaymentPageParameters(
        account=charge.account,
        reference=charge.reference,
        idempotency_key=charge.idempotency_key,
        amount=charge.amount,
        currency=charge.currency,
        description=charge.description,
        payee=_read_payee(body),
        options=_read_options(body),
        save=fields.flag(body, "save"),
    )


def _read_setup(body: dict[str, Any]) -> PageParameters:
    return PageParameters(
        account=g.account,
        reference=fields.text(body, "reference", 200),
        payee=_read_payee(body),
        currency=fields.currency(body),
        options=_read_options(body),
    )


def _read_payee(body: dict[str, Any]) -> str:
    return fields.text(body, "payee", 120)


def _read_options(body: dict[str, Any]) -> PageOptions:
    return PageOptions(
        return_url=fields.url(body, "return_url"),
        cancel_url=fields.url(body, "cancel_url"),
        locale=fields.text(body, "locale", 35, LOCALES[0]),
        channels=fields.choices(body, "channels", CHANNELS),
    )


_PAGES: dict[str, HostedPages] = {pages.collection: pages for pages in (PAYMENT_PAGES, SETUPS)}
_READERS: dict[str, Callable[[dict[str, Any]], PageParameters]] = {"pages": _read_payment_page, "setups": _read_setup}
