"""Card numbers that somebody types or pastes here are refused before any view sees them: they are never kept and never logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import Request

from portal.contacts import holds_card_number
from portal.errors import NotFound
from portal.web.csrf import SAFE_METHODS
from portal.web.errors import CardNumberSubmitted
from portal.web.policies import Policy
from portal.web.runtime import current_request, current_runtime


def refuse_card_numbers() -> None:
    """Before every request: a card number in the query, in a form or in JSON (names and values) is a 422, and one in the path
    an address that is not there (threats 167). A gateway's signed event is its own affair: what is kept of it is masked."""
    runtime, request = current_runtime(), current_request()
    if holds_card_number(request.path):
        raise NotFound
    if request.query_string and any(holds_card_number(text) for pair in _find_challenge_row(request) for text in pair):
        request.query_string = b""  # Not even the error page's links repeat it.
        raise CardNumberSubmitted
    if request.method in SAFE_METHODS or request.endpoint is None:
        return
    if runtime.policies[request.endpoint] is Policy.GATEWAY_SIGNED:
        return
    if any(holds_card_number(text) for text in _typed(request)):
        raise CardNumberSubmitted


def _find_challenge_row(request: Request) -> list[tuple[str, str]]:
    # Not `request.args`, which is read once and kept: the error page would see it.
    return parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)


def _typed(request: Request) -> Iterator[str]:
    for pair in request.form.items(multi=True):
        yield from pair
    if request.is_json:
        yield from _texts(request.get_json(silent=True))


def _texts(value: Any) -> Iterator[str]:
    """Every text and whole number of a document, names included."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int):
        yield str(value)
