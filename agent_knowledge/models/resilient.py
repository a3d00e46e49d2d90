"""A chat model that ends in time, calls again where that is safe, and is left alone if it fails.

One place for what every model behind a network needs, whoever calls it: the answerer, the router,
an agent with the middleware, or a chain; whole or in pieces, awaited or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langchain_core.tools import BaseTool
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import BaseModel, Field

from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.limits import ANSWER_CHARACTERS, HELD_PIECES
from agent_knowledge.models import background
from agent_knowledge.models.breaker import Breaker, BreakerOpenError
from agent_knowledge.models.called import (
    GRACE_S,
    Called,
    Limits,
    finishes,
    has_content,
    is_bare,
    length,
)
from agent_knowledge.models.faults import BrokenAnswerError, fault_of
from agent_knowledge.models.repeating import repeating

T = TypeVar("T")

_EMPTY = "an empty answer"


class ResilientChatModel(BaseChatModel):
    """Puts limits, repeated calls and a circuit breaker around a chat model.

    Each call of this model is one task: it ends within `limits.budget_s` seconds, whatever the
    server sends or doesn't. A call that fails is repeated where `faults.fault_of` says that this
    is safe and the wait fits the budget; a stream only before its first piece. Whatever fails
    becomes an `EndpointError` with kind and status alone; after the first piece of a stream a
    `BrokenStreamError`, also when a server of OpenAI's protocol ends it without a
    `finish_reason`. Of an answer no more is taken than `limits` says; what bounds the bytes that
    come over the wire is the model's own client (see `client.bounded_client`). The model's own
    retries must be off.

    The inner model gets no callbacks and shows in no `repr`: it may hold what no tracer should
    see, such as an address.

    A model without async methods of its own runs in a thread, which cannot be stopped: the task
    still ends in time, its call in the background when the client gives up.

    Attributes:
        inner: The model that is called.
        called: What it is in the configuration.
        limits: What a task may take.
        breaker: Counts failed tasks; shared by all that use the endpoint.
    """

    inner: BaseChatModel = Field(repr=False, exclude=True)
    called: Called
    limits: Limits
    breaker: Breaker = Field(repr=False, exclude=True)

    @classmethod
    def around(
        cls, inner: BaseChatModel, *, called: Called, limits: Limits, breaker: Breaker
    ) -> Self:
        """Wrap a model, with what it says about itself."""
        return cls(
            inner=inner,
            called=called,
            limits=limits,
            breaker=breaker,
            profile=inner.profile,
            disable_streaming=not inner._should_stream(async_api=True, stream=True),
        )

    @property
    def _llm_type(self) -> str:
        return "resilient" if self.called.kind == "endpoint" else self.inner._llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        named = {"endpoint": self.called.name} if self.called.kind == "endpoint" else {}
        return {**self.inner._identifying_params, **named}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in the form that the inner model takes them."""
        bound = self.inner.bind_tools(tools, tool_choice=tool_choice, **kwargs)
        if isinstance(bound, RunnableBinding):
            options = cast("RunnableBinding[Any, Any]", bound).kwargs
            return cast("Runnable[LanguageModelInput, AIMessage]", self.bind(**options))
        return self

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Ask for a form in the way that the inner model does, within the limits."""
        made = self.inner.with_structured_output(schema, include_raw=include_raw, **kwargs)
        if isinstance(made, RunnableSequence):
            first, *rest = made.steps
            if isinstance(first, RunnableBinding):
                return RunnableSequence(self.bind(**first.kwargs), *rest)
        return super().with_structured_output(schema, include_raw=include_raw, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return background.wait_for(self._whole(messages, stop, kwargs), self._patience_s)
        except TimeoutError:
            raise self._overdue(partial=False) from None

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> ChatResult:
        work = self._whole(messages, stop, kwargs)
        try:
            return await background.wait_in_loop(work, self._patience_s)
        except TimeoutError:
            raise self._overdue(partial=False) from None

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        partial = False
        try:
            pieces = self._pieces(messages, stop, kwargs)
            for piece in background.iterate(pieces, self._patience_s):
                partial = True
                yield piece
        except TimeoutError:
            raise self._overdue(partial=partial) from None

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        partial = False
        try:
            pieces = self._pieces(messages, stop, kwargs)
            async for piece in background.aiterate(pieces, self._patience_s):
                partial = True
                yield piece
        except TimeoutError:
            raise self._overdue(partial=partial) from None

    async def _whole(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ChatResult:
        async def call() -> ChatResult:
            async with asyncio.timeout(self.limits.timeout_s):
                return await self.inner._agenerate(messages, stop=stop, **options)

        async with self._task() as task:
            result = await self._persist(call, task)
            messages = [generation.message for generation in result.generations]
            if not any(map(has_content, messages)):
                raise BrokenAnswerError(_EMPTY)
            _hold_length(sum(map(length, messages)))
            return result

    async def _pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk]:
        async def call() -> _Opened:
            until = min(asyncio.get_running_loop().time() + self.limits.timeout_s, task.until)
            inner = self.inner._astream(messages, stop=stop, **options)
            pieces = cast("AsyncGenerator[ChatGenerationChunk]", inner)  # so says LangChain's base
            return await self._open(background.hold(pieces, until))

        async with self._task() as task:
            opened = await self._persist(call, task)
            finished, characters = False, 0
            task.partial = True
            async with aclosing(opened.rest):
                async for piece in opened.pieces():
                    finished = finished or finishes(piece)
                    characters += length(piece.message)
                    _hold_length(characters)
                    yield piece
            if self._says_finish and not finished:
                raise BrokenAnswerError("the stream ended without a finish_reason")

    async def _open(self, pieces: AsyncGenerator[ChatGenerationChunk]) -> _Opened:
        """Read a stream up to the first piece that tells something: so far it may be repeated."""
        held: list[ChatGenerationChunk] = []
        async for piece in pieces:
            if not held or not is_bare(piece):
                held.append(piece)
            if has_content(piece.message):
                return _Opened(held=held, rest=pieces)
            if len(held) > HELD_PIECES:
                await pieces.aclose()
                msg = f"the stream says nothing in {HELD_PIECES:,} pieces"
                raise BrokenAnswerError(msg)
        if self._says_finish and not any(map(finishes, held)):
            raise BrokenAnswerError("the stream ended before its first piece", repeat=True)
        raise BrokenAnswerError(_EMPTY)

    @property
    def _says_finish(self) -> bool:
        """Whether a stream that ends well says so; other protocols' clients raise by themselves."""
        return isinstance(self.inner, BaseChatOpenAI)

    async def _persist(self, call: Callable[[], Awaitable[T]], task: _Task) -> T:
        """Call, and call again where that is safe and the wait fits the budget."""

        async def counted() -> T:
            task.calls += 1
            return await call()

        async with asyncio.timeout_at(task.until):
            return await repeating(self.limits)(counted)

    @asynccontextmanager
    async def _task(self) -> AsyncGenerator[_Task]:
        """Let a task through to the model, and tell the breaker what came of it.

        Raises:
            EndpointError: The breaker is open, or the model failed.
        """
        try:
            ticket = self.breaker.admit()
        except BreakerOpenError as error:
            raise EndpointError(self.called.left_alone(error)) from None
        until = asyncio.get_running_loop().time() + self.limits.budget_s
        settle, task = self.breaker.released, _Task(until=until)
        try:
            yield task
            settle = self.breaker.succeeded
        except Exception as error:  # noqa: BLE001 - each provider raises its own kinds
            fault = fault_of(error)
            if fault.counts:
                settle = self.breaker.failed
            message = self.called.failed(fault, self.limits, calls=task.calls, partial=task.partial)
            kind = BrokenStreamError if task.partial else EndpointError
            raise kind(message) from None  # its words may hold a key
        finally:
            settle(ticket)

    @property
    def _patience_s(self) -> float:
        """How long a taker waits for work that has not ended by its own clock."""
        return self.limits.budget_s + GRACE_S

    def _overdue(self, *, partial: bool) -> EndpointError:
        kind = BrokenStreamError if partial else EndpointError
        return kind(self.called.failed(fault_of(TimeoutError()), self.limits, partial=partial))


@dataclass(slots=True)
class _Task:
    """How far a task has come.

    Attributes:
        until: When it must have ended, by the loop's clock.
        calls: How many were made.
        partial: Part of the answer was passed on.
    """

    until: float
    calls: int = 0
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A stream that has begun."""

    held: list[ChatGenerationChunk]
    rest: AsyncGenerator[ChatGenerationChunk]

    async def pieces(self) -> AsyncIterator[ChatGenerationChunk]:
        """All of it."""
        for piece in self.held:
            yield piece
        async for piece in self.rest:
            yield piece


def _hold_length(characters: int) -> None:
    if characters > ANSWER_CHARACTERS:
        msg = f"its answer is longer than {ANSWER_CHARACTERS:,} characters"
        raise BrokenAnswerError(msg)
