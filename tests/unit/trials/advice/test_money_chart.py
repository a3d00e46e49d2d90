"""The chart of the money: lines that cross where the figures say, and the figures beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree, html

from agent_knowledge.config.schema import PriceConfig
from agent_knowledge.trials.advice import Advice
from agent_knowledge.trials.costs import Load, Money, Terms, money
from agent_knowledge.trials.pages import render_advice
from agent_knowledge.trials.questions import ChecklistAnswer
from agent_knowledge.types import Reason

LOAD = Load(
    rung="few_shot",
    below_in=900,
    below_out=10,
    tuned_in=100,
    tuned_out=10,
    origin="by hand",
    estimated=True,
)
TERMS = Terms(
    price=PriceConfig(input=2, output=10),
    tuned_price=PriceConfig(input=4, output=10),
    runs_per_year=6,
    hosting_usd_per_month=120,
    share=1.0,
)
"""They break even at 103,571 tasks a month with the cheapest run, at 264,286 with the dearest."""
NS = "{http://www.w3.org/2000/svg}"
Segment = tuple[tuple[float, float], tuple[float, float]]


def page(reckoned: Money) -> str:
    return render_advice(
        Advice(
            agent="support",
            example_set="triage",
            verdict="may_pay",
            headline="h",
            why=(),
            instead=(),
            command="",
            findings=(),
            money=reckoned,
        )
    )


def test_nothing_from_outside_becomes_markup() -> None:
    attack = "<script>alert('x')</script><img src=http://evil.example/a.png onerror=alert(1)>"
    reason = Reason(rule=attack, text=attack)
    said = dict.fromkeys(("key", "question", "answer", "rule", "text", "origin", "tell"), attack)
    advice = Advice(
        agent=attack,
        example_set=attack,
        verdict="may_pay",
        headline=attack,
        why=(reason,),
        instead=(reason,),
        command=attack,
        findings=(ChecklistAnswer(stand="for", **said),),
        money=money(replace(LOAD, origin=attack), TERMS),
    )
    shown = html.fromstring(render_advice(advice))
    assert not shown.xpath("//script | //img | //@onerror | //@src")
    assert shown.text_content().count(attack) == 17


def chart(text: str) -> etree._Element:
    return etree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def lines(svg: etree._Element) -> list[Segment]:
    found: list[Segment] = []
    for line in svg.iter(f"{NS}polyline"):
        first, last = (p.split(",") for p in (line.get("points") or "").split())
        found.append(((float(first[0]), float(first[1])), (float(last[0]), float(last[1]))))
    return found


def crossing(one: Segment, other: Segment) -> float:
    """Where two lines over the same stretch meet."""
    (left, first), (right, last) = one
    gap, closing = other[0][1] - first, (last - first) - (other[1][1] - other[0][1])
    return left + (right - left) * gap / closing


def test_lines_cross_at_the_break_evens_that_are_marked() -> None:
    svg = chart(page(money(LOAD, TERMS)))
    below, cheap, dear = lines(svg)
    marked = [float(m.get("x1") or 0) for m in svg.iter(f"{NS}line") if m.get("class") == "mark"]
    assert marked == pytest.approx([crossing(below, cheap), crossing(below, dear)], abs=1)
    told = [text.text for text in svg.iter(f"{NS}text") if text.get("class") == "halo"]
    assert told == ["break-even 104,000", "break-even 264,000"]


@pytest.mark.parametrize("volume", [None, 3, 264_000, 90_000_000])
@pytest.mark.parametrize("price", [0, 2])
def test_everything_stands_within_the_picture(volume: float | None, price: float) -> None:
    terms = replace(TERMS, volume_per_month=volume, price=PriceConfig(input=price, output=price))
    svg = chart(page(money(LOAD, terms)))
    for line in lines(svg):
        assert all(0 <= x <= 600 and 0 <= y <= 300 for x, y in line)
    for text in svg.iter(f"{NS}text"):
        x, wide = float(text.get("x") or 0), 8 * len(text.text or "")
        anchor = {"middle": (wide / 2, wide / 2), "end": (wide, 0), None: (0, wide)}
        left, right = anchor[text.get("text-anchor")]
        assert x - left >= 0
        assert x + right <= 600


def test_one_price_of_a_run_is_one_line_and_free_training_is_drawn_too() -> None:
    for run in (140, 0):
        terms = replace(TERMS, usd_per_run=(run, run), hosting_usd_per_month=0)
        assert len(lines(chart(page(money(LOAD, terms))))) == 2


def test_who_cannot_see_the_chart_finds_its_words_and_its_figures_beside_it() -> None:
    text = page(money(LOAD, replace(TERMS, volume_per_month=200_000)))
    svg = chart(text)
    assert svg.get("role") == "img"
    named = {e.get("id"): e.text for e in svg.iter() if e.get("id")}
    told = [named[key] for key in (svg.get("aria-labelledby") or "").split()]
    assert told[1] == "Break-even, tasks a month: 104,000 to 264,000."
    (table,) = html.fromstring(text).xpath("//figure//table")
    rows = {tr.xpath("string(th)"): tr.xpath("td/text()") for tr in table.xpath("tbody/tr")}
    # 200,000 tasks: $380 below; fine-tuned $100 for tokens beside $145 and $370.
    assert rows["200,000"] == ["$380.00", "$245.00 to $470.00"]
    assert set(rows) == {"104,000", "200,000", "264,000", "500,000"}
    assert {th.get("scope") for th in table.xpath("tbody/tr/th")} == {"row"}
