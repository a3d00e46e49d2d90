"""A chat model as the answerer sees it: knowledge as messages, a text, and one kind of error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from agent_knowledge.config.json_schema import Checked
from agent_knowledge.errors import AgentKnowledgeError, EndpointError
from agent_knowledge.models.given import DATA, to_data
from agent_knowledge.prompts import EXAMPLE_ASSISTANT, EXAMPLE_USER, in_order, render_repair
from agent_knowledge.types import Knowledge, Message
from agent_knowledge.types.forms import user_turn


def to_messages(knowledge: Knowledge, history: Sequence[Message] = ()) -> list[BaseMessage]:
    """The whole prompt: system, worked examples, earlier turns, then the task with its passages.

    What the last turn was written from goes beside its text, for a model of ours; a provider is
    sent the text alone.
    """
    system = [SystemMessage(knowledge.system)] if knowledge.system else []
    turns = [
        HumanMessage(turn.content) if turn.role == "user" else AIMessage(turn.content)
        for turn in history
    ]
    beside = {DATA: to_data(knowledge)} if knowledge.rules else {}
    task = HumanMessage(knowledge.prompt, additional_kwargs=beside)
    return [*system, *example_messages(knowledge), *turns, task]


def example_messages(knowledge: Knowledge) -> list[BaseMessage]:
    """The examples of a pattern as pairs of turns; a style has its place in the system prompt.

    The turns bear names, so that a model can tell them from real turns.
    """
    form = knowledge.form
    if form.kind == "style":
        return []
    pairs = (
        (
            HumanMessage(user_turn(form, example.input), name=EXAMPLE_USER),
            AIMessage(example.output, name=EXAMPLE_ASSISTANT),
        )
        for example in in_order(knowledge.examples, form.order)
    )
    return [message for pair in pairs for message in pair]


def repair_turns(broken: Checked) -> list[BaseMessage]:
    """An answer that broke its form, and the turn that asks for it once more."""
    return [AIMessage(broken.text), HumanMessage(render_repair(broken.faults))]


def not_in_form(knowledge: Knowledge, faults: Sequence[str]) -> EndpointError:
    """The error for an answer that broke its JSON schema, twice."""
    plan = knowledge.decision.plan
    who = f"endpoint {plan.endpoint!r}" if plan.endpoint else "the model"
    msg = f"{who} gave nothing that satisfies examples.{plan.examples}.output_schema: {faults[0]}"
    return EndpointError(msg)


Prompt = LanguageModelInput
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer, and what it took.

    Attributes:
        text: The model's answer; never blank.
        tokens_in: Tokens that it read; None where the model does not say.
        tokens_out: Tokens that it wrote; None where the model does not say.
        tokens_cached: Of those read, what its provider had read before and says so.
    """

    text: str
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int = 0


def served_name(model: BaseChatModel) -> str:
    """What a model's provider calls it, however it was opened; else the name of its class."""
    named = getattr(model, "model_name", None) or getattr(model, "model", None)
    return named if isinstance(named, str) else type(model).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat model with a name for the record; whatever it raises becomes an `EndpointError`."""

    model: BaseChatModel = field(repr=False)  # shows the address and the name that it calls
    name: str

    def complete(self, prompt: Prompt, config: RunnableConfig | None = None) -> Completion:
        """The whole answer, with what it took.

        Args:
            prompt: What the model is sent.
            config: Callbacks, tags and metadata, as for `BaseChatModel.invoke`.

        Raises:
            EndpointError: The model failed, or gave no text.
        """
        try:
            message = self.model.invoke(prompt, config)
        except Exception as error:
            raise self._explain(error) from error
        return self._completed(message)

    async def acomplete(self, prompt: Prompt, config: RunnableConfig | None = None) -> Completion:
        """`complete`, awaited."""
        try:
            message = await self.model.ainvoke(prompt, config)
        except Exception as error:
            raise self._explain(error) from error
        return self._completed(message)

    def reply(self, prompt: Prompt, config: RunnableConfig | None = None) -> str:
        """The text of `complete`."""
        return self.complete(prompt, config).text

    async def areply(self, prompt: Prompt, config: RunnableConfig | None = None) -> str:
        """`reply`, awaited."""
        return (await self.acomplete(prompt, config)).text

    def stream(self, prompt: Prompt, config: RunnableConfig | None = None) -> Iterator[str]:
        """The answer piece by piece; a break midway raises. `config` is as for `complete`.

        Raises:
            EndpointError: The model failed, or gave no text.
        """
        has_text = False
        try:
            for chunk in self.model.stream(prompt, config):
                if chunk.text:
                    has_text = has_text or bool(chunk.text.strip())
                    yield chunk.text
        except Exception as error:
            raise self._explain(error) from error
        if not has_text:
            self._checked("")

    async def astream(
        self, prompt: Prompt, config: RunnableConfig | None = None
    ) -> AsyncIterator[str]:
        """`stream`, awaited."""
        has_text = False
        try:
            async for chunk in self.model.astream(prompt, config):
                if chunk.text:
                    has_text = has_text or bool(chunk.text.strip())
                    yield chunk.text
        except Exception as error:
            raise self._explain(error) from error
        if not has_text:
            self._checked("")

    def fill(self, prompt: Prompt, form: type[Form]) -> Form:
        """The answer as a filled form, by the model's structured output.

        Raises:
            EndpointError: The model failed, takes no forms, or filled this one in wrongly.
        """
        try:
            filled = self.model.with_structured_output(form).invoke(prompt)
        except (NotImplementedError, ValueError) as error:  # pydantic's and the parsers' are these
            raise self._unfilled(form, type(error).__name__) from error
        except Exception as error:
            raise self._explain(error) from error
        if not isinstance(filled, form):
            raise self._unfilled(form, f"gave {type(filled).__name__}")
        return filled

    def _unfilled(self, form: type[BaseModel], what: str) -> EndpointError:
        return EndpointError(
            f"model {self.name!r} did not fill in {form.__name__} ({what});"
            " use one with structured output"
        )

    def _completed(self, message: AIMessage) -> Completion:
        usage = message.usage_metadata
        details = usage.get("input_token_details") if usage else None
        return Completion(
            text=self._checked(message.text),
            tokens_in=usage["input_tokens"] if usage else None,
            tokens_out=usage["output_tokens"] if usage else None,
            tokens_cached=(details.get("cache_read") or 0) if details else 0,
        )

    def _checked(self, text: str) -> str:
        if not text.strip():
            msg = f"model {self.name!r} gave an empty answer"
            raise EndpointError(msg)
        return text

    def _explain(self, error: Exception) -> AgentKnowledgeError:
        return explained(error, self.name)


def explained(error: Exception, name: str) -> AgentKnowledgeError:
    """Say what failed by kind and status alone: a provider's own text may hold a key.

    Args:
        error: What a model raised; errors of ours say what to mend and stay.
        name: The model's, for the record.
    """
    if isinstance(error, AgentKnowledgeError):
        return error
    status = getattr(error, "status_code", None)
    what = f"{type(error).__name__}, status {status}" if status else type(error).__name__
    return EndpointError(f"model {name!r} failed ({what}); check its URL, key and limits")
