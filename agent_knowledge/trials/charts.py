"""Small charts as inline SVG, made by pure functions: no script, no dependency (docs/adr/0014).

The page's style colours them (classes `s0` to `s4`); shape, dash and a label beside each mark tell
the series apart without colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from agent_knowledge.markup import Html, element

WIDTH, HEIGHT = 580, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 560, 16, 322
_DODGE = 14
"""Pixels that marks keep between each other sideways, so that no interval covers another."""
_CHARACTER, _LINE = 7.7, 17
"""Size of a label's character at most, in pixels."""
_MARK = 6
_LINES_AWAY, _MARKS = 6, 5
"""How far a label may stand from its mark, in lines and in marks beyond which it stands."""
_LOG_FROM = 10
"""A range whose ends differ by this factor or more is drawn logarithmic."""
_DASHES = ("", "7 4", "2 4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One mark with its interval.

    Attributes:
        label: What stands beside it.
        series: 0..4: its colour and shape.
        x: Where it stands.
        y: How high.
        low: Lower end of the interval of `y`.
        high: Upper end.
    """

    label: str
    series: int
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: `(x, y)` from left to right, with its name, colour (0..4) and dash (0..2)."""

    label: str
    series: int
    points: tuple[tuple[float, float], ...]
    dash: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place on the x axis that is pointed out."""

    label: str
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a chart is called.

    Attributes:
        key: Unique on its page.
        title: For those who cannot see it: what is shown.
        description: What it shows, figures included.
        x: Title of the x axis.
        y: Title of the y axis.
    """

    key: str
    title: str
    description: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A scale: from where to where, its ticks, and whether it is logarithmic."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value lies, 0..1 within it."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(max(value, self.low)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)


def axis_over(values: Sequence[float]) -> Axis:
    """A scale for some values: logarithmic where all are above 0 and they span a factor of ten."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= _LOG_FROM:
        return _log_axis(low / 1.25, high * 1.25)
    return linear_axis(min(low, 0) if low >= 0 else low, high)


def linear_axis(low: float, high: float, *, within: tuple[float, float] | None = None) -> Axis:
    """A scale from one round number to another, with a tick at each step of 1, 2 or 5 times 10^n.

    Args:
        low: The least value to hold.
        high: The greatest.
        within: Where the scale must not reach beyond.
    """
    if high - low <= 0:
        low, high = (0.0, high * 2) if high > 0 else (low, low + 1)
    step = _nice((high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    if within is not None:
        ticks = tuple(tick for tick in ticks if within[0] <= tick <= within[1])
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks)


def short(value: float) -> str:
    """A number as an axis shows it: 0.002, 45, 1,500, 20k, 3M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):,.4g}{letter}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 else f"{value:.3g}"


def scatter(points: Sequence[Point], words: Words) -> Html:
    """Marks with intervals, a score from 0 to 1 upwards.

    Args:
        points: At least one, five at most.
        words: What the chart is called.
    """
    x = axis_over([point.x for point in points])
    lows, highs = [p.low for p in points], [p.high for p in points]
    y = linear_axis(min(lows), max(highs), within=(0, 1))
    placed = sorted(((_across(x, point.x), point) for point in points), key=lambda pair: pair[0])
    spots = _apart([at for at, _ in placed])
    drawn = [(spot, point) for spot, (_, point) in zip(spots, placed, strict=True)]
    boxes = _label_boxes([(spot, _span(y, point), point.label) for spot, point in drawn])
    parts = [
        element("g", *_point(spot, y, point, box))
        for (spot, point), box in zip(drawn, boxes, strict=True)
    ]
    return _svg(words, [*_frame(x, y, words), *parts])


def curves(lines: Sequence[Line], marks: Sequence[Mark], words: Words) -> Html:
    """Curves over one x axis, the area between the second and the last shaded, places marked.

    Args:
        lines: At least one, three at most.
        marks: Places on the x axis, each labelled on a line of its own.
        words: What the chart is called.
    """
    xs = [x for line in lines for x, _ in line.points]
    x, y = axis_over(xs), axis_over([y for line in lines for _, y in line.points])
    drawn = [_curve(line, x, y) for line in lines]
    band = _band(lines[1:], x, y) if len(lines) > 2 else []
    ordered = sorted(marks, key=lambda mark: mark.x)
    pointed = [_pointed(mark, row, x) for row, mark in enumerate(ordered)]
    inner = [*_frame(x, y, words), *band, *drawn, *pointed]
    return _svg(words, [*inner, *_legend(lines)], above=26 * len(lines))


def spread(low: float, high: float, count: int = 48) -> tuple[float, ...]:
    """Places from low to high, evenly on a logarithmic scale; both must be above 0."""
    step = (high / low) ** (1 / (count - 1))
    return tuple(low * step**i for i in range(count))


def _nice(rough: float) -> float:
    """The round step next above."""
    size = 10.0 ** math.floor(math.log10(rough))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= rough * (1 - 1e-9))


def _log_axis(low: float, high: float) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = last - first
    steps = (1, 2, 5) if decades <= 3 else (1,)
    every = -(-decades // 7)
    made = (m * 10.0**n for n in range(first, last + 1, every) for m in steps)
    return Axis(low=low, high=high, ticks=tuple(t for t in made if low <= t <= high), log=True)


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_RIGHT - _LEFT)


def _up(axis: Axis, value: float) -> float:
    return _BOTTOM - axis.share(value) * (_BOTTOM - _TOP)


def _apart(places: Sequence[float]) -> list[float]:
    """Places, sorted, moved as little to the right as keeps them apart, then back into the plot."""
    made: list[float] = []
    for place in places:
        made.append(max(place, made[-1] + _DODGE) if made else place)
    over = max(made[-1] - (_RIGHT - _MARK), 0)
    limit = [_RIGHT - _MARK - _DODGE * (len(made) - 1 - i) for i in range(len(made))]
    return [min(place, bound) for place, bound in zip(made, limit, strict=True)] if over else made


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _span(y: Axis, point: Point) -> tuple[float, float, float]:
    """Height of a point and of its interval's upper and lower end, in pixels."""
    return _up(y, point.y), _up(y, point.high), _up(y, point.low)


def _label_boxes(marks: Sequence[tuple[float, tuple[float, float, float], str]]) -> list[Box]:
    """Where each label stands: beside its mark, where it covers least."""
    taken: list[Box] = []
    for at, (middle, top, bottom), _ in marks:
        taken.append((at - _MARK, top, at + _MARK, bottom))
        taken.append((at - _MARK, middle - _MARK, at + _MARK, middle + _MARK))
    boxes: list[Box] = []
    for at, (middle, _, _), label in marks:
        width = min(len(label) * _CHARACTER, (WIDTH - _LEFT) / 2 - 2 * _MARK)
        best = min(
            _beside(at, middle, width), key=lambda box: sum(_overlap(box, other) for other in taken)
        )
        boxes.append(best)
        taken.append((best[0] - _MARK, best[1], best[2] + _MARK, best[3]))
    return boxes


def _beside(at: float, middle: float, width: float) -> Iterator[Box]:
    """Places for a label within the plot, the best first; beyond other marks where it must be."""
    places = product(range(-_LINES_AWAY, _LINES_AWAY + 1), range(_MARKS))
    nearest = sorted(places, key=lambda place: abs(place[0]) * _LINE + place[1] * _DODGE)
    for lines, marks in nearest:
        top, gap = middle + (lines - 0.5) * _LINE, _MARK + 4 + marks * _DODGE
        for left in (at + gap, at - gap - width):
            within = _TOP - _LINE / 2 <= top <= _BOTTOM - _LINE / 2
            if within and left >= _LEFT and left + width <= WIDTH:
                yield left, top, left + width, top + _LINE


def _overlap(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0


def _point(at: float, y: Axis, point: Point, box: Box) -> list[Html]:
    middle, top, bottom = _span(y, point)
    path = f"M{at - 4:.1f} {top:.1f}h8M{at:.1f} {top:.1f}V{bottom:.1f}M{at - 4:.1f} {bottom:.1f}h8"
    # Widths are estimates, so a label is held at its end that is near the mark.
    side = (box[2], box[1] + 13, "end") if box[2] < at else (box[0], box[1] + 13, "start")
    return [
        element("path", at={"d": path, "class": f"whisker s{point.series}"}),
        element("path", at={"d": _shape(point.series, at, middle), "class": f"s{point.series}"}),
        _text(point.label, *side, kind=f"halo t{point.series}"),
    ]


def _shape(series: int, x: float, y: float) -> str:
    """A circle, square, triangle, diamond or bar, as a path."""
    start = f"M{x:.1f} {y:.1f}"
    return (
        start
        + (
            "m-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z",
            "m-5.5 -5.5h11v11h-11z",
            "m0 -7l6.5 12h-13z",
            "m0 -7.5l7 7.5l-7 7.5l-7 -7.5z",
            "m-7 -3h14v6h-14z",
        )[series % 5]
    )


def _frame(x: Axis, y: Axis, words: Words) -> list[Html]:
    """Grid, ticks and titles of both axes."""
    parts: list[Html] = []
    for tick in y.ticks:
        at = _up(y, tick)
        parts.append(_stroke("grid", _LEFT, at, _RIGHT, at))
        parts.append(_text(short(tick), _LEFT - 8, at + 4, anchor="end", kind="tick"))
    for tick in x.ticks:
        at = _across(x, tick)
        parts.append(_stroke("grid", at, _TOP, at, _BOTTOM))
        parts.append(_text(short(tick), at, _BOTTOM + 18, anchor="middle", kind="tick"))
    parts.append(_stroke("axis", _LEFT, _BOTTOM, _RIGHT, _BOTTOM))
    parts.append(_text(_titled(words.x, x), (_LEFT + _RIGHT) / 2, HEIGHT - 14, anchor="middle"))
    middle = (_TOP + _BOTTOM) / 2
    turned = {"text-anchor": "middle", "transform": f"translate(16 {middle:.0f}) rotate(-90)"}
    return [*parts, element("text", _titled(words.y, y), at=turned)]


def _titled(title: str, axis: Axis) -> str:
    return f"{title} (log scale)" if axis.log else title


def _curve(line: Line, x: Axis, y: Axis) -> Html:
    kind = {"d": _path(line.points, x, y), "class": f"line s{line.series}"}
    return element("path", at={**kind, "stroke-dasharray": _DASHES[line.dash]})


def _path(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    return "M" + "L".join(f"{_across(x, a):.1f} {_up(y, b):.1f}" for a, b in points)


def _band(lines: Sequence[Line], x: Axis, y: Axis) -> list[Html]:
    return [
        element(
            "path",
            at={
                "d": _path((*one.points, *reversed(other.points)), x, y) + "z",
                "class": f"band s{one.series}",
            },
        )
        for one, other in pairwise(lines)
    ]


def _pointed(mark: Mark, row: int, x: Axis) -> Html:
    """A line down to the axis from its label; labels of marks further right stand lower."""
    at, height = _across(x, mark.x), _TOP + 14 + 18 * row
    left = at + 6 + len(mark.label) * _CHARACTER > WIDTH
    side = (at - 6, height, "end") if left else (at + 6, height, "start")
    line = _stroke("mark", at, height - 12, at, _BOTTOM)
    return element("g", line, _text(mark.label, *side, kind="halo"))


def _legend(lines: Sequence[Line]) -> Iterator[Html]:
    for row, line in enumerate(lines):
        height = _TOP - 26 * (len(lines) - row)
        stroke = {"d": f"M{_LEFT} {height}h34", "class": f"line s{line.series}"}
        yield element("path", at={**stroke, "stroke-dasharray": _DASHES[line.dash]})
        yield _text(line.label, _LEFT + 44, height + 4)


def _text(text: str, x: float, y: float, anchor: str = "start", *, kind: str = "label") -> Html:
    return element("text", text, at={"x": x, "y": y, "text-anchor": anchor, "class": kind})


def _stroke(kind: str, x1: float, y1: float, x2: float, y2: float) -> Html:
    return element("line", at={"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def _svg(words: Words, parts: Sequence[Html], above: int = 0) -> Html:
    names = f"{words.key}-title {words.key}-text"
    shape = {"viewBox": f"0 {-above} {WIDTH} {HEIGHT + above}", "role": "img"}
    return element(
        "svg",
        element("title", words.title, at={"id": f"{words.key}-title"}),
        element("desc", words.description, at={"id": f"{words.key}-text"}),
        *parts,
        at={**shape, "aria-labelledby": names, "xmlns": "http://www.w3.org/2000/svg"},
    )
