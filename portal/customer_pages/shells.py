"""Builds the shell of a page from the request: merchant, brand, customer, language, CSRF token."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import g

from portal.customer_pages.context import now
from portal.customer_pages.cookies import browser_token
from portal.customer_pages.locales import offered_locales, other_languages, pick_locale, reading_direction
from portal.merchants.queries import MerchantProfile
from portal.people.rules import Right
from portal.rendering.renderer import Brand, Shell, build_brand
from portal.rendering.translations import SOURCE_LOCALE, available_locales, choose_locale
from portal.sign_in.queries import SignedIn
from portal.theming.themes import Theme
from portal.web.card_numbers import is_card_number_removed
from portal.web.live_themes import Look
from portal.web.runtime import current_g, current_request, current_runtime

_INSTALLATION = "Customer portal"
_MAX_BRANDS = 512


def build_shell(*, payer_locale: str | None = None) -> Shell:
    """Return the shell of a merchant's page; `g.merchant`, `g.root` and `g.signed_in` are set. Reads no database.

    `payer_locale` is the language of whose invoice a pay link is: its mail was in that, so that it goes before the merchant's.
    """
    runtime, request, here = current_runtime(), current_request(), current_g()
    merchant: MerchantProfile = here.merchant
    signed_in: SignedIn | None = here.signed_in
    locale = pick_locale(signed_in.locale if signed_in else None, payer_locale or merchant.locale, offered_locales())
    look = runtime.live_themes.look_with(merchant.theme)
    theme = look.themes.get(merchant.theme)
    static = request.root_path.rstrip("/") + look.static_files.path
    return Shell(
        root=here.root,
        static=static,
        csrf_token=runtime.csrf.issue(csrf_binding()),
        merchant_name=merchant.legal_name,
        brand=_brand(look, theme, name=merchant.name, static=static, locale=locale),
        customer_name=_name(signed_in) if signed_in else None,
        customer_company=_account_name(signed_in) if signed_in else None,
        signed_in=signed_in is not None,
        current=runtime.nav.get(request.endpoint or "", ""),
        locale=locale,
        dir=reading_direction(locale),
        languages=other_languages(locale, offered_locales()),
        embedded=False,
        support_email=merchant.support_email or theme.brand.support_email,
        privacy_url=theme.brand.privacy_url,
        terms_url=theme.brand.terms_url,
        now=now().astimezone(ZoneInfo(merchant.timezone)),
        accessibility_url=f"{here.root}/accessibility",
        hidden_pages=merchant.settings.pages.hidden,
        can_sign_out="is_named_by_host" not in here,
        is_card_number_removed=is_card_number_removed(),
        may_pay=signed_in is None or signed_in.may(Right.PAY),
        may_manage=signed_in is None or signed_in.may(Right.MANAGE),
        can_switch=signed_in is not None and signed_in.can_switch,
        is_by_notice=signed_in is not None and signed_in.is_by_notice,
    )


def _name(signed_in: SignedIn) -> str | None:
    """Return the name of who is signed in, or the mail address; None when only the company is known."""
    is_company = signed_in.person_id is None and signed_in.company_name
    return signed_in.own_name or (None if is_company else signed_in.own_email)


def _account_name(signed_in: SignedIn) -> str | None:
    """Return the company of the account; to a person of it the account's name where it has none."""
    return signed_in.company_name or (signed_in.name if signed_in.person_id is not None else None)


def build_bare_shell() -> Shell:
    """Return the shell of a page that belongs to no merchant: an unknown URL of the installation, the demo's start."""
    runtime = current_runtime()
    locale = pick_bare_locale()
    look = runtime.live_themes.look
    theme = look.themes.get("base")
    static = current_request().root_path.rstrip("/") + look.static_files.path
    return Shell(
        root="",
        static=static,
        csrf_token="",
        merchant_name=_INSTALLATION,
        brand=_brand(look, theme, name=_INSTALLATION, static=static, locale=locale),
        customer_name=None,
        customer_company=None,
        signed_in=False,
        current="",
        locale=locale,
        dir=reading_direction(locale),
        languages=(),
        embedded=False,
        support_email="",
        privacy_url="",
        terms_url="",
        now=now(),
    )


def csrf_binding() -> str:
    """Return what this request's CSRF token is bound to: the session, or the browser while nobody is signed in."""
    if g.signed_in is not None:
        return f"session {g.merchant.id} {g.signed_in.session_id}"
    return f"browser {g.merchant.id} {browser_token()}"


def pick_bare_locale() -> str:
    """Return the browser's language, for pages without a merchant and without a cookie."""
    return choose_locale(
        customer_locale=None,
        merchant_locale=SOURCE_LOCALE,
        accept_language=current_request().headers.get("Accept-Language", ""),
        available=available_locales(),
    )


def _brand(look: Look, theme: Theme, *, name: str, static: str, locale: str) -> Brand:
    brands = look.brands
    key = (theme.slug, name, static, locale)
    brand = brands.get(key)
    if brand is None:
        if len(brands) >= _MAX_BRANDS:
            brands.clear()
        brand = brands[key] = build_brand(theme, name=name, static=static, locale=locale)
    return brand
