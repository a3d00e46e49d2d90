"""The packaged chat model: offline, no key, and no language model at all.

It quotes the sentences of the passages that cover the question, gives the output of the nearest
worked example, and otherwise says that this takes a real chat model. What it did is in each
message's `response_metadata["method"]`; which example it took, in `["example"]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from agent_knowledge.models.by_example import nearest_example, without_frame
from agent_knowledge.models.extract import AnswerSpan, answer_spans
from agent_knowledge.models.given import DATA, Given, given_by_data, given_by_text
from agent_knowledge.prompts import EXAMPLE_ASSISTANT, EXAMPLE_USER, WrittenPassage
from agent_knowledge.text import sentences
from agent_knowledge.types import Example

NOT_COVERED = "The passages do not answer this."
NEEDS_A_MODEL = (
    "This takes a chat model: the packaged extractive model only quotes passages and labels by "
    'example. Set one in the configuration (models: {default: "openai:..."}) or pass --model.'
)

_FEW_WORDS = 2
"""A task of no more words is read with the turn of the user before it."""
_STOPS = tuple(".!?。！？…")
_EXAMPLE_SHOWN = 80
"""Characters of an example in a notice: a limit of what is shown."""
_PIECES = re.compile(r"\S+\s*|\s+")


class ExtractiveChatModel(BaseChatModel):
    """Answers by quoting what it is given; calls a bound tool that takes a `query` once a turn.

    Attributes:
        embedder: A `ports.Embedder` that adds nearness in meaning to that in words.
    """

    embedder: Any = Field(default=None, exclude=True, repr=False)

    @property
    def _llm_type(self) -> str:
        return "agent-knowledge-extractive"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model_name": "extractive"}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        params = super()._get_ls_params(stop=stop, **kwargs)
        name = kwargs.get("model", "extractive")
        return {**params, "ls_provider": "agent-knowledge", "ls_model_name": name}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; one that takes a single required string `query` will be asked."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=formatted, tool_choice=tool_choice, **kwargs)

    def with_structured_output(self, *_: Any, **__: Any) -> Runnable[LanguageModelInput, Any]:
        """Refuse: quotes have no schema.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"Structured output: {NEEDS_A_MODEL}")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base's signature
        **kwargs: Any,
    ) -> ChatResult:
        message = self._reply(messages, kwargs.get("tools") or (), kwargs.get("tool_choice"))
        for mark in stop or ():
            message.content = message.text.partition(mark)[0]
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._generate(messages, stop, **kwargs).generations[0].message
        calls = [
            tool_call_chunk(
                name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=i
            )
            for i, call in enumerate(cast("AIMessage", message).tool_calls)
        ]
        for piece in _PIECES.findall(message.text):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk
        last = AIMessageChunk(
            content="",
            tool_call_chunks=calls,
            response_metadata=message.response_metadata,
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _reply(
        self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]], choice: object
    ) -> AIMessage:
        turn = _PromptState(messages)
        passages = turn.passages
        if passages:
            quoted = self._quote(turn, passages)
            if quoted or not turn.may_follow:
                return quoted or _said(NOT_COVERED, "none")
        if turn.examples:
            return self._follow(turn)
        tool = _query_tool(tools) if choice != "none" and not turn.results else None
        if tool and turn.task.strip():
            call = ToolCall(name=tool, args={"query": turn.task}, id=f"call_{uuid4().hex}")
            return _said("", "tool_call", tool_calls=[call])
        return turn.handed_on or _said(NEEDS_A_MODEL, "none")

    def _quote(self, turn: _PromptState, passages: Sequence[WrittenPassage]) -> AIMessage | None:
        """Quote what answers the question; None where nothing does."""
        found = answer_spans(turn.question, passages, self.embedder, doubtful=turn.doubts)
        if not found:
            return None
        text = "".join(_quoted(span, cites=turn.cites) for span in found)
        return _said(text.strip(), "quoted_passages")

    def _follow(self, turn: _PromptState) -> AIMessage:
        task, examples = without_frame(turn.task, turn.examples)
        example, similarity = nearest_example(task, examples, self.embedder)
        shown = " ".join(example.input.split())
        if len(shown) > _EXAMPLE_SHOWN:
            shown = f"{shown[:_EXAMPLE_SHOWN]}…"
        told = {"similarity": round(similarity, 4), "example": shown}
        return _said(example.output, "nearest_example", **told)


class _PromptState:
    """What the messages hold for the last user turn: as data beside their text, else as text."""

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        turns = [i for i, m in enumerate(messages) if isinstance(m, HumanMessage) and not _shown(m)]
        last = turns[-1] if turns else len(messages)
        self._before = messages[:last]
        system = "\n".join(m.text for m in messages if isinstance(m, SystemMessage))
        self._own = _given(messages[last], system) if turns else given_by_text("", system)
        found = [m for m in messages[last:] if isinstance(m, ToolMessage)]
        self.results = [m.text for m in found]
        self._found = [given_by_data(m.artifact) or given_by_text(m.text) for m in found]
        self.task = self._own.task
        rules = self._own.rules.union(*(given.rules for given in self._found))
        self.cites = "no_cite" not in rules
        self.doubts = not rules.isdisjoint({"gap", "look_up_gap"})

    @property
    def question(self) -> str:
        """The task; one too short to stand alone takes the user turn before it along."""
        task, _ = without_frame(self.task, self.examples)
        if len(task.split()) > _FEW_WORDS:
            return task
        said = [m.text for m in self._before if isinstance(m, HumanMessage) and not _shown(m)]
        return f"{said[-1]} {task}" if said else task

    @property
    def passages(self) -> Sequence[WrittenPassage]:
        """Of the user turn or the newest result that has some; else other results as they are."""
        for given in (*reversed(self._found), self._own):
            if given.passages:
                return given.passages
        pairs = zip(self.results, self._found, strict=True)
        plain = [text for text, given in pairs if text.strip() and not given.ours]
        return [WrittenPassage(number=0, title="", uri="", text=text) for text in plain]

    @property
    def examples(self) -> Sequence[Example]:
        """Those shown as turns, then those of tool results."""
        pairs = zip(self._before, self._before[1:], strict=False)
        turns = self._own.examples or [
            Example(input=asked.text, output=answered.text)
            for asked, answered in pairs
            if asked.name == EXAMPLE_USER and answered.name == EXAMPLE_ASSISTANT
        ]
        fitting = (given for given in self._found if "no_source" not in given.rules)
        return [*turns, *(example for given in fitting for example in given.examples)]

    @property
    def may_follow(self) -> bool:
        """Whether the newest result leaves it open that its examples serve, not its passages."""
        return bool(self._found) and "instance" in self._found[-1].rules

    @property
    def handed_on(self) -> AIMessage | None:
        """A question that a tool result says to put to the user."""
        asked = [given.ask for given in self._found if given.ask]
        return _said(asked[-1], "question") if asked else None


def _given(turn: BaseMessage, system: str) -> Given:
    told = given_by_data(turn.additional_kwargs.get(DATA))
    return told or replace(given_by_text(turn.text, system), examples=())  # shown as turns


def _shown(message: BaseMessage) -> bool:
    return message.name == EXAMPLE_USER


def _query_tool(tools: Sequence[dict[str, Any]]) -> str | None:
    """Name of the first tool whose only required argument is a string called `query`."""
    for tool in tools:
        function = tool.get("function", {})
        parameters = function.get("parameters", {})
        query = parameters.get("properties", {}).get("query", {})
        if parameters.get("required") == ["query"] and query.get("type") == "string":
            return function["name"]
    return None


def _quoted(span: AnswerSpan, *, cites: bool) -> str:
    """A span, its marker behind each sentence, so that none stands uncited; then its code."""
    marker = f" [{span.number}]" if cites and span.number else ""
    cuts = [span.text[slice(*cut)] for cut in sentences(span.text)] or [span.text]
    told = " ".join(f"{cut}{marker}" for cut in cuts[:-1])
    last = cuts[-1].rstrip(":")
    if span.code:
        colon = "" if last[-1:] in _STOPS else ":"
        return f"{told} {last}{marker}{colon}\n\n```\n{span.code}\n```\n\n".lstrip()
    last = last if last[-1:] in _STOPS else f"{last}."
    return f"{told} {last}{marker} ".lstrip()


def _said(text: str, method: str, **more: Any) -> AIMessage:
    tool_calls = more.pop("tool_calls", [])
    metadata = {"model_name": "extractive", "method": method, **more}
    return AIMessage(text, tool_calls=tool_calls, response_metadata=metadata)
