"""An endpoint serves while the evidence for it stands; what falls, and why, is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    Policy,
    SourceConfig,
)
from agent_knowledge.ledger import TrackRecord
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.proof import conditions_of
from agent_knowledge.types import Decision, Rung, Signals, Task
from tests.unit.trial_values import beats, result, trial

BETTER: dict[Rung, float] = {"prompt": 0.4, "few_shot": 0.1}


def agent(
    sources: tuple[str, ...] = (), policy: dict[str, Any] | None = None, **endpoint: Any
) -> AgentProfile:
    fields: dict[str, Any] = {"model": "ft", "serves": "triage", "training": {"examples": 2400}}
    return AgentProfile(
        sources={name: SourceConfig(path="p") for name in sources},
        examples={"triage": ExampleSetConfig(file="t")},
        endpoint_name="triage-ft",
        endpoint=EndpointConfig.model_validate(fields | endpoint),
        policy=Policy.model_validate(policy or {}),
    )


def on_record(*trials: Any, **more: Any) -> TrackRecord:
    return TrackRecord(trials=trials, **({"examples": "now"} | more))


def decided(record: TrackRecord, by: AgentProfile | None = None, **signals: Any) -> Decision:
    by = by or agent()
    measured: dict[str, Any] = {
        "need": {"direct": 0.1, "retrieval": 0.05, "few_shot": 0.85},
        "pattern": {"triage": 0.95},
        "coverage": dict.fromkeys(by.sources, 0.02),
    }
    task = Task("My parcel never came", citations=signals.pop("citations", False))
    return decide(task, Signals(**(measured | signals)), "q", by, record=record)


def refusal(decision: Decision, rule: str) -> str:
    """What a rule says against the endpoint."""
    rows = [r for r in decision.rejected if (r.strategy, r.rule) == ("fine_tuned", rule)]
    assert decision.strategy != "fine_tuned"
    return rows[0].text if rows else ""


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"base_url": "http://two/v1"}, "its base_url changed"),
        (
            {"training": {"examples": 2400, "data_as_of": "2026-05-01"}},
            "training.data_as_of became",
        ),
        ({"model": "${FT}"}, "model became"),
    ],
)
def test_evidence_falls_when_what_serves_is_not_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, now: dict[str, Any], told: str
) -> None:
    monkeypatch.setenv("FT", "ft-1")
    then = {"base_url": "http://one/v1"} | ({"model": "${FT}"} if "model" in now else {})
    before = agent(**then)
    assert before.endpoint is not None
    tried = trial(
        BETTER,
        conditions=conditions_of(before, before.endpoint),
        endpoint_model=before.endpoint.model,
    )
    assert decided(on_record(tried), before).strategy == "fine_tuned"
    monkeypatch.setenv("FT", "ft-2")
    assert told in refusal(decided(on_record(tried), agent(**(then | now))), "ladder-tried")


def test_evidence_falls_when_there_is_other_room_for_knowledge() -> None:
    tried = trial(BETTER, conditions=conditions_of(agent(), agent().endpoint))
    after = agent(policy={"context_tokens": 999})
    told = refusal(decided(on_record(tried), after), "ladder-tried")
    assert "context_tokens became 999 (measured: 2000)" in told


def test_evidence_falls_when_another_model_really_answers_below() -> None:
    tried = trial(BETTER, conditions={"base_model": "gpt-small"})
    assert decided(on_record(tried, base_model="gpt-small")).strategy == "fine_tuned"
    told = refusal(decided(on_record(tried, base_model="gpt-large")), "ladder-tried")
    assert "gpt-large answers the other rungs (measured: gpt-small)" in told


def test_a_lead_that_would_do_at_first_does_not_after_many_tries() -> None:
    lucky = trial({"prompt": 0.4, "few_shot": 0.06})  # 0.06 with an interval of 0.04 to each side
    assert decided(on_record(lucky)).strategy == "fine_tuned"
    lost = [
        replace(trial({"prompt": 0.4, "few_shot": 0.0}), id=f"t-{n}", cases=f"c-{n}")
        for n in range(9)
    ]
    told = refusal(decided(on_record(*lost, lucky)), "ladder-tried")
    assert "at the level left for try 10 it may be -0.01" in told
    again = [replace(lost[0], id=f"again-{n}") for n in range(9)]  # nothing was asked anew
    assert decided(on_record(*again, lucky)).strategy == "fine_tuned"
    others = [replace(row, endpoint_model="ft-of-last-year") for row in lost]
    assert decided(on_record(*others, lucky)).strategy == "fine_tuned"


def test_a_trial_of_which_too_much_failed_proves_nothing() -> None:
    tried = trial(BETTER)
    rungs = (replace(tried.rungs[0], n=190, errors=10), *tried.rungs[1:])
    told = refusal(decided(on_record(replace(tried, rungs=rungs))), "ladder-tried")
    assert "prompt failed on 10 of 200 cases" in told
    assert (
        decided(
            on_record(replace(tried, rungs=(replace(rungs[0], n=197, errors=3), *tried.rungs[1:])))
        ).strategy
        == "fine_tuned"
    )


def test_it_serves_where_it_beat_every_lower_rung():
    decision = decided(on_record(trial(BETTER)))
    assert (decision.strategy, decision.plan.endpoint) == ("fine_tuned", "triage-ft")
    told = next(r.text for r in decision.reasons if r.rule == "ladder-tried")
    assert told == (
        "triage-ft on triage, 200 cases of 1 May 2026: beside prompt +0.400, few_shot +0.100"
    )


def test_without_a_trial_the_command_that_makes_one_is_named():
    said = refusal(decided(TrackRecord(examples="now")), "ladder-tried")
    assert said == (
        "no trial of triage-ft on triage is on record; measure it:"
        " agent-knowledge evaluate --agent agent --set triage --cases FILE"
    )


def test_a_trial_of_lower_rungs_alone_is_none_of_the_endpoint():
    alone = trial({}, rungs=(result("prompt"), result("few_shot")))
    assert "is on record" in refusal(decided(on_record(alone)), "ladder-tried")


def test_evidence_falls_when_the_examples_change():
    record = on_record(
        trial(BETTER), examples="changed", examples_changed="2026-05-03T08:00:00+00:00"
    )
    decision = decided(record)
    assert refusal(decision, "ladder-tried") == (
        "no trial of triage-ft on triage since its examples changed on 3 May 2026"
    )
    assert refusal(decision, "stable-data") == (
        "the examples of triage changed on 3 May 2026, after triage-ft was measured"
    )


def test_a_new_trial_on_the_changed_examples_counts():
    old = trial(BETTER, examples="before")
    assert decided(on_record(old, trial(BETTER))).strategy == "fine_tuned"


def test_examples_that_changed_back_are_what_was_measured():
    newer = trial({"prompt": 0.4, "few_shot": 0.0}, examples="other")
    assert decided(on_record(trial(BETTER), newer)).strategy == "fine_tuned"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"endpoint_model": "older"}, "its model became 'ft' (measured: 'older')"),
        (
            {"versions": {"system_prompt": "other"}},
            "the system prompt changed (measured on 1 May 2026)",
        ),
        ({"model": "small"}, "large answers the other rungs (measured: small)"),
    ],
)
def test_evidence_falls_with_what_it_rests_on(changes: dict[str, Any], said: str):
    record = on_record(trial(BETTER, **({"model": "large"} | changes)), model="large")
    text = refusal(decided(record), "ladder-tried")
    assert text == f"no trial of triage-ft on triage since {said}"


def test_the_newest_trial_decides():
    lost = trial({"prompt": 0.4, "few_shot": 0.01})
    assert "did not beat few_shot" in refusal(
        decided(on_record(trial(BETTER), lost)), "ladder-tried"
    )
    assert decided(on_record(lost, trial(BETTER))).strategy == "fine_tuned"


def test_a_gain_that_may_be_none_is_no_gain():
    said = refusal(decided(on_record(trial({"prompt": 0.4, "few_shot": 0.03}))), "ladder-tried")
    assert said == (
        "triage-ft did not beat few_shot on triage (+0.030, 95 % -0.010 to +0.070, 200 cases)"
    )


def test_fifty_cases_are_needed():
    few = trial(BETTER, n=49)
    said = refusal(decided(on_record(few)), "ladder-tried")
    assert said == "the trial of triage-ft on triage has 49 cases; 50 are needed"
    paired = [beats("prompt", 0.4), beats("few_shot", 0.1, n=49)]  # the rest of them failed
    assert decided(on_record(trial(BETTER, comparisons=tuple(paired)))).strategy == "few_shot"


def test_an_agent_with_sources_has_tried_retrieval():
    said = refusal(decided(on_record(trial(BETTER)), agent(sources=("faq",))), "ladder-tried")
    assert said == "retrieval not tried on triage on the same cases as triage-ft"
    with_retrieval = trial(BETTER | {"retrieval": 0.3})
    assert decided(on_record(with_retrieval), agent(sources=("faq",))).strategy == "fine_tuned"


def test_whatever_else_was_tried_must_be_beaten_too():
    tried = trial(BETTER | {"retrieval": 0.3, "retrieval+few_shot": 0.0})
    said = refusal(decided(on_record(tried), agent(sources=("faq",))), "ladder-tried")
    assert "did not beat retrieval+few_shot" in said


@pytest.mark.parametrize(
    ("difference", "margin", "own_ms", "other_ms", "budget_ms", "serves"),
    [
        (0.0, 0.015, 90, 900, 200, True),
        (0.0, 0.03, 90, 900, 200, False),  # may lie more than two points behind
        (0.0, 0.015, 90, 150, 200, False),  # the other is in time too
        (0.0, 0.015, 300, 900, 200, False),  # late itself
        (0.0, 0.015, 90, 900, None, False),  # nobody asked for speed
    ],
)
def test_as_good_and_in_time_where_the_others_are_late(
    difference: float,
    margin: float,
    own_ms: int,
    other_ms: int,
    budget_ms: int | None,
    serves: bool,
):
    close = trial(
        {},
        rungs=(
            result("prompt", 0.5),
            result("few_shot", 0.9, other_ms),
            result("fine_tuned", 0.9, own_ms),
        ),
        comparisons=(beats("prompt", 0.4), beats("few_shot", difference, margin)),
    )
    by = agent(policy={"latency_budget_ms": budget_ms})
    assert (decided(on_record(close), by).strategy == "fine_tuned") == serves


PLAIN = {"direct": 0.8, "retrieval": 0.1, "few_shot": 0.1}


@pytest.mark.parametrize(
    ("signals", "rule"),
    [
        ({"citations": True}, "no-citations"),
        ({"fresh": 0.9, "likely": PLAIN, "pattern": {"triage": 0.6}}, "no-new-facts"),
        ({"likely": PLAIN, "pattern": {"triage": 0.1}}, "fits-the-case"),
    ],
)
def test_evidence_opens_no_other_rule(signals: dict[str, Any], rule: str):
    decision = decided(on_record(trial(BETTER | {"retrieval": 0.3})), agent(("faq",)), **signals)
    assert refusal(decision, rule)


def test_without_a_trial_training_data_is_no_older_than_the_examples():
    unproven = agent(allow_unproven=True, training={"examples": 900, "data_as_of": "2026-05-02"})
    assert decided(TrackRecord(examples="now"), unproven).strategy == "fine_tuned"
    changed = TrackRecord(examples="now", examples_changed="2026-05-03T08:00:00+00:00")
    assert refusal(decided(changed, unproven), "stable-data") == (
        "the examples of triage changed on 3 May 2026; triage-ft has data of 2 May 2026"
    )


def test_what_lets_an_unproven_endpoint_serve_is_told():
    unproven = agent(allow_unproven=True, training={"examples": 900, "data_as_of": "2026-05-02"})
    decision = decided(on_record(), unproven)
    told = next(r.text for r in decision.reasons if r.rule == "ladder-tried")
    assert "no trial of triage-ft on triage is on record" in told
    assert told.endswith("allow_unproven: true lets triage-ft serve")


def test_an_endpoint_for_latency_needs_a_budget():
    record = on_record(trial(BETTER))
    assert refusal(decided(record, agent(reason="latency")), "fits-the-case") == (
        "triage-ft is there for latency, and the policy has no latency_budget_ms"
    )
    fast = agent(reason="latency", policy={"latency_budget_ms": 600})
    decision = decided(record, fast)
    assert reasoned(decision, "fits-the-case") == "triage-ft serves triage: latency"


def reasoned(decision: Decision, rule: str) -> str:
    return next(r.text for r in decision.reasons if r.rule == rule)


def test_a_trial_keeps_its_comparisons():
    kept = replace(trial(BETTER), id="other")
    assert kept.compared("fine_tuned", "few_shot") == beats("few_shot", 0.1)
    assert kept.compared("few_shot", "prompt") is None
    assert kept.result("retrieval") is None
