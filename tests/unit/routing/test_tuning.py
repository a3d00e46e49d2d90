"""Agents and cases are made up: what is expected is what some other leaning makes likeliest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    Leaning,
    SourceConfig,
)
from agent_knowledge.errors import InputError
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.standing import leaned
from agent_knowledge.trials.decision_scores import Labelled, Score, Truth
from agent_knowledge.trials.leaning import Tuning, fit_leaning, require_enough, tune
from agent_knowledge.types import NEEDS, Need, Signals, Strategy, Task

AGENT = AgentProfile(
    sources={"faq": SourceConfig(path="f")}, examples={"triage": ExampleSetConfig(file="t")}
)
TUNED = AGENT.model_copy(
    update={
        "endpoint_name": "ft",
        "endpoint": EndpointConfig.model_validate(
            {
                "model": "m",
                "serves": "triage",
                "allow_unproven": True,
                "training": {"examples": 900, "data_as_of": "2026-01-01"},
            }
        ),
    }
)
TO_FEW_SHOT, FROM_RETRIEVAL = Leaning(few_shot=1.5), Leaning(retrieval=-1.5)
Label = Callable[[Signals], Strategy]


def under(leaning: Leaning, agent: AgentProfile = AGENT, **policy: Any) -> AgentProfile:
    changed = agent.policy.model_copy(update={"leaning": leaning, **policy})
    return agent.model_copy(update={"policy": changed})


def any_signals(chance: np.random.Generator) -> Signals:
    shares = chance.dirichlet([0.5, 0.6, 0.4]).tolist()
    likely: dict[Need, float] = dict(zip(NEEDS, shares, strict=True))
    return Signals(need=likely, likely=likely, coverage={"faq": 0.9}, pattern={"triage": 0.9})


def cases_of(chance: np.random.Generator, count: int, label: Label) -> list[Labelled]:
    measured = [any_signals(chance) for _ in range(count)]
    return [Labelled(task=Task("t"), signals=s, expected=(label(s),)) for s in measured]


def by(leaning: Leaning) -> Label:
    """Labels that an agent gives which leans so."""

    def label(signals: Signals) -> Strategy:
        likely = leaned(signals.likely, leaning)
        return max(likely, key=lambda need: likely[need])

    return label


def score(cases: list[Labelled], agent: AgentProfile) -> Score:
    return Truth.of(cases).score([decide(c.task, c.signals, "", agent) for c in cases])


def test_random_labels_change_nothing():
    tried: list[Tuning] = []
    for seed in range(60):
        chance = np.random.default_rng(seed)
        count = int(chance.integers(30, 101))
        cases = cases_of(chance, count, lambda _, chance=chance: NEEDS[chance.integers(3)])
        labels = [case.expected[0] for case in cases]
        if min(map(labels.count, NEEDS)) >= 5 and len(tried) < 40:
            tried.append(tune(cases, AGENT))
    assert len(tried) == 40
    assert sum(bool(tuning.changed) for tuning in tried) <= 2
    assert all(tuning.changed or tuning.recommended == tuning.present for tuning in tried)


@pytest.mark.parametrize("true", [TO_FEW_SHOT, FROM_RETRIEVAL])
def test_a_true_leaning_is_mostly_found_in_30_to_60_cases_and_helps_unseen_ones(true: Leaning):
    gains: list[float] = []
    tried = 0
    for seed, count in enumerate(range(30, 61, 2)):
        chance = np.random.default_rng(seed)
        cases = cases_of(chance, count, by(true))
        labels = [case.expected[0] for case in cases]
        if min(map(labels.count, NEEDS)) < 5:
            continue
        tried += 1
        tuning = tune(cases, AGENT)
        if tuning.changed:
            unseen = cases_of(chance, 300, by(true))
            fitted = score(unseen, under(tuning.recommended)).macro_f1
            gains.append(fitted - score(unseen, AGENT).macro_f1)
    assert tried >= 10
    assert len(gains) > tried / 2
    assert min(gains) > 0.05


def test_many_cases_find_the_leaning_itself():
    tuning = tune(cases_of(np.random.default_rng(1), 500, sampled(TO_FEW_SHOT)), AGENT)
    assert tuning.better
    assert tuning.recommended.few_shot == pytest.approx(1.5, abs=0.25)
    assert tuning.recommended.retrieval == pytest.approx(0.0, abs=0.25)


def sampled(leaning: Leaning) -> Label:
    """Labels as people give them: now and then the less likely one is right."""
    chance = np.random.default_rng(2)

    def label(signals: Signals) -> Strategy:
        likely = leaned(signals.likely, leaning)
        return NEEDS[chance.choice(3, p=[likely[need] for need in NEEDS])]

    return label


def test_a_leaning_that_was_taken_is_kept_and_one_that_is_off_goes_back():
    cases = cases_of(np.random.default_rng(3), 60, by(TO_FEW_SHOT))
    fitted = tune(cases, AGENT).recommended
    again = tune(cases, under(fitted))
    assert (again.fitted, again.changed) == (fitted, ())
    plain = cases_of(np.random.default_rng(4), 60, by(Leaning()))
    off = tune(plain, under(Leaning(few_shot=-4.0)))
    assert off.changed
    assert off.recommended.few_shot > -0.5
    assert off.after.recall["few_shot"] > off.before.recall["few_shot"]


def test_the_fit_is_the_most_likely_one_a_posteriori():
    chance = np.random.default_rng(5)
    shares = chance.dirichlet([0.5, 0.6, 0.4], 40)
    accepted = np.eye(3, dtype=bool)[chance.integers(3, size=40)]
    accepted[::3, 1] = True  # any of several is right

    def worth(retrieval: float, few_shot: float) -> float:
        raised = shares * np.exp([0, retrieval, few_shot])
        told = np.log((raised * accepted).sum(axis=1) / raised.sum(axis=1)).sum()
        return float(told - (retrieval**2 + few_shot**2) / (2 * 0.5**2))

    grid = np.arange(-200, 201) / 100
    best = max(((a, b) for a in grid[::2] for b in grid[::2]), key=lambda pair: worth(*pair))
    found = fit_leaning(shares, accepted, spread=0.5)
    assert worth(found.retrieval, found.few_shot) >= worth(*best) - 1e-3
    assert (found.retrieval, found.few_shot) == pytest.approx(best, abs=0.02)


def test_however_one_sided_the_cases_are_the_leaning_is_one_that_a_configuration_accepts():
    shares = np.tile([1 - 2e-9, 1e-9, 1e-9], (2000, 1))
    accepted = np.tile([False, True, False], (2000, 1))
    assert fit_leaning(shares, accepted) == Leaning(retrieval=5.0)
    assert fit_leaning(shares, accepted, spread=0.02).retrieval == pytest.approx(0.8, abs=0.01)
    assert fit_leaning(shares[:, [1, 0, 2]], accepted[:, [1, 0, 2]]).retrieval == -5.0


def test_what_no_evidence_decided_tells_nothing():
    chance = np.random.default_rng(6)
    cases = cases_of(chance, 40, by(Leaning()))
    asked = [
        Labelled(task=Task("t", citations=True), signals=s, expected=("retrieval",))
        for s in (any_signals(chance) for _ in range(40))
    ]
    unable = Signals(
        need=dict.fromkeys(NEEDS, 1 / 3),
        likely={"direct": 0.5, "retrieval": 0.5, "few_shot": 0.0},
        coverage={"faq": 0.9},
    )
    lacking = [Labelled(task=Task("t"), signals=unable, expected=("few_shot",))] * 5
    assert tune([*cases, *asked, *lacking], AGENT).fitted == tune(cases, AGENT).fitted
    always = under(Leaning(), citations="always")
    assert tune(cases, always).fitted == Leaning()


def test_an_endpoint_serves_what_the_examples_of_its_set_teach():
    shown = cases_of(np.random.default_rng(7), 60, by(TO_FEW_SHOT))
    served = [
        Labelled(task=c.task, signals=c.signals, expected=("fine_tuned",))
        if c.expected == ("few_shot",)
        else c
        for c in shown
    ]
    tuning = tune(served, TUNED)
    assert tuning.fitted == tune(shown, AGENT).fitted
    assert tuning.changed
    assert tuning.after.recall["fine_tuned"] > tuning.before.recall["fine_tuned"]


def scored(macro_f1: float, few_shot: float) -> Score:
    return Score(
        macro_f1=macro_f1,
        accuracy=0.8,
        calibration_error=0.1,
        f1={},
        recall={"direct": 0.9, "few_shot": few_shot},
    )


@pytest.mark.parametrize(
    ("mended", "spoilt", "p", "after", "doubt"),
    [
        (5, 0, 1 / 32, scored(0.8, 0.8), ""),
        (4, 0, 1 / 16, scored(0.9, 0.9), "chance alone would mend as many"),
        (8, 2, 56 / 1024, scored(0.9, 0.9), "(p = 0.055)"),
        (9, 2, 67 / 2048, scored(0.9, 0.9), ""),
        (0, 0, 1.0, scored(0.8, 0.8), "it mends no case"),
        (9, 0, 1 / 512, scored(0.79, 0.8), "macro-F1 falls (0.800 -> 0.790)"),
        (9, 0, 1 / 512, scored(0.9, 0.75), "the recall of few_shot falls (0.800 -> 0.750)"),
    ],
)
def test_it_is_recommended_only_where_chance_would_hardly_do_as_well_and_nothing_falls(
    mended: int, spoilt: int, p: float, after: Score, doubt: str
):
    tuning = Tuning(
        counts={"direct": 20, "few_shot": 20},
        present=Leaning(retrieval=0.3),
        fitted=Leaning(few_shot=0.8),
        before=scored(0.8, 0.8),
        after=after,
        mended=mended,
        spoilt=spoilt,
    )
    assert tuning.p_value == pytest.approx(p)
    assert doubt in tuning.doubt
    assert tuning.better == (not doubt)
    assert tuning.changed == (("retrieval", "few_shot") if tuning.better else ())
    assert tuning.recommended == (tuning.fitted if tuning.better else tuning.present)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"direct": 20, "retrieval": 9}, ["29 cases; at least 30"]),
        ({"direct": 40, "few_shot": 4}, ["4 that expect few_shot; at least 5"]),
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
    expected: list[tuple[Strategy, ...]] = [("direct", "few_shot")] * 25 + [("retrieval",)] * 5
    assert require_enough(expected) == {"direct": 25, "retrieval": 5}
