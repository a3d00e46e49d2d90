from __future__ import annotations

from agent_knowledge.cli.explain import explain
from agent_knowledge.config import AgentProfile, Leaning, Policy, SourceConfig
from agent_knowledge.routing.policy import decide
from agent_knowledge.types import Need, Signals, Task

LIKELY: dict[Need, float] = {"direct": 0.7, "retrieval": 0.28, "few_shot": 0.02}


def told(leaning: Leaning) -> str:
    agent = AgentProfile(sources={"faq": SourceConfig(path="f")}, policy=Policy(leaning=leaning))
    signals = Signals(need=LIKELY, likely=LIKELY, coverage={"faq": 0.9})
    return explain(decide(Task("t"), signals, "q", agent), None, leaning).plain


def test_what_an_agent_leans_to_stands_beside_the_evidence_and_in_what_it_comes_to():
    plain, leans = told(Leaning()), told(Leaning(retrieval=1.5))
    assert "runner-up retrieval 0.28" in plain
    assert "leans" not in plain
    moved = next(line for line in leans.splitlines() if "what the agent leans to" in line)
    assert "retrieval +1.50" in moved
    assert "few_shot +0.00" in moved
    assert "runner-up direct 0.35" in leans
