from __future__ import annotations

from typing import Any

import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig, Policy, SourceConfig
from agent_knowledge.routing.boundary import nearest_boundary
from agent_knowledge.routing.policy import decide
from agent_knowledge.types import Signals, Task

TASK = Task("a task")
TEXT_ALONE = {"direct": 0.2, "retrieval": 0.4, "few_shot": 0.4}


def agent(**policy: Any) -> AgentProfile:
    return AgentProfile(
        sources={"faq": SourceConfig(path="faq.jsonl")},
        examples={"triage": ExampleSetConfig(file="triage.jsonl")},
        policy=Policy.model_validate(policy),
    )


def signals(direct: float, retrieval: float, few_shot: float, **changed: Any) -> Signals:
    likely = {"direct": direct, "retrieval": retrieval, "few_shot": few_shot}
    held = {"coverage": {"faq": 0.1}, "pattern": {"triage": 0.1}}
    return Signals(need=TEXT_ALONE, likely=likely, **{**held, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measured", "policy", "threshold", "value", "strategy"),
    [
        (signals(0.8, 0.1, 0.1, fresh=0.48), {}, "fresh", 0.48, "retrieval"),
        (signals(0.56, 0.4, 0.04), {}, "confidence", 0.56, "retrieval"),
        (
            signals(0.7, 0.05, 0.25),
            {"thresholds": {"pattern": 0.3, "confidence": 0.2}},
            "pattern",
            0.25,
            "few_shot",
        ),
        (
            signals(0.6, 0.4, 0.0),
            {"thresholds": {"confidence": 0.3}},
            "retrieval",
            0.4,
            "retrieval",
        ),
        (
            signals(0.8, 0.15, 0.05),
            {"leaning": {"retrieval": 1.0}, "thresholds": {"confidence": 0.3}},
            "retrieval",
            0.15 * 2.718 / (0.85 + 0.15 * 2.718),
            "retrieval",
        ),
        (
            signals(0.8, 0.05, 0.15),
            {"leaning": {"few_shot": 1.0}, "thresholds": {"confidence": 0.3}},
            "pattern",
            0.15 * 2.718 / (0.85 + 0.15 * 2.718),
            "few_shot",
        ),
    ],
)
def test_the_nearest_threshold_and_what_its_other_side_gives(
    measured: Signals, policy: dict[str, Any], threshold: str, value: float, strategy: str
):
    served = agent(**policy)
    decision = decide(TASK, measured, "a task", served)
    assert decision.strategy == "direct"
    boundary = nearest_boundary(TASK, decision, served)
    assert boundary is not None
    assert (boundary.threshold, boundary.strategy) == (threshold, strategy)
    assert boundary.measured == pytest.approx(value, abs=1e-3)


def test_what_a_caller_asks_for_has_no_boundary():
    task = Task("a task", citations=True)
    decision = decide(task, signals(0.8, 0.1, 0.1), "a task", agent())
    assert nearest_boundary(task, decision, agent()) is None
