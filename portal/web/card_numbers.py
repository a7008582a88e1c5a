"""Refuses card numbers in any input before a view sees them, so that they are never stored or logged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from flask import Request, Response, current_app
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import BadRequest

from portal.contacts import holds_card_number
from portal.errors import NotFound
from portal.web.csrf import SAFE_METHODS
from portal.web.errors import CardNumberSubmitted
from portal.web.local_redirects import NotLocal, checked_location
from portal.web.policies import Policy
from portal.web.runtime import PAGES, current_g, current_request, current_runtime

Shown = TypeVar("Shown", bound=Callable[..., Response])
_FIELDS, _PASTED = "portal_card_number_fields", "portal_pasted_fields"
_REMOVED = ("card_number", "removed")
_SEE_OTHER = 303


def card_number_shown_by(show: Callable[..., Response], *, fields: Collection[str]) -> Callable[[Shown], Shown]:
    """Decorate a view that takes a form: when one of its `fields` has a card number, `show` answers in its place, with the view's own
    arguments, by the form's page with a fault at each of `pasted_fields`. By then their value is "" and the guard has let the request
    pass; the view itself never sees a form out of which something was taken. A name that ends in a point stands for all that begin with
    it. A test finds the fields of text that no page shows."""

    def decorate(view: Shown) -> Shown:
        @wraps(view)
        def checked(*args: Any, **values: Any) -> Response:
            return (show if pasted_fields() else view)(*args, **values)

        setattr(checked, _FIELDS, frozenset(fields))
        return checked  # type: ignore[return-value]  # wraps() keeps the signature.

    return decorate


def pasted_fields() -> frozenset[str]:
    """Return the fields of the request's form that had a card number, and are "" now."""
    pasted: frozenset[str] = current_g().get(_PASTED, frozenset())
    return pasted


def is_card_number_removed() -> bool:
    """Return whether the page was asked for with a card number in its address, which is gone from there: the page says so."""
    name, value = _REMOVED
    request = current_request()
    return bool(request.query_string) and request.args.get(name) == value


def refuse_card_numbers() -> Response | None:
    """Refuse a request with a card number: in the query, a form or JSON (names and values) by a 422, in the path by a 404
    (threats 167). A field whose page can show the fault is emptied instead (`card_number_shown_by`), and a page that was asked for with
    one in its query, as a form that searches does, leads to the same address without it: there it would stay in the browser's bar and
    history. Signed events of gateways are exempt: what is stored of them is masked."""
    runtime, request = current_runtime(), current_request()
    if holds_card_number(request.path):
        raise NotFound
    if request.query_string and any(map(_holds_card_number, _query_pairs(request))):
        return _refuse_query(request)
    if request.method in SAFE_METHODS or request.endpoint is None:
        return None
    if runtime.policies[request.endpoint] is Policy.GATEWAY_SIGNED:
        return None
    setattr(current_g(), _PASTED, _empty_shown_fields(request))
    if any(holds_card_number(text) for text in _body_texts(request)):
        raise CardNumberSubmitted
    return None


def _refuse_query(request: Request) -> Response:
    """Lead to the page without the card numbers of its query. Raises CardNumberSubmitted for what is no page of a merchant."""
    clean = [pair for pair in _query_pairs(request) if pair != _REMOVED and not _holds_card_number(pair)]
    request.query_string = b""  # So that links of the error page do not repeat it.
    if request.method not in SAFE_METHODS or request.blueprint != PAGES:
        raise CardNumberSubmitted
    path = quote(request.root_path.rstrip("/") + request.path, safe="/")
    try:
        location = checked_location(f"{path}?{urlencode([*clean, _REMOVED])}")
    except NotLocal:
        raise CardNumberSubmitted from None
    return Response(status=_SEE_OTHER, headers={"Location": location})


def _holds_card_number(pair: tuple[str, str]) -> bool:
    return any(map(holds_card_number, pair))


def _empty_shown_fields(request: Request) -> frozenset[str]:
    """Empty the fields with a card number whose fault the view's page shows, and return their names."""
    shown: Collection[str] = getattr(current_app.view_functions[request.endpoint or ""], _FIELDS, ())
    prefixes = tuple(name for name in shown if name.endswith("."))
    pasted = frozenset(
        name
        for name, values in request.form.lists()
        if (name in shown or (prefixes and name.startswith(prefixes))) and any(map(holds_card_number, values))
    )
    if pasted:
        # The parsed form is all that is kept of the body. A field that was sent twice keeps nothing of either.
        pairs = request.form.items(multi=True)
        request.form = ImmutableMultiDict((name, "" if name in pasted else value) for name, value in pairs)
    return pasted


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
