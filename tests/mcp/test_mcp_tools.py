"""The tools as a real client sees them, without a process of their own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mcp import Client

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, Task, load_router
from agent_knowledge.errors import InputError
from agent_knowledge.mcp import build_server, http_server
from agent_knowledge.types import Message, to_dict
from tests.unit.scoped_index import ACME, RENT, agent, made

REFUND = "How long is the return window?"
NAMES = {"route", "retrieve", "few_shot", "verify"}


async def call(router: KnowledgeRouter, name: str, **arguments: Any) -> Any:
    """What a tool gives: its row, or the words of its error."""
    async with Client(build_server({"support": router})) as client:
        result = await client.call_tool(name, arguments)
    if result.is_error:
        return result.content[0].text  # pyright: ignore[reportAttributeAccessIssue] - an error is text
    assert json.loads(result.content[0].text) == result.structured_content  # pyright: ignore[reportAttributeAccessIssue]
    return result.structured_content


async def test_each_tool_says_what_it_is_for_and_that_it_only_reads(
    support: KnowledgeRouter,
) -> None:
    async with Client(build_server({"support": support})) as client:
        tools = (await client.list_tools()).tools
        assert "support (handbook: " in (client.instructions or ""), "what it can be asked about"
    assert {tool.name for tool in tools} == NAMES
    for tool in tools:
        assert tool.annotations
        assert tool.annotations.read_only_hint
        assert tool.annotations.open_world_hint is False
        assert tool.output_schema
        assert len(tool.description or "") > 40
        assert not {"tenant", "agent"} & tool.input_schema["properties"].keys()


async def test_route_gives_the_decision(support: KnowledgeRouter) -> None:
    history = [{"role": "user", "content": "I bought a lamp."}]
    given = await call(support, "route", task=REFUND, history=history, citations=True)
    turns = (Message("user", "I bought a lamp."),)
    decision = to_dict(support.route(Task(REFUND, history=turns, citations=True)))
    for row in (given, decision):
        row.pop("elapsed_ms")
    assert given == json.loads(json.dumps(decision))


async def test_what_retrieve_gives_can_be_cited_and_verified(support: KnowledgeRouter) -> None:
    found = await call(support, "retrieve", query=REFUND, k=2)
    assert [one["id"] for one in found["passages"]] == ["1", "2"]
    assert found["passages"][0]["text"] == support.retrieve(REFUND, k=2)[0].text
    answer = "You have 30 days from the day of delivery [1]. You have 90 days [1]. So it is [7]."
    checked = await call(support, "verify", answer=answer, passages=found["passages"])
    verdicts = [claim["verdict"] for claim in checked["claims"]]
    assert verdicts[0] == "supported"
    assert verdicts[1] != "supported"
    assert checked["fabricated"] == ["7"]


async def test_few_shot_gives_the_nearest_examples(support: KnowledgeRouter) -> None:
    given = await call(support, "few_shot", task="The lamp arrived with a broken shade")
    name, examples = support.few_shot("The lamp arrived with a broken shade")
    assert given == {"set": name, "examples": [to_dict(example) for example in examples]}


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("route", {"task": " "}, "the task is empty"),
        ("route", {}, "task"),
        ("route", {"task": "x", "history": [{"role": "system", "content": "x"}]}, "history.0.role"),
        ("retrieve", {"query": "x", "k": 1000}, "less than or equal to 100"),
        ("retrieve", {"query": "x", "k": "many"}, "integer"),
        ("retrieve", {"query": "x", "filter": {"lang": {"like": 1}}}, "eq, in, gt"),
        ("verify", {"answer": "x", "passages": [{"id": "1"}]}, "passages.0.text"),
        ("verify", {"answer": "x" * 100_001, "passages": []}, "at most 100,000"),
        ("verify", {"answer": "x", "passages": [{"id": 1, "text": "x"}] * 2}, "two passages"),
        ("verify", {"answer": "x", "passages": [{"id": 1, "text": ""}] * 101}, "at most 100"),
    ],
)
async def test_a_bad_argument_is_told_to_the_model(
    support: KnowledgeRouter, name: str, arguments: dict[str, Any], told: str
) -> None:
    message = await call(support, name, **arguments)
    assert isinstance(message, str)
    assert told in message


async def test_of_several_agents_each_tool_asks_which(
    shop: KnowledgeConfig, support: KnowledgeRouter
) -> None:
    other = next(name for name in shop.agents if name != "support")
    routers = {"support": support, other: load_router(shop, other)}
    async with Client(build_server(routers)) as client:
        for tool in (await client.list_tools()).tools:
            assert tool.input_schema["properties"]["agent"]["enum"] == ["support", other]
            assert "agent" in tool.input_schema["required"]
        for name in routers:
            result = await client.call_tool("route", {"task": REFUND, "agent": name})
            assert (result.structured_content or {})["agent"] == name
        assert (await client.call_tool("route", {"task": REFUND, "agent": "root"})).is_error
        assert (await client.call_tool("route", {"task": REFUND})).is_error


def test_what_a_caller_sees_is_said_at_the_start_alone() -> None:
    """The tenant that the host named is whose passages come, whatever a call says besides."""
    router = made(agent()).scoped(ACME)
    wish = {"query": RENT, "k": 50, "tenant": "bolt", "customer": "bolt", "agent": "bolt"}
    for more in ({}, {"filter": {"customer": "bolt"}}, {"filter": {"customer": ["bolt", "acme"]}}):
        given = asyncio.run(call(router, "retrieve", **wish, **more))
        owners = {one["fields"].get("customer", "acme") for one in given["passages"]}
        assert owners <= {"acme"}
    assert asyncio.run(call(router, "retrieve", query=RENT))["passages"]


def test_a_server_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="give at least one"):
        build_server({})


def test_no_http_without_a_token(support: KnowledgeRouter) -> None:
    with pytest.raises(InputError, match="no token"):
        http_server(build_server({"support": support}), "127.0.0.1")
