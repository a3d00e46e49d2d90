"""A chat model that ends in time, calls again where that is safe, and is left alone if it fails.

One place for what a fine-tuned endpoint needs, whoever calls it: the answerer, an agent with the
middleware, or a chain; whole or in pieces, awaited or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, Self, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import Field
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.models import background
from agent_knowledge.models.breaker import Breaker, BreakerOpenError
from agent_knowledge.models.faults import BrokenAnswerError, Fault, fault_of

T = TypeVar("T")

_EMPTY = "an empty answer"

_backoff = wait_exponential(multiplier=0.2, max=4) + wait_random(0, 0.2)
"""Seconds before the second call 0.2 to 0.4, then twice that each time, at most 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a task may take.

    Attributes:
        timeout_s: Seconds for one call, its whole answer included.
        budget_s: Seconds for all calls together, waiting between them included.
        retries: Calls after the first.
    """

    timeout_s: float
    budget_s: float
    retries: int


class ResilientChatModel(BaseChatModel):
    """Puts limits, repeated calls and a circuit breaker around a chat model.

    Each call of this model is one task: it ends within `limits.budget_s` seconds, whatever the
    server sends or doesn't. A call that fails is repeated where `faults.fault_of` says that this
    is safe and the wait fits the budget; a stream only before its first piece. Whatever fails
    becomes an `EndpointError` with kind and status alone; after the first piece of a stream a
    `BrokenStreamError`, also when a server of OpenAI's protocol ends it without a
    `finish_reason`. The model's own retries must be off.

    A model without async methods of its own runs in a thread, which cannot be stopped: the task
    still ends in time, its call in the background when the client gives up.

    Attributes:
        inner: The model that is called.
        endpoint: Its name in the configuration.
        limits: What a task may take.
        breaker: Counts failed tasks; shared by all that use the endpoint.
    """

    inner: BaseChatModel
    endpoint: str
    limits: Limits
    breaker: Breaker = Field(repr=False, exclude=True)

    @classmethod
    def around(
        cls, inner: BaseChatModel, *, endpoint: str, limits: Limits, breaker: Breaker
    ) -> Self:
        """Wrap a model, with what it says about itself."""
        return cls(
            inner=inner,
            endpoint=endpoint,
            limits=limits,
            breaker=breaker,
            profile=inner.profile,
            disable_streaming=not inner._should_stream(async_api=True, stream=True),
        )

    @property
    def _llm_type(self) -> str:
        return "resilient"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.inner._identifying_params, "endpoint": self.endpoint}

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

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> ChatResult:
        return background.wait_for(self._whole(messages, stop, kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> ChatResult:
        return await background.wait_in_loop(self._whole(messages, stop, kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from background.iterate(self._pieces(messages, stop, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for piece in background.aiterate(self._pieces(messages, stop, kwargs)):
            yield piece

    async def _whole(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ChatResult:
        async def call() -> ChatResult:
            async with asyncio.timeout(self.limits.timeout_s):
                return await self.inner._agenerate(messages, stop=stop, **options)

        async with self._task() as task:
            result = await self._persist(call, task)
            if not any(_tells(generation.message) for generation in result.generations):
                raise BrokenAnswerError(_EMPTY)
            return result

    async def _pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> AsyncIterator[ChatGenerationChunk]:
        async def call() -> _Opened:
            return await self._open(self.inner._astream(messages, stop=stop, **options))

        async with self._task() as task:
            opened = await self._persist(call, task)
            finished = any(map(_finishes, opened.held))
            task.said = True
            for piece in opened.held:
                yield piece
            async with asyncio.timeout_at(opened.until):
                async for piece in opened.rest:
                    finished = finished or _finishes(piece)
                    yield piece
            if self._says_finish and not finished:
                raise BrokenAnswerError("the stream ended without a finish_reason")

    async def _open(self, pieces: AsyncIterator[ChatGenerationChunk]) -> _Opened:
        """Read a stream up to the first piece that tells something: so far it may be repeated."""
        held: list[ChatGenerationChunk] = []
        until = asyncio.get_running_loop().time() + self.limits.timeout_s
        async with asyncio.timeout_at(until):
            async for piece in pieces:
                held.append(piece)
                if _tells(piece.message):
                    return _Opened(held=held, rest=pieces, until=until)
        if self._says_finish and not any(map(_finishes, held)):
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

        persist = AsyncRetrying(
            sleep=asyncio.sleep,
            retry=retry_if_exception(_may_repeat),
            wait=_wait_s,
            stop=stop_after_attempt(1 + self.limits.retries)
            | stop_before_delay(self.limits.budget_s),
            reraise=True,
        )
        return await persist(counted)

    @asynccontextmanager
    async def _task(self) -> AsyncGenerator[_Task]:
        """Hold a task to its budget and tell the breaker what came of it.

        Raises:
            EndpointError: The breaker is open, or the endpoint failed.
        """
        try:
            ticket = self.breaker.admit()
        except BreakerOpenError as error:
            raise EndpointError(self._left_alone(error)) from None
        settle, task = self.breaker.released, _Task()
        try:
            async with asyncio.timeout(self.limits.budget_s):
                yield task
            settle = self.breaker.succeeded
        except Exception as error:  # noqa: BLE001 - each provider raises its own kinds
            fault = fault_of(error)
            if fault.counts:
                settle = self.breaker.failed
            kind = BrokenStreamError if task.said else EndpointError
            raise kind(self._failed(fault, task)) from None  # its words may hold a key
        finally:
            settle(ticket)

    def _left_alone(self, error: BreakerOpenError) -> str:
        when = f"in {ceil(error.wait_s)} s" if error.wait_s else "under way, with another task"
        return (
            f"endpoint {self.endpoint!r} is left alone after {error.failures} failed tasks in a"
            f" row; the next try is {when} (endpoints.{self.endpoint}.breaker)"
        )

    def _failed(self, fault: Fault, task: _Task) -> str:
        what = f"{fault.what}, {task.calls} calls" if task.calls > 1 else fault.what
        said = ", after part of its answer" if task.said else ""
        return f"endpoint {self.endpoint!r} failed ({what}){said}; {self._advice(fault)}"

    def _advice(self, fault: Fault) -> str:
        key, limits = f"endpoints.{self.endpoint}", self.limits
        if fault.timed_out:
            return (
                f"a call may take {limits.timeout_s:g} s and a task {limits.budget_s:g} s:"
                f" {key}.timeout_s and .budget_s"
            )
        if fault.wait_s:
            return f"it asks to be left alone for {fault.wait_s:.0f} s"
        if fault.status in {401, 403}:
            return f"check {key}.api_key"
        if fault.status == 404:
            return f"check {key}.model and .base_url"
        return "check its URL, key and limits"


@dataclass(slots=True)
class _Task:
    """How far a task has come."""

    calls: int = 0
    said: bool = False
    """Part of the answer was passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A stream that has begun."""

    held: list[ChatGenerationChunk]
    rest: AsyncIterator[ChatGenerationChunk]
    until: float
    """When the call must have ended, by the loop's clock."""


def _may_repeat(error: BaseException) -> bool:
    return isinstance(error, Exception) and fault_of(error).repeat


def _wait_s(state: RetryCallState) -> float:
    """What the server asks for, and some more, so that not all who wait come back at once."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = fault_of(error).wait_s if error else None
    return (asked_s or 0.0) + _backoff(state)


def _tells(message: BaseMessage) -> bool:
    """Whether a message or a piece of one holds text or the call of a tool."""
    calls = isinstance(message, AIMessage) and (
        message.tool_calls or (isinstance(message, AIMessageChunk) and message.tool_call_chunks)
    )
    return bool(calls) or bool(message.text.strip())


def _finishes(piece: ChatGenerationChunk) -> bool:
    """Whether a piece says that the answer is whole, by either of OpenAI's protocols."""
    told = {**piece.message.response_metadata, **(piece.generation_info or {})}
    return bool(told.get("finish_reason") or told.get("status"))
