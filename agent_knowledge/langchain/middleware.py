"""The router as middleware: every user turn is routed before the model sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ExtendedModelResponse
from langchain.tools import ToolRuntime
from langchain.tools.tool_node import ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent_knowledge.build import load_endpoint, load_verifier
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.langchain.allowed import refusal
from agent_knowledge.langchain.combine import leader
from agent_knowledge.langchain.convert import last_user_turn, task_from_messages, turn_of
from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.langchain.requests import goes_on, request_of, said_by, without_ours
from agent_knowledge.langchain.responses import (
    answering,
    sources_event,
    verify_response,
    with_metadata,
)
from agent_knowledge.langchain.routers import (
    FailedCalls,
    LedTurn,
    RouterPart,
    attempt,
    knowledge_by_name,
    led_turn,
    parts_of,
    with_parts,
)
from agent_knowledge.langchain.state import (
    CITED,
    PREPARED,
    SHOWN,
    KnowledgeState,
    cited_before,
    cited_turn,
    cited_update,
    decision_metadata,
    expect,
    expected,
    identity_of_turn,
    remember,
    remembered,
    remembered_of,
)
from agent_knowledge.langchain.tenants import TenantReader, mark_of, router_of_run
from agent_knowledge.langchain.tracked import TrackedModel
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.models.chat import served_name
from agent_knowledge.observing import observe, observed_by
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.turn import CallModel, Failed, Turn, Verifying
from agent_knowledge.types import Knowledge, Task


class KnowledgeMiddleware(AgentMiddleware[KnowledgeState, Any, Any]):
    """Routes each user turn, as its model is asked, and hands it what the decision names.

    The system message gains the agent's system prompt and the rules for using passages or
    examples; the user's turn gains the passages; a fine-tuned endpoint takes over the call when
    its gate is open, and the agent's own model again when it fails.

    Where passages were handed over, here or by a `KnowledgeTool`, the final message carries
    LangChain `Citation` annotations for each marker that names one, and other markers are removed.
    The same citations are in the state under `citations`, unless the agent's own schema has a key
    of that name, and a stream with `custom` among its
    modes ends with an event that has them (`verified.SOURCES_EVENT`). The strings of a structured
    response are verified one by one. A later turn that names `[2]`, or points back in words, is
    given what the earlier answer cited.

    Where the agent's sources or sets keep tenants apart, each run sees those of the tenant that its
    runtime context names, as in `agent.invoke(..., context={"customer": "acme"})`; what the state
    remembers of another tenant's is handed over no more. A run without one fails.

    Earlier answers go to the model without what was added to them here.

    The decision is in the message's `response_metadata["agent_knowledge"]`, without its signals and
    what was rejected unless `details` are asked for. Where the example set
    has a JSON schema, an answer that breaks it is asked for once more; what is then still wrong
    stands under `faults` there. Two of these in one agent, each with a `name`, join their passages
    under one numbering; `routers` in the metadata then has what each decided, by name.

    Example:
        agent = create_agent(model, tools, middleware=[KnowledgeMiddleware(router)])
    """

    state_schema = KnowledgeState

    def __init__(  # noqa: PLR0913 - each is a part of its own, and all but one are optional
        self,
        router: KnowledgeRouter,
        *,
        name: str = "KnowledgeMiddleware",
        endpoint: BaseChatModel | None = None,
        verifier: CitationVerifier | None = None,
        details: bool = False,
        tools_with_passages: Collection[str] | None = None,
        tenant: TenantReader | None = None,
    ) -> None:
        """Make the middleware.

        Args:
            router: The agent's router.
            name: Must differ where one agent has two of these.
            endpoint: The fine-tuned endpoint's chat model; default: opened from the configuration
                when a decision first names it.
            verifier: Verifies the citations; default: the packaged one.
            details: Tell the whole decision, with its signals and what was rejected, in the
                message's metadata, and so in every stream that carries it.
            tools_with_passages: Names of the tools that a turn which was shown passages may call;
                others are not offered to the model then, and a call of one is refused. None for
                all; a `KnowledgeTool` may always be called.
            tenant: Reads the tenant off the runtime context; default: the key or attribute that
                `agents.NAME.tenant` names. Of two of these in one agent, where one has tenants
                give both how to read them.
        """
        super().__init__()
        self.router = router
        self._name = name
        self._endpoint = endpoint
        self._details = details
        self._allowed = None if tools_with_passages is None else frozenset(tools_with_passages)
        self._verifier = verifier or load_verifier(router)
        self._tenant = tenant
        self.failed = FailedCalls()

    @property
    def name(self) -> str:
        """The middleware's name in its agent."""
        return self._name

    def before_agent(self, state: KnowledgeState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Begin the user's turn.

        It is routed when the model is asked: until then other middleware may take something out of
        it, and what was taken out is read by nothing here.

        Raises:
            TenantMissingError: The run names no tenant, and something keeps its tenants apart.
        """
        messages = state["messages"]
        fresh: dict[str, Any] = {**cited_update(state, ()), SHOWN: 0}
        if task_from_messages(messages) is None:
            return fresh
        self._of(runtime).require_tenant()
        return fresh | expect(self._name, messages)

    async def abefore_agent(
        self, state: KnowledgeState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`before_agent`: nothing waits in it."""
        return self.before_agent(state, runtime)

    def after_agent(self, state: KnowledgeState, runtime: Runtime[Any]) -> None:
        """Tell whoever streams the turn what its answer rests on."""
        messages = state["messages"]
        prepared = remembered(state, messages, mark_of(self._of(runtime)))
        # Where no model was asked nobody prepared anything, and the first tells.
        tells = leader(prepared) if prepared else next(iter(expected(state, messages)), None)
        if tells == self._name:
            runtime.stream_writer(sources_event(state))

    async def aafter_agent(self, state: KnowledgeState, runtime: Runtime[Any]) -> None:
        """`after_agent`: nothing waits in it."""
        self.after_agent(state, runtime)

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Route the user's turn, hand over the knowledge, and verify the answer's citations."""
        request, led = self._begin(request)
        if led is None:
            return handler(request)
        with observe(led.stage, led.by.router.observers), attempt(request, led):
            return led.by._lead(request, handler, led)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """`wrap_model_call`, awaited."""
        request, led = await asyncio.to_thread(self._begin, request)
        if led is None:
            return await handler(request)
        with observe(led.stage, led.by.router.observers), attempt(request, led):
            return await led.by._alead(request, handler, led)

    def _lead(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
        led: LedTurn[KnowledgeMiddleware],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """One turn, from what all routers prepared to what may be shown."""
        turn, response = Turn(led.knowledge, self.router.agent.policy), None
        while step := turn.asks:
            if unopened := self._open(step):
                turn.feed(unopened)
                continue
            sent = self._request(request, step)
            try:
                response = handler(sent)
            except Exception as error:
                if not goes_on(turn, step, error):
                    raise
                continue
            if (said := said_by(response, step, sent.model)) is None:
                state = self._state(request, turn, led, step.knowledge)
                return ExtendedModelResponse(response, Command(update=state))
            turn.feed(said)
        return self._told(request, response, turn, led)

    async def _alead(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
        led: LedTurn[KnowledgeMiddleware],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """`_lead`, awaited."""
        turn, response = Turn(led.knowledge, self.router.agent.policy), None
        while step := turn.asks:
            if unopened := self._open(step):
                turn.feed(unopened)
                continue
            sent = self._request(request, step)
            try:
                response = await handler(sent)
            except Exception as error:
                if not goes_on(turn, step, error):
                    raise
                continue
            if (said := said_by(response, step, sent.model)) is None:
                state = self._state(request, turn, led, step.knowledge)
                return ExtendedModelResponse(response, Command(update=state))
            turn.feed(said)
        return await asyncio.to_thread(self._told, request, response, turn, led)

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Run a tool, unless it is none of those that go with passages and the turn has some."""
        return self._refusal(request) or handler(request)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """`wrap_tool_call`, awaited."""
        return self._refusal(request) or await handler(request)

    def _refusal(self, request: ToolCallRequest) -> ToolMessage | None:
        if self._allowed is None:
            return None
        runtime = cast("ToolRuntime[Any, Any]", request.runtime)
        whose = mark_of(self._of(runtime))
        prepared = remembered(request.state, request.state["messages"], whose)
        shown = any(knowledge.passages for knowledge in prepared.values())
        return refusal(request, self._allowed, shown=shown)

    def _of(self, runtime: Runtime[Any] | ToolRuntime[Any, Any]) -> KnowledgeRouter:
        """The router as a run may use it."""
        return router_of_run(self.router, runtime.context, self._tenant)

    def _begin(
        self, request: ModelRequest[Any]
    ) -> tuple[ModelRequest[Any], LedTurn[KnowledgeMiddleware] | None]:
        """The request to go on with, and what the turn begins with.

        None where this router has no part in the turn, or another one comes after it.
        """
        request = without_ours(request)
        self.router.base_model = served_name(request.model)
        task = task_from_messages(request.messages)
        if task is None or self._name not in expected(request.state, request.messages):
            return request, None
        parts = parts_of(request) | {self._name: self._part(request, task)}
        request, goes_on = with_parts(request, parts)
        if goes_on:
            return request, None
        return request, parts[leader(knowledge_by_name(parts))].by._led(request, task, parts)

    def _part(self, request: ModelRequest[Any], task: Task) -> RouterPart[KnowledgeMiddleware]:
        """What this router has for the turn: what it prepared before, unless the turn changed."""
        router = self._of(request.runtime)
        whose = mark_of(router)
        if known := remembered_of(self._name, request.state, request.messages, whose):
            return RouterPart(by=self, knowledge=known)
        key = (*identity_of_turn(request.messages), whose)
        if held := self.failed.part_for(request, key):
            return held
        with observed_by(CallbackRuns()):
            knowledge = router.prepare(task)
        fresh = self._kept(request, knowledge)
        return RouterPart(by=self, knowledge=knowledge, fresh=fresh, key=key)

    def _led(
        self,
        request: ModelRequest[Any],
        task: Task,
        parts: Mapping[str, RouterPart[KnowledgeMiddleware]],
    ) -> LedTurn[KnowledgeMiddleware]:
        """The turn, with what earlier turns cited, where this one points back at it."""
        whose = mark_of(self._of(request.runtime))
        cited = cited_before(request.state, request.messages, whose)
        return led_turn(self, self.router.agent, replace(task, cited=cited), parts)

    def _kept(self, request: ModelRequest[Any], knowledge: Knowledge) -> dict[str, Any]:
        whose = mark_of(self._of(request.runtime))
        details = self._details
        return remember(self._name, request.messages, knowledge, details=details, whose=whose)

    def _open(self, step: CallModel) -> Failed | None:
        """Open the fine-tuned endpoint, if it is to be called; what went wrong, if it cannot be."""
        if step.endpoint and self._endpoint is None:
            try:
                self._endpoint = load_endpoint(self.router.agent).model
            except ConfigError as error:  # such as a variable that is not set
                return Failed(error=EndpointError(str(error)))
        return None

    def _request(self, request: ModelRequest[Any], step: CallModel) -> ModelRequest[Any]:
        endpoint = TrackedModel(self._endpoint) if step.endpoint else None
        return request_of(request, step, endpoint=endpoint, allowed=self._allowed)

    def _state(
        self, request: ModelRequest[Any], turn: Turn, led: LedTurn[Any], knowledge: Knowledge
    ) -> dict[str, Any]:
        """What the turn's further model calls are to know: a lower rung is kept."""
        kept = self._kept(request, knowledge) if turn.fallbacks else {}
        return {PREPARED: {**led.fresh, **kept}, SHOWN: len(knowledge.passages)}

    def _told(
        self,
        request: ModelRequest[Any],
        response: ModelResponse[Any] | None,
        turn: Turn,
        led: LedTurn[Any],
    ) -> ExtendedModelResponse[Any]:
        """Verify the answer, and put its citations into the state too.

        Raises:
            EndpointError: There is no answer that may be passed on.
        """
        draft, whole = turn.draft(), led.stage
        decision = whole.decision = draft.knowledge.decision
        whole.passages = draft.knowledge.passages
        response = response or ModelResponse(result=[AIMessage(draft.text)])  # a question back
        schema = getattr(request.response_format, "schema", None)
        verify = observe(replace(whole, kind="verify"), self.router.observers)
        with observed_by(CallbackRuns()), verify as stage:
            found = verify_response(response, draft, self._verifying(request), schema)
            stage.answer = whole.answer = found.answer
        each = {**led.decisions, self._name: decision}
        metadata = decision_metadata(decision, details=self._details, routers=each)
        state = self._state(request, turn, led, draft.knowledge)
        state |= cited_update(request.state, found.citations)
        whose = mark_of(self._of(request.runtime))
        state[CITED] = cited_turn(turn_of(request.messages), found.passages, whose)
        told = {"agent_knowledge": {**metadata, **found.metadata}}
        marked = with_metadata(found.response, answering(found.response) or 0, told)
        return ExtendedModelResponse(marked, Command(update=state))

    def _verifying(self, request: ModelRequest[Any]) -> Verifying:
        """How drafts are verified: against all that the model was shown."""
        router, verifier = self._of(request.runtime), self._verifier
        if router is not self.router:
            verifier = verifier.reading(router.document_text)
        messages = request.state["messages"]  # of the request others may have cleared some
        return Verifying(
            verifier=verifier,
            policy=router.agent.policy,
            search=router.retrieve,
            shown=shown_by_tools([*messages, *request.messages]),
            given=bool(shown_by_tools(messages[last_user_turn(messages) or 0 :])),
        )
