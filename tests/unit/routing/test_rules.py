from __future__ import annotations

from dataclasses import replace

import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig
from agent_knowledge.routing.ladder import after_failure, next_rung
from agent_knowledge.routing.rules import ORDER, RULES
from agent_knowledge.routing.standing import likely_of, with_verdict
from agent_knowledge.types import Decision, Knowledge, NeedVerdict, Plan, Reason, Rejection, Signals


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
    assert likely_of(signals) == NEED


def test_a_judges_word_raises_what_it_names_and_nothing_to_certainty():
    likely = {"direct": 0.7, "retrieval": 0.2, "few_shot": 0.1}
    signals = Signals(need=NEED, likely=likely)  # pyright: ignore[reportArgumentType]
    told = with_verdict(signals, NeedVerdict(model="m", need="retrieval", reason="a price"))
    assert likely_of(told)["retrieval"] == pytest.approx(2 / 2.8)
    assert sum(likely_of(told).values()) == pytest.approx(1)
    nothing = with_verdict(signals, NeedVerdict(model="m", need=None, reason="timed out"))
    assert likely_of(nothing) == likely


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
    given = Knowledge(decision=decision)
    given = replace(given, fallback=replace(given, decision=next_rung(decision, agent)))
    lower = after_failure(given, "timed out").decision
    assert (lower.strategy, lower.plan) == ("few_shot", Plan(examples="triage", k_examples=3))
    assert lower.reasons[-1].text == "ft failed (timed out); examples are the next rung"
    assert [row.strategy for row in lower.rejected] == ["retrieval", "fine_tuned"]
    assert "timed out" in lower.rejected[-1].text
    assert decision.strategy == "fine_tuned"
