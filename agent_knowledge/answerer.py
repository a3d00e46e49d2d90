"""Answers: prepare, call the model, fall to the next rung, verify.

The one place that owns a model call; command line, chatbot and pages use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from agent_knowledge.build import (
    ConfigLike,
    load_endpoint,
    load_model,
    load_router,
    load_verifier,
    read_config,
)
from agent_knowledge.citations.finish import Finished
from agent_knowledge.citations.repair import Search
from agent_knowledge.citations.streaming import MarkerBuffer
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.config import Policy
from agent_knowledge.config.json_schema import Checked, check_answer
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.models.chat import Chat, Prompt
from agent_knowledge.models.messages import not_in_form, to_messages, to_messages_again
from agent_knowledge.ports import ClaimJudge, Embedder, Retriever
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types import Knowledge, Task
from agent_knowledge.types.answers import Answer

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig


def load_answerer(
    config: ConfigLike = "agent-knowledge.yaml",
    agent: str | None = None,
    *,
    model: str | BaseChatModel | None = None,
    embedding: Embeddings | Embedder | None = None,
    retrievers: Mapping[str, BaseRetriever | Retriever] | None = None,
    judge: str | BaseChatModel | ClaimJudge | None = None,
) -> Answerer:
    """Build the router of one agent and put it before a chat model.

    Args:
        config: A configuration, or the path of one.
        agent: Name of the agent; None for the only one.
        model: An `init_chat_model` string or a LangChain chat model, instead of `models.default`;
            the router asks it too, where it asks one and `models.router` names no other.
        embedding: See `load_router`.
        retrievers: See `load_router`.
        judge: Who gives a second opinion on each cited claim; see `load_verifier`.

    Raises:
        ConfigError: The configuration, or what it names, is wrong.
    """
    config = read_config(config)
    asked = model if config.models.router is None else None
    router = load_router(config, agent, embedding=embedding, retrievers=retrievers, model=asked)
    verifier = load_verifier(router, judge=judge, limits=config.models)
    return Answerer(router, load_model(config, model), verifier=verifier)


class Answerer:
    """Answers tasks with what a router hands over. Safe to share between threads."""

    def __init__(
        self,
        router: KnowledgeRouter,
        model: Chat,
        *,
        endpoint: Chat | None = None,
        verifier: CitationVerifier | None = None,
    ) -> None:
        """Put an answerer together.

        Args:
            router: Prepares the knowledge.
            model: Answers everything that no endpoint serves.
            endpoint: The agent's fine-tuned endpoint; default: opened when it is first needed.
            verifier: Verifies the citations; default: the packaged one.
        """
        self.router = router
        self.model = model
        self.verifier = verifier or load_verifier(router)
        self._endpoint = endpoint

    def __enter__(self) -> Self:
        """Use it as a context manager to close it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its router; see `KnowledgeRouter.close`."""
        self.router.close()

    def answer(self, task: Task | str, *, config: RunnableConfig | None = None) -> Answer:
        """Answer a task.

        Args:
            task: The task.
            config: Callbacks, tags and metadata for each call of the model, as LangChain has them.

        Raises:
            InputError: The task is empty.
            SourceError: No source could serve.
            EndpointError: The model failed; or the endpoint did and the policy says
                `on_failure: raise`.
        """
        turn = self._begin(task, config)
        while not turn.settled:
            try:
                return turn.finish(_in_form(turn, turn.chat.reply(turn.messages, turn.config)))
            except EndpointError as error:
                turn = self._next_rung(turn, error)
        return turn.finish(Checked(text=turn.settled))

    async def aanswer(self, task: Task | str, *, config: RunnableConfig | None = None) -> Answer:
        """`answer`, waiting for the model without a thread."""
        turn = await asyncio.to_thread(self._begin, task, config)
        while not turn.settled:
            try:
                said = await _ain_form(turn, await turn.chat.areply(turn.messages, turn.config))
                return await asyncio.to_thread(turn.finish, said)
            except EndpointError as error:
                turn = await asyncio.to_thread(self._next_rung, turn, error)
        return turn.finish(Checked(text=turn.settled))

    def stream(
        self, task: Task | str, *, config: RunnableConfig | None = None
    ) -> Iterator[str | Answer]:
        """Answer a task piece by piece; `config` is as for `answer`.

        Yields:
            The model's text as it comes, unverified, and never half a citation marker; last, the
            whole `Answer`, verified, which a page shows in place of the pieces.

        Raises:
            EndpointError: Also when a model breaks off after its first piece: half an answer is
                never passed on as a whole one.
        """
        turn = self._begin(task, config)
        while not turn.settled:
            said: list[str] = []
            buffer = MarkerBuffer()
            try:
                for piece in turn.chat.stream(turn.messages, turn.config):
                    said.append(piece)
                    if shown := buffer.feed(piece):
                        yield shown
            except EndpointError as error:
                if said:
                    raise
                turn = self._next_rung(turn, error)
                continue
            if rest := buffer.flush():
                yield rest
            yield self._settle(turn, "".join(said))
            return
        yield turn.finish(Checked(text=turn.settled))

    async def astream(
        self, task: Task | str, *, config: RunnableConfig | None = None
    ) -> AsyncIterator[str | Answer]:
        """`stream`, waiting for the model without a thread."""
        turn = await asyncio.to_thread(self._begin, task, config)
        while not turn.settled:
            said: list[str] = []
            buffer = MarkerBuffer()
            try:
                async for piece in turn.chat.astream(turn.messages, turn.config):
                    said.append(piece)
                    if shown := buffer.feed(piece):
                        yield shown
            except EndpointError as error:
                if said:
                    raise
                turn = await asyncio.to_thread(self._next_rung, turn, error)
                continue
            if rest := buffer.flush():
                yield rest
            yield await self._asettle(turn, "".join(said))
            return
        yield turn.finish(Checked(text=turn.settled))

    def _settle(self, turn: _Turn, text: str) -> Answer:
        """What was streamed as an answer; where it is in no form to be one, the next rung's."""
        try:
            return turn.finish(_in_form(turn, text))
        except EndpointError as error:
            turn = self._next_rung(turn, error)
            return turn.finish(_in_form(turn, turn.chat.reply(turn.messages, turn.config)))

    async def _asettle(self, turn: _Turn, text: str) -> Answer:
        """`_settle`, awaited."""
        try:
            return await asyncio.to_thread(turn.finish, await _ain_form(turn, text))
        except EndpointError as error:
            turn = await asyncio.to_thread(self._next_rung, turn, error)
            said = await _ain_form(turn, await turn.chat.areply(turn.messages, turn.config))
            return await asyncio.to_thread(turn.finish, said)

    def _begin(self, task: Task | str, config: RunnableConfig | None) -> _Turn:
        task = Task(task) if isinstance(task, str) else task
        knowledge = self.router.prepare(task)
        policy = self.router.agent.policy
        turn = _Turn(
            task=task,
            knowledge=knowledge,
            chat=self.model,
            policy=policy,
            verifier=self.verifier,
            search=self.router.retrieve,
            config=config,
        )
        if knowledge.decision.plan.endpoint is None:
            return turn
        try:
            return replace(turn, chat=self._open_endpoint())
        except ConfigError as error:  # such as a variable that is not set
            return self._next_rung(turn, EndpointError(str(error)))

    def _next_rung(self, turn: _Turn, error: EndpointError) -> _Turn:
        """The rung below an endpoint that failed; below the model itself there is none."""
        if turn.knowledge.decision.plan.endpoint is None or turn.policy.on_failure == "raise":
            raise error
        knowledge = self.router.step_down(turn.task, turn.knowledge, str(error))
        return replace(turn, knowledge=knowledge, chat=self.model, fallbacks=(str(error),))

    def _open_endpoint(self) -> Chat:
        if self._endpoint is None:
            self._endpoint = load_endpoint(self.router.agent)
        return self._endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One attempt at a task: which model is to answer, and on what."""

    task: Task
    knowledge: Knowledge
    chat: Chat
    policy: Policy
    verifier: CitationVerifier
    search: Search
    config: RunnableConfig | None
    fallbacks: tuple[str, ...] = ()

    @property
    def messages(self) -> Prompt:
        """The whole prompt."""
        return to_messages(self.knowledge, self.task.history)

    @property
    def settled(self) -> str:
        """What to say without asking a model: a question back to the user, or nothing."""
        return self.knowledge.decision.plan.clarify or ""

    def check(self, text: str) -> Checked:
        """Hold what was said against the JSON schema of the set that serves the task."""
        return check_answer(text, self.knowledge.form.schema)

    def again(self, said: Checked) -> Prompt:
        """The prompt that asks for an answer once more."""
        return to_messages_again(self.knowledge, self.task.history, said)

    def finish(self, said: Checked) -> Answer:
        """Verify what was said.

        Raises:
            EndpointError: It is not in its form, and a lower rung or nobody is to answer then.
        """
        plan = self.knowledge.decision.plan
        if said.faults and (plan.endpoint or self.policy.on_failure == "raise"):
            raise not_in_form(self.knowledge, said.faults)
        finished = self._verified(said.text)
        found = finished.passages or self.knowledge.passages  # a repair may have found more
        return Answer(
            text=finished.text,
            knowledge=replace(self.knowledge, passages=found),
            citations=finished.citations,
            claims=finished.claims,
            fabricated=finished.fabricated,
            uncited=finished.uncited,
            model="" if self.settled else self.chat.name,
            fallbacks=self.fallbacks,
            faults=said.faults,
        )

    def _verified(self, text: str) -> Finished:
        """The text with its citations checked, if there are to be any."""
        plan = self.knowledge.decision.plan
        if plan.citations == "never":
            return Finished(text=text)
        return self.verifier.finish(
            text,
            self.knowledge.passages,
            self.policy.unsupported,
            plan=plan,
            search=self.search,
        )


def _in_form(turn: _Turn, text: str) -> Checked:
    """What was said, or what is said when it broke its JSON schema and is asked for once more."""
    said = turn.check(text)
    return turn.check(turn.chat.reply(turn.again(said), turn.config)) if said.faults else said


async def _ain_form(turn: _Turn, text: str) -> Checked:
    """`_in_form`, awaited."""
    said = turn.check(text)
    return (
        turn.check(await turn.chat.areply(turn.again(said), turn.config)) if said.faults else said
    )
