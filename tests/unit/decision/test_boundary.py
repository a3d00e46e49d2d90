from __future__ import annotations

import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig, SourceConfig
from agent_knowledge.decision.boundary import nearest_boundary
from agent_knowledge.decision.policy import decide
from agent_knowledge.types import Signals, Task

AGENT = AgentProfile(
    sources={"faq": SourceConfig(path="faq.jsonl")},
    examples={"triage": ExampleSetConfig(file="triage.jsonl")},
)
TASK = Task("a task")


def signals(**changed: object) -> Signals:
    given = {
        "need": {"direct": 0.8, "retrieval": 0.1, "few_shot": 0.1},
        "coverage": {"faq": 0.1},
        "pattern": {"triage": 0.1},
    }
    return Signals(**{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measured", "threshold", "strategy"),
    [
        (signals(fresh=0.48), "fresh", "retrieval"),
        (signals(pattern={"triage": 0.78}), "clear_pattern", "few_shot"),
        (
            signals(need={"direct": 0.4, "retrieval": 0.58, "few_shot": 0.02}),
            "gap",
            "retrieval",
        ),
    ],
)
def test_the_nearest_threshold_and_what_its_other_side_gives(measured, threshold, strategy):
    decision = decide(TASK, measured, "a task", AGENT)
    assert decision.strategy == "direct"
    boundary = nearest_boundary(TASK, decision, AGENT)
    assert boundary is not None
    assert (boundary.threshold, boundary.strategy) == (threshold, strategy)
    assert boundary.distance < 0.1


def test_what_a_caller_asks_for_has_no_boundary():
    task = Task("a task", citations=True)
    decision = decide(task, signals(), "a task", AGENT)
    assert nearest_boundary(task, decision, AGENT) is None
