"""Citations inside structured output."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import KnowledgeMiddleware, cite_fields
from tests.scripted import ScriptedModel, filled
from tests.unit.fakes import passage

REFUND = "My order was delivered on 2 December. Until when can I send it back?"
PASSAGES = [
    passage("You have 30 days from delivery."),
    passage("Shipping costs 4.90 euros.", start=50),
]
SAID = "You have 30 days from delivery [1]. So says the moon [9]."
CLEAN = "You have 30 days from delivery [1]. So says the moon."


class Step(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    why: str = Field(alias="Why")


class Advice(BaseModel):
    days: int
    text: str
    steps: list[Step] = []
    note: str = "none [9]"


class Kind(StrEnum):
    ODD = "[9]"


@dataclasses.dataclass(frozen=True)
class Plain:
    text: str
    kind: Kind = Kind.ODD


class Row(TypedDict):
    text: str
    cites: list[int]


def test_a_model_is_cleaned_at_every_depth_and_stays_of_its_type() -> None:
    given = Advice(days=30, text=SAID, steps=[Step(Why="So [8]."), Step(Why="No marker.")])
    found = cite_fields(given, PASSAGES)
    assert found.value.text == CLEAN
    assert [step.why for step in found.value.steps] == ["So.", "No marker."]
    assert isinstance(found.value, Advice)
    assert found.fabricated == {"text": ("9",), "steps.0.why": ("8",), "note": ("9",)}
    assert given.text == SAID


def test_offsets_count_in_the_field() -> None:
    found = cite_fields(Advice(days=30, text=SAID), PASSAGES)
    (citation,) = found.citations["text"]
    assert citation.supported
    assert found.value.text[citation.start : citation.end] == "You have 30 days from delivery [1]."


def test_dataclasses_dicts_and_tuples_are_looked_through() -> None:
    given = {"all": (Plain(SAID), [SAID]), "kind": Kind.ODD}
    found = cite_fields(given, PASSAGES)
    assert found.value == {"all": (Plain(CLEAN), [CLEAN]), "kind": Kind.ODD}
    assert sorted(found.citations) == ["all.0.text", "all.1.0"]


def test_a_root_model_is_rebuilt() -> None:
    class Lines(RootModel[list[str]]):
        pass

    assert cite_fields(Lines([SAID]), PASSAGES).value == Lines([CLEAN])


def test_what_the_schema_refuses_stays_and_is_reported() -> None:
    class Ids(BaseModel):
        text: str
        ids: list[Annotated[str, Field(pattern=r"^\[\d+\]$")]]

    found = cite_fields(Ids(text=SAID, ids=["[1]", "[9]"]), PASSAGES)
    assert found.value == Ids(text=CLEAN, ids=["[1]", "[9]"])
    assert found.kept == ("ids.1",)
    assert list(found.citations) == ["text"]
    assert list(found.fabricated) == ["text"]


def test_a_json_schema_and_a_typed_dict_are_held_against_the_whole() -> None:
    row: Row = {"text": SAID, "cites": [9]}
    assert cite_fields(row, PASSAGES, schema=Row).value == {"text": CLEAN, "cites": [9]}
    schema = {"type": "object", "properties": {"text": {"const": SAID}}}
    found = cite_fields(row, PASSAGES, schema=schema)
    assert found.value == row
    assert found.kept == ("text",)
    assert not found.citations


def test_a_refusal_does_not_empty_a_value() -> None:
    found = cite_fields({"text": "You have 90 days [1]."}, PASSAGES, "refuse")
    assert found.value == {"text": "You have 90 days [1]."}
    assert not found.citations["text"][0].supported
    assert cite_fields({"text": "You have 90 days [1]."}, PASSAGES, "strip").value == {
        "text": "You have 90 days."
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="a. [19],\n`", max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_json_keeps_its_shape_and_offsets_slice(value: Any) -> None:
    found = cite_fields(value, PASSAGES)
    assert _shape(found.value) == _shape(value)
    again = cite_fields(found.value, PASSAGES)
    assert again.value == found.value
    assert not again.fabricated


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(child) for key, child in value.items()}
    return [_shape(child) for child in value] if isinstance(value, list) else type(value)


class Window(BaseModel):
    days: int
    why: str


WHY = "You have 30 days from delivery [1]. So says the moon [99]."


def test_an_agents_structured_response_is_verified(support: KnowledgeRouter) -> None:
    agent = create_agent(
        ScriptedModel(replies=[filled("Window", days=30, why=WHY)]),
        middleware=[KnowledgeMiddleware(support)],
        response_format=ToolStrategy(Window),
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    result = agent.invoke({"messages": [HumanMessage(REFUND)]}, thread)
    window = result["structured_response"]
    assert window == Window(days=30, why=WHY.replace(" [99]", ""))
    (citation,) = result["citations"]
    assert citation["extras"]["field"] == "why"
    assert window.why[citation["start_index"] : citation["end_index"]].endswith("delivery [1].")
    asked, told = result["messages"][-2:]
    assert asked.tool_calls[0]["args"]["why"] == WHY  # the model's own words
    assert isinstance(told, ToolMessage)
    assert "[99]" not in told.text
    assert asked.response_metadata["agent_knowledge"]["fabricated"] == ["99"]
    json.dumps(result["citations"])


def test_a_providers_json_is_rewritten_only_where_a_marker_went(support: KnowledgeRouter) -> None:
    for why in (WHY, "You have 30 days from delivery [1]."):
        text = json.dumps({"days": 30, "why": why}, indent=1)
        agent = create_agent(
            ScriptedModel(replies=[AIMessage(text)]),
            middleware=[KnowledgeMiddleware(support)],
            response_format=ProviderStrategy(Window),
        )
        result = agent.invoke({"messages": [HumanMessage(REFUND)]})
        final = result["messages"][-1]
        assert json.loads(final.text) == result["structured_response"].model_dump()
        assert "[99]" not in final.text
        assert (final.text == text) is (why != WHY)
        assert [c["extras"]["field"] for c in result["citations"]] == ["why"]


def test_what_an_agents_schema_refuses_is_told(support: KnowledgeRouter) -> None:
    class Exact(BaseModel):
        why: Annotated[str, Field(pattern=r"\[99\]")]

    agent = create_agent(
        ScriptedModel(replies=[filled("Exact", why=WHY)]),
        middleware=[KnowledgeMiddleware(support)],
        response_format=ToolStrategy(Exact),
    )
    result = agent.invoke({"messages": [HumanMessage(REFUND)]})
    assert result["structured_response"].why == WHY
    assert result["citations"] == []
    told = result["messages"][-2].response_metadata["agent_knowledge"]
    assert told["faults"][0].startswith("why: ")


@pytest.mark.parametrize("schema", [Row, {"title": "Row", "type": "object", "properties": {}}])
def test_an_agents_dict_is_verified(support: KnowledgeRouter, schema: Any) -> None:
    agent = create_agent(
        ScriptedModel(replies=[filled("Row", text=WHY, cites=[1])]),
        middleware=[KnowledgeMiddleware(support)],
        response_format=ToolStrategy(schema),
    )
    result = agent.invoke({"messages": [HumanMessage(REFUND)]})
    assert result["structured_response"]["text"] == WHY.replace(" [99]", "")
    assert result["citations"][0]["extras"]["field"] == "text"
