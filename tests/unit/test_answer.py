"""Answering: the model call, the fall to the next rung, the verification."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from agent_knowledge import Answer, Answerer, KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.errors import EndpointError, InputError
from agent_knowledge.models.chat import Chat
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


def test_a_stream_that_breaks_is_never_whole(support: KnowledgeRouter) -> None:
    model = Chat(model=Breaking(replies=[], pieces=["Thirty "]), name="breaking")
    told: list[object] = []
    with pytest.raises(EndpointError) as raised:
        told.extend(Answerer(support, model).stream(REFUND))
    assert "sk-secret" not in str(raised.value)
    assert not any(isinstance(piece, Answer) for piece in told)


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


def ask(answerer: Answerer, task: str, way: str) -> Answer:
    if way == "aanswer":
        return asyncio.run(answerer.aanswer(task))
    if way in {"stream", "astream"}:
        *_, last = streamed(answerer, task, way)
        assert isinstance(last, Answer)
        return last
    return answerer.answer(task)


def streamed(answerer: Answerer, task: str, way: str) -> list[str | Answer]:
    if way == "stream":
        return list(answerer.stream(task))

    async def gather() -> list[str | Answer]:
        return [piece async for piece in answerer.astream(task)]

    return asyncio.run(gather())
