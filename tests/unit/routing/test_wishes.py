"""What a caller asks for: granted, unless a rule of the guide refuses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    Policy,
    SourceConfig,
)
from agent_knowledge.routing.boundary import nearest_boundary
from agent_knowledge.routing.policy import decide
from agent_knowledge.types import Decision, Signals, Strategy, Task

FACTS = {"direct": 0.1, "retrieval": 0.8, "few_shot": 0.1}
PLAIN = {"direct": 0.8, "retrieval": 0.1, "few_shot": 0.1}
PROVEN: dict[str, Any] = {
    "model": "m",
    "serves": "triage",
    "training": {"examples": 2400, "data_as_of": "2026-06-01"},
    "allow_unproven": True,
}


@dataclass
class Wished:
    """A caller who asks an agent with everything at hand for a strategy."""

    strategy: Strategy
    need: dict[str, float] = field(default_factory=lambda: dict(PLAIN))
    coverage: dict[str, float | None] = field(default_factory=lambda: {"handbook": 0.1})
    pattern: dict[str, float] = field(default_factory=lambda: {"triage": 0.05, "voice": 0.02})
    citations: bool = False
    policy: dict[str, Any] = field(default_factory=dict)
    endpoint: dict[str, Any] | None = None

    @property
    def task(self) -> Task:
        return Task("the task", citations=self.citations, strategy=self.strategy)

    @property
    def agent(self) -> AgentProfile:
        sets = {
            "triage": ExampleSetConfig(file="t"),
            "voice": ExampleSetConfig(file="v", kind="style"),
        }
        endpoint = self.endpoint
        return AgentProfile(
            sources={name: SourceConfig(path="p") for name in self.coverage},
            examples={name: sets[name] for name in self.pattern},
            endpoint_name="triage-ft" if endpoint else None,
            endpoint=EndpointConfig.model_validate(endpoint) if endpoint else None,
            policy=Policy.model_validate(self.policy),
        )

    def decide(self) -> Decision:
        signals = Signals(
            need=self.need,  # pyright: ignore[reportArgumentType]
            coverage=self.coverage,
            pattern=self.pattern,
        )
        return decide(self.task, signals, "the query", self.agent)


def refusals(decision: Decision) -> list[tuple[str, str, str]]:
    return [
        (row.strategy, row.rule, row.text)
        for row in decision.rejected
        if row.text.startswith("the caller asks for") and ", but " in row.text
    ]


def test_retrieval_is_granted_where_nothing_seems_to_need_it() -> None:
    decision = Wished("retrieval").decide()
    assert (decision.strategy, decision.plan.sources) == ("retrieval", ("handbook",))
    assert decision.reasons[0].rule == "facts-need-retrieval"
    assert decision.reasons[0].text == "the caller asks for retrieval"
    assert decision.confidence < 0.5
    assert decision.gap
    assert not decision.unsure


@pytest.mark.parametrize("when_unsure", ["retrieve", "direct", "ask"])
@pytest.mark.parametrize("wish", ["direct", "retrieval", "few_shot"])
def test_doubt_never_turns_a_granted_wish_over(when_unsure: str, wish: Strategy) -> None:
    thresholds = {"confidence": 1.0}
    policy = {"when_unsure": when_unsure, "thresholds": thresholds}
    decision = Wished(wish, need=FACTS, policy=policy).decide()
    assert (decision.strategy, decision.unsure, decision.plan.clarify) == (wish, False, None)


def test_direct_is_granted_where_facts_are_needed_and_says_what_that_sets_aside() -> None:
    decision = Wished("direct", need=FACTS, coverage={"handbook": 0.9}).decide()
    assert (decision.strategy, decision.plan.sources) == ("direct", ())
    assert decision.reasons[0].rule == "prompt-first"
    assert decision.confidence == 0.1
    row = next(row for row in decision.rejected if row.strategy == "retrieval")
    assert "seem to be needed" in row.text
    assert "the caller asks for direct" in row.text


def test_few_shot_takes_the_nearest_of_several_sets() -> None:
    decision = Wished("few_shot").decide()
    assert (decision.strategy, decision.plan.examples) == ("few_shot", "triage")
    assert decision.reasons[0].rule == "pattern-wants-examples"
    assert "the caller asks for few_shot" in decision.reasons[0].text
    assert decision.confidence < 0.5
    style = Wished("few_shot", pattern={"triage": 0.02, "voice": 0.05}).decide()
    assert (style.plan.examples, style.reasons[0].rule) == ("voice", "style-wants-prompt")


def test_few_shot_goes_before_an_endpoint_whose_gate_is_open() -> None:
    decision = Wished("few_shot", pattern={"triage": 0.9}, endpoint=PROVEN).decide()
    assert (decision.strategy, decision.plan.endpoint) == ("few_shot", None)
    row = next(row for row in decision.rejected if row.strategy == "fine_tuned")
    assert row.text == "the task matches (triage 0.90), but the caller asks for few_shot"


def test_the_endpoint_is_granted_where_its_gate_opens() -> None:
    decision = Wished("fine_tuned", pattern={"triage": 0.6}, endpoint=PROVEN).decide()
    assert (decision.strategy, decision.plan.endpoint) == ("fine_tuned", "triage-ft")
    assert "the caller asks for fine_tuned" in decision.reasons[0].text
    assert [r.rule for r in decision.reasons[1:]] == ["ladder-tried", "fits-the-case"]


@pytest.mark.parametrize(
    ("wished", "rule", "says"),
    [
        (Wished("direct", citations=True), "citations-need-retrieval", "the caller asks for cit"),
        (
            Wished("few_shot", policy={"citations": "always"}),
            "citations-need-retrieval",
            "the policy says citations: always",
        ),
        (Wished("retrieval", coverage={}), "facts-need-retrieval", "the agent has no source"),
        (Wished("few_shot", pattern={}), "pattern-wants-examples", "the agent has no example set"),
        (Wished("fine_tuned"), "ladder-tried", "the agent has no fine-tuned endpoint"),
        (
            Wished(
                "fine_tuned",
                pattern={"triage": 0.9},
                endpoint={**PROVEN, "training": {"examples": 20}},
            ),
            "enough-data",
            "below 200 it overfits",
        ),
        (
            Wished("fine_tuned", pattern={"triage": 0.9}, endpoint=PROVEN, citations=True),
            "no-citations",
            "fine-tuned models can't cite",
        ),
        (Wished("fine_tuned", endpoint=PROVEN), "fits-the-case", "no instance of"),
    ],
)
def test_a_refused_wish_is_named_with_its_rule_and_the_rest_decides(
    wished: Wished, rule: str, says: str
) -> None:
    decision = wished.decide()
    assert decision.strategy != wished.strategy
    (found,) = refusals(decision)
    assert found[:2] == (wished.strategy, rule)
    assert found[2].startswith(f"the caller asks for {wished.strategy}, but ")
    assert says in found[2]
    unasked = decide(
        Task("the task", citations=wished.citations), decision.signals, "q", wished.agent
    )
    assert (decision.strategy, decision.reasons) == (unasked.strategy, unasked.reasons)


def test_a_wish_for_retrieval_beside_one_for_sources_is_said() -> None:
    decision = Wished("retrieval", citations=True).decide()
    assert [r.rule for r in decision.reasons[:2]] == [
        "citations-need-retrieval",
        "facts-need-retrieval",
    ]
    assert decision.confidence == 1.0


def test_no_threshold_changes_what_was_granted() -> None:
    wished = Wished("direct", need=FACTS)
    assert nearest_boundary(wished.task, wished.decide(), wished.agent) is None
