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

    def colour_at(self, x: float, y: float, width: float, height: float, below: Colour) -> Colour:
        """The colour seen at a point of a box measured in pixels, on an opaque ground."""
        seen = self.ground.over(below)
        for layer in reversed(self.layers):
            seen = _layer_colour(layer, x, y, width, height).over(seen)
        return seen


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
