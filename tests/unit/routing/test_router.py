"""The router as a whole, on the packaged sample shop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, Message, Passage, Task, load_router
from agent_knowledge.build import load_example_sets, packaged_embedder
from agent_knowledge.errors import ConfigError, InputError, SourceError
from agent_knowledge.types import Matrix
from agent_knowledge.types.measured import TextStates

REFUND = "My order was delivered on 2 December. Until when can I send it back?"
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'


def test_a_question_that_the_handbook_holds_is_retrieved(support: KnowledgeRouter) -> None:
    decision = support.route(REFUND)
    assert decision.strategy == "retrieval"
    assert decision.plan.sources
    assert not decision.gap
    assert decision.reasons[0].rule == "facts-need-retrieval"
    assert {row.strategy for row in decision.rejected} == {"direct", "few_shot", "fine_tuned"}
    assert decision.elapsed_ms > 0


def test_what_is_prepared_holds_the_passage_and_the_rules(support: KnowledgeRouter) -> None:
    knowledge = support.prepare(REFUND)
    assert any("refunds" in passage.document for passage in knowledge.passages)
    assert REFUND in knowledge.prompt
    assert "[1]" in knowledge.system


def test_passages_are_spans_of_the_document(shop: KnowledgeConfig) -> None:
    for passage in load_router(shop, "support").retrieve("warranty of the Rowan desk", k=8):
        if passage.source == "handbook":
            stored = (shop.folder / "handbook" / passage.document).read_text(encoding="utf-8")
            assert stored[passage.start : passage.end] == passage.text


def test_batches_and_threads_decide_as_single_calls_do(support: KnowledgeRouter) -> None:
    tasks = [REFUND, TRIAGE, "Write a haiku about rain."]
    single = [support.route(task) for task in tasks]
    many = support.route_many(tasks)
    waited = asyncio.run(support.aroute_many(tasks))
    for one, two, three in zip(single, many, waited, strict=True):
        assert one.strategy == two.strategy == three.strategy
        assert one.confidence == pytest.approx(two.confidence, abs=0.02)
        assert one.plan == two.plan == three.plan


def test_a_matching_set_is_shown_by_an_agent_without_an_endpoint(shop: KnowledgeConfig) -> None:
    agent = shop.agents["support"].model_copy(update={"endpoint": None})
    config = shop.model_copy(update={"agents": {"support": agent}}).at(shop.folder)
    knowledge = load_router(config).prepare(TRIAGE)
    assert knowledge.decision.strategy == "few_shot"
    assert knowledge.decision.plan.examples == "ticket-triage"
    assert len(knowledge.examples) == 4
    assert knowledge.examples[0].output == "billing"


def test_the_endpoint_steps_down_to_examples(support: KnowledgeRouter) -> None:
    knowledge = support.prepare(TRIAGE)
    assert knowledge.decision.strategy == "fine_tuned"
    assert not knowledge.examples
    lower = support.step_down(TRIAGE, knowledge, "timed out")
    assert lower.decision.strategy == "few_shot"
    assert lower.decision.plan.endpoint is None
    assert lower.examples
    assert any("timed out" in reason.text for reason in lower.decision.reasons)


def test_a_follow_up_is_understood_from_its_history(support: KnowledgeRouter) -> None:
    history = (
        Message("user", "Do you repair lamps that are out of warranty?"),
        Message("assistant", "Yes, our workshop does."),
    )
    follow_up = Task("And what does it cost?", history=history)
    assert any("repair" in p.document for p in support.retrieve(follow_up, k=3))


def test_the_callers_wish_for_sources_is_honoured(support: KnowledgeRouter) -> None:
    decision = support.route(Task(TRIAGE, citations=True))
    assert decision.strategy == "retrieval"
    assert decision.plan.citations == "always"
    assert decision.plan.endpoint is None
    assert decision.reasons[0].rule == "citations-need-retrieval"


def test_an_agent_with_nothing_needs_no_index() -> None:
    router = load_router(KnowledgeConfig.parse("agents: {x: {}}"))
    decision = router.route("Write a haiku about rain.")
    assert decision.strategy == "direct"
    assert not decision.plan.sources


def test_an_external_source_is_asked_when_facts_are_needed() -> None:
    class Web:
        def retrieve(self, query: str, k: int) -> list[Passage]:
            text = f"found for {query}"
            return [
                Passage(
                    source="web",
                    document="d",
                    title="",
                    uri="u",
                    text=text,
                    start=0,
                    end=len(text),
                )
            ]

    config = KnowledgeConfig.parse(
        "sources: {web: {external: true}}\nagents: {x: {sources: [web]}}"
    )
    router = load_router(config, retrievers={"web": Web()})
    knowledge = router.prepare("Who won the election in France last week?")
    assert knowledge.decision.signals.coverage == {"web": None}
    assert knowledge.passages[0].source == "web"
    with pytest.raises(ConfigError, match="did you mean 'web'"):
        load_router(config, retrievers={"wob": Web()})


def test_a_source_that_is_not_indexed_says_how_to(tmp_path: object, shop: KnowledgeConfig) -> None:
    config = shop.model_copy(
        update={"store": shop.store.model_copy(update={"path": str(tmp_path)})}
    ).at(shop.folder)
    with pytest.raises(SourceError, match="agent-knowledge index"):
        load_router(config, "support").route(REFUND)


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_an_empty_task_is_refused(support: KnowledgeRouter, empty: str) -> None:
    with pytest.raises(InputError, match="empty"):
        support.route(empty)


@pytest.mark.parametrize(
    "task", ["\ud83d broken", "x" * 3_000_000, "¿Cuánto tarda el envío?", "退款需要多久？", "\0"]
)
def test_no_text_breaks_it(support: KnowledgeRouter, task: str) -> None:
    decision = support.route(task)
    assert 0 <= decision.confidence <= 1


def test_another_embedding_than_the_index_has_is_refused(shop: KnowledgeConfig) -> None:
    class Other:
        name = "other"

        def embed(self, texts: list[str]) -> object:
            return np.ones((len(texts), 8), dtype=np.float32) / np.sqrt(8)

    with pytest.raises(ConfigError, match=r"'minilm'.*'other'.*--rebuild"):
        load_router(shop, "support", embedding=Other()).route(REFUND)


def test_a_minilm_that_is_given_reads_each_text_of_a_task_once(shop: KnowledgeConfig) -> None:
    class Counting:
        name = "minilm"
        version = packaged_embedder().version

        def __init__(self) -> None:
            self.asked: list[str] = []

        def embed(self, texts: Sequence[str]) -> Matrix:
            self.asked += texts
            return packaged_embedder().embed(texts)

        def read(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> TextStates:
            self.asked += texts
            return packaged_embedder().read(texts, contexts)

    given = Counting()
    router = load_router(shop, "support", embedding=given)
    given.asked.clear()  # the example sets, where the store lacks their vectors
    decision = router.route(REFUND)
    assert decision.signals == load_router(shop, "support").route(REFUND).signals
    assert given.asked == [REFUND]


@pytest.mark.parametrize(
    "text",
    [
        "Wie lange kann ich eine Lampe zurückgeben?",
        "¿Cuánto tiempo tengo para devolver una lámpara?",
        "Combien de temps ai-je pour rendre une lampe ?",
        "退货期限是多久？",
    ],
)
def test_a_question_in_another_language_is_retrieved(support: KnowledgeRouter, text: str) -> None:
    decision = support.route(text)
    assert decision.strategy == "retrieval"
    assert decision.signals.foreign


def test_letters_that_no_model_can_read_leave_it_unsure(support: KnowledgeRouter) -> None:
    decision = support.route("退货期限是多久？")
    assert decision.unsure
    assert decision.reasons[-1].rule == "retrieval-first-for-agents"


def test_what_is_shown_and_how_stands_in_the_decision(shop: KnowledgeConfig) -> None:
    decision = load_router(shop, "desk").route(TRIAGE)
    assert decision.plan.k_examples == 4
    assert set(decision.plan.versions) == {"system_prompt", "ticket-triage"}
    tuned = load_router(shop, "support").route(TRIAGE)
    assert (tuned.plan.endpoint, tuned.plan.k_examples) == ("triage-ft", 0)


@pytest.mark.parametrize("task", [TRIAGE, "Say this in our voice: the parcel is late.", "Hello"])
def test_no_router_shows_another_agents_examples(shop: KnowledgeConfig, task: str) -> None:
    embedder = packaged_embedder()
    every = load_example_sets(shop, tuple(shop.examples), embedder)
    for agent, own in (("desk", "ticket-triage"), ("writer", "brand-voice")):
        profile = shop.agent(agent).model_copy(update={"sources": {}})
        router = KnowledgeRouter(profile, embedder=embedder, examples=every)
        mine = {example.input for example in every[own].examples}
        for wish in (None, "few_shot"):
            knowledge = router.prepare(Task(task, strategy=wish))
            assert {example.input for example in knowledge.examples} <= mine
            assert set(knowledge.decision.signals.pattern) == {own}
        assert router.few_shot(task)[0] == own
        for other in set(every) - {own}:
            with pytest.raises(InputError, match="has none of that name"):
                router.prepare_rung(task, "few_shot", other)


def test_a_turn_that_wants_something_done_today_is_no_news(support: KnowledgeRouter) -> None:
    history = (
        Message("user", "can you find me a restaurant near the station"),
        Message("assistant", "I found three. Would you like one that is open late?"),
    )
    for turn in (
        "is there any train today that gets there by nine",
        "can you check if theres a shuttle at five a.m. i need two seats",
    ):
        assert support.route(turn).signals.fresh > 0.5  # alone it may be
        decision = support.route(Task(turn, history=history))
        assert decision.signals.fresh < 0.5
        assert "fresh-needs-retrieval" not in {reason.rule for reason in decision.reasons}
