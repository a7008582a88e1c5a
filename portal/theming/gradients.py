"""Art drawn in CSS: an allow-list for gradients, and their colour at a point, so that text over them can be checked.

What is accepted: layers of linear and radial gradients (repeating or not) with a repeat, a position and a size, and a plain colour
below them. No address, no variable, no other function can be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, hypot, pi, sin

from portal.theming.colour import Colour, parse_colour

_TOKEN = re.compile(
    r"\s*(?:([a-z-]+\()|([)/,])|(#[0-9a-f]{3,8})|([+-]?(?:\d+\.?\d*|\.\d+))(px|rem|em|deg|turn|%)?|([a-z-]+)|([*+-])(?=\s))"
)
_GRADIENTS = {"linear-gradient(", "radial-gradient(", "repeating-linear-gradient(", "repeating-radial-gradient("}
_COLOURS = {"rgb(", "rgba(", "hsl(", "hsla(", "oklch("}
_SIDES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
_EXTENTS = {"closest-side", "farthest-side", "closest-corner", "farthest-corner"}
_REPEATS = {"no-repeat", "repeat-x", "repeat-y", "repeat"}
CLEAR = Colour(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Length:
    """Pixels and a share of what the place measures against; a rem is 16 pixels."""

    pixels: float = 0
    share: float = 0

    def of(self, whole: float) -> float:
        return self.pixels + self.share * whole


_CENTRE = Length(share=0.5)


@dataclass(frozen=True, slots=True)
class Stop:
    colour: Colour
    at: Length | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One gradient and where it lies in the box. `direction` is an angle in radians or sides; a radial one has a centre instead."""

    stops: tuple[Stop, ...]
    repeating: bool
    centre: tuple[Length, Length] | None
    circle: bool = False
    extent: str | tuple[Length, Length] = "farthest-corner"
    direction: float | tuple[int, int] = pi
    repeats: str = "repeat"
    position: tuple[Length, Length] = (Length(), Length())
    size: tuple[Length, Length] | None = None


@dataclass(frozen=True, slots=True)
class Art:
    """Layers from the top, and the colour under them."""

    layers: tuple[Layer, ...]
    ground: Colour

    def colour_at(self, x: float, y: float, width: float, height: float, below: Colour) -> Colour:
        """The colour seen at a point of a box measured in pixels, on an opaque ground."""
        seen = self.ground.over(below)
        for layer in reversed(self.layers):
            seen = _layer_colour(layer, x, y, width, height).over(seen)
        return seen


def parse_art(text: str) -> Art:
    """Read a background value, or raise ValueError with a sentence that says what is not accepted."""
    if len(text) > 2000:
        raise ValueError("is longer than 2000 characters")
    reader = _Reader(list(_tokens(text.strip().lower())))
    layers: list[Layer] = []
    ground = CLEAR
    if reader.take("none"):
        reader.end()
        return Art((), CLEAR)
    while True:
        if reader.peek() in _GRADIENTS:
            layers.append(reader.layer())
        else:
            ground = reader.colour()
            reader.end()
        if reader.done():
            return Art(tuple(layers), ground)
        reader.expect(",")


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"has something that is not accepted in art at “{text[place : place + 12].strip()}”")
        yield match[0].strip()
        place = match.end()


class _Reader:
    """Walks through the tokens of one value."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._place = tokens, 0

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self._place += 1
        return token

    def take(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self._place += 1
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise ValueError(f"has “{self.peek() or 'its end'}” where “{token}” belongs")

    def done(self) -> bool:
        return self._place >= len(self._tokens)

    def end(self) -> None:
        if not self.done():
            raise ValueError(f"has “{self.peek()}” after its last part: a plain colour stands last")

    def layer(self) -> Layer:
        name = self.next()
        repeating = name.startswith("repeating")
        drawn = self._radial(repeating) if "radial" in name else self._linear(repeating)
        repeats, position, size = "repeat", (Length(), Length()), None
        while not self.done() and self.peek() != ",":
            if self.peek() in _REPEATS:
                repeats = self.next()
                continue
            position = self._position()
            if self.take("/"):
                width = self.length()
                size = (width, self.length() if self._is_length() else width)
        return Layer(
            drawn.stops, repeating, drawn.centre, drawn.circle, drawn.extent, drawn.direction, repeats, position, size
        )  # fmt: skip

    def _linear(self, repeating: bool) -> Layer:
        direction: float | tuple[int, int] = pi
        if self.take("to"):
            sides = [_SIDES[self.next()] for _ in range(2) if self.peek() in _SIDES]
            direction = (sum(side[0] for side in sides), sum(side[1] for side in sides))
            self.expect(",")
        elif self.peek().endswith(("deg", "turn")):
            angle = self.next()
            turns = float(angle[:-3]) / 360 if angle.endswith("deg") else float(angle[:-4])
            direction = turns * 2 * pi
            self.expect(",")
        return Layer(self._stops(), repeating, None, direction=direction)

    def _radial(self, repeating: bool) -> Layer:
        circle, extent, centre, described = False, "farthest-corner", (_CENTRE, _CENTRE), False
        size: str | tuple[Length, Length] = extent
        while True:
            if self.peek() in ("circle", "ellipse"):
                circle = self.next() == "circle"
            elif self.peek() in _EXTENTS:
                size = self.next()
            elif self.take("at"):
                centre = self._position()
            elif self._is_length():
                first = self.length()
                circle = circle or not self._is_length()
                size = (first, self.length() if self._is_length() else first)
            else:
                break
            described = True
        if described:
            self.expect(",")
        return Layer(self._stops(), repeating, centre, circle, size)

    def _stops(self) -> tuple[Stop, ...]:
        stops: list[Stop] = []
        while True:
            colour = self.colour()
            places = [self.length()] if self._is_length() else []
            if self._is_length():
                places.append(self.length())
            stops += [Stop(colour, place) for place in places] or [Stop(colour, None)]
            if self.take(")"):
                break
            self.expect(",")
        if len(stops) < 2:
            raise ValueError("has a gradient of fewer than two stops")
        return tuple(stops)

    def _position(self) -> tuple[Length, Length]:
        words = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}
        places: list[tuple[str, Length]] = []
        while len(places) < 2:
            if self.peek() in words:
                word = self.next()
                places.append((word, Length(share=words[word])))
            elif self._is_length():
                places.append(("", self.length()))
            else:
                break
        if not places:
            raise ValueError(f"has “{self.peek()}” where a position belongs")
        if len(places) == 1:
            places.append(("", _CENTRE))
        if places[0][0] in ("top", "bottom") or places[1][0] in ("left", "right"):
            places.reverse()
        return places[0][1], places[1][1]

    def colour(self) -> Colour:
        token = self.next()
        if token in _COLOURS:
            parts = []
            while not self.done() and self.peek() != ")":
                parts.append(self.next())
            self.expect(")")
            token = f"{token}{' '.join(part for part in parts if part not in ',/')})"
        try:
            return parse_colour(token)
        except ValueError:
            raise ValueError(f"has “{token}” where a colour belongs") from None

    def _is_length(self) -> bool:
        return self.peek() == "calc(" or bool(re.fullmatch(r"[+-]?[\d.]+(px|rem|em|%)?", self.peek()))

    def length(self) -> Length:
        if self.take("calc("):
            total = self._product()
            while self.peek() in ("+", "-"):
                sign = 1 if self.next() == "+" else -1
                term = self._product()
                total = Length(total.pixels + sign * term.pixels, total.share + sign * term.share)
            self.expect(")")
            return total
        token = self.next()
        match = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+))(px|rem|em|%)?", token)
        if match is None:
            raise ValueError(f"has “{token}” where a length belongs")
        number, unit = float(match[1]), match[2]
        if unit is None and number:
            raise ValueError(f"has “{token}” without a unit")
        return Length(share=number / 100) if unit == "%" else Length(number * (16 if unit in ("rem", "em") else 1))

    def _product(self) -> Length:
        value = self.length()
        while self.peek() in ("*", "/"):
            divide = self.next() == "/"
            factor = float(self.next())
            if divide and not factor:
                raise ValueError("divides by nothing")
            factor = 1 / factor if divide else factor
            value = Length(value.pixels * factor, value.share * factor)
        return value


def _layer_colour(layer: Layer, x: float, y: float, width: float, height: float) -> Colour:
    if layer.size:
        tile_width, tile_height = layer.size[0].of(width), layer.size[1].of(height)
    else:
        tile_width, tile_height = width, height
    if tile_width <= 0 or tile_height <= 0:
        return CLEAR
    left, top = layer.position[0].of(width - tile_width), layer.position[1].of(height - tile_height)
    x, y = x - left, y - top
    if layer.repeats in ("no-repeat", "repeat-y") and not 0 <= x < tile_width:
        return CLEAR
    if layer.repeats in ("no-repeat", "repeat-x") and not 0 <= y < tile_height:
        return CLEAR
    x, y = x % tile_width, y % tile_height
    place, line = _on_line(layer, x, y, tile_width, tile_height)
    return _stop_colour(layer, place, line)


def _on_line(layer: Layer, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    """Where a point falls on the gradient's line, and how long the line is, in pixels."""
    if layer.centre is None:
        if isinstance(layer.direction, tuple):
            right, down = layer.direction
            dx, dy = (right * height, down * width) if right and down else (float(right), float(down))
            size = hypot(dx, dy) or 1
            dx, dy = dx / size, dy / size
        else:
            dx, dy = sin(layer.direction), -cos(layer.direction)
        line = abs(width * dx) + abs(height * dy)
        return (x - width / 2) * dx + (y - height / 2) * dy + line / 2, line
    centre_x, centre_y = layer.centre[0].of(width), layer.centre[1].of(height)
    radius_x, radius_y = _radii(layer, centre_x, centre_y, width, height)
    return hypot((x - centre_x) / radius_x, (y - centre_y) / radius_y) * radius_x, radius_x


def _radii(layer: Layer, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    if isinstance(layer.extent, tuple):
        across = max(layer.extent[0].of(width), 0.01)
        return across, across if layer.circle else max(layer.extent[1].of(height), 0.01)
    pick = min if layer.extent.startswith("closest") else max
    side_x, side_y = pick(abs(x), abs(width - x)), pick(abs(y), abs(height - y))
    if layer.extent.endswith("side"):
        return (max(pick(side_x, side_y), 0.01),) * 2 if layer.circle else (max(side_x, 0.01), max(side_y, 0.01))
    if layer.circle:
        return (max(hypot(side_x, side_y), 0.01),) * 2
    return max(side_x, 0.01) * 2**0.5, max(side_y, 0.01) * 2**0.5


def _stop_colour(layer: Layer, place: float, line: float) -> Colour:
    places = _stop_places(layer.stops, line)
    first, last = places[0], places[-1]
    if layer.repeating and last > first:
        place = first + (place - first) % (last - first)
    if place <= first:
        return layer.stops[0].colour
    for index in range(1, len(places)):
        if place <= places[index]:
            span = places[index] - places[index - 1]
            return _between(
                layer.stops[index - 1].colour,
                layer.stops[index].colour,
                (place - places[index - 1]) / span if span else 1,
            )
    return layer.stops[-1].colour


def _stop_places(stops: tuple[Stop, ...], line: float) -> list[float]:
    places: list[float | None] = [stop.at.of(line) if stop.at else None for stop in stops]
    if places[-1] is None:
        places[-1] = line
    settled = [places[0] or 0.0]
    for index in range(1, len(places)):
        # A stop without a place is spread evenly up to the next one that has a place.
        steps, place = next((offset, later) for offset, later in enumerate(places[index:], 1) if later is not None)
        settled.append(max(settled[-1] + (place - settled[-1]) / steps, settled[-1]))
    return settled


def _between(one: Colour, other: Colour, share: float) -> Colour:
    """Interpolated as gradients are: in sRGB, premultiplied."""
    alpha = one.alpha * (1 - share) + other.alpha * share
    if alpha <= 0:
        return CLEAR
    red, green, blue = (
        (left * one.alpha * (1 - share) + right * other.alpha * share) / alpha
        for left, right in ((one.red, other.red), (one.green, other.green), (one.blue, other.blue))
    )
    return Colour(red, green, blue, alpha)
