"""Agents whose fine-tuned endpoint fails, on real connections."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, HumanMessage

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.langchain import KnowledgeMiddleware
from tests.loopback import STREAM, Script, failing, loopback, piece, streamed, whole
from tests.scripted import ScriptedModel

TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
GIVEN: Any = {"messages": [HumanMessage(TRIAGE)]}
WAYS = ["invoke", "ainvoke", "stream", "astream"]
STREAMS = ["stream", "astream"]


def router(shop: KnowledgeConfig, on_failure: str = "next_rung") -> KnowledgeRouter:
    tuned = shop.endpoints["triage-ft"].model_copy(update={"retries": 0})
    agent = shop.agents["support"]
    policy = agent.policy.model_copy(update={"on_failure": on_failure})
    agents = {"support": agent.model_copy(update={"policy": policy})}
    changed = {"agents": agents, "endpoints": {"triage-ft": tuned}}
    return load_router(shop.model_copy(update=changed).at(shop.folder))


def run(agent: Any, way: str, told: list[str]) -> BaseMessage:
    """The last message; `told` takes what a page would have shown until then."""
    modes = ["messages", "values"]
    last: Any = None

    def take(mode: str, event: Any) -> None:
        nonlocal last
        if mode == "values":
            last = event
        else:
            told.append(event[0].text)

    async def gather() -> None:
        async for mode, event in agent.astream(GIVEN, stream_mode=modes):
            take(mode, event)

    if way == "invoke":
        last = agent.invoke(GIVEN)
    elif way == "ainvoke":
        last = asyncio.run(agent.ainvoke(GIVEN))
    elif way == "astream":
        asyncio.run(gather())
    else:
        for mode, event in agent.stream(GIVEN, stream_mode=modes):
            take(mode, event)
    return last["messages"][-1]


def made(router: KnowledgeRouter, own: ScriptedModel | None = None) -> Any:
    own = own or ScriptedModel(replies=["billing"])
    return create_agent(own, middleware=[KnowledgeMiddleware(router)])


@pytest.mark.parametrize("way", WAYS)
def test_the_next_rung_answers_and_the_decision_says_why(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with loopback(failing(503)) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        final = run(made(router(shop)), way, [])
    decision = final.response_metadata["agent_knowledge"]
    assert (final.text, decision["strategy"]) == ("billing", "few_shot")
    assert any("status 503" in reason["text"] for reason in decision["reasons"])
    assert "sk-secret" not in str(final)


@pytest.mark.parametrize("way", WAYS)
def test_on_failure_raise_raises(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with loopback(failing(503)) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        with pytest.raises(EndpointError, match="status 503"):
            run(made(router(shop, "raise")), way, [])


@pytest.mark.parametrize("way", STREAMS)
def test_half_an_answer_of_an_endpoint_is_followed_by_none(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    told: list[str] = []
    own = ScriptedModel(replies=["billing"])
    with loopback([STREAM, piece("ship"), piece("ping and")]) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        with pytest.raises(BrokenStreamError):
            run(made(router(shop), own), way, told)
    assert "".join(told) == "shipping and"
    assert own.asked == []


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_before_its_first_piece_leads_to_the_next_rung(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    told: list[str] = []
    with loopback([STREAM, piece("")]) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        final = run(made(router(shop)), way, told)
    assert final.text == "billing"
    assert "ship" not in "".join(told)


@pytest.mark.parametrize("way", WAYS)
def test_an_endpoint_that_works_answers(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    reply: Script = streamed("ship", "ping") if way in STREAMS else whole("shipping")
    told: list[str] = []
    with loopback(reply) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        final = run(made(router(shop)), way, told)
    assert final.text == "shipping"
    assert final.response_metadata["agent_knowledge"]["plan"]["endpoint"] == "triage-ft"
    assert way not in STREAMS or told[:2] == ["ship", "ping"]
