"""Art drawn in CSS, read by an allow-list.

What is accepted: layers of linear and radial gradients (repeating or not) with a repeat, a position and a size, and a plain colour
below them. No address, no variable, no other function can be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import pi

from portal.theming.colour import Colour, parse_colour
from portal.theming.gradients import CENTRE, CLEAR, Art, Layer, Length, Stop

_TOKEN = re.compile(
    r"\s*(?:([a-z-]+\()|([)/,])|(#[0-9a-f]{3,8})|([+-]?(?:\d+\.?\d*|\.\d+))(px|rem|em|deg|turn|%)?|([a-z-]+)|([*+-])(?=\s))"
)
_GRADIENTS = {"linear-gradient(", "radial-gradient(", "repeating-linear-gradient(", "repeating-radial-gradient("}
_COLOURS = {"rgb(", "rgba(", "hsl(", "hsla(", "oklch("}
_SIDES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
_EXTENTS = {"closest-side", "farthest-side", "closest-corner", "farthest-corner"}
_REPEATS = {"no-repeat", "repeat-x", "repeat-y", "repeat"}


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
        circle, extent, centre, described = False, "farthest-corner", (CENTRE, CENTRE), False
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
            places.append(("", CENTRE))
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
