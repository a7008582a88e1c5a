"""From a mail's page to its subject, text and HTML, in the merchant's colours and the reader's language; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from portal.emails.pages import MailBrand
from portal.rendering.translations import available_locales, choose_locale, direction
from portal.theming.tokens import palette

if TYPE_CHECKING:
    from portal.merchants.queries import MerchantProfile
    from portal.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A rendered mail, not yet addressed. `subject` is one line."""

    subject: str
    text: str
    html: str


def build_mail_brand(renderer: Renderer, merchant: MerchantProfile, locale: str | None) -> MailBrand:
    """Return name, colours and language of a merchant's mail: the first available of the reader's, the merchant's, English."""
    theme = renderer.themes.get(merchant.theme)
    chosen = choose_locale(
        customer_locale=locale,
        merchant_locale=merchant.locale,
        accept_language=None,
        available=available_locales(),
    )
    colours = palette(theme.values, "light")
    return MailBrand(
        name=merchant.name,
        legal_name=merchant.legal_name,
        support_email=merchant.support_email or theme.brand.support_email,
        accent=colours["accent"],
        on_accent=colours["on_accent"],
        locale=chosen,
        dir=direction(chosen),
    )


def render_mail(renderer: Renderer, name: str, page: Any, *, theme: str) -> RenderedMail:
    """Render `emails/<name>.txt` (subject, empty line, text) and `emails/<name>.html`, its styles put inline."""
    locale = page.brand.locale

    def render(kind: str) -> str:
        return renderer.template(f"emails/{name}.{kind}", theme=theme, locale=locale, static="").render(page=page)

    subject, _, text = render("txt").strip().partition("\n")
    return RenderedMail(subject.strip(), text.strip() + "\n", _inliner().inline(render("html")))


@lru_cache(maxsize=1)
def _inliner() -> Any:
    import css_inline

    # Mail is rendered from our own templates, but nothing in it may make the worker fetch a URL.
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
