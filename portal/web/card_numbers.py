"""Refuses card numbers in any input before a view sees them, so that they are never stored or logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import BadRequest

from portal.contacts import holds_card_number
from portal.errors import NotFound
from portal.web.csrf import SAFE_METHODS
from portal.web.errors import CardNumberSubmitted
from portal.web.policies import Policy
from portal.web.runtime import current_request, current_runtime


def refuse_card_numbers() -> None:
    """Refuse a request with a card number: in the query, a form or JSON (names and values) by a 422, in the path by a 404
    (threats 167). Signed events of gateways are exempt: what is stored of them is masked."""
    runtime, request = current_runtime(), current_request()
    if holds_card_number(request.path):
        raise NotFound
    if request.query_string and any(holds_card_number(text) for pair in _query_pairs(request) for text in pair):
        request.query_string = b""  # So that links of the error page do not repeat it.
        raise CardNumberSubmitted
    if request.method in SAFE_METHODS or request.endpoint is None:
        return
    if runtime.policies[request.endpoint] is Policy.GATEWAY_SIGNED:
        return
    if any(holds_card_number(text) for text in _body_texts(request)):
        raise CardNumberSubmitted


def _query_pairs(request: Request) -> list[tuple[str, str]]:
    # Not `request.args`, which is cached: the error page would see it.
    return parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)


def _body_texts(request: Request) -> Iterator[str]:
    for pair in request.form.items(multi=True):
        yield from pair
    if request.is_json:
        yield from _texts(_document(request))


def _document(request: Request) -> Any:
    try:
        return request.get_json(silent=True)
    except RecursionError:
        raise BadRequest("JSON that is nested too deeply") from None


def _texts(document: Any) -> Iterator[str]:
    """Yield every text and whole number of a document, names included; without recursion, which has an end that a sender can reach."""
    rest = [document]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [*value, *value.values()]
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str | int):
            yield str(value)
