"""What an agent leans to is evidence like any other: it moves probabilities, and opens nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.config import AgentProfile, ExampleSetConfig, Leaning, Policy, SourceConfig
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.standing import leaned
from agent_knowledge.types import NEEDS, Decision, Need, Signals, Task

OFFSET = st.floats(-5, 5)
SHARE = st.floats(0.01, 1)
LEANINGS = st.builds(Leaning, retrieval=OFFSET, few_shot=OFFSET)


def shares(direct: float, retrieval: float, few_shot: float) -> dict[Need, float]:
    return {"direct": direct, "retrieval": retrieval, "few_shot": few_shot}


def decided(likely: dict[Need, float], task: Task | None = None, **leaning: float) -> Decision:
    agent = AgentProfile(
        sources={"faq": SourceConfig(path="f")},
        examples={"triage": ExampleSetConfig(file="t")},
        policy=Policy(leaning=Leaning(**leaning)),
    )
    signals = Signals(need=likely, likely=likely, coverage={"faq": 0.9}, pattern={"triage": 0.9})
    return decide(task or Task("t"), signals, "q", agent)


@given(SHARE, SHARE, SHARE, LEANINGS)
def test_it_adds_its_log_odds_against_direct(d: float, r: float, f: float, leaning: Leaning):
    likely = shares(d / (d + r + f), r / (d + r + f), f / (d + r + f))
    moved = leaned(likely, leaning)
    assert sum(moved.values()) == pytest.approx(1)
    for need in ("retrieval", "few_shot"):
        before, after = (math.log(row[need] / row["direct"]) for row in (likely, moved))
        assert after - before == pytest.approx(getattr(leaning, need), abs=1e-6)


@given(SHARE, LEANINGS)
def test_what_an_agent_cannot_do_it_cannot_lean_to(d: float, leaning: Leaning):
    moved = leaned(shares(d, 0.0, 1 - d), leaning)
    assert moved["retrieval"] == 0
    assert leaned(shares(1.0, 0.0, 0.0), leaning) == shares(1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("likely", "leaning", "strategy"),
    [
        (shares(0.7, 0.28, 0.02), {}, "direct"),
        (shares(0.7, 0.28, 0.02), {"retrieval": 1.5}, "retrieval"),
        (shares(0.7, 0.02, 0.28), {"few_shot": 1.5}, "few_shot"),
        (shares(0.2, 0.78, 0.02), {"retrieval": -3.0}, "direct"),
        (shares(0.2, 0.02, 0.78), {"few_shot": -3.0}, "direct"),
    ],
)
def test_it_can_settle_a_task(likely: dict[Need, float], leaning: dict[str, float], strategy: str):
    decision = decided(likely, **leaning)
    assert decision.strategy == strategy
    wanted = leaned(likely, Leaning(**leaning))[strategy]  # type: ignore[index]
    assert decision.confidence == pytest.approx(wanted, abs=1e-4)
    assert decision.signals.likely == likely  # what was measured stays what was measured
    told = [reason.text for reason in decision.reasons if "policy.leaning" in reason.text]
    assert len(told) == bool(leaning)
    assert all(f"{strategy} {wanted:.2f}" in text.split("into")[1] for text in told)


def test_it_overrules_nobody_who_asks_for_sources():
    asks = Task("t", citations=True)
    decision = decided(shares(0.9, 0.1, 0.0), asks, retrieval=-5.0)
    assert decision.strategy == "retrieval"
    assert not [reason for reason in decision.reasons if "policy.leaning" in reason.text]


def test_no_leaning_leaves_every_digit_as_it_was():
    likely = dict(zip(NEEDS, (0.1, 0.2, 0.7000001), strict=True))
    assert leaned(likely, Leaning()) == likely
