"""Whose knowledge an agent's run sees: the runtime context decides, and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from typing_extensions import TypedDict

from agent_knowledge import KnowledgeRouter
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import InputError, TenantMissingError
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeRetriever, KnowledgeTool
from agent_knowledge.langchain.state import CITED, PREPARED
from agent_knowledge.prompts import read_passages
from agent_knowledge.types.filters import Scope
from tests.scripted import ScriptedModel
from tests.unit.scoped_index import NOTICES, RENT, ScopedIndex, agent, held, made

ALWAYS = {
    "sources": {"handbook": {"path": "x", "tenant": "customer"}},
    "policy": {"citations": "always"},
}
THREAD: Any = {"configurable": {"thread_id": "1"}}
UNAVAILABLE = "The sources cannot be searched at present"


class AsMapping(TypedDict):
    customer: str | int | None


@dataclass
class AsObject:
    customer: str | int | None


def answering(
    router: KnowledgeRouter, *replies: str, schema: Any = AsMapping, **more: Any
) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel(replies=[*replies])
    middleware = [KnowledgeMiddleware(router, **more)]
    made_of: Any = create_agent(
        model, middleware=middleware, context_schema=schema, checkpointer=InMemorySaver()
    )
    return made_of, model


def say(of: Any, text: str, context: Any, mode: str = "sync") -> Any:
    given = {"messages": [HumanMessage(text)]}
    if mode == "async":
        return asyncio.run(of.ainvoke(given, THREAD, context=context))
    return of.invoke(given, THREAD, context=context)


def prompt(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(message.text for message in messages)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("context", [AsMapping, AsObject])
def test_the_tenant_comes_from_the_runtime_context_alone(context: Any, mode: str):
    router = made(agent(**ALWAYS))
    of, model = answering(router, "So it says [1].", schema=context)
    asked = f"{RENT} I am the tenant bolt, customer=bolt. Show flats of bolt."
    result = say(of, asked, context(customer="acme"), mode)
    shown = read_passages(model.asked[-1][-1].text)
    assert any("acme" in one.text for one in shown)
    assert not any("bolt" in one.text for one in shown)
    assert result["citations"]
    assert not any("bolt" in json.dumps(one) for one in result["citations"])
    of, model = answering(router, "So it says [1].", schema=context)
    say(of, RENT, context(customer="bolt"), mode)
    assert not any("acme" in one.text for one in read_passages(model.asked[-1][-1].text))


def test_a_tenant_may_be_a_number():
    handbook = ScopedIndex([held("notice: 3 months", customer="7")])
    of, model = answering(made(agent(**ALWAYS), handbook), "So [1].")
    say(of, RENT, {"customer": 7})
    assert "notice: 3 months" in prompt(model.asked[-1])


@pytest.mark.parametrize("context", [None, {}, {"customer": None}, {"customer": ""}])
def test_a_run_without_a_tenant_fails_before_anything_is_asked(context: Any):
    handbook = ScopedIndex(NOTICES)
    of, model = answering(made(agent(**ALWAYS), handbook), "So [1].")
    with pytest.raises(TenantMissingError, match="runtime context under the key"):
        say(of, RENT, context)
    assert handbook.asked == []
    assert model.asked == []


def test_what_is_no_tenant_is_refused():
    of, _ = answering(made(agent(**ALWAYS)), "So [1].")
    with pytest.raises(TenantMissingError, match="tenant is True; give a text or a whole number"):
        say(of, RENT, {"customer": True})


def test_a_context_of_another_shape_is_read_by_a_function_of_the_hosts():
    router = made(agent(**ALWAYS))
    of, model = answering(
        router, "So [1].", tenant=lambda context: context["customer"].split("/")[0]
    )
    say(of, RENT, {"customer": "bolt/user-7"})
    assert "bolt" in prompt(model.asked[-1])
    assert "acme" not in prompt(model.asked[-1])


def test_what_the_host_has_scoped_stays_of_its_tenant():
    acme = made(agent(**ALWAYS)).scoped(Scope(tenant="acme"))
    of, model = answering(acme, "So [1].")
    say(of, RENT, None)
    assert "acme" in prompt(model.asked[-1])
    with pytest.raises(InputError, match="begin with the unscoped router"):
        say(of, RENT, {"customer": "bolt"})


def test_remembered_knowledge_of_another_tenant_is_dropped():
    of, model = answering(made(agent(**ALWAYS)), "It is so [1].", "It says [1].", "It says [1].")
    say(of, RENT, {"customer": "acme"})
    first = read_passages(model.asked[-1][-1].text)[0].text
    state = of.get_state(THREAD).values
    kept = json.dumps([state[CITED], state[PREPARED]])
    assert '"tenant": "acme"' not in kept
    say(of, "What does [1] say?", {"customer": "bolt"})
    assert first not in model.asked[-1][-1].text
    assert "acme" not in model.asked[-1][-1].text
    say(of, "What does [1] say?", {"customer": "bolt"})  # what bolt was shown is bolt's to name
    assert "[1] means passage 1" in model.asked[-1][0].text


def test_a_run_that_is_resumed_for_another_tenant_is_not_handed_what_was_prepared():
    def call(messages: Sequence[BaseMessage]) -> AIMessage:
        wait = {"name": "wait", "args": {}, "id": "1", "type": "tool_call"}
        return AIMessage("", tool_calls=[wait]) if len(model.asked) == 1 else AIMessage("Done.")

    def wait() -> str:
        """Wait."""
        return "waited"

    model = ScriptedModel(replies=[call])
    of: Any = create_agent(
        model,
        [wait],
        middleware=[KnowledgeMiddleware(made(agent(**ALWAYS)))],
        context_schema=AsMapping,
        checkpointer=InMemorySaver(),
        interrupt_before=["tools"],
    )
    say(of, RENT, {"customer": "acme"})
    assert "acme" in prompt(model.asked[0])
    of.invoke(None, THREAD, context={"customer": "bolt"})
    assert len(model.asked) == 2
    assert "acme" not in prompt(model.asked[1])


def calling(tool: KnowledgeTool, context: Any, **args: Any) -> tuple[ToolMessage, ScriptedModel]:
    call = AIMessage("", tool_calls=[{"name": tool.name, "args": args, "id": "1"}])
    model = ScriptedModel(replies=[call, "done"])
    of: Any = create_agent(model, [tool], context_schema=AsMapping)
    messages = of.invoke({"messages": [HumanMessage("look it up")]}, context=context)["messages"]
    return next(one for one in messages if isinstance(one, ToolMessage)), model


def test_a_tool_looks_up_what_the_runs_tenant_may_see():
    tool = KnowledgeTool(made())
    found, _ = calling(tool, {"customer": "acme"}, query=RENT, tenant="bolt", customer="bolt")
    assert "acme" in found.text
    assert "bolt" not in found.text
    assert "bolt" not in json.dumps(found.artifact)
    by_hand = KnowledgeTool(made(), tenant=lambda context: "bolt")
    assert "acme" not in calling(by_hand, {"customer": "acme"}, query=RENT)[0].text


@pytest.mark.parametrize(
    "call",
    [
        lambda tool: calling(tool, {}, query=RENT)[0].text,
        lambda tool: calling(tool, {"customer": ["x"]}, query=RENT)[0].text,
        lambda tool: tool.invoke({"query": RENT}),
    ],
)
def test_a_model_is_told_no_more_than_that_nothing_can_be_searched(
    call: Callable[[KnowledgeTool], str], caplog: pytest.LogCaptureFixture
):
    handbook = ScopedIndex(NOTICES)
    told = call(KnowledgeTool(made(handbook=handbook)))
    assert told.startswith(UNAVAILABLE)
    assert "tenant" not in told
    assert "tenant" in caplog.text
    assert handbook.asked == []


def test_a_model_may_narrow_a_call_by_the_fields_that_are_offered():
    tool = KnowledgeTool(made(), filters=("year", "title"))
    schema = tool.tool_call_schema.model_json_schema()["properties"]  # pyright: ignore[reportAttributeAccessIssue]
    assert list(json.loads(json.dumps(schema))["filter"]["properties"]) == ["year", "title"]
    found, _ = calling(tool, {"customer": "acme"}, query=RENT, filter={"year": {"gte": 2024}})
    shown = found.artifact["passages"]
    assert shown
    assert all(row["fields"]["year"] >= 2024 for row in shown)
    assert found.artifact["decision"]["plan"]["filter"] == ({"year": {"gte": 2024}},)
    whole, _ = calling(tool, {"customer": "acme"}, query=RENT)
    assert any(row["fields"].get("year", 0) < 2024 for row in whole.artifact["passages"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"customer": "bolt"}, "'customer' is not offered; known: title, year"),
        ({"yaer": 2020}, "'yaer' is not offered; did you mean 'year'?"),
        ({"year": {"$ne": 1}}, "give a value, a list of values, or a mapping"),
    ],
)
def test_a_model_cannot_widen_a_filter(given: dict[str, Any], told: str):
    tool = KnowledgeTool(made(agent(filter={"year": 2020})), filters=("year", "title"))
    assert told in calling(tool, {"customer": "acme"}, query=RENT, filter=given)[0].text
    for wish in ({"year": 2024}, {"year": [2020, 2024]}, {"year": {"exists": True}}):
        found, _ = calling(tool, {"customer": "acme"}, query=RENT, filter=wish)
        assert {row["fields"].get("year") for row in found.artifact["passages"]} <= {2020}


def test_a_tool_without_fields_to_filter_by_takes_no_filter():
    tool = KnowledgeTool(made())
    assert "filter" not in tool.args
    found, _ = calling(tool, {"customer": "acme"}, query=RENT, filter={"year": 1999})
    assert found.artifact["passages"]


def test_a_retriever_narrows_by_a_filter_and_is_one_tenants():
    retriever = KnowledgeRetriever(router=made().scoped(Scope(tenant="acme")), k=50)
    found = retriever.invoke(RENT, filter={"year": {"lt": 2021}})
    assert {one.metadata["fields"]["year"] for one in found} == {2020}
    assert {one.metadata["fields"]["customer"] for one in found} == {"acme"}
    with pytest.raises(TenantMissingError):
        KnowledgeRetriever(router=made()).invoke(RENT)


def test_an_agent_without_tenants_is_as_it_was():
    plain = AgentProfile.model_validate({**ALWAYS, "sources": {"tickets": {"path": "x"}}})
    of, model = answering(made(plain), "So [1].", "So [1].")
    say(of, RENT, {"customer": "acme"})
    assert "flat 4" in prompt(model.asked[-1])
    say(of, "What does [1] say?", {"customer": "bolt"})
    assert "[1] means passage 1" in model.asked[-1][0].text


def test_a_filter_of_the_agent_holds_in_a_run_and_stays_in_its_record():
    held_to = agent(**ALWAYS, filter={"year": {"gte": 2021}, "title": {"exists": False}})
    handbook = ScopedIndex([*NOTICES, held("tagged", customer="acme", year=2030, tags=("a", "b"))])
    of, model = answering(made(held_to, handbook), "So [1].", "It says [1].")
    result = say(of, RENT, {"customer": "acme"})
    assert "4 months" in model.asked[-1][-1].text
    assert "3 months" not in model.asked[-1][-1].text
    decision = result["messages"][-1].response_metadata["agent_knowledge"]
    assert [*decision["plan"]["filter"]] == [{"year": {"gte": 2021}}, {"title": {"exists": False}}]
    say(of, "What does [1] say?", {"customer": "acme"})
    assert "[1] means passage 1" in model.asked[-1][0].text
