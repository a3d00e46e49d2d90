"""Answering by a real endpoint that fails: on to the next rung, and never two answers in one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from agent_knowledge import Answer, Answerer, KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.models.chat import Chat
from tests.loopback import STREAM, failing, loopback, piece, streamed, whole
from tests.scripted import ScriptedModel

TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
WAYS = ["answer", "aanswer", "stream", "astream"]
STREAMS = ["stream", "astream"]


def ask(answerer: Answerer, way: str, told: list[str] | None = None) -> Answer:
    """The answer; `told` takes the pieces before it."""
    told = [] if told is None else told

    async def gather() -> list[Answer]:
        whole: list[Answer] = []
        async for said in answerer.astream(TRIAGE):
            whole.append(said) if isinstance(said, Answer) else told.append(said)
        return whole

    if way == "answer":
        return answerer.answer(TRIAGE)
    if way == "aanswer":
        return asyncio.run(answerer.aanswer(TRIAGE))
    if way == "astream":
        (last,) = asyncio.run(gather())
        return last
    last = None
    for said in answerer.stream(TRIAGE):
        if isinstance(said, Answer):
            last = said
        else:
            told.append(said)
    assert last is not None
    return last


def model() -> Chat:
    return Chat(model=ScriptedModel(replies=["billing"]), name="scripted")


def router(
    shop: KnowledgeConfig, on_failure: str = "next_rung", **endpoint: Any
) -> KnowledgeRouter:
    """The support agent, with its endpoint and policy changed."""
    tuned = shop.endpoints["triage-ft"].model_copy(update=endpoint)
    agent = shop.agents["support"]
    policy = agent.policy.model_copy(update={"on_failure": on_failure})
    agents = {"support": agent.model_copy(update={"policy": policy})}
    changed = {"agents": agents, "endpoints": {"triage-ft": tuned}}
    return load_router(shop.model_copy(update=changed).at(shop.folder))


@pytest.mark.parametrize("way", WAYS)
def test_the_next_rung_answers_and_the_decision_says_why(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with loopback(failing(503)) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        answer = ask(Answerer(router(shop, retries=0), model()), way)
    assert (answer.text, answer.model) == ("billing", "scripted")
    assert answer.decision.strategy == "few_shot"
    assert "status 503" in answer.fallbacks[0]
    assert any("status 503" in reason.text for reason in answer.decision.reasons)
    assert "sk-secret" not in str(answer)


@pytest.mark.parametrize("way", WAYS)
def test_while_the_breaker_is_open_the_endpoint_is_not_asked(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    breaker = shop.endpoints["triage-ft"].breaker.model_copy(update={"failures": 1})
    with loopback(failing(503)) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        answerer = Answerer(router(shop, retries=0, breaker=breaker), model())
        ask(answerer, way)
        answer = ask(answerer, way)
    assert len(server.asked) == 1
    assert answer.text == "billing"
    assert "left alone" in answer.decision.reasons[-1].text + answer.fallbacks[0]


@pytest.mark.parametrize("way", WAYS)
def test_on_failure_raise_raises(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with loopback(failing(503)) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        with pytest.raises(EndpointError, match="status 503"):
            ask(Answerer(router(shop, "raise", retries=0), model()), way)


@pytest.mark.parametrize("way", STREAMS)
def test_half_an_answer_of_an_endpoint_is_followed_by_none(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    told: list[str] = []
    own = model()
    with loopback([STREAM, piece("ship"), piece("ping and")]) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        with pytest.raises(BrokenStreamError):
            ask(Answerer(router(shop), own), way, told)
    assert told == ["ship", "ping and"]
    assert own.model.asked == []  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_before_its_first_piece_leads_to_the_next_rung(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    told: list[str] = []
    with loopback([STREAM, piece("")]) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        answer = ask(Answerer(router(shop, retries=0), model()), way, told)
    assert ("".join(told), answer.text) == ("billing", "billing")
    assert answer.model == "scripted"


@pytest.mark.parametrize("way", WAYS)
def test_an_endpoint_that_works_answers(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    reply = streamed("ship", "ping") if way in STREAMS else whole("shipping")
    with loopback(reply) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        answer = ask(Answerer(router(shop), model()), way)
    assert (answer.text, answer.model, answer.fallbacks) == ("shipping", "triage-ft", ())


@pytest.mark.parametrize("way", WAYS)
def test_a_server_is_sent_the_text_alone_and_nothing_that_stands_beside_it(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    desk = load_router(shop, "desk")
    prepared = desk.prepare(TRIAGE)
    assert prepared.rules
    reply = streamed("billing") if way in STREAMS else whole("billing")
    with loopback(reply) as server:
        model = ChatOpenAI(model="m", base_url=server.url, api_key=SecretStr("k"), max_retries=0)
        answer = ask(Answerer(desk, Chat(model=model, name="served")), way)
    assert answer.text == "billing"
    (body,) = server.asked
    assert body["messages"][-1] == {"role": "user", "content": prepared.prompt}
    assert all(turn.keys() <= {"role", "content", "name"} for turn in body["messages"])
    assert "agent_knowledge" not in json.dumps(body)
