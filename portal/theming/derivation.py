"""One brand colour into all colours of a theme, in light and in dark, each derived in OKLCH. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.theming.colour import contrast, mix, nearest_passing, nearest_where, oklch, readable_on, shade
from portal.theming.tokens import LINK, TEXT

_SEEN = 1.15
"""The least contrast of a button's ground with the page: a paler one is not seen as a button, whatever is written on it."""
_DARK_TEXT = 7.0
"""The contrast that a brand colour is raised to where it is too dark for a dark page."""


@dataclass(frozen=True, slots=True)
class DerivedToken:
    """A token of the new theme, its colour as `#rrggbb` or picture as CSS, and what is said of it in the file."""

    name: str
    value: str
    comment: str = ""


def derive_light(brand: str) -> list[DerivedToken]:
    """Return the tokens of the light theme of a brand colour, `#rrggbb`. They pass the check of contrasts."""
    chroma, hue = oklch(brand)[1:]
    page, inset = "#ffffff", shade(0.972, min(chroma, 0.012), hue)
    text = shade(0.24, min(chroma, 0.02), hue)
    button = _button(nearest_passing(brand, [page], _SEEN) or brand, text)
    link = _readable(button, [page, inset, mix(0.07, button, page)])
    return [
        DerivedToken("color_primary", button, _said_of_button(brand, button)),
        _on_button(button),
        DerivedToken(LINK, link, f"links: {_said_of(link, button, 'buttons')}; {contrast(link, page):.1f} to 1 on the page"),
        DerivedToken("color_background", page),
        DerivedToken("offset_background_color", inset, "insets and navigation: the page with a breath of the hue"),
        DerivedToken("color_text", text, f"{contrast(text, page):.1f} to 1 on the page"),
        DerivedToken("color_text_secondary", _readable(shade(0.47, min(chroma, 0.02), hue), [page, inset, mix(0.07, button, page)])),
        DerivedToken("color_text_placeholder", _readable(shade(0.54, min(chroma, 0.02), hue), [page, inset])),
        DerivedToken("color_border", shade(0.905, min(chroma, 0.012), hue)),
        *_art(brand),
    ]  # fmt: skip


def derive_dark(brand: str) -> list[DerivedToken]:
    """Return what differs in the dark: a brand colour that is light enough stays as it is, any other is raised."""
    chroma, hue = oklch(brand)[1:]
    page, inset = shade(0.185, min(chroma, 0.012), hue), shade(0.225, min(chroma, 0.014), hue)
    text = shade(0.945, min(chroma, 0.01), hue)
    button = _button(brand if contrast(brand, page) >= TEXT else _readable(brand, [page], _DARK_TEXT), text)
    grounds = [page, inset, mix(0.07, button, page)]
    link = _readable(button, grounds)
    door = shade(0.3, min(chroma, 0.08), hue)
    return [
        DerivedToken("color_primary", button, _said_of_button(brand, button)),
        _on_button(button),
        DerivedToken(LINK, link),
        DerivedToken("color_background", page),
        DerivedToken("offset_background_color", inset),
        DerivedToken("color_text", text, f"{contrast(text, page):.1f} to 1 on the page"),
        DerivedToken("color_text_secondary", _readable(shade(0.74, min(chroma, 0.015), hue), grounds)),
        DerivedToken("color_text_placeholder", _readable(shade(0.67, min(chroma, 0.015), hue), grounds)),
        DerivedToken("color_border", shade(0.32, min(chroma, 0.015), hue)),
        *_art(door),
    ]


def _button(wanted: str, text: str) -> str:
    """The nearest colour of the hue on which its text can be read, pressed too (`accent_strong` of the palette)."""

    def passes(fill: str) -> bool:
        words = readable_on(fill)
        return contrast(words, fill) >= TEXT and contrast(words, mix(0.86, fill, text)) >= TEXT

    return nearest_where(wanted, passes) or wanted


def _readable(colour: str, grounds: Iterable[str], least: float = TEXT) -> str:
    return nearest_passing(colour, list(grounds), least) or colour


def _on_button(fill: str) -> DerivedToken:
    words = readable_on(fill)
    return DerivedToken(
        "accessible_color_on_color_primary", words, f"the text of buttons: {contrast(words, fill):.1f} to 1 on them"
    )


def _art(ground: str) -> list[DerivedToken]:
    """The front door: the ground in the brand's colour, and two shades of it that rise from its lower corner."""
    lightness, chroma, hue = oklch(ground)
    step = -0.07 if lightness > 0.6 else 0.07
    near, far = shade(lightness + 2 * step, chroma, hue), shade(lightness + step, chroma, hue)
    words = readable_on(ground)
    return [
        DerivedToken("art_fill", ground, "the front door"),
        DerivedToken("art_text", words, f"{contrast(words, ground):.1f} to 1 on it"),
        DerivedToken("art", f"radial-gradient(circle at 100% 100%, {near} 0 34%, {far} 34.2% 62%, {ground} 62.2%)"),
        DerivedToken("art_small", f"radial-gradient(circle at 100% 110%, {near} 0 3rem, {far} 3.05rem 5rem, {ground} 5.05rem)"),
    ]  # fmt: skip


def _said_of_button(brand: str, button: str) -> str:
    return "the brand colour, as it was given" if button == brand else f"buttons: {_said_of(button, brand, brand)}"


def _said_of(colour: str, other: str, name: str) -> str:
    """Say how a colour differs from another of its hue."""
    if colour == other:
        return f"the colour of {name}" if not name.startswith("#") else name
    return f"the hue of {name}, {'darker' if oklch(colour)[0] < oklch(other)[0] else 'lighter'}"
