"""The router as middleware: every user turn is routed before the model sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ExtendedModelResponse, PrivateStateAttr
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import TypeAdapter

from agent_knowledge.assembly import load_endpoint
from agent_knowledge.citations.finish import finish
from agent_knowledge.errors import AgentKnowledgeError, BrokenStreamError
from agent_knowledge.langchain.combine import combine, leader
from agent_knowledge.langchain.convert import (
    annotate,
    extend_system,
    replace_user_turn,
    task_from_messages,
    turn_of,
)
from agent_knowledge.router import KnowledgeRouter
from agent_knowledge.schemas import Checked, check_answer
from agent_knowledge.strategies.messages import example_messages, not_in_form, repair_turns
from agent_knowledge.types import Knowledge, Task, to_dict

_KNOWLEDGE: TypeAdapter[Knowledge] = TypeAdapter(Knowledge)


def _merge(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    return {**(old or {}), **new}


class KnowledgeState(AgentState[Any]):
    """State of an agent with the middleware: what each router prepared for the turn, as JSON."""

    # LangGraph takes a reducer only where it comes last.
    knowledge: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, _merge]]


class KnowledgeMiddleware(AgentMiddleware[KnowledgeState, Any, Any]):
    """Routes each user turn and hands the model what the decision names.

    The system message gains the agent's system prompt and the rules for using passages or
    examples; the user's turn gains the passages; a fine-tuned endpoint takes over the call when
    its gate is open, and the agent's own model again when it fails. Where passages were handed
    over, the final message carries LangChain `Citation` annotations for each marker that names
    one, and other markers are removed. The decision is in the message's
    `response_metadata["agent_knowledge"]`. Where the example set has a JSON schema, an answer that
    breaks it is asked for once more; what is then still wrong stands under `faults` there. Two of
    these in one agent, each with a `name`, join their passages under one numbering. Structured
    output is not verified.

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
        messages = state["messages"]
        task = task_from_messages(messages)
        if task is None:
            return None
        return _remembered(self._name, messages, self.router.prepare(task))

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
            asked = _with_knowledge(request, knowledge)
            return self._verified(_in_form(asked, knowledge, handler), knowledge)
        try:
            asked = self._to_endpoint(request, knowledge)
            return self._verified(_in_form(asked, knowledge, handler), knowledge)
        except Exception as error:  # noqa: BLE001 - any failure leads to the next rung
            lower = self._next_rung(request, knowledge, error)
            asked = _with_knowledge(request, lower)
            return self._lowered(request, _in_form(asked, lower, handler), lower)

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
            asked = _with_knowledge(request, knowledge)
            return self._verified(await _ain_form(asked, knowledge, handler), knowledge)
        try:
            asked = self._to_endpoint(request, knowledge)
            return self._verified(await _ain_form(asked, knowledge, handler), knowledge)
        except Exception as error:  # noqa: BLE001 - any failure leads to the next rung
            lower = await asyncio.to_thread(self._next_rung, request, knowledge, error)
            asked = _with_knowledge(request, lower)
            return self._lowered(request, await _ain_form(asked, lower, handler), lower)

    def _prepared(self, request: ModelRequest[Any]) -> Knowledge | None:
        """What to hand over; None where another router leads the turn, or none prepared for it."""
        held: dict[str, Any] = request.state.get("knowledge") or {}
        turn = turn_of(request.messages)
        prepared = {
            name: _KNOWLEDGE.validate_python(one["knowledge"])
            for name, one in held.items()
            if one["turn"] == turn  # an earlier turn's, or a middleware's that is gone, is not
        }
        task = task_from_messages(request.messages)
        if not prepared or task is None or leader(prepared) != self._name:
            return None
        return combine(prepared, task.text)

    def _to_endpoint(self, request: ModelRequest[Any], knowledge: Knowledge) -> ModelRequest[Any]:
        """The same request to the fine-tuned model, which was trained to answer, not to call."""
        if self._endpoint is None:
            self._endpoint = load_endpoint(self.router.agent).model
        return _with_knowledge(request, knowledge).override(model=self._endpoint, tools=[])

    def _next_rung(
        self, request: ModelRequest[Any], knowledge: Knowledge, error: Exception
    ) -> Knowledge:
        raises = self.router.agent.policy.on_failure == "raise"
        if raises or isinstance(error, BrokenStreamError):  # nothing may follow half an answer
            raise error
        task = task_from_messages(request.messages) or Task(knowledge.prompt)
        # Our own errors say what to mend; a provider's own words may hold a key.
        why = str(error) if isinstance(error, AgentKnowledgeError) else type(error).__name__
        return self.router.step_down(task, knowledge, why)

    def _lowered(
        self, request: ModelRequest[Any], response: ModelResponse[Any], lower: Knowledge
    ) -> ExtendedModelResponse[Any]:
        """Remember the lower rung for the turn's further model calls."""
        update = _remembered(self._name, request.messages, lower)
        return ExtendedModelResponse(self._verified(response, lower), Command(update=update))

    def _verified(self, response: ModelResponse[Any], knowledge: Knowledge) -> ModelResponse[Any]:
        """Verify the citations of a final message, or its JSON.

        Calls of tools pass as they are, and so does structured output: its text is data, which
        must not be edited as prose.

        Raises:
            EndpointError: Another rung, or the policy's `on_failure: raise`, is to answer for what
                is not in its set's form.
        """
        message = _final(response)
        if message is None:
            return response
        prose = response.structured_response is None
        policy, said = self.router.agent.policy, _checked(response, knowledge)
        if said.faults and (knowledge.decision.plan.endpoint or policy.on_failure == "raise"):
            raise not_in_form(knowledge, said.faults)
        if prose and knowledge.passages and knowledge.decision.plan.citations != "never":
            finished = finish(message.text, knowledge.passages, policy.unsupported)
            message = annotate(message, finished.text, finished.citations)
        elif said.text != message.text:
            message = annotate(message, said.text, ())
        told = to_dict(knowledge.decision) | ({"faults": [*said.faults]} if said.faults else {})
        metadata = {**message.response_metadata, "agent_knowledge": told}
        message = message.model_copy(update={"response_metadata": metadata})
        return replace(response, result=[*response.result[:-1], message])


def _final(response: ModelResponse[Any]) -> AIMessage | None:
    """The message that ends a turn, if this is one."""
    message = response.result[-1] if response.result else None
    return message if isinstance(message, AIMessage) and not message.tool_calls else None


def _checked(response: ModelResponse[Any], knowledge: Knowledge) -> Checked:
    """A final message held against the JSON schema of the set that served it."""
    message = _final(response)
    if message is None or response.structured_response is not None:
        return Checked(text=message.text if message else "")
    return check_answer(message.text, knowledge.form.schema)


def _in_form(
    request: ModelRequest[Any],
    knowledge: Knowledge,
    handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
) -> ModelResponse[Any]:
    """Ask the model, and once more where its answer breaks its set's JSON schema."""
    response = handler(request)
    said = _checked(response, knowledge)
    return handler(_again(request, said)) if said.faults else response


async def _ain_form(
    request: ModelRequest[Any],
    knowledge: Knowledge,
    handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
) -> ModelResponse[Any]:
    """`_in_form`, awaited."""
    response = await handler(request)
    said = _checked(response, knowledge)
    return await handler(_again(request, said)) if said.faults else response


def _again(request: ModelRequest[Any], said: Checked) -> ModelRequest[Any]:
    turns = repair_turns(said)
    return request.override(messages=[*request.messages, *turns])  # pyright: ignore[reportArgumentType]


def _remembered(name: str, messages: Sequence[AnyMessage], knowledge: Knowledge) -> dict[str, Any]:
    """The state update that keeps a router's knowledge for the turn it was prepared for."""
    return {"knowledge": {name: {"turn": turn_of(messages), "knowledge": to_dict(knowledge)}}}


def _with_knowledge(request: ModelRequest[Any], knowledge: Knowledge) -> ModelRequest[Any]:
    return request.override(
        system_message=extend_system(request.system_message, knowledge.system),
        messages=[
            *example_messages(knowledge),  # pyright: ignore[reportArgumentType]
            *replace_user_turn(request.messages, knowledge.prompt),
        ],
    )


def _ask_back(knowledge: Knowledge) -> ModelResponse[Any]:
    metadata = {"agent_knowledge": to_dict(knowledge.decision)}
    question = AIMessage(knowledge.decision.plan.clarify or "", response_metadata=metadata)
    return ModelResponse(result=[question])
