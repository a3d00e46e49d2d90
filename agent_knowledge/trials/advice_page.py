"""Advice as one HTML file: the verdict, the answers, and what it costs against the volume.

Its form is `templates/advice.html`. Costs a month are straight lines over the volume, so that the
chart is a few lines of two points each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent_knowledge.trials.advice import Advice
from agent_knowledge.trials.costs import GAPS, Money, about, break_even, money_rows, usd, usd_range
from agent_knowledge.trials.pages import render, save
from agent_knowledge.types import RUNGS

_USUAL = 100_000.0
"""Tasks a month that the chart reaches to, where neither a break-even nor a volume is known."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 580.0, 10.0, 250.0
"""Where the plot stands in the chart's 600 by 300."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    label: str
    series: int
    dash: int
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyChart:
    """Cost a month against volume: the rung below, and fine-tuned at the least and the most.

    Attributes:
        lines: The curves, the rung below first.
        band: Between the cheapest and the dearest fine-tuned one.
        across: Ticks of the volume: place and label.
        up: Ticks of the cost.
        marks: Volumes that are pointed out: place and label.
        rows: The same in figures: volume, cost below, cost fine-tuned.
    """

    lines: tuple[_Line, ...]
    band: str
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    rows: tuple[tuple[str, str, str], ...]
    left: float = _LEFT
    right: float = _RIGHT
    bottom: float = _BOTTOM


def write_advice(advice: Advice, path: Path) -> None:
    """Write advice as a page.

    Raises:
        InputError: It cannot be written there.
    """
    save(render_advice(advice), path)


def render_advice(advice: Advice) -> str:
    """The page as text."""
    money = advice.money
    values = {
        "advice": advice,
        "gaps": GAPS,
        "rows": money_rows(money) if money else [],
        "break_even": break_even(money) if money else "",
        "chart": money_chart(money) if money and money.below_usd_per_task is not None else None,
    }
    return render("advice.html", values)


def money_chart(money: Money) -> MoneyChart:
    """Draw what a month costs; the price of the rung below must be known."""
    marks = _marks(money)
    end = _round_up(1.1 * max((volume for volume, _ in marks), default=_USUAL / 1.1))
    volumes = (0.0, end)
    (least, most), load = money.terms.usd_per_run, money.load
    below = [money.below_usd_per_month(volume) or 0 for volume in volumes]
    cheap, dear = zip(*map(money.tuned_usd_per_month, volumes), strict=True)
    top = _round_up(max(*below, *dear))

    def across(volume: float) -> float:
        return round(_LEFT + volume / end * (_RIGHT - _LEFT), 1)

    def up(cost: float) -> float:
        return round(_BOTTOM - cost / top * (_BOTTOM - _TOP), 1)

    def drawn(costs: Iterable[float]) -> list[str]:
        return [f"{across(x)},{up(y)}" for x, y in zip(volumes, costs, strict=True)]

    curves = [(load.rung, RUNGS.index(load.rung), below)]
    curves += [
        (f"fine-tuned, ${run:,.4g} a run", 4, cost)
        for run, cost in {least: cheap, most: dear}.items()
    ]
    shown = sorted({*(volume for volume, _ in marks), end})
    return MoneyChart(
        lines=tuple(
            _Line(label=label, series=series, dash=dash, points=" ".join(drawn(costs)))
            for dash, (label, series, costs) in enumerate(curves)
        ),
        band=" ".join([*drawn(cheap), *reversed(drawn(dear))]),
        across=tuple((across(end * part), _tick(end * part)) for part in (0, 0.5, 1)),
        up=tuple((up(top * part), f"${_tick(top * part)}") for part in (0, 0.5, 1)),
        marks=tuple((across(volume), label) for volume, label in marks),
        rows=tuple(
            (
                about(volume),
                usd(money.below_usd_per_month(volume)),
                usd_range(money.tuned_usd_per_month(volume)),
            )
            for volume in shown
        ),
    )


def _marks(money: Money) -> list[tuple[float, str]]:
    """The break-evens and the volume that was told, from left to right."""
    even, volume = money.break_even_per_month or (), money.terms.volume_per_month
    marks = [(x, f"break-even {about(x)}") for x in dict.fromkeys(even) if x > 0]
    if volume:
        marks.append((volume, f"your volume {volume:,.0f}"))
    return sorted(marks)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 and 10 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= value * (1 - 1e-9))


def _tick(value: float) -> str:
    """A number short enough for an axis: 45, 1,500, 20k, 3M."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):,.4g}{letter}"
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.3g}"
