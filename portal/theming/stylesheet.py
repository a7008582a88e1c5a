"""The stylesheet of a theme: its tokens as custom properties, and the computed colours for browsers of before 2024."""

from __future__ import annotations

from collections.abc import Mapping

from portal.theming.tokens import TOKENS, Kind, TokenValues, palette

# Meanings that the portal's own stylesheet writes with light-dark() or color-mix().
_COMPUTED = (
    "surface_raised", "line_strong", "accent_strong", "accent_soft", "bad_soft", "caution_soft", "rail_current", "hover",
)  # fmt: skip
_PAY_BUTTON = ("pay_fill", "pay_text")
_SHADOWS = {
    "light": "0 1px 2px #1018280f,0 14px 34px -18px #10182838",
    "dark": "0 1px 2px #0000,0 14px 34px -18px #000",
}


def compile_stylesheet(values: TokenValues) -> str:
    """One stylesheet in the `theme` layer, but for the colours of the button that pays, which belong to the payment panel.

    Colours are written once, with light-dark(). What light-dark() cannot hold (art that differs in the dark) and, behind @supports,
    everything for browsers without light-dark() or color-mix(), is written for the device's mode and for `data-color-scheme`.
    """
    properties = {name: _both(name, text, values.dark.get(name)) for name, text in values.light.items()}
    plain = palette(values, "light")
    for name, text in values.dark.items():  # A part set for the dark alone keeps what it follows from in the light.
        if name not in values.light and TOKENS[name] is Kind.COLOUR:
            properties[name] = _both(name, plain[name], text)
    dark_art = {name: text for name, text in values.dark.items() if TOKENS[name] is Kind.ART}
    modern = _rule(":root", properties) + (_dark_rules(dark_art) if dark_art else "")
    older = _rule(":root", _computed(values, "light")) + _dark_rules(_computed(values, "dark"))
    return (
        f"@layer theme{{{modern}}}@layer components{{{_pay_button(values)}}}"
        f"@supports not (color:light-dark(#000,#fff)){{@layer theme{{{older}}}@layer components{{{_older_pay_button(values)}}}}}\n"
    )


def _pay_button(values: TokenValues) -> str:
    """The colours that were checked for the button that pays, where no theme reaches: important, and in the layer of the panel itself."""
    light, dark = palette(values, "light"), palette(values, "dark")
    return _panel_rule({name: f"light-dark({light[name]},{dark[name]})" for name in _PAY_BUTTON})


def _older_pay_button(values: TokenValues) -> str:
    light, dark = ({name: palette(values, mode)[name] for name in _PAY_BUTTON} for mode in ("light", "dark"))
    device = _panel_rule(dark, ':root:not([data-color-scheme="light"]) ')
    forced = _panel_rule(dark, ':root[data-color-scheme="dark"] ')
    return f"{_panel_rule(light)}@media (prefers-color-scheme:dark){{{device}}}{forced}"


def _panel_rule(texts: Mapping[str, str], within: str = "") -> str:
    selector = f"{within}.payment-panel,{within}.payment-panel *"
    return _rule(selector, {name: f"{text}!important" for name, text in texts.items()})


def _both(name: str, light: str, dark: str | None) -> str:
    return f"light-dark({light},{dark})" if dark is not None and TOKENS[name] is Kind.COLOUR else light


def _computed(values: TokenValues, mode: str) -> dict[str, str]:
    own = dict(values.light) | (dict(values.dark) if mode == "dark" else {})
    colours = palette(values, mode)
    texts = {name: text for name, text in own.items() if TOKENS[name] is Kind.COLOUR}
    texts |= {name: colours[name] for name in _COMPUTED}
    texts["shadow"] = _SHADOWS[mode]
    if mode == "light":
        return texts
    light = _computed(values, "light")
    return {name: text for name, text in texts.items() if light.get(name) != text}


def _dark_rules(properties: Mapping[str, str]) -> str:
    forced = _rule(':root[data-color-scheme="dark"]', properties)
    device = _rule(':root:not([data-color-scheme="light"])', properties)
    return f"@media (prefers-color-scheme:dark){{{device}}}{forced}"


def _rule(selector: str, properties: Mapping[str, str]) -> str:
    declarations = ";".join(f"--{name.replace('_', '-')}:{text}" for name, text in properties.items())
    return f"{selector}{{{declarations}}}"
