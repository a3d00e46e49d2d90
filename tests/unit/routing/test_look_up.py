"""What a look-up decides, from signals alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig, Policy, SourceConfig
from agent_knowledge.routing.look_up import look_up, search_plan
from agent_knowledge.types import Decision, Need, Rewriting, Signals, Task
from agent_knowledge.types.search import MeasuredTask, Query

PLAIN: dict[Need, float] = {"direct": 0.8, "retrieval": 0.1, "few_shot": 0.1}
PATTERN: dict[Need, float] = {"direct": 0.1, "retrieval": 0.1, "few_shot": 0.8}
FACTS: dict[Need, float] = {"direct": 0.1, "retrieval": 0.8, "few_shot": 0.1}


def reading(rewriting: Rewriting | None = None, **signals: Any) -> MeasuredTask:
    measured = {"need": PLAIN, **signals}
    return MeasuredTask(
        task=Task("the task"),
        signals=Signals(**measured),
        query=Query(text="the turn", vector=np.ones(2, dtype=np.float32)),
        standalone="the query",
        views=(),
        rewriting=rewriting,
    )


def agent(sources: tuple[str, ...] = ("handbook", "faq"), **policy: Any) -> AgentProfile:
    return AgentProfile(
        name="support",
        sources={name: SourceConfig(path="p") for name in sources},
        examples={
            "triage": ExampleSetConfig(file="t", k=3),
            "voice": ExampleSetConfig(file="v", kind="style"),
        },
        policy=Policy.model_validate(policy),
    )


def decided(
    covered: float = 0.1, triage: float = 0.1, voice: float = 0.1, **signals: Any
) -> Decision:
    coverage = {"handbook": covered, "faq": 0.0}
    pattern = {"triage": triage, "voice": voice}
    return look_up(reading(coverage=coverage, pattern=pattern, **signals), agent())


def test_every_source_is_searched_whatever_the_evidence_says():
    for covered in (0.0, 0.9):
        made = decided(covered)
        assert made.strategy == "retrieval"
        assert made.plan.sources == ("handbook", "faq")
        assert made.gap == (covered < 0.2)
        assert made.reasons[0].text == "the model called for a look-up"
        assert made.reasons[0].rule == "retrieval-first-for-agents"


@pytest.mark.parametrize(
    ("covered", "triage", "voice", "need", "shown"),
    [
        (0.1, 0.9, 0.1, PATTERN, "triage"),  # all evidence says that it is one more of them
        (0.9, 0.9, 0.1, PATTERN, "triage"),
        (0.1, 0.9, 0.1, PLAIN, None),  # it does not
        (0.9, 0.9, 0.1, FACTS, None),  # facts that a source holds
        (0.9, 0.1, 0.9, FACTS, "voice"),  # a style helps any answer
        (0.9, 0.1, 0.4, FACTS, None),
    ],
)
def test_only_a_set_that_clearly_matches_comes_on_top(
    covered: float, triage: float, voice: float, need: dict[Need, float], shown: str | None
):
    made = decided(covered, triage, voice, need=need)
    assert made.plan.examples == shown
    assert made.plan.sources == ("handbook", "faq")
    assert bool(made.plan.k_examples) == bool(shown)
    assert made.plan.endpoint is None
    on_top = next(row.text for row in made.rejected if row.strategy == "few_shot")
    assert ("shown on top" in on_top) == bool(shown)


def test_without_sources_the_nearest_set_comes_and_it_is_a_gap_unless_that_matches():
    for match in (0.2, 0.6):
        made = look_up(reading(pattern={"triage": match, "voice": 0.1}), agent(sources=()))
        assert (made.strategy, made.plan.examples, made.plan.k_examples) == (
            "few_shot",
            "triage",
            3,
        )
        assert made.plan.sources == ()
        assert made.gap == (match < 0.5)
        assert made.rejected[0].strategy == "retrieval"


def test_dates_are_told_where_the_answer_changes_with_time():
    dates = {"handbook": "2025-05-05"}
    assert decided(0.9, dates=dates, fresh=0.9).plan.dates == dates
    assert "of 2025-05-05" in decided(0.9, dates=dates, fresh=0.9).reasons[-1].text
    assert decided(0.9, dates=dates).plan.dates == {}


def test_the_policy_and_who_wrote_the_query_stand_in_the_plan():
    said = Rewriting(model="m", query="what it asks")
    made = look_up(reading(said, coverage={"handbook": 0.9}), agent(citations="never", k=3))
    assert (made.plan.citations, made.plan.rewritten_by, made.plan.k) == ("never", "m", 3)
    failed = Rewriting(model="m", query="", failure="timed out")
    assert look_up(reading(failed), agent()).plan.rewritten_by is None


def test_what_is_searched_is_what_a_retriever_searches():
    measured = reading(coverage={"handbook": 0.9}, multi_hop=0.9)
    made, plan = look_up(measured, agent()).plan, search_plan(measured, agent())
    assert (made.sources, made.query, made.sub_queries, made.multi_hop, made.k) == (
        plan.sources,
        plan.query,
        plan.sub_queries,
        plan.multi_hop,
        plan.k,
    )
    assert search_plan(measured, agent(), 9).k == 9
