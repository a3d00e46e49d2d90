"""A chat model that knows its own answers again.

Between the middleware and the model there may be others: one retries, one asks another model, one
puts a text of its own in the place of an answer that did not come. An answer that an endpoint did
not give must not be told as the endpoint's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from pydantic import PrivateAttr
from typing_extensions import override


class TrackedModel(BaseChatModel):
    """Asks another model, and remembers which answers came from it.

    It is made for one call. The model inside is called as it is: its own callbacks, cache and
    stream, so nobody who listens to it hears of this one.

    Attributes:
        inner: The model, or what binding tools to it made of it.
    """

    inner: Any
    _given: set[str] = PrivateAttr(default_factory=set[str])
    _failures: list[Exception] = PrivateAttr(default_factory=list[Exception])

    def __init__(self, inner: Any, **fields: Any) -> None:
        """Wrap a model; `fields` are pydantic's."""
        super().__init__(inner=inner, profile=getattr(inner, "profile", None), **fields)  # pyright: ignore[reportCallIssue]

    def __getattr__(self, name: str) -> Any:
        """What other middleware reads off a model, such as `model_name`, is the inner one's."""
        if name.startswith("_") or "inner" not in self.__dict__:
            pydantic: Any = super()
            return pydantic.__getattr__(name)
        return getattr(self.inner, name)

    def gave(self, messages: Sequence[BaseMessage]) -> bool:
        """Whether one of these came from the model."""
        return any(message.id in self._given for message in messages)

    @property
    def failure(self) -> Exception | None:
        """What the model raised last."""
        return self._failures[-1] if self._failures else None

    @property
    def _llm_type(self) -> str:
        return str(getattr(self.inner, "_llm_type", "tracked"))

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """The model's answer."""
        try:
            return self._remembered(self.inner.invoke(input, config, **kwargs))
        except Exception as error:
            self._failures.append(error)
            raise

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """`invoke`, awaited."""
        try:
            return self._remembered(await self.inner.ainvoke(input, config, **kwargs))
        except Exception as error:
            self._failures.append(error)
            raise

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        """The model's answer piece by piece."""
        for chunk in self.inner.stream(input, config, **kwargs):
            yield self._remembered(chunk)

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream`, awaited."""
        async for chunk in self.inner.astream(input, config, **kwargs):
            yield self._remembered(chunk)

    @override
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """The model with tools; its answers are known again here."""
        bound = self.model_copy(update={"inner": self.inner.bind_tools(tools, **kwargs)})
        bound._given, bound._failures = self._given, self._failures
        return bound

    @override
    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        """The model's own way of filling in a form."""
        return self.inner.with_structured_output(schema, **kwargs)

    @override
    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """As the model counts."""
        return self.inner.get_num_tokens_from_messages(messages, tools)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self.invoke(messages, stop=stop, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _remembered(self, message: Any) -> Any:
        """The message, with an id if it has none: chat models give one, others may not."""
        if message.id is None:
            message = message.model_copy(update={"id": f"run-{uuid4()}"})
        self._given.add(message.id)
        return message
