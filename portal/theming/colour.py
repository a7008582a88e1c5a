"""Colours: read from CSS, mixed as browsers mix them, measured as WCAG measures them. Knows no token and no theme."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import atan2, cos, hypot, pi, sin

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_FUNCTION = re.compile(r"(rgba?|hsla?|oklch)\(([0-9.%,/ adeg-]{3,60})\)")
_NAMED = {"white": "#ffffff", "black": "#000000", "transparent": "#00000000"}


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour in sRGB; all four channels from 0 to 1, not premultiplied."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def css(self) -> str:
        """`#rrggbb`, or `#rrggbbaa` when it is not opaque."""
        channels = (
            (self.red, self.green, self.blue) if self.alpha >= 1 else (self.red, self.green, self.blue, self.alpha)
        )
        return "#" + "".join(f"{round(_clip(channel) * 255):02x}" for channel in channels)

    def over(self, below: Colour) -> Colour:
        """This colour painted on an opaque one."""
        alpha, keep = self.alpha, 1 - self.alpha
        return Colour(
            self.red * alpha + below.red * keep,
            self.green * alpha + below.green * keep,
            self.blue * alpha + below.blue * keep,
        )

    def faded(self, alpha: float) -> Colour:
        return Colour(self.red, self.green, self.blue, alpha)

    def luminance(self) -> float:
        """Relative luminance (WCAG 2.2)."""
        return 0.2126 * _linear(self.red) + 0.7152 * _linear(self.green) + 0.0722 * _linear(self.blue)


WHITE = Colour(1, 1, 1)


def parse_colour(text: str) -> Colour:
    """A CSS colour: hex, `rgb()`, `hsl()`, `oklch()`, white, black, transparent. Raises ValueError with a sentence."""
    text = text.strip().lower()
    text = _NAMED.get(text, text)
    if _HEX.fullmatch(text):
        digits = text[1:] if len(text) > 5 else "".join(digit * 2 for digit in text[1:])
        channels = [int(digits[place : place + 2], 16) / 255 for place in range(0, len(digits), 2)]
        return Colour(*channels)
    if match := _FUNCTION.fullmatch(text):
        parts = [part for part in re.split(r"[ ,/]+", match[2].strip()) if part]
        if len(parts) in (3, 4):
            try:
                return _from_function(match[1].removesuffix("a"), parts)
            except ValueError:
                pass
    raise ValueError("is not a colour such as #0a6b3d, rgb(10 107 61) or oklch(45% 0.1 155)")


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two opaque colours (WCAG 2.2), from 1 to 21."""
    dark, light = sorted((one.luminance(), other.luminance()))
    return (light + 0.05) / (dark + 0.05)


def mix(share: float, one: Colour, other: Colour) -> Colour:
    """`color-mix(in oklab, one share, other)` of two opaque colours, clipped to sRGB."""
    parts = zip(_to_oklab(one), _to_oklab(other), strict=True)
    return _from_oklab(*(left * share + right * (1 - share) for left, right in parts))


def lifted(colour: Colour, background: Colour, ratio: float) -> Colour:
    """The same hue, lighter and calmer until it has the contrast on a dark background: a light brand colour's dark twin."""
    lightness, a, b = _to_oklab(colour)
    hue, chroma = atan2(b, a), min(hypot(a, b), 0.12)
    lightness = max(lightness, 0.7)
    while lightness < 1:
        candidate = _from_oklab(lightness, chroma * cos(hue), chroma * sin(hue))
        if contrast(candidate, background) >= ratio:
            return candidate
        lightness += 0.01
    return WHITE


def readable_on(colour: Colour) -> Colour:
    """White, the colour's own near-black, or black: the first that reads well on it. One of them always has 4.5 to 1."""
    ink = mix(0.12, colour, Colour(0.04, 0.04, 0.05))
    best = max((WHITE, ink), key=lambda candidate: contrast(candidate, colour))
    return best if contrast(best, colour) >= 4.5 else Colour(0, 0, 0)


def _from_function(name: str, parts: list[str]) -> Colour:
    alpha = _share(parts[3], 1) if len(parts) == 4 else 1.0
    if name == "rgb":
        red, green, blue = (_clip(_share(part, 255)) for part in parts[:3])
        return Colour(red, green, blue, alpha)
    if name == "hsl":
        hue, saturation, lightness = float(parts[0].removesuffix("deg")), _share(parts[1], 100), _share(parts[2], 100)
        span = saturation * min(lightness, 1 - lightness)

        def channel(offset: int) -> float:
            place = (offset + hue / 30) % 12
            return lightness - span * max(-1.0, min(place - 3, 9 - place, 1.0))

        return Colour(channel(0), channel(8), channel(4), alpha)
    hue = float(parts[2].removesuffix("deg")) * pi / 180
    chroma = _share(parts[1], 1) * (0.4 if parts[1].endswith("%") else 1)
    return _from_oklab(_share(parts[0], 1), chroma * cos(hue), chroma * sin(hue)).faded(alpha)


def _share(text: str, whole: float) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text) / whole


def _clip(channel: float) -> float:
    return min(1.0, max(0.0, channel))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _gamma(channel: float) -> float:
    channel = _clip(channel)
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def _to_oklab(colour: Colour) -> tuple[float, float, float]:
    """Björn Ottosson's OKLab, as CSS Color 4 uses it."""
    red, green, blue = _linear(colour.red), _linear(colour.green), _linear(colour.blue)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _from_oklab(lightness: float, a: float, b: float) -> Colour:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return Colour(
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )
