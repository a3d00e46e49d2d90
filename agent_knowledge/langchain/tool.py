"""The router as a tool: an agent's model asks, and gets back what the task needs."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from agent_knowledge.context import render_knowledge
from agent_knowledge.errors import InputError, SourceError
from agent_knowledge.langchain.convert import passage_block
from agent_knowledge.router import KnowledgeRouter
from agent_knowledge.types import Knowledge, to_dict


class KnowledgeInput(BaseModel):
    """What the tool takes."""

    query: str = Field(description="The question or task, complete enough to be understood alone")


class KnowledgeTool(BaseTool):
    """Hands an agent the knowledge that a task needs: passages to cite, or worked examples.

    The content goes to the model. The artifact (`decision`, `passages`, `examples`, `citations`,
    plain JSON, so that it survives any checkpointer) stays with the application.

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
        self, query: str, run_manager: CallbackManagerForToolRun | None = None
    ) -> tuple[str, dict[str, Any]]:
        try:
            return _hand_over(self.router.prepare(query))
        except (InputError, SourceError) as error:
            # The model that called can mend a query, or go on without: it is told.
            raise ToolException(str(error)) from error

    async def _arun(
        self, query: str, run_manager: AsyncCallbackManagerForToolRun | None = None
    ) -> tuple[str, dict[str, Any]]:
        return await asyncio.to_thread(self._run, query)


def _hand_over(knowledge: Knowledge) -> tuple[str, dict[str, Any]]:
    artifact = {
        "decision": to_dict(knowledge.decision),
        "passages": [to_dict(passage) for passage in knowledge.passages],
        "examples": [to_dict(example) for example in knowledge.examples],
        "citations": [passage_block(n, p) for n, p in enumerate(knowledge.passages, start=1)],
    }
    return render_knowledge(knowledge), artifact


def _describe(router: KnowledgeRouter) -> str:
    """Tell a model what it can find here, in the words of the configuration."""
    agent = router.agent
    lines = ["Look up what a task needs: facts with their sources, or worked examples to follow."]
    lines += [_line("Facts", name, spec.description) for name, spec in agent.sources.items()]
    lines += [_line("Examples", name, spec.description) for name, spec in agent.examples.items()]
    return "\n".join(lines)


def _line(kind: str, name: str, description: str) -> str:
    return f"{kind} in {name}: {description}" if description else f"{kind} in {name}"
