"""What holds for every decision, whatever the signals and the policy are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    Policy,
    SourceConfig,
    Thresholds,
)
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.rules import ORDER
from agent_knowledge.types import STRATEGIES, Decision, NeedVerdict, Signals, Task

SHARE = st.floats(0, 1, allow_subnormal=False)
SETS = {
    "triage": ExampleSetConfig(file="t"),
    "voice": ExampleSetConfig(file="v", kind="style"),
}
ENDPOINTS: st.SearchStrategy[dict[str, Any] | None] = st.none() | st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "serves": st.sampled_from(["triage", "voice"]),
        "allow_unproven": st.booleans(),
        "training": st.sampled_from([{}, {"examples": 900, "data_as_of": "2026-01-01"}]),
    }
)


LOOKED_UP = {"facts-need-retrieval", "fresh-needs-retrieval"}
FACTS_REFUSED = ("fine_tuned", "no-new-facts")
VERDICT = NeedVerdict(model="m", need="retrieval", reason="asks for a price")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Task, Signals, AgentProfile]:
    weights = [draw(SHARE) for _ in range(3)]
    total = sum(weights)
    shares = [w / total for w in weights] if total > 0 else [0.0, 0.0, 0.0]
    coverage = draw(st.dictionaries(st.sampled_from(["a", "b", "web"]), st.none() | SHARE))
    names = draw(st.sets(st.sampled_from(["triage", "voice"])))
    endpoint = draw(ENDPOINTS)
    policy = draw(
        st.fixed_dictionaries(
            {
                "citations": st.sampled_from(["when_retrieved", "always", "never"]),
                "when_unsure": st.sampled_from(["retrieve", "direct", "ask"]),
                "thresholds": st.dictionaries(
                    st.sampled_from(sorted(Thresholds.model_fields)),
                    SHARE,
                ),
            }
        )
    )
    signals = Signals(
        need={"direct": shares[0], "retrieval": shares[1], "few_shot": shares[2]},
        fresh=draw(SHARE),
        multi_hop=draw(SHARE),
        asks_sources=draw(st.booleans()),
        coverage=coverage,
        pattern={name: draw(SHARE) for name in names},
        asked=draw(st.sampled_from([None, VERDICT])),
    )
    agent = AgentProfile(
        name="x",
        sources={name: SourceConfig(path="p") for name in coverage},
        examples={name: SETS[name] for name in names},
        endpoint_name="ft" if endpoint else None,
        endpoint=EndpointConfig.model_validate(endpoint) if endpoint else None,
        policy=Policy.model_validate(policy),
    )
    wish = draw(st.sampled_from([None, *STRATEGIES]))
    return Task("t", citations=draw(st.booleans()), strategy=wish), signals, agent


@settings(deadline=None)
@given(cases())
def test_every_decision_holds_together(case: tuple[Task, Signals, AgentProfile]):
    task, signals, agent = case
    decision = decide(task, signals, "q", agent)
    plan = decision.plan
    assert 0 <= decision.confidence <= 1
    assert bool(plan.sources) == (decision.strategy == "retrieval") == (plan.k > 0)
    assert (plan.endpoint is not None) == (decision.strategy == "fine_tuned")
    assert (plan.examples is not None) >= (decision.strategy in {"few_shot", "fine_tuned"})
    shows = plan.examples is not None and plan.endpoint is None
    assert plan.k_examples == (agent.examples[plan.examples].k if shows and plan.examples else 0)
    assert set(plan.versions) == ({plan.examples} if plan.examples else set())
    assert set(plan.sources) <= set(agent.sources)
    assert decision.signals == signals
    assert decision.reasons
    others = {"direct", "retrieval", "few_shot", "fine_tuned"} - {decision.strategy}
    assert {row.strategy for row in decision.rejected} == others
    assert {r.rule for r in (*decision.reasons, *decision.rejected)} <= set(ORDER)
    assert all(r.text for r in (*decision.reasons, *decision.rejected))
    if agent.policy.citations == "always" or task.citations:
        assert decision.strategy != "fine_tuned"
        assert decision.strategy == "retrieval" or not agent.sources
    if agent.policy.citations == "never":
        assert plan.citations == "never"
    if task.strategy not in {None, decision.strategy}:
        refused = f"the caller asks for {task.strategy}, but"
        assert any(r.text.startswith(refused) for r in decision.rejected)
    assert (decision.reasons[-1].text.startswith("m, says")) == (signals.asked is not None)


@settings(deadline=None)
@given(cases())
def test_an_endpoint_lacks_facts_just_where_the_agent_without_it_would_look_them_up(
    case: tuple[Task, Signals, AgentProfile],
):
    _, signals, agent = case
    task, signals = Task("t"), replace(signals, asks_sources=False)
    policy = agent.policy.model_copy(update={"citations": "when_retrieved"})
    without = agent.model_copy(update={"policy": policy, "endpoint": None, "endpoint_name": None})
    endpoint = EndpointConfig(model="m", serves="triage", allow_unproven=True)
    agent = without.model_copy(update={"endpoint": endpoint, "endpoint_name": "ft"})
    looked_up = decide(task, signals, "q", without).reasons[0].rule in LOOKED_UP
    rows = decide(task, signals, "q", agent).rejected
    assert looked_up == any((r.strategy, r.rule) == FACTS_REFUSED for r in rows)


@settings(deadline=None)
@given(cases())
def test_first_broken_rules_come_first_and_both_parts_in_the_guides_order(
    case: tuple[Task, Signals, AgentProfile],
):
    task, signals, agent = case
    rows = decide(task, signals, "q", agent).rejected
    places = [ORDER[row.rule] for row in rows]
    assert len({row.strategy for row in rows[:3]}) == 3
    assert places[:3] == sorted(places[:3])
    assert places[3:] == sorted(places[3:])


@settings(deadline=None)
@given(cases())
def test_the_same_signals_give_the_same_decision_and_its_json_reads_back(
    case: tuple[Task, Signals, AgentProfile],
):
    task, signals, agent = case
    decision = decide(task, signals, "q", agent)
    assert decide(task, signals, "q", agent) == decision
    adapter = TypeAdapter(Decision)
    assert adapter.validate_json(adapter.dump_json(decision)) == decision
