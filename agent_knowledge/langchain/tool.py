"""The router as a tool: an agent's model asks, and gets back what the task needs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, cast

from langchain.tools import ToolRuntime
from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.tools import BaseTool, InjectedToolArg, ToolException
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SkipValidation
from pydantic.json_schema import WithJsonSchema

from agent_knowledge.context import render_knowledge
from agent_knowledge.errors import InputError, SourceError
from agent_knowledge.langchain.convert import passage_block
from agent_knowledge.langchain.numbering import next_number, numbered, to_json
from agent_knowledge.router import KnowledgeRouter
from agent_knowledge.types import Knowledge, to_dict

_Runtime = Annotated[
    ToolRuntime[Any, Any] | None,
    InjectedToolArg(),
    SkipValidation,
    # LangChain dumps the input, which would copy the whole state, and the fields' JSON schema.
    PlainSerializer(lambda _: None),
    WithJsonSchema({"type": "null"}),
]


class KnowledgeInput(BaseModel):
    """What the tool takes."""

    query: str = Field(description="The question or task, complete enough to be understood alone")
    runtime: _Runtime = None
    """Given by LangGraph inside an agent; a direct call leaves it out, a model never sees it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


class KnowledgeTool(BaseTool):
    """Hands an agent the knowledge that a task needs: passages to cite, or worked examples.

    The content goes to the model. The artifact (`decision`, `passages`, `examples`, `citations`,
    plain JSON, so that it survives any checkpointer) stays with the application. Inside an agent
    the passages of a further call are numbered on from those that the conversation has shown, so
    that a number means one passage; `cite_sources` annotates the final message from there.

    Example:
        agent = create_agent(model, [KnowledgeTool(load_router("agent-knowledge.yaml"))])
    """

    name: str = "knowledge"
    description: str = ""
    args_schema: type[BaseModel] = KnowledgeInput  # pyright: ignore[reportIncompatibleVariableOverride]
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    router: SkipValidation[KnowledgeRouter] = Field(exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def __init__(self, router: KnowledgeRouter, **kwargs: Any) -> None:
        """Make the tool.

        Args:
            router: The agent's router.
            kwargs: Fields of LangChain's `BaseTool`, such as another `name` or `description`.
        """
        kwargs.setdefault("description", _describe(router))
        super().__init__(router=router, **kwargs)  # pyright: ignore[reportCallIssue]

    def _run(
        self,
        query: str,
        runtime: object = None,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> tuple[str, dict[str, Any]]:
        try:
            return _hand_over(self.router.prepare(query), _first_number(runtime))
        except (InputError, SourceError) as error:
            # The model that called can mend a query, or go on without: it is told.
            raise ToolException(str(error)) from error

    async def _arun(
        self,
        query: str,
        runtime: object = None,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> tuple[str, dict[str, Any]]:
        return await asyncio.to_thread(self._run, query, runtime)


def _first_number(runtime: object) -> int:
    """The number of a call's first passage; 1 outside an agent."""
    if not isinstance(runtime, ToolRuntime):  # nothing, or what a model made up
        return 1
    given = cast("ToolRuntime[Any, object]", runtime)
    state = _fields(given.state)
    tools = (tool for tool in given.tools if isinstance(tool, KnowledgeTool))
    return next_number(
        state.get("messages") or (),
        given.tool_call_id,
        {tool.name: tool.router.agent.policy.k for tool in tools},
        state.get("shown") or 0,
    )


def _fields(state: object) -> dict[str, Any]:
    """The state by its fields; a graph of one's own may keep messages alone, or attributes."""
    if isinstance(state, list):
        return {"messages": state}
    return cast("dict[str, Any]", state if isinstance(state, dict) else vars(state))


def _hand_over(knowledge: Knowledge, first: int) -> tuple[str, dict[str, Any]]:
    shown = numbered(knowledge.passages, first)
    artifact = {
        "decision": to_dict(knowledge.decision),
        "passages": [{"number": int(n), **row} for n, row in to_json(shown).items()],
        "examples": [to_dict(example) for example in knowledge.examples],
        "citations": [passage_block(int(n), passage) for n, passage in shown.items()],
    }
    return render_knowledge(knowledge, first), artifact


def _describe(router: KnowledgeRouter) -> str:
    """Tell a model what it can find here, in the words of the configuration."""
    agent = router.agent
    lines = ["Look up what a task needs: facts with their sources, or worked examples to follow."]
    lines += [_line("Facts", name, spec.description) for name, spec in agent.sources.items()]
    lines += [_line("Examples", name, spec.description) for name, spec in agent.examples.items()]
    return "\n".join(lines)


def _line(kind: str, name: str, description: str) -> str:
    return f"{kind} in {name}: {description}" if description else f"{kind} in {name}"
