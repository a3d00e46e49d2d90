"""The precedence as tables: signals in, decision out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent_knowledge.config import (
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    Policy,
    SourceConfig,
)
from agent_knowledge.routing.policy import decide
from agent_knowledge.types import Decision, Signals, Task

FACTS = {"direct": 0.1, "retrieval": 0.8, "few_shot": 0.1}
PATTERN = {"direct": 0.1, "retrieval": 0.1, "few_shot": 0.8}
PLAIN = {"direct": 0.8, "retrieval": 0.1, "few_shot": 0.1}
FACTS_SURELY = {"direct": 0.0, "retrieval": 0.98, "few_shot": 0.02}
OPEN = {"direct": 0.34, "retrieval": 0.33, "few_shot": 0.33}


@dataclass
class Setting:
    """An agent with everything at hand, and one task's signals; a test changes what it is about."""

    need: dict[str, float] = field(default_factory=lambda: dict(PLAIN))
    likely: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float | None] = field(default_factory=lambda: {"handbook": 0.1, "faq": 0.1})
    pattern: dict[str, float] = field(default_factory=lambda: {"triage": 0.05, "voice": 0.05})
    fresh: float = 0.0
    asks_sources: bool = False
    caller_asks: bool = False
    policy: dict[str, Any] = field(default_factory=dict)
    endpoint: dict[str, Any] | None = None

    def decide(self) -> Decision:
        signals = Signals(
            need=self.need,  # pyright: ignore[reportArgumentType]
            likely=self.likely,  # pyright: ignore[reportArgumentType]
            fresh=self.fresh,
            asks_sources=self.asks_sources,
            coverage=self.coverage,
            pattern=self.pattern,
        )
        task = Task("the task", citations=self.caller_asks)
        return decide(task, signals, "the query", self.agent)

    @property
    def agent(self) -> AgentProfile:
        proven = {
            "model": "m",
            "serves": "triage",
            "training": {"examples": 2400, "data_as_of": "2026-06-01"},
            "allow_unproven": True,
        }
        changed = None if self.endpoint is None else {**proven, **self.endpoint}
        return AgentProfile(
            name="support",
            sources={
                name: SourceConfig(path="p") if p is not None else SourceConfig(external=True)
                for name, p in self.coverage.items()
            },
            examples={
                "triage": ExampleSetConfig(file="t", description="Triage a ticket"),
                "voice": ExampleSetConfig(file="v", kind="style"),
            },
            endpoint_name="triage-ft" if changed else None,
            endpoint=EndpointConfig.model_validate(changed) if changed else None,
            policy=Policy.model_validate(self.policy),
        )


def rules(decision: Decision) -> list[str]:
    return [reason.rule for reason in decision.reasons]


def rejected(decision: Decision) -> list[tuple[str, str]]:
    return [(row.strategy, row.rule) for row in decision.rejected]


# Step 1: sources are asked for.


@pytest.mark.parametrize(
    ("setting", "who"),
    [
        (Setting(caller_asks=True), "the caller asks for citations"),
        (Setting(asks_sources=True), "the task asks for sources"),
        (Setting(policy={"citations": "always"}), "the policy says citations: always"),
    ],
)
def test_whoever_asks_for_sources_gets_retrieval_and_citations(setting: Setting, who: str):
    setting.coverage["faq"] = 0.7
    setting.need, setting.pattern["triage"] = PATTERN, 0.95
    setting.endpoint = {}
    decision = setting.decide()
    assert decision.strategy == "retrieval"
    assert decision.plan.sources == ("faq",)
    assert decision.plan.citations == "always"
    assert decision.plan.endpoint is None
    assert (decision.reasons[0].rule, decision.reasons[0].text) == ("citations-need-retrieval", who)
    assert decision.confidence == 1
    assert ("fine_tuned", "no-citations") in rejected(decision)


@pytest.mark.parametrize("when_unsure", ["retrieve", "direct", "ask"])
def test_asked_sources_are_searched_even_if_none_seems_to_hold_it(when_unsure: str):
    decision = Setting(caller_asks=True, policy={"when_unsure": when_unsure}).decide()
    assert (decision.strategy, decision.gap, decision.plan.clarify) == ("retrieval", True, None)
    assert decision.plan.sources == ("handbook", "faq")


def test_asked_for_sources_without_any_the_answer_must_admit_it():
    decision = Setting(caller_asks=True, coverage={}).decide()
    assert (decision.strategy, decision.gap) == ("direct", True)
    assert decision.plan.citations == "always"
    assert "no source to retrieve from" in decision.reasons[-1].text
    assert rejected(decision)[0] == ("retrieval", "facts-need-retrieval")
    assert "there is no source" in decision.rejected[0].text


def test_a_policy_that_never_cites_still_grounds_a_task_that_asks():
    decision = Setting(
        asks_sources=True, coverage={"faq": 0.9}, policy={"citations": "never"}
    ).decide()
    assert (decision.strategy, decision.plan.citations) == ("retrieval", "never")


# Step 2: facts are needed, or the answer changes with time.


def test_facts_come_from_the_able_sources_best_covered_first():
    decision = Setting(
        need=FACTS, coverage={"a": 0.6, "b": 0.9, "c": 0.1}, policy={"k": 7}
    ).decide()
    assert decision.strategy == "retrieval"
    assert (decision.plan.sources, decision.plan.query, decision.plan.k) == (
        ("b", "a"),
        "the query",
        7,
    )
    assert rules(decision) == ["facts-need-retrieval"]
    assert "coverage of b 0.90" in decision.reasons[0].text
    assert not decision.gap
    assert decision.plan.citations == "when_retrieved"


def test_all_evidence_together_decides_whatever_the_text_alone_suggests():
    looked_up = Setting(need=PLAIN, likely=FACTS, coverage={"faq": 0.95}).decide()
    assert (looked_up.strategy, looked_up.confidence) == ("retrieval", 0.8)
    plain = Setting(need=FACTS, likely=PLAIN, coverage={"faq": 0.05}).decide()
    assert (plain.strategy, plain.confidence) == ("direct", 0.8)


def test_what_changes_with_time_is_retrieved():
    decision = Setting(fresh=0.9, coverage={"faq": 0.8}).decide()
    assert (decision.strategy, rules(decision)) == ("retrieval", ["fresh-needs-retrieval"])
    assert decision.confidence >= 0.9


def test_an_external_source_counts_as_able():
    decision = Setting(need=FACTS, coverage={"web": None}).decide()
    assert (decision.strategy, decision.plan.sources, decision.gap) == (
        "retrieval",
        ("web",),
        False,
    )


def test_an_external_source_is_asked_where_no_other_can_serve_or_the_answer_is_fresh():
    coverage: dict[str, float | None] = {"web": None, "faq": 0.9}
    assert Setting(need=FACTS, coverage=coverage).decide().plan.sources == ("faq",)
    fresh = Setting(need=FACTS, coverage=coverage, fresh=0.9).decide()
    assert fresh.plan.sources == ("faq", "web")
    uncovered = Setting(need=FACTS, coverage=coverage | {"faq": 0.1}).decide()
    assert uncovered.plan.sources == ("web",)


@pytest.mark.parametrize(
    ("when_unsure", "strategy", "sources", "asks"),
    [
        ("retrieve", "retrieval", ("handbook", "faq"), False),
        ("direct", "direct", (), False),
        ("ask", "direct", (), True),
    ],
)
def test_facts_that_no_source_holds_are_a_gap(
    when_unsure: str, strategy: str, sources: tuple[str, ...], asks: bool
):
    decision = Setting(need=FACTS, policy={"when_unsure": when_unsure}).decide()
    assert decision.gap
    assert (decision.strategy, decision.plan.sources) == (strategy, sources)
    assert bool(decision.plan.clarify) == asks
    assert "handbook 0.10; faq 0.10" in decision.reasons[-1].text


def test_a_gap_that_is_not_searched_says_why():
    decision = Setting(need=FACTS, policy={"when_unsure": "direct"}).decide()
    row = next(row for row in decision.rejected if row.strategy == "retrieval")
    assert row.text == "facts are needed, but no source seems to hold them"


def test_an_agent_without_sources_says_so():
    decision = Setting(need=FACTS, coverage={}).decide()
    assert (decision.strategy, decision.gap, decision.plan.k) == ("direct", True, 0)
    assert "no source to retrieve from" in decision.reasons[-1].text


def test_facts_in_a_repeated_form_take_both():
    both = {"direct": 0.05, "retrieval": 0.45, "few_shot": 0.5}
    decision = Setting(need=both, coverage={"faq": 0.95}, pattern={"triage": 0.55}).decide()
    assert (decision.strategy, decision.plan.examples) == ("retrieval", "triage")
    text = next(row.text for row in decision.rejected if row.strategy == "few_shot")
    assert "triage is shown on top" in text


def test_labels_are_not_put_on_top_of_an_answer_to_a_question():
    labels = Setting(need=FACTS, coverage={"faq": 0.9}, pattern={"triage": 0.69}).decide()
    assert (labels.strategy, labels.plan.examples) == ("retrieval", None)
    voice = Setting(need=FACTS, coverage={"faq": 0.9}, pattern={"voice": 0.69}).decide()
    assert (voice.strategy, voice.plan.examples) == ("retrieval", "voice")


# Step 3: an example set matches.


def test_an_instance_of_an_example_set_is_shown_its_examples():
    decision = Setting(need=PATTERN, pattern={"triage": 0.9, "voice": 0.2}).decide()
    assert (decision.strategy, decision.plan.examples) == ("few_shot", "triage")
    assert rules(decision) == ["pattern-wants-examples"]
    assert (decision.plan.sources, decision.plan.query) == ((), "")


def test_a_style_set_is_a_matter_of_the_prompt():
    decision = Setting(need=PATTERN, pattern={"triage": 0.2, "voice": 0.9}).decide()
    assert (decision.strategy, decision.plan.examples) == ("few_shot", "voice")
    assert rules(decision) == ["style-wants-prompt"]


def test_an_instance_of_a_set_is_no_news_and_no_question_whatever_its_text_suggests():
    asked = Setting(need=FACTS, likely=PATTERN, pattern={"triage": 0.95}).decide()
    assert (asked.strategy, asked.confidence) == ("few_shot", 0.8)
    fresh = Setting(fresh=0.9, likely=PATTERN, pattern={"triage": 0.95}).decide()
    assert fresh.strategy == "few_shot"


def test_a_weak_match_does_not_outweigh_a_text_that_needs_nothing():
    decision = Setting(need=PLAIN, pattern={"triage": 0.6}, endpoint={}).decide()
    assert (decision.strategy, decision.plan.examples) == ("direct", None)
    texts = {row.strategy: row.text for row in decision.rejected}
    assert texts["few_shot"] == "the match (triage 0.60) does not clearly carry it"
    assert texts["fine_tuned"] == "the match (triage 0.60) does not clearly carry it"


# Step 4: the prompt alone.


def test_a_task_that_needs_nothing_is_answered_with_the_prompt_alone():
    decision = Setting().decide()
    assert (decision.strategy, rules(decision)) == ("direct", ["prompt-first"])
    assert decision.plan == replace(decision.plan, sources=(), query="", k=0, examples=None)
    assert rejected(decision) == [
        ("retrieval", "facts-need-retrieval"),
        ("few_shot", "pattern-wants-examples"),
        ("fine_tuned", "ladder-tried"),
    ]


# The endpoint and its gate.


def served(endpoint: dict[str, Any], **changes: Any) -> Setting:
    setting = Setting(need=dict(PATTERN), pattern={"triage": 0.9}, endpoint=endpoint)
    for name, value in changes.items():
        setattr(setting, name, value)
    return setting


def test_the_endpoint_serves_its_set_when_every_rule_holds():
    decision = served({}).decide()
    assert (decision.strategy, decision.plan.endpoint) == ("fine_tuned", "triage-ft")
    assert decision.plan.examples == "triage"
    assert rules(decision) == ["pattern-wants-examples", "ladder-tried", "fits-the-case"]
    assert "unproven" in decision.reasons[1].text
    assert rejected(decision) == [
        ("retrieval", "facts-need-retrieval"),
        ("direct", "pattern-wants-examples"),
        ("few_shot", "pattern-wants-examples"),
    ]


@pytest.mark.parametrize(
    ("setting", "rule", "says"),
    [
        (served({"allow_unproven": False}), "ladder-tried", "no trial of triage-ft on triage"),
        (served({"training": {"data_as_of": "2026-06-01"}}), "enough-data", "training.examples"),
        (
            served({"training": {"examples": 199, "data_as_of": "2026-06-01"}}),
            "enough-data",
            "199 examples; below 200 it overfits",
        ),
        (
            served({"training": {"examples": 499, "data_as_of": "2026-06-01"}}),
            "enough-data",
            "499 examples; at least 500",
        ),
        (served({"training": {"examples": 500}}), "stable-data", "training.data_as_of"),
        (served({}, caller_asks=True), "no-citations", "can't cite"),
        (
            served({}, need=dict(PLAIN), fresh=0.9, pattern={"triage": 0.6}),
            "no-new-facts",
            "changes with time",
        ),
        (
            served({}, need=dict(FACTS_SURELY), coverage={"faq": 0.9}),
            "no-new-facts",
            "facts from outside",
        ),
        (served({}, pattern={"triage": 0.1, "voice": 0.9}), "fits-the-case", "serves triage"),
    ],
)
def test_each_broken_rule_closes_the_gate_and_is_named(setting: Setting, rule: str, says: str):
    decision = setting.decide()
    assert decision.strategy != "fine_tuned"
    rows = [row for row in decision.rejected if row.strategy == "fine_tuned"]
    assert [row.rule for row in rows] == [rule]
    assert says in rows[0].text


@pytest.mark.parametrize("coverage", [{}, {"handbook": 0.1, "faq": 0.3}])
def test_what_the_text_alone_suggests_refuses_no_task_that_clearly_matches(
    coverage: dict[str, float | None],
):
    likely = {"direct": 0.1, "retrieval": 0.0, "few_shot": 0.9}
    decision = served({}, need=dict(FACTS_SURELY), likely=likely, coverage=coverage).decide()
    assert (decision.strategy, decision.plan.endpoint) == ("fine_tuned", "triage-ft")


@pytest.mark.parametrize("coverage", [{}, {"handbook": 0.1}])
def test_facts_and_news_that_hardly_match_stay_refused_whatever_the_agent_holds(
    coverage: dict[str, float | None],
):
    for changes in ({"need": dict(FACTS_SURELY)}, {"need": dict(PLAIN), "fresh": 0.9}):
        setting = served({}, coverage=coverage, **changes)
        setting.pattern = {"triage": 0.6}
        decision = setting.decide()
        assert decision.gap
        assert ("fine_tuned", "no-new-facts") in rejected(decision)


def test_five_hundred_examples_are_enough():
    training = {"examples": 500, "data_as_of": "2026-06-01"}
    assert served({"training": training}).decide().strategy == "fine_tuned"


def test_rejections_stand_in_the_guides_order_first_broken_rules_first():
    setting = served({"allow_unproven": False, "training": {}}, fresh=0.9, caller_asks=True)
    setting.need = dict(PLAIN)
    setting.pattern = {"triage": 0.6}
    decision = setting.decide()
    assert rejected(decision) == [
        ("few_shot", "facts-need-retrieval"),
        ("direct", "citations-need-retrieval"),
        ("fine_tuned", "ladder-tried"),
        ("fine_tuned", "enough-data"),
        ("fine_tuned", "stable-data"),
        ("fine_tuned", "no-citations"),
        ("fine_tuned", "no-new-facts"),
    ]


# Doubt.


@pytest.mark.parametrize(
    ("when_unsure", "strategy", "sources", "rule"),
    [
        ("retrieve", "retrieval", ("handbook", "faq"), "retrieval-first-for-agents"),
        ("direct", "direct", (), "prompt-first"),
        ("ask", "direct", (), "prompt-first"),
    ],
)
def test_an_unsure_plain_prompt(
    when_unsure: str, strategy: str, sources: tuple[str, ...], rule: str
):
    need = {"direct": 0.5, "retrieval": 0.45, "few_shot": 0.05}
    policy = {"when_unsure": when_unsure, "thresholds": {"confidence": 0.99}}
    decision = Setting(need=need, policy=policy).decide()
    assert decision.unsure
    assert (decision.strategy, decision.plan.sources) == (strategy, sources)
    assert rules(decision)[-1] == rule
    assert bool(decision.plan.clarify) == (when_unsure == "ask")


def test_the_question_to_the_user_offers_what_the_agent_has():
    policy = {"when_unsure": "ask", "thresholds": {"confidence": 1}}
    question = Setting(policy=policy).decide().plan.clarify
    assert question is not None
    assert "look it up in handbook" in question
    assert "handle it as triage (Triage a ticket)" in question


def test_unsure_facts_under_when_unsure_direct_keep_no_source():
    policy = {"when_unsure": "direct", "thresholds": {"confidence": 0.999}}
    decision = Setting(need=FACTS, coverage={"faq": 0.6}, policy=policy).decide()
    assert (decision.strategy, decision.plan.sources, decision.unsure) == ("direct", (), True)
    assert rules(decision) == ["facts-need-retrieval", "prompt-first"]
    row = next(row for row in decision.rejected if row.strategy == "retrieval")
    assert row.text.startswith("not surely needed")


def test_an_unsure_match_retrieves_and_still_shows_its_examples():
    policy = {"thresholds": {"confidence": 0.99}}
    decision = Setting(need=PATTERN, pattern={"triage": 0.7}, policy=policy, endpoint={}).decide()
    assert (decision.strategy, decision.plan.examples) == ("retrieval", "triage")
    assert rules(decision) == [
        "pattern-wants-examples",
        "ladder-tried",
        "fits-the-case",
        "retrieval-first-for-agents",
    ]
    assert {row.strategy for row in decision.rejected} == {"direct", "few_shot", "fine_tuned"}


def test_a_plain_prompt_is_not_rejected_by_the_reason_for_it():
    policy = {"thresholds": {"confidence": 0.99}}
    decision = Setting(need=OPEN, policy=policy).decide()
    assert decision.strategy == "retrieval"
    assert ("direct", "retrieval-first-for-agents") in rejected(decision)


def test_an_unsure_agent_without_sources_has_nothing_to_retrieve():
    policy = {"thresholds": {"confidence": 1}}
    decision = Setting(need=OPEN, coverage={}, policy=policy).decide()
    assert (decision.strategy, decision.unsure) == ("direct", True)


def test_what_no_need_clearly_carries_is_looked_up():
    split = {"direct": 0.35, "retrieval": 0.4, "few_shot": 0.25}
    decision = Setting(likely=split, coverage={"faq": 0.8}).decide()
    assert (decision.strategy, decision.unsure) == ("retrieval", True)
    assert decision.confidence == 0.4
    assert rules(decision)[-1] == "retrieval-first-for-agents"


def test_thresholds_of_the_policy_move_the_lines():
    strict = {"thresholds": {"coverage": 0.95}}
    assert Setting(need=FACTS, coverage={"faq": 0.9}, policy=strict).decide().gap
    never = {"thresholds": {"pattern": 0.9}, "when_unsure": "direct"}
    shown = Setting(need=PATTERN, pattern={"triage": 0.4}).decide()
    assert (shown.strategy, shown.plan.examples) == ("few_shot", "triage")
    assert (
        Setting(need=PATTERN, pattern={"triage": 0.4}, policy=never).decide().plan.examples is None
    )
    assert Setting(fresh=0.3, policy={"thresholds": {"fresh": 0.3}}).decide().gap
