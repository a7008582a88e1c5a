"""The customer's own details: one page that shows them and takes changes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from babel import Locale
from babel.core import get_global
from babel.dates import get_timezone_location
from flask import Blueprint, Response, g, request

from portal.countries import is_country
from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    today,
)
from portal.customer_pages.locales import offered_locales
from portal.customers.errors import DetailsChanged
from portal.customers.forms import typed_texts
from portal.customers.operations import change_details, postpone_details
from portal.customers.page_builders import Attempt, Offered, build_details_page
from portal.customers.pages import DetailsPage, Option
from portal.customers.queries.customers import get_customer
from portal.customers.rules.typed_details import read_typed
from portal.invoices.queries.invoice_list import sum_owed
from portal.merchants.rules.context_fields import ContextField
from portal.people.rules import Right
from portal.rendering.translations import language_name, translator
from portal.tenancy import MerchantScope
from portal.web.card_numbers import card_number_shown_by, pasted_fields
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422
_TEMPLATE = "customers/details.html"
# Every field of text.
_TEXTS = (
    "fields.", "name", "company_name", "phone", "tax_id", "purchase_order",
    *(f"{address}.{part}" for address in ("billing_address", "shipping_address") for part in ("line1", "line2", "line3", "city", "state", "postal_code")),
)  # fmt: skip


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the customer's details."""
    blueprint.add_url_rule("/details", "details", details)
    blueprint.add_url_rule("/details", "change_details", change, methods=["POST"])
    blueprint.add_url_rule("/details/later", "postpone_details", postpone, methods=["POST"])


@signed_in(to=Right.READ)
def details() -> Response:
    """What the merchant knows of the customer, in the form that changes it."""
    done = request.args.get("done", "")
    return _page(state=done if done in ("saved", "email") else "")


def _refuse_card_number() -> Response:
    typed = typed_texts(request.form)
    return _page(Attempt("faulty", typed, dict.fromkeys(pasted_fields(), "card_number")), status=_UNPROCESSABLE)


@signed_in(to=Right.MANAGE)
@card_number_shown_by(_refuse_card_number, fields=_TEXTS)
def change() -> Response:
    """Store what was typed: all of it, or nothing where a field has a fault or somebody else changed something meanwhile."""
    given = typed_texts(request.form)
    if given.get("act") == "country":
        # Another country has other fields: the page is shown anew with them, and what was typed in it.
        return _page(Attempt("country", given))
    offered = _offered()
    with reading() as reader:
        stored = get_customer(reader, MerchantScope(g.merchant.id), g.signed_in.customer_id)._asdict()
    typed = read_typed(
        given,
        _fields(),
        stored=stored,
        locales={option.value for option in offered.locales},
        timezones={option.value for option in offered.timezones},
    )
    if typed.faults:
        return _page(Attempt("faulty", given, typed.faults), status=_UNPROCESSABLE)
    try:
        current_services().database.run(
            lambda session: change_details(
                session, current_scope(), typed.details, seen=given.get("seen", ""), actor=current_actor(), at=now()
            )
        )
    except DetailsChanged:
        return _page(Attempt("changed", given), status=_UNPROCESSABLE)
    if typed.details.locale:
        g.new_locale = typed.details.locale
    return redirect_to("/details?done=saved")


@signed_in(to=Right.MANAGE)
def postpone() -> Response:
    """Ask for missing details no more for a month."""
    current_services().database.run(lambda session: postpone_details(session, current_scope(), at=now()))
    return redirect_to("/")


def _page(attempt: Attempt | None = None, *, state: str = "", status: int = 200) -> Response:
    with reading() as reader:
        customer = get_customer(reader, MerchantScope(g.merchant.id), g.signed_in.customer_id)
        sums, _ = sum_owed(reader, current_scope(), today())
    page: DetailsPage = build_details_page(
        customer,
        _fields(),
        _offered(),
        locale=g.shell.locale,
        attempt=attempt,
        state=state,
        frozen_count=sum(each.outstanding_count for each in sums),
    )
    return render_page(_TEMPLATE, page, status)


def _fields() -> Sequence[ContextField]:
    """Return the fields as the reader may have them: who does not manage the account sees what others edit."""
    fields: Sequence[ContextField] = g.merchant.settings.context_fields
    if g.signed_in.may(Right.MANAGE):
        return fields
    return [replace(field, show="view") if field.is_editable else field for field in fields]


def _offered() -> Offered:
    locale = g.shell.locale
    return Offered(
        countries=_countries(locale),
        locales=tuple(Option(code, language_name(code)) for code in offered_locales()),
        timezones=_timezones(locale),
        country_name=lambda code: str(_territories(locale).get(code, code)),
        yes_no=(Option("yes", translator(locale).gettext("Yes")), Option("no", translator(locale).gettext("No"))),
    )


@lru_cache(maxsize=16)
def _countries(locale: str) -> tuple[Option, ...]:
    """Return every country by its name in a language, sorted as the language sorts letters, as far as Unicode's order goes."""
    named = [Option(code, str(name)) for code, name in _territories(locale).items() if is_country(code)]
    return tuple(sorted(named, key=lambda option: _sorted_as(option.name)))


@lru_cache(maxsize=16)
def _timezones(locale: str) -> tuple[Option, ...]:
    """Return every timezone by its country and city in a language."""
    known, territories = Locale.parse(locale, sep="-"), _territories(locale)
    named = [
        Option(zone, f"{territories[territory]}, {get_timezone_location(zone, locale=known, return_city=True)}")
        for zone, territory in get_global("zone_territories").items()
        if territory in territories and is_country(territory)
    ]
    return tuple(sorted(named, key=lambda option: _sorted_as(option.name)))


def _territories(locale: str) -> Mapping[str, str]:
    return cast("Mapping[str, str]", Locale.parse(locale, sep="-").territories)


def _sorted_as(name: str) -> str:
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(letter)
    )
