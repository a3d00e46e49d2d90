"""Agents and cases are made up: what is expected is what some other thresholds would decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    SourceConfig,
    Thresholds,
)
from agent_knowledge.decision.policy import decide
from agent_knowledge.decision.scoring import Labelled, Truth, codes
from agent_knowledge.decision.tuning import require_enough, tune
from agent_knowledge.errors import InputError
from agent_knowledge.types import Decision, Signals, Strategy, Task

BARE = AgentProfile(sources={"faq": SourceConfig(path="f")})
FULL = AgentProfile(
    sources={"faq": SourceConfig(path="f"), "web": SourceConfig(external=True)},
    examples={"triage": ExampleSetConfig(file="t")},
    endpoint_name="ft",
    endpoint=EndpointConfig.model_validate(
        {
            "model": "m",
            "serves": "triage",
            "allow_unproven": True,
            "training": {"examples": 900, "data_as_of": "2026-01-01"},
        }
    ),
)
SHOWN = FULL.model_copy(update={"endpoint": None, "endpoint_name": None})


def under(agent: AgentProfile, thresholds: Thresholds, **policy: Any) -> AgentProfile:
    changed = agent.policy.model_copy(update={"thresholds": thresholds, **policy})
    return agent.model_copy(update={"policy": changed})


def decided(case: Labelled, agent: AgentProfile) -> Decision:
    return decide(case.task, case.signals, "", agent)


def any_signals(chance: np.random.Generator, agent: AgentProfile) -> Signals:
    direct, retrieval, few_shot = chance.dirichlet([0.5, 0.6, 0.4]).tolist()
    return Signals(
        need={"direct": direct, "retrieval": retrieval, "few_shot": few_shot},
        fresh=float(chance.beta(0.3, 2)),
        coverage={
            name: None if spec.external else float(chance.beta(0.5, 0.7))
            for name, spec in agent.sources.items()
        },
        pattern={name: float(chance.beta(0.4, 0.8)) for name in agent.examples},
    )


def cases_of(
    agent: AgentProfile, count: int, *, seed: int = 1, wrong: float = 0.0
) -> list[Labelled]:
    """Cases labelled by what an agent decides, a share of them by chance instead."""
    chance = np.random.default_rng(seed)
    strategies: list[Strategy] = ["direct", "retrieval", "few_shot"]
    made: list[Labelled] = []
    for _ in range(count):
        case = Labelled(task=Task("t"), signals=any_signals(chance, agent), expected=("direct",))
        label = decided(case, agent).strategy
        if chance.random() < wrong:
            label = strategies[chance.integers(3)]
        made.append(Labelled(task=case.task, signals=case.signals, expected=(label,)))
    return made


def f1(cases: list[Labelled], agent: AgentProfile) -> float:
    return Truth.of(cases).macro_f1(codes([decided(case, agent).strategy for case in cases]))


def test_a_threshold_that_is_off_is_found_and_helps_other_cases_too():
    real = under(BARE, Thresholds(fresh=0.2))
    tuning = tune(cases_of(real, 150), BARE)
    assert tuning.better
    assert tuning.changed == ("fresh",)
    assert tuning.recommended.fresh == pytest.approx(0.2, abs=0.05)
    assert tuning.mended > tuning.spoilt
    unseen = cases_of(real, 300, seed=2)
    assert f1(unseen, under(BARE, tuning.recommended)) > f1(unseen, BARE) + 0.02


def test_two_thresholds_that_help_only_together_are_moved_together():
    strict = under(SHOWN, Thresholds(pattern=0.9, clear_pattern=0.95))
    tuning = tune(cases_of(SHOWN, 200), strict)
    assert {"pattern", "clear_pattern"} <= set(tuning.changed)
    assert tuning.recommended.clear_pattern >= tuning.recommended.pattern


def test_thresholds_that_suit_are_left_alone():
    tuning = tune(cases_of(SHOWN, 120), SHOWN)
    assert (tuning.better, tuning.changed) == (False, ())
    assert tuning.recommended == tuning.fitted == SHOWN.policy.thresholds
    assert tuning.before.macro_f1 == tuning.after.macro_f1 == 1.0


def test_what_was_learnt_from_chance_is_not_recommended():
    tuning = tune(cases_of(SHOWN, 60, seed=7, wrong=0.6), SHOWN)
    assert tuning.fitted != tuning.present  # it suits the cases it saw, and no others
    assert tuning.after.macro_f1 <= tuning.before.macro_f1
    assert (tuning.changed, tuning.recommended) == ((), tuning.present)


def test_a_threshold_with_nothing_to_measure_stays_as_configured():
    odd = Thresholds(pattern=0.31, clear_pattern=0.32, multi_hop=0.33, fresh=0.9)
    tuning = tune(cases_of(under(BARE, Thresholds(fresh=0.2)), 150), under(BARE, odd))
    assert tuning.changed == ("fresh",)
    assert tuning.recommended.pattern == 0.31
    assert tuning.recommended.multi_hop == 0.33


@pytest.mark.parametrize("when_unsure", ["retrieve", "direct", "ask"])
@pytest.mark.parametrize("agent", [BARE, SHOWN, FULL])
def test_the_cases_it_saw_never_fare_worse_by_the_fitted_thresholds(
    agent: AgentProfile, when_unsure: str
):
    real = under(agent, Thresholds(retrieval=0.35, confidence=0.7), when_unsure=when_unsure)
    present = under(agent, Thresholds(), when_unsure=when_unsure)
    cases = cases_of(real, 160, wrong=0.1)
    common = [case for case in cases if sum(c.expected == case.expected for c in cases) >= 8]
    tuning = tune(common, present)
    assert tuning.before.macro_f1 == pytest.approx(f1(common, present))
    fitted = under(agent, tuning.fitted, when_unsure=when_unsure)
    assert f1(common, fitted) >= f1(common, present)


def test_the_same_cases_give_the_same_thresholds():
    cases = cases_of(under(SHOWN, Thresholds(fresh=0.2, retrieval=0.4)), 100, wrong=0.1)
    assert tune(cases, SHOWN) == tune(cases, SHOWN)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"direct": 20, "retrieval": 19}, ["39 cases; at least 40"]),
        ({"direct": 40, "few_shot": 7}, ["7 that expect few_shot; at least 8"]),
        ({"direct": 3, "retrieval": 2}, ["5 cases", "3 that expect direct", "2 that expect retr"]),
        ({"direct": 50}, ["all expect direct; at least 2"]),
    ],
)
def test_too_few_cases_are_refused_with_how_many_there_are_and_are_needed(
    counts: dict[Strategy, int], said: list[str]
):
    expected: list[tuple[Strategy, ...]] = [
        (s,) for s, count in counts.items() for _ in range(count)
    ]
    with pytest.raises(InputError) as refused:
        require_enough(expected)
    for part in said:
        assert part in str(refused.value)


def test_a_case_that_expects_several_counts_as_the_first():
    expected: list[tuple[Strategy, ...]] = [("direct", "few_shot")] * 30 + [("retrieval",)] * 10
    assert require_enough(expected) == {"direct": 30, "retrieval": 10}
