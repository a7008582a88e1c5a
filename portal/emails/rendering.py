"""From a mail's page to its subject, text and HTML, in the merchant's colours and the reader's language; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from portal.emails.marks import Picture, build_mark
from portal.emails.pages import MailBrand, MailColours
from portal.rendering.translations import available_locales, choose_locale, direction
from portal.theming.colour import contrast, mix
from portal.theming.tokens import palette

if TYPE_CHECKING:
    from portal.merchants.queries import MerchantProfile
    from portal.rendering.renderer import Renderer, TemplateNamed
    from portal.theming.themes import Theme

_READABLE = 4.5


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A rendered mail, not yet addressed. `subject` is one line; `pictures` are those that the HTML shows."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


class MissingSubject(Exception):
    """A theme's mail begins with an empty line."""


def build_mail_brand(renderer: Renderer, merchant: MerchantProfile, locale: str | None) -> MailBrand:
    """Return name, mark, colours and language of a merchant's mail: the first available of the reader's, the merchant's, English."""
    chosen = choose_locale(
        customer_locale=locale,
        merchant_locale=merchant.locale,
        accept_language=None,
        available=available_locales(),
    )
    theme = renderer.themes.get(merchant.theme)
    brand = themed_mail_brand(theme, name=merchant.name, legal_name=merchant.legal_name, locale=chosen)
    return replace(brand, support_email=merchant.support_email or brand.support_email)


def themed_mail_brand(theme: Theme, *, name: str, legal_name: str, locale: str) -> MailBrand:
    """Return how mails look in a theme, to readers of an available locale."""
    tokens = theme.values.light
    light, dark = _colours(theme, "light"), _colours(theme, "dark")
    return MailBrand(
        name=name,
        legal_name=legal_name,
        support_email=theme.brand.support_email,
        locale=locale,
        dir=direction(locale),
        light=light,
        dark=dark,
        font=_font(tokens["font_family"]),
        heading_font=_font(tokens.get("font_family_heading", tokens["font_family"])),
        heading_weight=tokens.get("title_weight", tokens["font_weight_bold"]),
        button_radius=_pixels(tokens.get("button_border_radius", tokens["border_radius"])),
        mark=build_mark(theme, light, dark)[0],
    )


def render_mail(renderer: Renderer, name: str, page: Any, *, theme: str) -> RenderedMail:
    """Render `emails/<name>.txt` (subject, empty line, text) and `emails/<name>.html`, its styles put inline; both from our own templates
    where one of the theme's fails."""
    brand = page.brand

    def build(template: TemplateNamed) -> tuple[str, str, str]:
        subject, _, text = template(f"emails/{name}.txt").render(page=page).strip().partition("\n")
        return (
            subject.strip(),
            text.strip() + "\n",
            _inliner().inline(template(f"emails/{name}.html").render(page=page)),
        )

    def is_whole(parts: tuple[str, str, str]) -> None:
        if not parts[0]:
            raise MissingSubject

    subject, text, html = renderer.build(
        f"emails/{name}", build, theme=theme, locale=brand.locale, static="", check=is_whole
    )
    pictures = build_mark(renderer.themes.get(theme), brand.light, brand.dark)[1]
    shown = tuple(picture for picture in pictures if f"cid:{picture.cid}" in html)
    return RenderedMail(subject, text, html, shown)


def _colours(theme: Theme, mode: str) -> MailColours:
    """Return a mail's colours in one mode. The ground is a little darker than any surface, so that the sheet and its corners show."""
    colours = palette(theme.values, mode)
    is_dark = mode == "dark"
    sheet = colours["surface_raised"]
    ground = (
        mix(0.8, colours["surface"], "#000000") if is_dark else mix(0.96, colours["surface_inset"], colours["text"])
    )
    band = colours["rail_fill"]
    return MailColours(
        ground=ground,
        sheet=sheet,
        inset=mix(0.92, sheet, colours["text"]) if is_dark else colours["surface_inset"],
        text=colours["text"],
        muted=colours["muted"],
        foot=colours["muted"] if contrast(colours["muted"], ground) >= _READABLE else colours["text"],
        line=_opaque(colours["line"], sheet),
        accent=colours["accent"],
        on_accent=colours["on_accent"],
        band=mix(0.94, band, colours["rail_text"]) if band == sheet else band,
        band_text=colours["rail_text"],
    )


def _font(names: str) -> Markup:
    """Return a list of fonts as a style element has it, where quotation marks are not escaped; `clean_value` checked it."""
    return Markup(names)  # noqa: S704  # Names of letters, digits, blanks, hyphens, in quotation marks, and commas.


def _opaque(colour: str, ground: str) -> str:
    """Return a line's colour without its transparency, which some mail programs do not know."""
    if len(colour) <= len("#rrggbb"):
        return colour
    return mix(int(colour[7:9], 16) / 255, colour[:7], ground)


def _pixels(length: str) -> int:
    return round(float(length.removesuffix("rem")) * 16 if length.endswith("rem") else float(length.removesuffix("px")))


@lru_cache(maxsize=1)
def _inliner() -> Any:
    import css_inline

    # Mail is rendered from our own templates, but nothing in it may make the worker fetch a URL.
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
