"""What the middleware keeps survives any checkpointer, since it is plain JSON as it is written."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from agent_knowledge.langchain.convert import SENT
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router

THREAD: Any = {"configurable": {"thread_id": "1"}}


class JsonOnly(JsonPlusSerializer):
    """Refuses whatever is no plain JSON, but for messages and what LangGraph itself sends."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        if not any(theirs in repr(obj) for theirs in ("Message(", "Send(")):
            assert json.loads(json.dumps(obj)) == obj
        return super().dumps_typed(obj)


def savers(kind: str, folder: Path) -> Any:
    if kind == "memory":
        return InMemorySaver(serde=JsonOnly())
    sqlite = pytest.importorskip("langgraph.checkpoint.sqlite")
    return sqlite.SqliteSaver(sqlite3.connect(folder / "a.db", check_same_thread=False))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("details", [False, True])
def test_state_is_plain_json(
    kind: str, details: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    saver, router = savers(kind, tmp_path), small_router()
    call = AIMessage("", tool_calls=[{"name": "knowledge", "args": {"query": QUESTION}, "id": "1"}])

    def agent_of(*replies: Any) -> Any:
        ours = [KnowledgeMiddleware(router, details=details), KnowledgeMiddleware(router, name="b")]
        tools = [KnowledgeTool(router)]
        model = ScriptedModel(replies=[*replies])
        return create_agent(model, tools, middleware=ours, checkpointer=saver)

    agent_of(call, SAID).invoke({"messages": [HumanMessage(QUESTION)]}, THREAD)
    later = agent_of("So it says [1].")  # as another process would
    values = later.get_state(THREAD).values
    ours = {key: values[key] for key in values if key != "messages"}
    assert len(ours) >= 4
    assert ours == json.loads(json.dumps(ours))
    told = [m.response_metadata.get("agent_knowledge") for m in values["messages"]]
    assert told[-1]
    assert told == json.loads(json.dumps(told))
    assert SENT in values["messages"][-1].response_metadata
    result = later.invoke({"messages": [HumanMessage("What does [1] say?")]}, THREAD)
    assert [note["cited_text"] for note in result["citations"]] == [NOTICE]
