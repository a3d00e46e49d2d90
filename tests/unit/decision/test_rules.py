from __future__ import annotations

import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig
from agent_knowledge.decision.evidence import weigh
from agent_knowledge.decision.rules import ORDER, RULES
from agent_knowledge.decision.step_down import step_down
from agent_knowledge.types import Decision, Plan, Reason, Rejection, Signals


def test_the_rules_are_the_guides():
    assert {id_: rule.chapter for id_, rule in RULES.items()} == {
        "facts-need-retrieval": "strategy",
        "fresh-needs-retrieval": "strategy",
        "citations-need-retrieval": "strategy",
        "pattern-wants-examples": "strategy",
        "style-wants-prompt": "strategy",
        "prompt-first": "strategy",
        "retrieval-first-for-agents": "strategy",
        "ladder-tried": "gate",
        "enough-data": "gate",
        "stable-data": "gate",
        "no-citations": "gate",
        "no-new-facts": "gate",
        "fits-the-case": "gate",
        "training-cost": "cost",
        "hosting-cost": "cost",
        "iteration-cost": "cost",
        "expertise-cost": "cost",
    }
    assert list(ORDER) == list(RULES)


def test_each_rule_is_a_sentence():
    for rule in RULES.values():
        assert rule.text.endswith(".")
        assert "\\" not in rule.text
        assert "  " not in rule.text


NEED = {"direct": 0.4, "retrieval": 0.4, "few_shot": 0.2}


def test_without_further_evidence_the_text_alone_decides():
    signals = Signals(need=NEED)  # pyright: ignore[reportArgumentType]
    assert weigh(signals).need == pytest.approx(NEED)


def test_coverage_and_match_move_the_odds_their_way_and_none_settles_it_alone():
    def weighed(coverage: float, match: float) -> dict[str, float]:
        signals = Signals(
            need=NEED,  # pyright: ignore[reportArgumentType]
            coverage={"a": coverage, "web": None, "b": 0.0},
            pattern={"s": match},
        )
        return {str(need): share for need, share in weigh(signals).need.items()}

    assert weighed(0.8, 0.5)["retrieval"] > 0.7 > weighed(0.5, 0.5)["retrieval"]
    assert weighed(0.5, 0.9)["few_shot"] > weighed(0.5, 0.5)["few_shot"]
    for extreme in (0.0, 1.0):
        assert all(0.02 < share < 0.95 for share in weighed(extreme, 0.5).values())
    assert sum(weighed(0.3, 0.7).values()) == pytest.approx(1)


def test_a_failed_endpoint_steps_down_to_the_examples_of_its_set():
    decision = Decision(
        strategy="fine_tuned",
        plan=Plan(examples="triage", endpoint="ft"),
        confidence=0.9,
        signals=Signals(need=NEED),  # pyright: ignore[reportArgumentType]
        reasons=(Reason(rule="pattern-wants-examples", text="matches"),),
        rejected=(
            Rejection(strategy="retrieval", rule="facts-need-retrieval", text="none"),
            Rejection(strategy="few_shot", rule="pattern-wants-examples", text="endpoint"),
        ),
    )
    agent = AgentProfile(examples={"triage": ExampleSetConfig(file="t", k=3)})
    lower = step_down(decision, "timed out", agent)
    assert (lower.strategy, lower.plan) == ("few_shot", Plan(examples="triage", k_examples=3))
    assert lower.reasons[-1].text == "ft failed (timed out); examples are the next rung"
    assert [row.strategy for row in lower.rejected] == ["retrieval", "fine_tuned"]
    assert "timed out" in lower.rejected[-1].text
    assert decision.strategy == "fine_tuned"
