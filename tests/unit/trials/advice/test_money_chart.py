"""The bars of the money: as long as the figures beside them say, and nothing from outside."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from lxml import html

from agent_knowledge.config.schema import PriceConfig
from agent_knowledge.trials.advice import Advice
from agent_knowledge.trials.costs import Load, Money, Terms
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
WIDTH = re.compile(r"--(?:to|low|high):([0-9.]+)%")


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


def widths(cell: html.HtmlElement) -> list[float]:
    """What a cell's bar reaches to, then its interval, in hundredths of the track."""
    return [float(w) for style in cell.xpath(".//@style") for w in WIDTH.findall(style)]


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
        money=Money(load=replace(LOAD, origin=attack), terms=TERMS),
    )
    shown = html.fromstring(render_advice(advice))
    assert not shown.xpath("//script | //img | //@onerror | //@src")
    assert shown.text_content().count(attack) == 17


def test_bars_are_as_long_as_their_figures_and_meet_at_the_break_evens() -> None:
    text = page(Money(load=LOAD, terms=replace(TERMS, volume_per_month=200_000)))
    (table,) = html.fromstring(text).xpath("//figure//table")
    rows = {tr.xpath("string(th)").split()[0]: tr.xpath("td") for tr in table.xpath("tbody/tr")}
    told = {name: [cell.text_content() for cell in cells] for name, cells in rows.items()}
    # 200,000 tasks: $380 below; fine-tuned $100 for tokens beside $145 and $370.
    assert told["200,000"] == ["$380.00", "$245.00 to $470.00"]
    assert list(rows) == ["104,000", "200,000", "264,000", "500,000"]
    marks = [" ".join(tr.xpath("string(th)").split()[1:]) for tr in table.xpath("tbody/tr")]
    assert marks == ["break-even", "your volume", "break-even", ""]
    (below,), (_, low, high) = map(widths, rows["200,000"])
    assert (low / below, high / below) == pytest.approx((245 / 380, 470 / 380), abs=0.001)
    assert widths(rows["104,000"][1])[1] == pytest.approx(widths(rows["104,000"][0])[0], abs=0.1)
    assert widths(rows["264,000"][1])[2] == pytest.approx(widths(rows["264,000"][0])[0], abs=0.1)


@pytest.mark.parametrize("volume", [None, 3, 264_000, 90_000_000])
@pytest.mark.parametrize(("price", "run"), [(0, 0), (2, 0), (2, 140)])
def test_every_bar_keeps_to_its_track(volume: float | None, price: float, run: float) -> None:
    terms = replace(
        TERMS,
        volume_per_month=volume,
        price=PriceConfig(input=price, output=price),
        usd_per_run=(run, run),
        hosting_usd_per_month=0,
    )
    cells = html.fromstring(page(Money(load=LOAD, terms=terms))).xpath("//figure//td")
    assert cells
    assert all(0 <= width <= 100 for cell in cells for width in widths(cell))
