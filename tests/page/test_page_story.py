"""What the page's panel tells of decisions that the sample shop has none of."""

from __future__ import annotations

from agent_knowledge.config import Leaning
from agent_knowledge.page.story import story_of
from agent_knowledge.page.views import story_html
from agent_knowledge.types import (
    Contribution,
    Decision,
    Example,
    Knowledge,
    NeedVerdict,
    Plan,
    Signals,
)

NEEDS = {"direct": 0.2, "retrieval": 0.7, "few_shot": 0.1}


def story(plan: Plan | None = None, leaning: Leaning | None = None, **signals: object) -> str:
    made = Decision(
        strategy="retrieval",
        plan=plan or Plan(),
        confidence=0.7,
        signals=Signals(need=NEEDS, **signals),  # pyright: ignore[reportArgumentType]
    )
    given = Knowledge(decision=made, examples=(Example(input="broken lamp", output="warranty"),))
    return story_html(story_of(given, None, leaning or Leaning()), "k")


def test_a_decision_model_that_was_asked_is_told_with_its_probabilities() -> None:
    asked = NeedVerdict(
        model="decisions:clef",
        need="retrieval",
        reason="facts",
        probabilities={"direct": 0.25, "retrieval": 0.75},
        holds={"handbook": 0.66},
        fresh=0.11,
    )
    html = story(asked=asked)
    for part in ("decisions:clef was asked and says retrieval: facts", "handbook holds it", "0.66"):
        assert part in html


def test_a_model_that_settled_nothing_says_why() -> None:
    html = story(asked=NeedVerdict(model="m", need=None, reason="the call failed"))
    assert "m was asked and settles nothing: the call failed" in html


def test_a_source_that_is_not_probed_has_no_bar() -> None:
    html = story(coverage={"web": None, "docs": 0.5})
    assert "Not probed" in html
    assert html.count('class="fill" width="50.0"') == 1


def test_evidence_nobody_named_is_shown_by_its_own_name_and_the_weakest_is_left_out() -> None:
    rows = (
        Contribution(name="brand_new", value=1, retrieval=2, few_shot=-1),
        Contribution(name="coverage", value=1, retrieval=0.01, few_shot=0.01),
    )
    html = story(evidence=rows, leaning=Leaning(retrieval=0.5))
    assert "brand_new" in html
    assert "What the agent leans to" in html
    assert "Does a source hold it?" not in html


def test_a_plan_tells_all_that_it_does() -> None:
    plan = Plan(
        sources=("docs",),
        query="what about that lamp",
        sub_queries=("which lamp",),
        filter=({"lang": "en"},),
        rewritten_by="m",
        reranked_by="cross",
        examples="triage",
        k=3,
    )
    html = story(plan)
    told = ("what about that lamp", "which lamp", "&#34;lang&#34;", "cross", "triage", "3 at most")
    for part in (*told, "broken lamp → warranty"):
        assert part in html
    assert "the system prompt alone" in story()
    assert "Which one?" in story(Plan(clarify="Which one?"))
