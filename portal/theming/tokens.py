"""The closed list of tokens a theme may set, what each accepts, and the palette that follows from them in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from portal.theming.art import clean_art
from portal.theming.colour import clean_colour, contrast, lifted, mix, readable_on


class Kind(Enum):
    """What a token's value is."""

    COLOUR = "colour"
    ART = "art"
    FONT = "font"
    LENGTH = "length"
    LEADING = "leading"
    WEIGHT = "weight"


# The names are those of Stripe's Appearance variables where it has one; the rest are this portal's own parts.
TOKENS: dict[str, Kind] = {
    **dict.fromkeys(
        (
            "color_primary", "accessible_color_on_color_primary", "action_primary_color_text", "color_background", "offset_background_color", "color_text",
            "color_text_secondary", "color_text_placeholder", "color_border", "color_success", "color_warning", "color_danger",
        ),
        Kind.COLOUR,
    ),
    "font_family": Kind.FONT, "font_family_heading": Kind.FONT, "font_size_base": Kind.LENGTH, "font_line_height": Kind.LEADING,
    "font_weight_normal": Kind.WEIGHT, "font_weight_medium": Kind.WEIGHT, "font_weight_bold": Kind.WEIGHT, "title_weight": Kind.WEIGHT,
    "spacing_unit": Kind.LENGTH, "border_radius": Kind.LENGTH, "button_border_radius": Kind.LENGTH,
    **dict.fromkeys(("rail_fill", "rail_text", "rail_muted", "rail_line", "rail_mark", "due_fill", "due_line", "art_fill", "art_text"), Kind.COLOUR),
    "rail_art": Kind.ART, "art": Kind.ART, "art_small": Kind.ART,
}  # fmt: skip
PANEL = {"light": ("#ffffff", "#14171c"), "dark": ("#15181d", "#f1f3f6")}
"""Paper and ink of the payment panel, the same on every brand (static/css/components.css)."""
COMPONENT_TOKENS = tuple(name for name in TOKENS if name.startswith(("rail_", "due_", "art")))
LINK = "action_primary_color_text"
"""The colour of links, where it is another than that of buttons."""
TEXT, BOUNDARY = 4.5, 3.0
"""The least contrast of text, and of the boundary of a control (WCAG 2.2)."""
_SEE_THROUGH = {"color_border", "rail_line", "due_line"}
_LIMITS_PIXELS = {
    "font_size_base": (14, 22),
    "spacing_unit": (3, 6),
    "border_radius": (0, 32),
    "button_border_radius": (0, 64),
}
_GENERIC_FONTS = {
    "system-ui", "sans-serif", "serif", "monospace", "ui-serif", "ui-sans-serif", "ui-rounded", "ui-monospace",
}  # fmt: skip
_FONT_NAME = re.compile(r"""(["']?)([A-Za-z0-9][A-Za-z0-9 _-]{0,60})\1""", re.ASCII)
_LENGTH = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?|\.[0-9]{1,3})(px|rem)|0", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenValues:
    """What one theme, or a chain of them, sets: checked CSS text by token; `dark` holds only what differs in the dark."""

    light: Mapping[str, str] = field(default_factory=dict)
    dark: Mapping[str, str] = field(default_factory=dict)


def clean_value(name: str, value: object) -> str:
    """The CSS text of a token's value. Raises ValueError with a sentence that begins with the value's fault."""
    kind = TOKENS[name]
    if kind in (Kind.WEIGHT, Kind.LEADING):
        return _clean_number(kind, value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a text in quotation marks")
    text = value.strip()
    if kind is Kind.COLOUR:
        colour = clean_colour(text)
        if len(colour) > len("#rrggbb") and name not in _SEE_THROUGH:
            raise ValueError("is see-through, so nothing can be said about its contrast")
        return colour
    if kind is Kind.ART:
        return clean_art(text)
    return _clean_fonts(text) if kind is Kind.FONT else _clean_length(name, text)


def merge_values(chain: Sequence[TokenValues]) -> TokenValues:
    """The values of a theme over those of its parents, parents first.

    A part's token (rail, due, art) without a dark value holds in both modes. A primary colour without a dark twin gets one, and one
    without a colour to stand on it keeps its parent's where that is readable.
    """
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for values in chain:
        light |= values.light
        for name in COMPONENT_TOKENS:
            if name in values.light:
                dark.pop(name, None)
        if "color_primary" in values.light:
            # Links are of the primary colour again, unless this theme has another colour for them too.
            light = {name: text for name, text in light.items() if name != LINK or name in values.light}
            dark.pop(LINK, None)
        if "color_primary" in values.light and "color_primary" not in values.dark:
            ground = values.dark.get("color_background") or dark.get("color_background") or light["color_background"]
            dark["color_primary"] = lifted(light["color_primary"], ground, 7)
        dark |= values.dark
        if (
            LINK in values.light and LINK not in values.dark
        ):  # A colour that is dark enough for links by day is none by night.
            dark[LINK] = dark["color_primary"]
        _settle_on_primary(values, light, dark)
    return TokenValues(light, {name: value for name, value in dark.items() if value != light.get(name)})


def palette(values: TokenValues, mode: str) -> Mapping[str, str]:
    """Everything with a colour in one mode, `light` or `dark`: meanings and component tokens by name, as `#rrggbb` (lines: `#rrggbbaa`).

    The values are complete: all of the base theme's tokens are set.
    """
    texts = dict(values.light) | (dict(values.dark) if mode == "dark" else {})
    own = {name: text for name, text in texts.items() if TOKENS[name] is Kind.COLOUR}
    text, ground, primary = own["color_text"], own["color_background"], own["color_primary"]
    inset = own["offset_background_color"]
    raised = inset if mode == "dark" else ground
    meanings = {
        "surface": ground, "surface_inset": inset, "surface_raised": raised,
        "text": text, "muted": own["color_text_secondary"], "placeholder": own["color_text_placeholder"], "line": own["color_border"],
        "line_strong": mix(0.52, text, ground),
        "accent": primary, "accent_strong": mix(0.86, primary, text), "accent_soft": mix(0.07, primary, ground),
        "on_accent": own["accessible_color_on_color_primary"], "link": own.get(LINK, primary),
        "good": own["color_success"], "caution": own["color_warning"], "bad": own["color_danger"],
        "bad_soft": mix(0.15 if mode == "dark" else 0.07, own["color_danger"], ground),
        "caution_soft": mix(0.15 if mode == "dark" else 0.09, own["color_warning"], ground),
        "hover": f"{text}0d",
    }  # fmt: skip
    parts = {
        "rail_fill": inset, "rail_text": text, "rail_muted": meanings["muted"], "rail_line": meanings["line"], "rail_mark": meanings["link"],
        "due_fill": raised, "due_line": meanings["line"], "art_fill": meanings["accent_soft"], "art_text": text,
    } | {name: colour for name, colour in own.items() if name in COMPONENT_TOKENS}  # fmt: skip
    parts["rail_current"] = mix(0.08, parts["rail_text"], parts["rail_fill"])
    return meanings | parts | pay_button(primary, meanings["on_accent"], mode)


def pay_button(primary: str, on_primary: str, mode: str) -> dict[str, str]:
    """Return the colours of the button that pays: the merchant's own where it stands out from the panel's paper, else the panel's ink."""
    paper, ink = PANEL[mode]
    fill, text = (primary, on_primary) if contrast(primary, paper) >= BOUNDARY else (ink, paper)
    return {"pay_fill": fill, "pay_text": text}


def _settle_on_primary(values: TokenValues, light: dict[str, str], dark: dict[str, str]) -> None:
    name = "accessible_color_on_color_primary"
    for own, settled in ((values.light, light), (values.dark, dark)):
        primary = settled.get("color_primary")
        if primary is None or name in own:
            continue
        inherited = settled.get(name)
        if inherited is None or contrast(inherited, primary) < 4.5:
            settled[name] = readable_on(primary)


def _clean_number(kind: Kind, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("is not a number") from None
    lowest, highest = (100, 900) if kind is Kind.WEIGHT else (1.2, 2.0)
    if not lowest <= number <= highest:
        raise ValueError(f"is not between {lowest} and {highest}")
    return f"{number:g}"


def _clean_fonts(text: str) -> str:
    names = []
    for item in text.split(","):
        match = _FONT_NAME.fullmatch(item.strip())
        if match is None:
            raise ValueError("is not a list of font names separated by commas")
        names.append(match[2] if match[2] in _GENERIC_FONTS and not match[1] else f'"{match[2]}"')
    if (
        names[-1] not in _GENERIC_FONTS
    ):  # The portal fetches no font: a name that the device lacks falls back to its own.
        names.append("system-ui")
    return ", ".join(names)


def _clean_length(name: str, text: str) -> str:
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError("is not a length such as 8px or 0.5rem")
    pixels = float(match[1]) * (16 if match[2] == "rem" else 1) if match[1] else 0.0
    lowest, highest = _LIMITS_PIXELS[name]
    if not lowest <= pixels <= highest:
        raise ValueError(f"is not between {lowest}px and {highest}px")
    return text
