"""Advice as one HTML file: the verdict, the answers, and what it costs against the volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent_knowledge.markup import Html, element
from agent_knowledge.trials.advice import Advice, no_saving
from agent_knowledge.trials.charts import Line, Mark, Words, curves, spread
from agent_knowledge.trials.costs import GAPS, Gap, Money, Range, about, about_range
from agent_knowledge.trials.open_gate import percent
from agent_knowledge.trials.pages import facts, page, save, section, table
from agent_knowledge.types import RUNGS, Reason

_AROUND = 10
"""The chart reaches from a tenth of the least break-even to ten times the greatest."""
_USUAL = (100.0, 1_000_000.0)
"""Tasks a month, where there is nothing to centre the chart on."""


def write_advice(advice: Advice, path: Path) -> None:
    """Write advice as a page.

    Raises:
        InputError: It cannot be written there.
    """
    save(render_advice(advice), path)


def render_advice(advice: Advice) -> str:
    """The page as text."""
    about = f"{advice.agent}, {advice.example_set or 'no example set'}"
    stands = {"class": "answer" if advice.verdict == "may_pay" else "answer open"}
    return page(
        f"Advice for {advice.agent}: whether to fine-tune",
        element("h1", f"Should {advice.agent} be fine-tuned?"),
        element("p", about, at={"class": "quiet"}),
        element("div", element("p", element("strong", advice.headline)), *_said(advice), at=stands),
        section("The guide's questions", _answers(advice)),
        *([section("The money", *_money(advice.money))] if advice.money else []),
    )


def money_rows(money: Money) -> list[tuple[str, str]]:
    """What is reckoned, as names and figures; of use in any table."""
    load, terms, below = money.load, money.terms, money.below_usd_per_task
    runs = "1 at least" if terms.runs_per_year is None else f"{terms.runs_per_year:,.3g}"
    rows = [
        ("figures", load.origin),
        ("prompt tokens below", f"{load.below_in:,.0f} a task on {load.rung}"),
        ("prompt tokens fine-tuned", f"{load.tuned_in:,.0f} a task ({load.saved_in:,.0f} saved)"),
        ("tasks that it would serve", _share(money)),
        ("1,000 tasks below", _usd(below and below * 1_000)),
        ("1,000 tasks fine-tuned", _at_least(money, "tuned_price", money.tuned_usd_per_task)),
        ("training runs in the first year", runs),
        ("a training run", _range(terms.usd_per_run)),
        ("training a month", _range(money.training_usd_per_month)),
        ("hosting a month", _usd(terms.hosting_usd_per_month)),
        ("break-even, tasks a month", break_even(money)),
    ]
    volume = terms.volume_per_month
    if volume is not None:
        rows.append((f"{volume:,.0f} tasks below", _usd(money.below_usd_per_month(volume))))
        tuned = _range(money.tuned_usd_per_month(volume))
        least = f"{tuned}{' at least' * money.lower_bound}"
        rows.append((f"{volume:,.0f} tasks fine-tuned", least))
    return rows


def break_even(money: Money) -> str:
    """The volume at which it breaks even, in words."""
    even = money.break_even_per_month
    if even is None:
        if money.outcome == "unknown":
            return "unknown: the price of the model below is"
        return f"never: {no_saving(money)}"
    return f"{about_range(even)}{', at least' * money.lower_bound}"


def money_chart(money: Money) -> Html:
    """Cost a month against volume: the rung below, and fine-tuned at the least and the most."""
    places = spread(*_reach(money))
    load, (least, most) = money.load, money.terms.usd_per_run
    below = tuple((x, money.below_usd_per_month(x) or 0) for x in places)
    tuned = [tuple((x, money.tuned_usd_per_month(x)[end]) for x in places) for end in (0, 1)]
    lines = [
        Line(label=load.rung, series=RUNGS.index(load.rung), points=below),
        Line(label=f"fine-tuned, ${least:,.4g} a run", series=4, points=tuned[0], dash=1),
    ]
    if least != most:
        dear = f"fine-tuned, ${most:,.4g} a run"
        lines.append(Line(label=dear, series=4, points=tuned[1], dash=2))
    words = Words(
        key="money",
        title="Cost a month against tasks a month",
        description=f"Break-even, tasks a month: {break_even(money)}.",
        x="tasks a month",
        y="cost a month, $",
    )
    return curves(lines, _marks(money), words)


def _said(advice: Advice) -> Iterator[Html]:
    yield _reasons(advice.why)
    if advice.instead:
        yield element("p", "The guide offers instead:")
        yield _reasons(advice.instead)
    if advice.command:
        yield element("p", "Measure the rungs: ", element("code", advice.command))


def _reasons(reasons: tuple[Reason, ...]) -> Html:
    rows = [element("li", element("code", row.rule), f": {row.text}") for row in reasons]
    return element("ul", *rows)


def _answers(advice: Advice) -> Html:
    head = ["question", "answer", "what follows", "rule", "where it came from"]
    rows = [
        [
            row.question,
            row.answer,
            row.text,
            element("code", row.rule),
            row.origin if not row.tell else f"{row.origin} tell it: {row.tell}".strip(),
        ]
        for row in advice.findings
    ]
    return table("Each answer, and who gave it", head, rows)


def _money(money: Money) -> Iterator[Html]:
    yield facts(money_rows(money))
    for gap in money.gaps:
        what, tell = GAPS[gap]
        yield element("p", f"Unknown: {what}. It is told by {tell}.", at={"class": "quiet"})
    if money.below_usd_per_task is None:
        return
    caption = "Cost a month against volume. Where the lines cross, fine-tuning breaks even."
    caption += " What is unknown would raise the fine-tuned lines." * money.lower_bound
    yield element("figure", money_chart(money), element("figcaption", caption))


def _reach(money: Money) -> Range:
    """The volumes that the chart shows."""
    even, volume = money.break_even_per_month, money.terms.volume_per_month
    least, most = _USUAL
    if even is not None and even[0] > 0:
        least, most = even[0] / _AROUND, even[1] * _AROUND
    if volume:
        least, most = min(least, volume / 2), max(most, volume * 2)
    return least, most


def _marks(money: Money) -> list[Mark]:
    even, volume = money.break_even_per_month, money.terms.volume_per_month
    marks: list[Mark] = []
    if even is not None and even[0] > 0:
        marks = [Mark(label=f"break-even {about(x)}", x=x) for x in dict.fromkeys(even)]
    if volume:
        marks.append(Mark(label=f"your volume {volume:,.0f}", x=volume))
    return marks


def _share(money: Money) -> str:
    if money.terms.share is None:
        return "unknown, counted as all"
    return f"{percent(money.share)} of the trial's cases; the rest stays on {money.load.rung}"


def _at_least(money: Money, gap: Gap, usd_per_task: float) -> str:
    figure = _usd(usd_per_task * 1_000)
    return f"{figure} at least" if gap in money.gaps else figure


def _usd(amount: float | None) -> str:
    """An amount in dollars: cents from a dollar on, below it as many digits as tell it."""
    if amount is None:
        return "unknown"
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.3g}"


def _range(span: Range) -> str:
    least, most = map(_usd, span)
    return least if least == most else f"{least} to {most}"
