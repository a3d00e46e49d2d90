"""Which rung the cases speak for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.config import AgentProfile
from agent_knowledge.ledger import PromptResult, RungComparison, RungResult, Trial
from agent_knowledge.trials.recommend import Recommendation, recommend
from agent_knowledge.types import RUNGS, Rung

BETTER, WORSE, OPEN = (0.02, 0.2), (-0.2, -0.02), (-0.05, 0.09)


@pytest.fixture(scope="module")
def agent(shop: KnowledgeConfig) -> AgentProfile:
    profile = shop.agent("support")
    budget = profile.policy.model_copy(update={"latency_budget_ms": 200})
    return profile.model_copy(update={"policy": budget})


def result(rung: Rung, score: float, **more: Any) -> RungResult:
    told: dict[str, Any] = {
        "model": "m",
        "n": 100,
        "ci": (score - 0.04, min(score + 0.04, 1)),
        "latency_p50_ms": 50,
        "latency_p95_ms": 100,
        "tokens_in": 100.0 + 100 * RUNGS.index(rung),
        "tokens_out": 5,
        **more,
    }
    return RungResult(rung=rung, score=score, **told)


def trial(
    *rungs: RungResult,
    gaps: dict[tuple[Rung, Rung], tuple[float, float]] | None = None,
    **more: Any,
) -> Trial:
    """A trial; rungs that no gap is given for are not told apart."""
    n = more.pop("n", 100)
    comparisons = [
        RungComparison(
            rung=higher.rung,
            against=lower.rung,
            difference=sum(ci) / 2,
            ci=ci,
            n=n,
        )
        for place, higher in enumerate(rungs)
        for lower in rungs[:place]
        for ci in [(gaps or {}).get((higher.rung, lower.rung), OPEN)]
    ]
    return Trial(
        id="t",
        at="2026-11-01T00:00:00+00:00",
        agent="support",
        metric="normalised",
        cases="c",
        n=n,
        model="m",
        rungs=rungs,
        comparisons=tuple(comparisons),
        example_set="ticket-triage",
        endpoint="triage-ft",
        **more,
    )


PROMPT, FEW = result("prompt", 0.7), result("few_shot", 0.8)
FACTS, BOTH = result("retrieval", 0.82), result("retrieval+few_shot", 0.84)
TUNED = result("fine_tuned", 0.9)


def ask(
    made: Trial, agent: AgentProfile, needed: dict[tuple[Rung, Rung], int | None] | None = None
) -> Recommendation:
    return recommend(made, agent, needed or {})


def test_nothing_is_climbed_to_that_is_not_proven(agent: AgentProfile) -> None:
    found = ask(trial(PROMPT, FEW, FACTS), agent, {("few_shot", "prompt"): 310})
    assert found.rung == "prompt"
    assert "prompt-first" in found.why
    assert "about 310 cases would tell" in found.why


def test_a_proven_rung_is_climbed_to_and_no_further(agent: AgentProfile) -> None:
    gaps = {("few_shot", "prompt"): BETTER, ("retrieval+few_shot", "prompt"): BETTER}
    found = ask(trial(PROMPT, FEW, BOTH, gaps=gaps), agent)
    assert found.rung == "few_shot"
    assert "pattern-wants-examples" in found.why
    assert "retrieval+few_shot is not proven better than that" in found.why
    gaps[("retrieval+few_shot", "few_shot")] = BETTER
    assert ask(trial(PROMPT, FEW, BOTH, gaps=gaps), agent).rung == "retrieval+few_shot"


def test_of_two_side_by_side_the_proven_or_the_shorter_one(agent: AgentProfile) -> None:
    gaps = {("few_shot", "prompt"): BETTER, ("retrieval", "prompt"): BETTER}
    apart = trial(PROMPT, FEW, FACTS, gaps={**gaps, ("retrieval", "few_shot"): BETTER})
    assert ask(apart, agent).rung == "retrieval"
    alike = ask(trial(PROMPT, FEW, FACTS, gaps=gaps), agent)
    assert alike.rung == "few_shot"
    assert "few_shot has the shorter prompt" in alike.why
    short = result("retrieval", 0.82, tokens_in=150)
    assert ask(trial(PROMPT, FEW, short, gaps=gaps), agent).rung == "retrieval"
    only = trial(PROMPT, FEW, FACTS, gaps={("retrieval", "prompt"): BETTER})
    assert ask(only, agent).rung == "retrieval"


def test_too_few_cases_recommend_nothing_and_say_how_many_would_do(agent: AgentProfile) -> None:
    gaps = {("few_shot", "prompt"): BETTER}
    found = ask(trial(PROMPT, FEW, gaps=gaps, n=30), agent, {("few_shot", "prompt"): 140})
    assert found.rung is None
    assert found.why == (
        "30 cases tell no winner; at least 50 would do, and about 140 to tell few_shot from prompt"
    )


def test_a_target_takes_the_lowest_rung_that_reaches_it(agent: AgentProfile) -> None:
    found = ask(trial(PROMPT, FEW, FACTS, BOTH, target=0.79), agent)
    assert (found.rung, found.met) == ("few_shot", True)
    assert "its interval spans the target" in found.why
    missed = ask(trial(PROMPT, FEW, target=0.95), agent)
    assert (missed.rung, missed.met) == (None, False)
    assert "few_shot at 0.800" in missed.why
    few = ask(trial(PROMPT, FEW, target=0.79, n=20), agent)
    assert (few.rung, few.met) == (None, True)
    assert "20 cases prove nothing" in few.why


EARNED = {
    ("fine_tuned", "prompt"): BETTER,
    ("fine_tuned", "few_shot"): BETTER,
    ("fine_tuned", "retrieval"): BETTER,
}


def test_a_fine_tuned_rung_must_beat_every_other(agent: AgentProfile) -> None:
    earned = ask(trial(PROMPT, FEW, FACTS, TUNED, gaps=EARNED), agent)
    assert earned.rung == "fine_tuned"
    assert "ladder-tried" in earned.why
    gaps = {**EARNED, ("fine_tuned", "few_shot"): OPEN, ("few_shot", "prompt"): BETTER}
    held = ask(trial(PROMPT, FEW, FACTS, TUNED, gaps=gaps), agent)
    assert held.rung == "few_shot"
    assert "fine_tuned may not serve (ladder-tried: triage-ft did not beat few_shot" in held.why


def test_a_fine_tuned_rung_may_be_as_good_and_in_time(agent: AgentProfile) -> None:
    late = [result(row.rung, row.score, latency_p95_ms=900) for row in (PROMPT, FEW, FACTS)]
    alike = dict.fromkeys(EARNED, (-0.015, 0.03))
    assert ask(trial(*late, TUNED, gaps=alike), agent).rung == "fine_tuned"
    assert ask(trial(PROMPT, FEW, FACTS, TUNED, gaps=alike), agent).rung == "prompt"


def test_rungs_that_were_not_tried_hold_a_fine_tuned_one_back(agent: AgentProfile) -> None:
    found = ask(trial(PROMPT, TUNED, gaps=EARNED, target=0.85), agent)
    assert (found.rung, found.met) == (None, False)
    assert "few_shot, retrieval not tried" in found.why


def test_one_rung_alone_has_no_rung_beside_it(agent: AgentProfile) -> None:
    found = ask(trial(PROMPT), agent)
    assert found.rung is None
    assert "only prompt was measured" in found.why


def test_a_style_rests_on_its_own_rule(agent: AgentProfile) -> None:
    made = trial(PROMPT, FEW, gaps={("few_shot", "prompt"): BETTER})
    style = agent.examples["ticket-triage"].model_copy(update={"kind": "style"})
    voice = agent.model_copy(update={"examples": {"ticket-triage": style}})
    assert "style-wants-prompt" in ask(made, voice).why


def test_a_better_prompt_comes_before_examples(agent: AgentProfile) -> None:
    climbed = trial(PROMPT, FEW, gaps={("few_shot", "prompt"): BETTER})
    assert recommend(climbed, agent, {}).rung == "few_shot"

    def tried(ci: tuple[float, float], **more: Any) -> Recommendation:
        row = PromptResult(
            prompt="b.md", result=result("prompt", 0.6, **more), difference=0.1, ci=ci, n=100
        )
        return recommend(replace(climbed, prompts=(row,)), agent, {})

    found = tried(BETTER)
    assert found.rung == "prompt"
    assert "b.md at 0.600 beats the configured system prompt by +0.100" in found.why
    assert "agents.support.system_prompt and measure the higher rungs again" in found.why
    assert "prompt-first" in found.why
    assert tried(OPEN).rung == "few_shot", "one that is not proven better changes nothing"
    assert tried(BETTER, errors=10).rung == "few_shot", "nor one that failed too often"
