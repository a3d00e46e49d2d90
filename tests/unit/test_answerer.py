"""Answering: the model call, the fall to the next rung, the verification."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from agent_knowledge import (
    Answer,
    Answerer,
    KnowledgeConfig,
    KnowledgeRouter,
    Message,
    Task,
    load_router,
    load_verifier,
)
from agent_knowledge.citations.opinions import EntailmentJudge
from agent_knowledge.errors import EndpointError, InputError
from agent_knowledge.models.chat import Chat
from agent_knowledge.text import sentences
from agent_knowledge.types import CitedTurn
from tests.scripted import ScriptedModel

REFUND = "How long is the return window?"
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'


def chat(*replies: Any, name: str = "scripted") -> Chat:
    return Chat(model=ScriptedModel(replies=list(replies)), name=name)


def with_policy(shop: KnowledgeConfig, **policy: Any) -> KnowledgeRouter:
    agent = shop.agents["support"]
    changed = agent.model_copy(update={"policy": agent.policy.model_copy(update=policy)})
    return load_router(shop.model_copy(update={"agents": {"support": changed}}).at(shop.folder))


class Breaking(ScriptedModel):
    """A stream that breaks after its first pieces."""

    pieces: list[str]

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[Any]:
        for piece in self.pieces:
            yield ChatGenerationChunk(message=AIMessageChunk(piece))
        raise ConnectionError("sk-secret in the provider's own words")


class InPieces(ScriptedModel):
    """A stream of given pieces."""

    pieces: list[str]

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[Any]:
        for piece in self.pieces:
            yield ChatGenerationChunk(message=AIMessageChunk(piece))


def test_an_answer_is_verified(support: KnowledgeRouter) -> None:
    first = support.prepare(REFUND).passages[0]
    sentence = first.text.split(". ")[0].rpartition("\n")[2]
    answer = Answerer(support, chat(f"{sentence} [1]. Cheese is free [99].")).answer(REFUND)
    assert answer.fabricated == ("99",)
    assert "[99]" not in answer.text
    assert [c.number for c in answer.citations] == [1]
    assert answer.citations[0].supported
    assert answer.text[answer.citations[0].start : answer.citations[0].end].startswith(sentence)
    assert answer.model == "scripted"


@pytest.mark.parametrize("way", ["answer", "aanswer", "stream", "astream"])
def test_a_failing_endpoint_leads_to_the_examples(support: KnowledgeRouter, way: str) -> None:
    endpoint = chat(RuntimeError("sk-secret"), name="triage-ft")
    answerer = Answerer(support, chat("billing"), endpoint=endpoint)
    answer = ask(answerer, TRIAGE, way)
    assert (answer.text, answer.model) == ("billing", "scripted")
    assert answer.decision.strategy == "few_shot"
    assert "triage-ft" in answer.fallbacks[0]
    assert "sk-secret" not in str(answer)


@pytest.mark.parametrize("way", ["answer", "aanswer", "stream", "astream"])
def test_a_working_endpoint_gets_the_task_alone(support: KnowledgeRouter, way: str) -> None:
    endpoint = chat("billing", name="triage-ft")
    answer = ask(Answerer(support, chat("never"), endpoint=endpoint), TRIAGE, way)
    assert (answer.text, answer.model, answer.fallbacks) == ("billing", "triage-ft", ())
    asked: Any = endpoint.model
    assert [m.type for m in asked.asked[0]] == ["system", "human"]
    assert asked.asked[0][-1].text == TRIAGE


def test_an_endpoint_whose_variable_is_not_set_counts_as_failed(
    support: KnowledgeRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEMO_BASE_URL", raising=False)
    answer = Answerer(support, chat("billing")).answer(TRIAGE)
    assert answer.text == "billing"
    assert "DEMO_BASE_URL is not set" in answer.fallbacks[0]


def test_on_failure_raise_raises(shop: KnowledgeConfig) -> None:
    router = with_policy(shop, on_failure="raise")
    endpoint = chat(RuntimeError("down"), name="triage-ft")
    with pytest.raises(EndpointError, match="triage-ft"):
        Answerer(router, chat("never"), endpoint=endpoint).answer(TRIAGE)


def test_a_failing_model_has_no_rung_below(support: KnowledgeRouter) -> None:
    with pytest.raises(EndpointError, match="RuntimeError"):
        Answerer(support, chat(RuntimeError("sk-secret"))).answer(REFUND)
    with pytest.raises(EndpointError, match="empty"):
        Answerer(support, chat("  ")).answer(REFUND)


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_ends_with_the_whole_answer(support: KnowledgeRouter, way: str) -> None:
    *pieces, answer = streamed(Answerer(support, chat("Thirty days [77].")), REFUND, way)
    assert "".join(map(str, pieces)) == "Thirty days [77]."
    assert isinstance(answer, Answer)
    assert answer.text == "Thirty days."


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_never_shows_half_a_marker(support: KnowledgeRouter, way: str) -> None:
    model = InPieces(replies=[], pieces=["Thirty days [", "1", "] and [7", "7]. See [it"])
    *pieces, answer = streamed(Answerer(support, Chat(model=model, name="m")), REFUND, way)
    assert pieces == ["Thirty days ", "[1] and ", "[77]. See ", "[it"]
    assert isinstance(answer, Answer)
    assert answer.text == "Thirty days [1] and. See [it"


def test_where_citations_are_always_wanted_a_statement_without_one_is_told(
    shop: KnowledgeConfig,
) -> None:
    said = "Hats are sewn in Ghent by hand. Is that what you asked?"
    answer = Answerer(with_policy(shop, citations="always"), chat(said)).answer(REFUND)
    assert [said[start:end] for start, end in answer.uncited] == ["Hats are sewn in Ghent by hand."]
    assert Answerer(load_router(shop, "support"), chat(said)).answer(REFUND).uncited == ()


@pytest.mark.parametrize("way", ["answer", "aanswer"])
def test_repair_may_cite_what_a_fresh_search_finds(shop: KnowledgeConfig, way: str) -> None:
    router = with_policy(shop, unsupported="repair", k=1)
    (given,) = router.prepare(REFUND).passages
    other = next(p for p in router.retrieve("warranty", k=3) if p.document != given.document)
    spans = [other.text[a:b] for a, b in sentences(other.text)]
    sentence = next(s for s in spans if len(s) > 40 and s.endswith("."))
    answer = ask(Answerer(router, chat(f"{sentence[:-1]} [1].")), REFUND, way)
    assert answer.text == f"{sentence[:-1]} [2]."
    (citation,) = answer.citations
    assert sentence in citation.passage.text
    assert answer.knowledge.passages == (given, citation.passage)


def test_a_refusal_says_what_was_searched(shop: KnowledgeConfig) -> None:
    router = with_policy(shop, unsupported="refuse")
    answer = Answerer(router, chat("Returns take 977 days [1].")).answer(REFUND)
    assert answer.text.startswith("Not found in the sources. Searched: ")
    assert "handbook" in answer.text
    assert "return window" in answer.text
    assert answer.knowledge.passages


def test_a_quotation_is_looked_up_in_the_store(support: KnowledgeRouter) -> None:
    (first, *_) = support.prepare(REFUND).passages
    stored = support.document_text(first)
    assert stored is not None
    assert stored[first.start : first.end] == first.text
    outside = stored[: first.start].split() or stored[first.end :].split()
    said = f"It says “{' '.join(outside[:5])}” [1]."
    claim = Answerer(support, chat(said)).answer(REFUND).claims[0]
    assert [(q.verbatim, q.found) for q in claim.quotations] == [(True, None)]


def test_a_second_opinion_stands_beside_the_verdict(support: KnowledgeRouter) -> None:
    judge = EntailmentJudge(score=lambda pairs: [0.1] * len(pairs), name="nli")
    verifier = load_verifier(support, judge=judge)
    first = support.prepare(REFUND).passages[0]
    sentence = first.text.split(". ")[0].rpartition("\n")[2]
    answerer = Answerer(support, chat(f"{sentence} [1]."), verifier=verifier)
    (claim,) = answerer.answer(REFUND).claims
    assert claim.supported
    assert claim.opinion is not None
    assert (claim.opinion.judge, claim.opinion.supported) == ("nli", False)


def test_a_stream_that_breaks_is_never_whole(support: KnowledgeRouter) -> None:
    model = Chat(model=Breaking(replies=[], pieces=["Thirty "]), name="breaking")
    told: list[object] = []
    with pytest.raises(EndpointError) as raised:
        told.extend(Answerer(support, model).stream(REFUND))
    assert "sk-secret" not in str(raised.value)
    assert not any(isinstance(piece, Answer) for piece in told)


@pytest.mark.parametrize("way", ["answer", "aanswer", "stream", "astream"])
def test_a_number_means_the_passage_of_an_earlier_answer(
    support: KnowledgeRouter, way: str
) -> None:
    model = ScriptedModel(replies=["It depends [2].", "As it says [1]."])
    answerer = Answerer(support, Chat(model=model, name="m"))
    first = ask(answerer, REFUND, way)
    history = (Message("user", REFUND), Message("assistant", first.text))
    further = Task("What does [2] say?", history=history, cited=(first.cited_turn,))
    second = ask(answerer, further, way)
    assert second.citations[0].passage.id == first.citations[0].passage.id
    assert "[2] means passage 1" in model.asked[-1][0].text
    assert "[2]" in second.decision.reasons[-1].text
    assert second.cited_turn.passages["1"] == first.cited_turn.passages["2"]


def test_and_who_wrote_that_is_about_what_the_last_answers_cited(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=["It depends [2].", "It does not say [1]."])
    answerer = Answerer(support, Chat(model=model, name="m"))
    first = answerer.answer(REFUND)
    history = (Message("user", REFUND), Message("assistant", first.text))
    (cited,) = first.cited_turn.passages.values()
    asked = Task("and who wrote that?", history=history, cited=(first.cited_turn,))
    assert answerer.answer(asked).knowledge.passages[0].text == cited.text
    long_ago = replace(asked, cited=(first.cited_turn, CitedTurn(), CitedTurn()))
    reasons = answerer.answer(long_ago).decision.reasons
    assert not any("points back" in reason.text for reason in reasons)


def test_what_earlier_answers_cited_is_told_as_they_tell_it() -> None:
    for wrong in ("[2]", [{"2": "x"}], 7):
        with pytest.raises(InputError, match="give its `cited_turn`"):
            Task("What does [2] say?", cited=wrong)  # pyright: ignore[reportArgumentType]
    assert hash(Task("x", cited=(CitedTurn(),))) == hash(Task("x"))


def test_citations_never_leaves_brackets_alone(shop: KnowledgeConfig) -> None:
    router = with_policy(shop, citations="never")
    answer = Answerer(router, chat("Thirty days [77].")).answer(REFUND)
    assert answer.text == "Thirty days [77]."
    assert not answer.citations


def test_an_unsure_agent_asks_back_without_a_model(shop: KnowledgeConfig) -> None:
    thresholds = shop.agents["support"].policy.thresholds.model_copy(update={"confidence": 1.0})
    router = with_policy(shop, when_unsure="ask", thresholds=thresholds)
    answer = Answerer(router, chat("never")).answer("Hm.")
    assert "handbook" in answer.text
    assert answer.model == ""


def test_an_empty_task_is_refused(support: KnowledgeRouter) -> None:
    with pytest.raises(InputError):
        Answerer(support, chat("never")).answer(" ")


def ask(answerer: Answerer, task: str | Task, way: str) -> Answer:
    if way == "aanswer":
        return asyncio.run(answerer.aanswer(task))
    if way in {"stream", "astream"}:
        *_, last = streamed(answerer, task, way)
        assert isinstance(last, Answer)
        return last
    return answerer.answer(task)


def streamed(answerer: Answerer, task: str | Task, way: str) -> list[str | Answer]:
    if way == "stream":
        return list(answerer.stream(task))

    async def gather() -> list[str | Answer]:
        return [piece async for piece in answerer.astream(task)]

    return asyncio.run(gather())


def test_an_answer_to_a_gap_that_states_facts_is_told(shop: KnowledgeConfig) -> None:
    said = "The thread count is 100 by default. Shall I look further?"
    answer = Answerer(load_router(shop, "support"), chat(said)).answer(
        "What does the works council of Zanzibar say about thread counts?"
    )
    assert [said[start:end] for start, end in answer.ungrounded] == [
        "The thread count is 100 by default."
    ]


def test_a_sentence_without_a_marker_is_held_against_the_passages(shop: KnowledgeConfig) -> None:
    said = "Hats are sewn in Ghent by hand."
    answer = Answerer(load_router(shop, "support"), chat(said)).answer(REFUND)
    assert [said[start:end] for start, end in answer.ungrounded] == [said]
