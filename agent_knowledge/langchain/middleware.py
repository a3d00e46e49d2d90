"""The router as middleware: every user turn is routed before the model sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ExtendedModelResponse, PrivateStateAttr
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, SystemMessage
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import TypeAdapter

from agent_knowledge.assembly import load_endpoint
from agent_knowledge.citations.finish import finish
from agent_knowledge.langchain.convert import annotate, replace_user_turn, task_from_messages
from agent_knowledge.router import KnowledgeRouter
from agent_knowledge.strategies.messages import example_messages
from agent_knowledge.types import Knowledge, Task, to_dict

_KNOWLEDGE: TypeAdapter[Knowledge] = TypeAdapter(Knowledge)


def _merge(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    return {**(old or {}), **new}


class KnowledgeState(AgentState[Any]):
    """State of an agent with the middleware: what each router prepared for the turn, as JSON."""

    knowledge: NotRequired[Annotated[dict[str, Any], _merge, PrivateStateAttr]]


class KnowledgeMiddleware(AgentMiddleware[KnowledgeState, Any, Any]):
    """Routes each user turn and hands the model what the decision names.

    The system message gains the agent's system prompt and the rules for using passages or
    examples; the user's turn gains the passages; a fine-tuned endpoint takes over the call when
    its gate is open, and the agent's own model again when it fails. The final message carries
    LangChain `Citation` annotations for each marker that names a passage; other markers are
    removed. The decision is in the message's `response_metadata["agent_knowledge"]`.

    Example:
        agent = create_agent(model, tools, middleware=[KnowledgeMiddleware(router)])
    """

    state_schema = KnowledgeState

    def __init__(
        self,
        router: KnowledgeRouter,
        *,
        name: str = "KnowledgeMiddleware",
        endpoint: BaseChatModel | None = None,
    ) -> None:
        """Make the middleware.

        Args:
            router: The agent's router.
            name: Must differ where one agent has two of these.
            endpoint: The fine-tuned endpoint's chat model; default: opened from the configuration
                when a decision first names it.
        """
        super().__init__()
        self.router = router
        self._name = name
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        """The middleware's name in its agent."""
        return self._name

    def before_agent(self, state: KnowledgeState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Route the user's turn; its knowledge serves every model call of the turn."""
        task = task_from_messages(state["messages"])
        prepared = to_dict(self.router.prepare(task)) if task else None
        return {"knowledge": {self._name: prepared}}

    async def abefore_agent(
        self, state: KnowledgeState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`before_agent` in a thread."""
        return await asyncio.to_thread(self.before_agent, state, runtime)

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Hand over the knowledge, and verify the answer's citations."""
        knowledge = self._prepared(request)
        if knowledge is None:
            return handler(request)
        if knowledge.decision.plan.clarify:
            return _ask_back(knowledge)
        if knowledge.decision.plan.endpoint is None:
            return self._verified(handler(_with_knowledge(request, knowledge)), knowledge)
        try:
            response = handler(self._to_endpoint(request, knowledge))
        except Exception as error:  # noqa: BLE001 - any failure leads to the next rung
            lower = self._next_rung(request, knowledge, error)
            return self._lowered(handler(_with_knowledge(request, lower)), lower)
        return self._verified(response, knowledge)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """`wrap_model_call`, awaited."""
        knowledge = self._prepared(request)
        if knowledge is None:
            return await handler(request)
        if knowledge.decision.plan.clarify:
            return _ask_back(knowledge)
        if knowledge.decision.plan.endpoint is None:
            return self._verified(await handler(_with_knowledge(request, knowledge)), knowledge)
        try:
            response = await handler(self._to_endpoint(request, knowledge))
        except Exception as error:  # noqa: BLE001 - any failure leads to the next rung
            lower = await asyncio.to_thread(self._next_rung, request, knowledge, error)
            return self._lowered(await handler(_with_knowledge(request, lower)), lower)
        return self._verified(response, knowledge)

    def _prepared(self, request: ModelRequest[Any]) -> Knowledge | None:
        held: dict[str, Any] = request.state.get("knowledge") or {}
        prepared = held.get(self._name)
        return _KNOWLEDGE.validate_python(prepared) if prepared else None

    def _to_endpoint(self, request: ModelRequest[Any], knowledge: Knowledge) -> ModelRequest[Any]:
        """The same request to the fine-tuned model, which was trained to answer, not to call."""
        if self._endpoint is None:
            self._endpoint = load_endpoint(self.router.agent).model
        return _with_knowledge(request, knowledge).override(model=self._endpoint, tools=[])

    def _next_rung(
        self, request: ModelRequest[Any], knowledge: Knowledge, error: Exception
    ) -> Knowledge:
        if self.router.agent.policy.on_failure == "raise":
            raise error
        task = task_from_messages(request.messages) or Task(knowledge.prompt)
        return self.router.step_down(task, knowledge, type(error).__name__)

    def _lowered(
        self, response: ModelResponse[Any], lower: Knowledge
    ) -> ExtendedModelResponse[Any]:
        """Remember the lower rung for the turn's further model calls."""
        update = {"knowledge": {self._name: to_dict(lower)}}
        return ExtendedModelResponse(self._verified(response, lower), Command(update=update))

    def _verified(self, response: ModelResponse[Any], knowledge: Knowledge) -> ModelResponse[Any]:
        """Verify the citations of a final message; calls of tools pass as they are."""
        if not response.result or not isinstance(message := response.result[-1], AIMessage):
            return response
        if message.tool_calls:
            return response
        if knowledge.passages and knowledge.decision.plan.citations != "never":
            policy = self.router.agent.policy.unsupported
            finished = finish(message.text, knowledge.passages, policy)
            message = annotate(message, finished.text, finished.citations)
        metadata = {
            **message.response_metadata,
            "agent_knowledge": to_dict(knowledge.decision),
        }
        message = message.model_copy(update={"response_metadata": metadata})
        return replace(response, result=[*response.result[:-1], message])


def _with_knowledge(request: ModelRequest[Any], knowledge: Knowledge) -> ModelRequest[Any]:
    own = request.system_message.text if request.system_message else ""
    system = "\n\n".join(part for part in (own, knowledge.system) if part)
    return request.override(
        system_message=SystemMessage(system) if system else None,
        messages=[
            *example_messages(knowledge.examples),  # pyright: ignore[reportArgumentType]
            *replace_user_turn(request.messages, knowledge.prompt),
        ],
    )


def _ask_back(knowledge: Knowledge) -> ModelResponse[Any]:
    metadata = {"agent_knowledge": to_dict(knowledge.decision)}
    question = AIMessage(knowledge.decision.plan.clarify or "", response_metadata=metadata)
    return ModelResponse(result=[question])
