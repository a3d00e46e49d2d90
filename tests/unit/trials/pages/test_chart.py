"""Charts: round ticks, labels that can be read, marks where they belong."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from lxml import etree

from agent_knowledge.trials.charts import (
    HEIGHT,
    WIDTH,
    Line,
    Mark,
    Point,
    Words,
    axis_over,
    curves,
    linear_axis,
    scatter,
    short,
    spread,
)

WORDS = Words(key="k", title="Title", description="Told", x="cost", y="score")
NS = "{http://www.w3.org/2000/svg}"


def point(label: str, x: float, y: float, series: int = 0, half: float = 0.05) -> Point:
    return Point(label=label, series=series, x=x, y=y, low=y - half, high=y + half)


def texts(svg: str, kind: str) -> list[etree._Element]:
    return [e for e in etree.fromstring(svg).iter(f"{NS}text") if kind in (e.get("class") or "")]


def box(text: etree._Element) -> tuple[float, float, float, float]:
    """Where a label is, at the seven pixels a character that 14 px sans-serif takes on average."""
    wide, x, y = 7.0 * len(text.text or ""), float(text.get("x") or 0), float(text.get("y") or 0)
    left = x - wide if text.get("text-anchor") == "end" else x
    return left, y - 11, left + wide, y + 3


def whisker(group: etree._Element) -> list[tuple[float, float, float, float]]:
    """Where a mark's interval is."""
    at, top, bottom = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", group[0].get("d") or "")[0]
    return [(float(at) - 1, float(top), float(at) + 1, float(bottom))]


def covers(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    across = min(one[2], other[2]) > max(one[0], other[0])
    return across and min(one[3], other[3]) > max(one[1], other[1])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0.54, 0.9, (0.5, 0.6, 0.7, 0.8, 0.9)),
        (0, 980, (0, 200, 400, 600, 800, 1000)),
        (0, 0.0031, (0, 0.001, 0.002, 0.003, 0.004)),
    ],
)
def test_ticks_are_round_and_hold_the_range(low: float, high: float, ticks: tuple[float]) -> None:
    axis = linear_axis(low, high)
    assert axis.ticks == pytest.approx(ticks)
    assert axis.low <= low
    assert high <= axis.high


def test_a_score_axis_stays_within_what_a_score_can_be() -> None:
    for low, high in ((0.97, 1), (0, 0), (1, 1), (0, 0.04)):
        axis = linear_axis(low, high, within=(0, 1))
        assert 0 <= axis.low <= low
        assert high <= axis.high <= 1


def test_a_wide_range_is_logarithmic_and_a_range_with_zero_is_not() -> None:
    wide = axis_over([0.03, 4])
    assert wide.log
    assert set(wide.ticks) <= {round(m * 10**n, 6) for m in (1, 2, 5) for n in range(-3, 3)}
    assert len(wide.ticks) >= 2
    assert not axis_over([0, 4]).log
    assert not axis_over([2, 4]).log
    assert axis_over([0, 0]).share(0) == 0


def test_ten_decades_have_no_more_ticks_than_fit() -> None:
    assert 2 <= len(axis_over([1e-4, 1e6]).ticks) <= 8


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.002, "0.002"), (45, "45"), (1500, "1,500"), (20_000, "20k"), (3e6, "3M")],
)
def test_a_number_is_shown_short(value: float, shown: str) -> None:
    assert short(value) == shown


CROWDED = [
    [point(n, 1 + i / 100, 0.8 + i / 100, i) for i, n in enumerate("abcde")],
    [point("retrieval+few_shot", 5, 0.8, i) for i in range(5)],
    [point("prompt", 0.01, 0.5), point("retrieval+few_shot", 900, 0.98, 3, 0.02)],
    [point("retrieval+few_shot", 10, 0.7), point("fine_tuned", 9.8, 0.71), point("x", 0.5, 0.7)],
]


@pytest.mark.parametrize("points", CROWDED)
def test_labels_cover_neither_each_other_nor_a_mark_and_stay_inside(points: list[Point]) -> None:
    svg = scatter(points, WORDS)
    labels = [box(text) for text in texts(svg, "halo")]
    assert len(labels) == len(points)
    assert not any(covers(one, other) for one, other in combinations(labels, 2))
    marks = [mark for group in etree.fromstring(svg).findall(f"{NS}g") for mark in whisker(group)]
    assert not any(covers(label, mark) for label in labels for mark in marks)
    assert all(left >= 0 and right <= WIDTH + 1 for left, _, right, _ in labels)
    assert all(top >= 0 and bottom <= HEIGHT for _, top, _, bottom in labels)


def test_marks_at_one_place_stand_side_by_side() -> None:
    svg = scatter([point("p", 5, 0.8, i) for i in range(5)], WORDS)
    groups = etree.fromstring(svg).findall(f"{NS}g")
    places = sorted(float((g[1].get("d") or "")[1:].split()[0]) for g in groups)
    assert all(right - left >= 13.9 for left, right in pairwise(places))


def test_a_chart_tells_what_it_shows_to_those_who_cannot_see_it() -> None:
    root = etree.fromstring(scatter([point("<b>", 1, 0.5)], WORDS))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "k-title k-text"
    assert root.findtext(f"{NS}title") == "Title"
    assert root.findtext(f"{NS}desc") == "Told"
    assert "<b>" in [text.text for text in root.iter(f"{NS}text")]


def test_curves_cross_where_their_figures_do() -> None:
    xs = spread(10, 1_000)
    lines = [
        Line(label="below", series=1, points=tuple((x, x) for x in xs)),
        Line(label="tuned", series=4, points=tuple((x, 100) for x in xs), dash=1),
    ]
    root = etree.fromstring(curves(lines, [Mark(label="even 100", x=100)], WORDS))
    mark = next(e for e in root.iter(f"{NS}line") if e.get("class") == "mark")
    drawn = [e.get("d") or "" for e in root.iter(f"{NS}path") if "s1" in (e.get("class") or "")]
    flat = [e.get("d") or "" for e in root.iter(f"{NS}path") if "s4" in (e.get("class") or "")]
    height = float(flat[0].split("L")[0].split()[1])
    steps = [tuple(map(float, p.split())) for p in drawn[0].strip("M").split("L")]
    crossing = next(x for x, y in steps if y <= height)
    assert crossing == pytest.approx(float(mark.get("x1") or 0), abs=12)
    assert xs[0] == 10
    assert xs[-1] == pytest.approx(1_000)
