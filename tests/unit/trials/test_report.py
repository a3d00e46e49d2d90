"""The report of a trial: what a reader finds in it, and what an answer in it cannot do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from agent_knowledge.errors import InputError
from agent_knowledge.ledger import RungComparison, RungResult, Trial
from agent_knowledge.trials.pages import (
    MOST_CASES,
    CaseOutcome,
    TrialResult,
    parted,
    render_report,
    verdict,
    write_report,
)
from agent_knowledge.types import Rung

ATTACK = "<script>alert('x')</script><img src=http://evil.example/a.png onerror=alert(1)>"


def rung(name: Rung, score: float, cost: float | None = 0.4) -> RungResult:
    return RungResult(
        rung=name,
        model="some-model",
        n=99,
        score=score,
        ci=(score - 0.05, score + 0.05),
        latency_p50_ms=410,
        latency_p95_ms=820,
        tokens_in=1_234,
        tokens_out=7,
        cost_usd_per_1k=cost,
        errors=1,
        metrics={"macro_f1": 0.777},
    )


def outcome(case: str, **scores: float) -> CaseOutcome:
    found: dict[Rung, float] = {"prompt": scores["prompt"], "few_shot": scores["few_shot"]}
    said: dict[Rung, str] = {"prompt": "said by prompt", "few_shot": "said by few"}
    return CaseOutcome(
        case=case, task=f"task of {case}", expected=("right",), answers=said, scores=found
    )


TRIAL = Trial(
    id="t-1",
    at="2026-05-03T10:00:00+00:00",
    agent="support",
    metric="exact match",
    cases="abcdef0123456789",
    n=100,
    model="some-model",
    rungs=(rung("prompt", 0.6), rung("few_shot", 0.8)),
    comparisons=(
        RungComparison(rung="few_shot", against="prompt", difference=0.2, ci=(0.11, 0.29), n=100),
    ),
    example_set="triage",
    examples="0123456789abcdef",
    documents={"handbook": "feedfacefeedface"},
    recommended="few_shot",
    why="few_shot meets the target",
)
CASES = [outcome("c1", prompt=0, few_shot=1), outcome("c2", prompt=1, few_shot=1)]


def read(trial: Trial = TRIAL, cases: list[CaseOutcome] | None = None) -> html.HtmlElement:
    return html.fromstring(render_report(measured(trial, cases)))


def measured(
    trial: Trial = TRIAL, cases: list[CaseOutcome] | None = None, **more: Any
) -> TrialResult:
    outcomes = tuple(CASES if cases is None else cases)
    fields: dict[str, Any] = {"met": True, "needed": {}, "notes": ()}
    return TrialResult(trial=trial, outcomes=outcomes, **(fields | more))


def test_it_says_what_is_recommended_and_what_was_measured() -> None:
    text = read().text_content()
    for part in (
        "Recommended: few_shot",
        "few_shot meets the target",
        "2026-05-03 10:00:00 UTC",
        "exact match",
        "some-model",
        "triage (0123456789ab)",
        "100 (abcdef012345)",
        "feedfacefeed",
        "0.550 to 0.650",
        "0.777",
        "1,234",
    ):
        assert part in text


def test_no_recommendation_is_no_winner() -> None:
    text = read(replace(TRIAL, recommended=None, why="cases are too few")).text_content()
    assert "Nothing is recommended" in text
    assert "cases are too few" in text


@pytest.mark.parametrize(
    ("ci", "n", "said"),
    [
        ((0.11, 0.29), 100, "few_shot is better, by 11.0 to 29.0 points"),
        ((-0.29, -0.11), 100, "few_shot is worse, by 11.0 to 29.0 points"),
        ((-0.01, 0.29), 100, "no winner: the interval holds zero"),
        ((0.11, 0.29), 49, "too few cases to tell: 49 of at least 50"),
    ],
)
def test_a_comparison_is_put_in_words(ci: tuple[float, float], n: int, said: str) -> None:
    found = RungComparison(rung="few_shot", against="prompt", difference=0.1, ci=ci, n=n)
    assert verdict(found) == said


def test_only_cases_that_rungs_part_on_are_listed_most_first() -> None:
    near = outcome("near", prompt=0.4, few_shot=0.5)
    assert [row.case for row in parted([CASES[1], near, CASES[0]])] == ["c1", "near"]
    text = read().text_content()
    assert "task of c1" in text
    assert "task of c2" not in text
    assert "On 1 of 2 cases all rungs answered and score the same." in text


def test_many_cases_are_cut_and_the_table_says_so() -> None:
    many = [outcome(f"c{i}", prompt=0, few_shot=1) for i in range(MOST_CASES + 30)]
    page = read(cases=many)
    assert len(page.xpath("//table[@class='cases']/tbody/tr")) == MOST_CASES
    assert f"the {MOST_CASES} of {MOST_CASES + 30}" in page.text_content()


def test_a_rung_that_failed_shows_what_went_wrong() -> None:
    failed = CaseOutcome(
        case="c",
        task="t",
        expected=("a", "b"),
        answers={"few_shot": "a"},
        scores={"few_shot": 1},
        errors={"prompt": "timed out"},
    )
    text = read(cases=[failed]).text_content()
    assert "failed: timed out" in text
    assert "a\nor\nb" in text


def test_nothing_from_outside_becomes_markup() -> None:
    bad = CaseOutcome(
        case=ATTACK,
        task=ATTACK,
        expected=(ATTACK,),
        answers={"prompt": ATTACK},
        scores={"prompt": 0, "few_shot": 1},
        errors={"few_shot": ATTACK},
    )
    hostile = replace(
        TRIAL,
        agent=ATTACK,
        metric=ATTACK,
        why=ATTACK,
        model=ATTACK,
        rungs=tuple(replace(row, model=ATTACK, metrics={ATTACK: 1}) for row in TRIAL.rungs),
    )
    page = read(hostile, [bad])
    assert not page.xpath("//script | //img | //@onerror")
    assert ATTACK in page.text_content()


def test_the_page_loads_nothing_and_forbids_itself_to() -> None:
    page = render_report(measured())
    policy = html.fromstring(page).xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    loaded = re.findall(r"(?:src|href|url)\s*[=(]\s*\S+", page.replace("default-src", ""))
    assert loaded == []


def test_a_reader_without_sight_finds_heads_captions_and_words_for_the_charts() -> None:
    page = read()
    assert page.xpath("string(/html/@lang)") == "en"
    for table in page.xpath("//table"):
        assert table.xpath("string(caption)")
        assert table.xpath("thead/tr/th/@scope")
        assert set(table.xpath("tbody/tr/th/@scope")) == {"row"}
    (row,) = page.xpath("//table[@class='bars']/tbody/tr[th='few_shot']")
    assert row.xpath("td//text()") == ["0.800 (0.750 to 0.850)", "0.4", "410"]
    assert set(page.xpath("//*[@style]/ancestor-or-self::*[@class='bar s1']/@aria-hidden")) == {
        "true"
    }
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_bars_are_as_long_as_their_figures_and_whiskers_reach_over_the_interval() -> None:
    slow = replace(rung("few_shot", 0.8, 0.1), latency_p50_ms=820)
    beyond = replace(rung("fine_tuned", 0.99), ci=(0.97, 1.02))
    page = read(replace(TRIAL, rungs=(rung("prompt", 0.6), slow, beyond)))

    def lengths(name: str) -> list[str]:
        row = page.xpath("//table[@class='bars']/tbody/tr[th=$name]", name=name)[0]
        return row.xpath(".//@style")

    assert lengths("prompt") == ["--to:60%", "--low:55%;--high:65%", "--to:100%", "--to:50%"]
    assert lengths("few_shot") == ["--to:80%", "--low:75%;--high:85%", "--to:25%", "--to:100%"]
    assert lengths("fine_tuned")[1] == "--low:97%;--high:100%"


def test_where_no_price_is_known_tokens_take_its_place() -> None:
    assert "cost of 1,000 tasks, $" in read().text_content()
    unpriced = replace(TRIAL, rungs=(rung("prompt", 0.6), rung("few_shot", 0.8, None)))
    text = read(unpriced).text_content()
    assert "cost of 1,000 tasks, $" not in text
    assert "tokens of a prompt" in text
    assert "No price is known of some-model" in text


def test_where_every_rung_is_free_tokens_take_the_place_of_costs() -> None:
    free = replace(TRIAL, rungs=(rung("prompt", 0.6, 0), rung("few_shot", 0.8, 0)))
    text = read(free).text_content()
    assert "Every rung costs nothing" in text
    assert "tokens of a prompt" in text


def test_cases_can_be_narrowed_to_those_that_one_rung_fell_behind_on() -> None:
    page = read()
    assert page.xpath("//input[@type='radio']/@id") == ["behind-all", "behind-0", "behind-1"]
    assert page.xpath("//table[@class='cases']/tbody/tr/@class") == ["behind-0"]


def test_a_long_answer_is_cut_and_lone_surrogates_do_no_harm(tmp_path: Path) -> None:
    long = replace(CASES[0], task="x" * 5_000, expected=("broken \ud83d",))
    file = tmp_path / "new" / "report.html"
    write_report(measured(cases=[long]), file)
    text = file.read_text(encoding="utf-8")
    assert "(5,000 characters)" in text
    assert "x" * 1_000 not in text


def test_every_note_and_how_many_cases_would_do_are_told_as_on_a_terminal() -> None:
    told = measured(notes=("try 2 of ft", "no price for m"), needed={("few_shot", "prompt"): 812})
    undecided = replace(TRIAL.comparisons[0], ci=(-0.1, 0.2), n=200)
    told = replace(told, trial=replace(TRIAL, comparisons=(undecided,)))
    text = html.fromstring(render_report(told)).text_content()
    assert "Note: try 2 of ft" in text
    assert "Note: no price for m" in text
    assert "about 812 cases would tell" in text


def test_a_folder_in_the_reports_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_report(measured(), tmp_path)


def test_a_trial_without_rungs_or_cases_has_a_page_too() -> None:
    text = read(replace(TRIAL, rungs=(), comparisons=()), []).text_content()
    assert "On 0 of 0 cases" in text


def test_figures_by_tag_and_the_matrix_of_labels_are_told_as_texts() -> None:
    row = replace(
        rung("prompt", 0.5),
        slices={ATTACK: (4, 0.25)},
        confusion={"billing": {"billing": 3, ATTACK: 1}, ATTACK: {"billing": 2}},
    )
    many = replace(rung("few_shot", 0.5), confusion={str(n): {str(n): 1} for n in range(21)})
    page = render_report(measured(replace(TRIAL, rungs=(row, many))))
    assert ATTACK not in page
    tree = html.fromstring(page)
    tables = {t.findtext("caption"): t for t in tree.iter("table")}
    matrix = tables["prompt: expected in rows, answered in columns"]
    cells = [[cell.text for cell in line] for line in matrix.find("tbody")]
    assert cells == [["billing", "3", "1"], [ATTACK, "2", None]]
    assert not [name for name in tables if name and name.startswith("few_shot: expected")]
    by_tag = tables["Score of the cases of a tag alone, and how many there are"]
    assert "0.250 (4)" in by_tag.text_content()
