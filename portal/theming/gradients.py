"""Gradients as values, and their colour at a point, so that text over them can be checked."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, pi, sin

from portal.theming.colour import Colour

CLEAR = Colour(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Length:
    """Pixels and a share of what the place measures against; a rem is 16 pixels."""

    pixels: float = 0
    share: float = 0

    def of(self, whole: float) -> float:
        return self.pixels + self.share * whole


CENTRE = Length(share=0.5)


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

    def on(self, width: float, height: float, below: Colour) -> Picture:
        """The art in a box measured in pixels, on an opaque ground."""
        tiles = [_tile(layer, width, height) for layer in reversed(self.layers)]
        return Picture(tuple(tile for tile in tiles if tile is not None), self.ground.over(below))


@dataclass(frozen=True, slots=True)
class Picture:
    """Art in its box: what depends on the size alone is worked out, so that many points of it can be looked at."""

    tiles: tuple[_Tile, ...]
    ground: Colour

    def colour_at(self, x: float, y: float) -> Colour:
        """The colour seen at a point, from the top left corner."""
        seen = self.ground
        for tile in self.tiles:
            seen = tile.colour_at(x, y).over(seen)
        return seen


@dataclass(frozen=True, slots=True)
class _Tile:
    """A layer's place in the box, its gradient's line through it, and the places of the stops on that line, in pixels.

    The line of a radial gradient goes from the centre to the right; `ratio` is its radius across by the one down.
    """

    layer: Layer
    left: float
    top: float
    width: float
    height: float
    start: tuple[float, float]
    along: tuple[float, float] | None
    ratio: float
    places: tuple[float, ...]

    def colour_at(self, x: float, y: float) -> Colour:
        repeats = self.layer.repeats
        x, y = x - self.left, y - self.top
        if repeats in ("no-repeat", "repeat-y") and not 0 <= x < self.width:
            return CLEAR
        if repeats in ("no-repeat", "repeat-x") and not 0 <= y < self.height:
            return CLEAR
        x, y = x % self.width - self.start[0], y % self.height - self.start[1]
        if self.along is None:
            return self._stop_colour(hypot(x, y * self.ratio))
        return self._stop_colour(x * self.along[0] + y * self.along[1])

    def _stop_colour(self, place: float) -> Colour:
        places, stops = self.places, self.layer.stops
        first, last = places[0], places[-1]
        if self.layer.repeating and last > first:
            place = first + (place - first) % (last - first)
        if place <= first:
            return stops[0].colour
        for index in range(1, len(places)):
            if place <= places[index]:
                span = places[index] - places[index - 1]
                share = (place - places[index - 1]) / span if span else 1
                return _between(stops[index - 1].colour, stops[index].colour, share)
        return stops[-1].colour


def _tile(layer: Layer, width: float, height: float) -> _Tile | None:
    """The layer in a box of this size; None where nothing of it is to be seen."""
    if layer.size:
        tile_width, tile_height = layer.size[0].of(width), layer.size[1].of(height)
    else:
        tile_width, tile_height = width, height
    if tile_width <= 0 or tile_height <= 0:
        return None
    left, top = layer.position[0].of(width - tile_width), layer.position[1].of(height - tile_height)
    start, along, line, ratio = _line(layer, tile_width, tile_height)
    places = tuple(_stop_places(layer.stops, line))
    return _Tile(layer, left, top, tile_width, tile_height, start, along, ratio, places)


def _line(
    layer: Layer, width: float, height: float
) -> tuple[tuple[float, float], tuple[float, float] | None, float, float]:
    """Where the gradient's line begins, its direction (none of a radial one), how long it is, and the ratio of its radii."""
    if layer.centre is not None:
        x, y = layer.centre[0].of(width), layer.centre[1].of(height)
        across, down = _radii(layer, x, y, width, height)
        return (x, y), None, across, across / down
    if isinstance(layer.direction, tuple):
        right, down = layer.direction
        dx, dy = (right * height, down * width) if right and down else (float(right), float(down))
        size = hypot(dx, dy) or 1
        dx, dy = dx / size, dy / size
    else:
        dx, dy = sin(layer.direction), -cos(layer.direction)
    line = abs(width * dx) + abs(height * dy)
    return (width / 2 - dx * line / 2, height / 2 - dy * line / 2), (dx, dy), line, 1


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
