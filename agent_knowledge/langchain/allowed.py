"""Which tools a turn may call once it was shown what strangers wrote.

A passage may tell a model to send a mail, and a model may obey. What it cannot call, it cannot be
talked into: where the host names the tools that go with passages, the others are neither offered
nor run in a turn that has any.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from langchain.tools.tool_node import ToolCallRequest
from langchain_core.messages import AnyMessage, ToolMessage
from langchain_core.tools import BaseTool

from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.langchain.tool import KnowledgeTool

_T = TypeVar("_T", bound=BaseTool | dict[str, Any])


def allowed_tools(tools: Sequence[_T], allowed: Collection[str] | None) -> list[_T]:
    """The tools that may be offered beside passages; all of them where `allowed` is None."""
    return [tool for tool in tools if _may_run(tool, _name(tool), allowed)]


def refusal(
    request: ToolCallRequest, allowed: Collection[str] | None, *, shown: bool
) -> ToolMessage | None:
    """The message to a model that calls another tool in a turn with passages; None where it may.

    Args:
        request: The call.
        allowed: Names of the tools that go with passages; None for all.
        shown: The turn's own prompt has passages; those of a `KnowledgeTool` count as well.
    """
    name = request.tool_call["name"]
    messages: Sequence[AnyMessage] = request.state["messages"]
    if _may_run(request.tool, name, allowed) or not (shown or shown_by_tools(messages)):
        return None
    named = ", ".join(sorted(allowed or ())) or "none"
    return ToolMessage(
        f"The tool {name!r} may not be called in a turn that was shown passages; allowed: {named}.",
        name=name,
        tool_call_id=request.tool_call["id"],
        status="error",
    )


def _may_run(tool: object, name: str, allowed: Collection[str] | None) -> bool:
    return allowed is None or name in allowed or isinstance(tool, KnowledgeTool)


def _name(tool: BaseTool | dict[str, Any]) -> str:
    if isinstance(tool, BaseTool):
        return tool.name
    function: dict[str, Any] = tool.get("function", {})
    return str(tool.get("name") or function.get("name") or "")
