"""The router in a chain or graph of one's own.

`decision_runnable` and `knowledge_runnable` go from what was asked to what a model is to be given,
`prompt_messages` from there to its prompt, and `cite_answer` from its answer to what may be shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from langchain.agents.middleware import ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from typing_extensions import override

from agent_knowledge.build import load_verifier
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.errors import InputError, shown
from agent_knowledge.langchain.convert import (
    extend_system,
    replace_user_turn,
    task_from_messages,
    without_citations,
)
from agent_knowledge.langchain.responses import verify_response, with_metadata
from agent_knowledge.langchain.state import decision_metadata
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.models.chat import example_messages
from agent_knowledge.observing import observed_by
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.turn import Draft, Verifying
from agent_knowledge.types import Decision, Knowledge, Task
from agent_knowledge.types.tasks import as_task

_ACCEPTED = (
    "a text, a Task, a prompt, messages, or a mapping with 'messages', or with 'task' and, if "
    "there were turns before it, 'history'"
)


def decision_runnable(router: KnowledgeRouter) -> Runnable[Any, Decision]:
    """A `Runnable` from a request to the router's decision; no model is called.

    It takes a text, a `Task`, a prompt value, messages, or a mapping with `messages`, or with
    `task` and the `history` before it. `batch` embeds all texts together, as `route_many` does.

    Example:
        decision_runnable(router).batch(["Hello!", "How long is the warranty?"])
    """
    return _DecisionRunnable(router)


def knowledge_runnable(router: KnowledgeRouter) -> Runnable[Any, Knowledge]:
    """A `Runnable` from a request to what a model is to be given.

    It takes what `decision_runnable` takes. Its searches show in callbacks as retriever runs.

    Example:
        chain = knowledge_runnable(router) | prompt_messages | model
    """

    def prepare(given: Any) -> Knowledge:
        with observed_by(CallbackRuns()):
            return router.prepare(task_of_input(given))

    return RunnableLambda(prepare, name=f"knowledge of {router.agent.name}")


def prompt_messages(
    knowledge: Knowledge, messages: Sequence[BaseMessage] = ()
) -> list[BaseMessage]:
    """The prompt for a model: its system message, examples, what was said, and the request.

    Args:
        knowledge: What was prepared for the last user turn of the conversation.
        messages: The conversation, if there is more of it than the request; its system message
            stays first. It is left as it is: passages stand in the prompt alone.
    """
    known = convert_to_messages(messages) or [HumanMessage(knowledge.prompt)]
    own = known[0] if known[0].type == "system" else None
    turns = replace_user_turn(without_citations(known[1:] if own else known), knowledge)  # pyright: ignore[reportArgumentType]
    system = extend_system(own, knowledge.system)  # pyright: ignore[reportArgumentType]
    return [*([system] if system else []), *example_messages(knowledge), *turns]


def cite_answer(
    message: AIMessage,
    knowledge: Knowledge,
    router: KnowledgeRouter,
    verifier: CitationVerifier | None = None,
) -> AIMessage:
    """Verify what a model said, as `KnowledgeMiddleware` does at the end of a turn.

    Args:
        message: The model's answer; a call of tools is given back as it is.
        knowledge: What it was given.
        router: Whose policy says what becomes of a claim that no passage supports.
        verifier: Verifies the citations; default: the packaged one. One to keep is faster, since
            it remembers what it read.

    Returns:
        The message with `Citation` annotations, without markers that name no passage, and with the
        decision and what else was found in `response_metadata["agent_knowledge"]`.
    """
    if message.tool_calls:
        return message
    verifying = Verifying(
        verifier=verifier or load_verifier(router),
        policy=router.agent.policy,
        search=router.retrieve,
    )
    draft = Draft(text=message.text, knowledge=knowledge)
    with observed_by(CallbackRuns()):
        found = verify_response(ModelResponse(result=[message]), draft, verifying)
    told = {**decision_metadata(knowledge.decision, details=False), **found.metadata}
    marked = with_metadata(found.response, 0, {"agent_knowledge": told})
    return cast("AIMessage", marked.result[0])


def task_of_input(given: object) -> Task:
    """What was put into a `Runnable`, as a task.

    Raises:
        InputError: It is none of what is accepted, or has no request in it.
    """
    if isinstance(given, str | Task):
        return as_task(given)
    try:
        messages = list(_messages_of(given))
    except (NotImplementedError, TypeError, ValueError) as error:
        msg = f"the router was given {shown(given)}; give {_ACCEPTED}"
        raise InputError(msg) from error
    if (task := task_from_messages(messages)) is None:
        msg = f"{shown(given)} has no turn of a user with text; give {_ACCEPTED}"
        raise InputError(msg)
    return task


def _messages_of(given: object) -> Iterator[BaseMessage]:
    if isinstance(given, PromptValue):
        yield from given.to_messages()
    elif isinstance(given, Mapping):
        row = cast("Mapping[str, Any]", given)
        if "task" in row:
            yield from convert_to_messages(row.get("history") or ())
            task = row["task"]
            yield HumanMessage(task)
        else:
            yield from convert_to_messages(row.get("messages") or ())
    elif isinstance(given, BaseMessage):
        yield given
    else:
        yield from convert_to_messages(cast("Sequence[Any]", given))


class _DecisionRunnable(RunnableLambda[Any, Decision]):
    """Decides; many at once are one call of the router."""

    def __init__(self, router: KnowledgeRouter) -> None:
        super().__init__(self._decide, name=f"decision of {router.agent.name}")
        self._router = router

    @override
    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Decide for all at once; what cannot be read is an exception in its place, if asked."""
        return self._batch_with_config(
            self._decide_all, inputs, config, return_exceptions=return_exceptions
        )

    @override
    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """`batch` in a thread: it computes, and waits for nothing."""
        return await asyncio.to_thread(
            self.batch, inputs, config, return_exceptions=return_exceptions
        )

    def _decide(self, given: Any) -> Decision:
        return self._router.route(task_of_input(given))

    def _decide_all(self, inputs: list[Any]) -> list[Exception | Decision]:
        read = [_task_or_fault(given) for given in inputs]
        decided = iter(self._router.route_many([one for one in read if isinstance(one, Task)]))
        return [next(decided) if isinstance(one, Task) else one for one in read]


def _task_or_fault(given: Any) -> Task | InputError:
    try:
        return task_of_input(given)
    except InputError as error:
        return error
