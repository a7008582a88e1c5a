"""The part of the API that opens, shows and closes pages for payers: those that take a payment, and those that keep a method."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response, g, jsonify

from portal.sandbox_gateway import fields
from portal.sandbox_gateway.api import read_order
from portal.sandbox_gateway.api_requests import answer_once, asked_reference, identify_account
from portal.sandbox_gateway.gateway import running_gateway
from portal.sandbox_gateway.hosted_pages import (
    PageOrder,
    cancel_page,
    create_page,
    get_page_of_account,
    list_pages,
    page_shape,
)
from portal.sandbox_gateway.idempotency import Answer, json_answer
from portal.sandbox_gateway.instruments import CHANNELS
from portal.sandbox_gateway.setups import (
    SetupOrder,
    cancel_setup,
    create_setup,
    get_setup_of_account,
    list_setups,
    setup_shape,
)
from portal.sandbox_gateway.texts import LOCALES

blueprint = Blueprint("page_api", __name__, url_prefix="/v1")
blueprint.before_request(identify_account)


@blueprint.post("/pages")
def post_page() -> Response:
    body = fields.json_body()
    page_order = PageOrder(
        read_order(body),
        fields.text(body, "payee", 120),
        fields.web_address(body, "return_url"),
        fields.web_address(body, "cancel_url"),
        fields.text(body, "locale", 35, LOCALES[0]),
        fields.choices(body, "channels", CHANNELS),
        fields.flag(body, "save"),
    )

    def open_page(connection: sqlite3.Connection, now: int) -> Answer:
        return json_answer(201, page_shape(connection, create_page(connection, page_order, now), now))

    return answer_once(body, open_page)


@blueprint.get("/pages")
def get_pages() -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        rows = list_pages(connection, g.account, asked_reference())
        return jsonify(items=[page_shape(connection, row, gateway.clock.now()) for row in rows])


@blueprint.get("/pages/<page>")
def get_one_page(page: str) -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        row = get_page_of_account(connection, page, g.account)
        return jsonify(page_shape(connection, row, gateway.clock.now()))


@blueprint.post("/pages/<page>/cancel")
def post_page_cancel(page: str) -> Response:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.write() as connection:
        row = cancel_page(connection, get_page_of_account(connection, page, g.account), now)
        return jsonify(page_shape(connection, row, now))


@blueprint.post("/setups")
def post_setup() -> Response:
    body = fields.json_body()
    order = SetupOrder(
        g.account,
        fields.text(body, "reference", 200),
        fields.text(body, "payee", 120),
        fields.currency(body),
        fields.web_address(body, "return_url"),
        fields.web_address(body, "cancel_url"),
        fields.text(body, "locale", 35, LOCALES[0]),
        fields.choices(body, "channels", CHANNELS),
    )

    def open_setup(connection: sqlite3.Connection, now: int) -> Answer:
        return json_answer(201, setup_shape(connection, create_setup(connection, order, now), now))

    return answer_once(body, open_setup)


@blueprint.get("/setups")
def get_setups() -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        rows = list_setups(connection, g.account, asked_reference())
        return jsonify(items=[setup_shape(connection, row, gateway.clock.now()) for row in rows])


@blueprint.get("/setups/<setup>")
def get_one_setup(setup: str) -> Response:
    gateway = running_gateway()
    with gateway.database.read() as connection:
        row = get_setup_of_account(connection, setup, g.account)
        return jsonify(setup_shape(connection, row, gateway.clock.now()))


@blueprint.post("/setups/<setup>/cancel")
def post_setup_cancel(setup: str) -> Response:
    gateway = running_gateway()
    now = gateway.clock.now()
    with gateway.database.write() as connection:
        row = cancel_setup(connection, get_setup_of_account(connection, setup, g.account), now)
        return jsonify(setup_shape(connection, row, now))
