"""Answers: prepare, drive a turn by calling the models that it asks for, verify.

Command line, chatbot and pages use it. What follows what is `turn`'s to say.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Self

from agent_knowledge.build import (
    ConfigLike,
    load_endpoint,
    load_model,
    load_router,
    load_verifier,
    read_config,
)
from agent_knowledge.citations.streaming import MarkerBuffer
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.models.chat import Chat, served_name
from agent_knowledge.observing import observe, observed_by
from agent_knowledge.ports import ClaimJudge, Embedder
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.turn import CallModel, Failed, Said, Turn, Verifying, answer_of
from agent_knowledge.types import Task
from agent_knowledge.types.answers import Answer
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.stages import Stage
from agent_knowledge.types.tasks import as_task

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig

    from agent_knowledge.build.stores import RetrieverLike
    from agent_knowledge.citations.opinions import EntailmentModel
    from agent_knowledge.models.decisions import DecisionModel


def load_answerer(  # noqa: PLR0913 - all but one are optional
    config: ConfigLike = "agent-knowledge.yaml",
    agent: str | None = None,
    *,
    model: str | BaseChatModel | None = None,
    embedding: Embeddings | Embedder | None = None,
    retrievers: Mapping[str, RetrieverLike] | None = None,
    judge: str | BaseChatModel | DecisionModel | ClaimJudge | EntailmentModel | None = None,
    imports: Sequence[str] = (),
) -> Answerer:
    """Build the router of one agent and put it before a chat model.

    Args:
        config: A configuration, or the path of one.
        agent: Name of the agent; None for the only one.
        model: An `init_chat_model` string or a LangChain chat model, instead of `models.default`;
            the router asks it too, where it asks one and `models.router` names no other.
        embedding: See `load_router`.
        retrievers: See `load_router`.
        judge: Who gives a second opinion on each cited claim, or decides on it under the policy
            `judge_decides`; see `load_verifier`.
        imports: See `load_router`.

    Raises:
        ConfigError: The configuration, or what it names, is wrong.
    """
    config = read_config(config)
    asked = model if config.models.router is None else None
    router = load_router(
        config, agent, embedding=embedding, retrievers=retrievers, model=asked, imports=imports
    )
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
        router.base_model = served_name(model.model)
        self.model = model
        self.verifier = verifier or load_verifier(router)
        # Opened once for all scopes, since its breaker counts what fails.
        self._endpoint = cache(lambda: endpoint or load_endpoint(router.agent))

    def __enter__(self) -> Self:
        """Use it as a context manager to close it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its router; see `KnowledgeRouter.close`."""
        self.router.close()

    def scoped(self, scope: Scope) -> Self:
        """The same answerer within a scope; see `KnowledgeRouter.scoped`.

        Quotations are looked up within it too, and it costs next to nothing: make one per request.
        """
        narrowed = copy.copy(self)
        narrowed.router = self.router.scoped(scope)
        narrowed.verifier = self.verifier.reading(narrowed.router.document_text)
        return narrowed

    def answer(
        self, task: Task | str, *, config: RunnableConfig | None = None, scope: Scope = EVERYTHING
    ) -> Answer:
        """Answer a task.

        Args:
            task: The task.
            config: Callbacks, tags and metadata for each call of the model, as LangChain has them.
            scope: Where to look; the other ways to answer take it by `scoped`.

        Raises:
            InputError: The task is empty, or a source needs a tenant and none is given.
            SourceError: No source could serve.
            EndpointError: The model failed; or the endpoint did and the policy says
                `on_failure: raise`.
        """
        if scope != EVERYTHING:
            return self.scoped(scope).answer(task, config=config)
        with self._answering(task, config) as stage:
            turn = self._begin(task, stage)
            while step := turn.asks:
                turn.feed(self._ask(step, config))
            return self._finish(turn, stage)

    async def aanswer(self, task: Task | str, *, config: RunnableConfig | None = None) -> Answer:
        """`answer`, waiting for the model without a thread."""
        with self._answering(task, config) as stage:
            turn = await asyncio.to_thread(self._begin, task, stage)
            while step := turn.asks:
                turn.feed(await self._aask(step, config))
            return await asyncio.to_thread(self._finish, turn, stage)

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
        # In a context of its own: what an observer sets there is not the taker's between pieces,
        # and each piece may be taken in another thread.
        context, pieces = copy_context(), self._stream(task, config)
        try:
            while (piece := context.run(next, pieces, None)) is not None:
                yield piece
        finally:
            context.run(pieces.close)

    def _stream(
        self, task: Task | str, config: RunnableConfig | None
    ) -> Generator[str | Answer, None, None]:
        with self._answering(task, config) as stage:
            turn = self._begin(task, stage)
            while step := turn.asks:
                if not step.may_stream:
                    turn.feed(self._ask(step, config))
                    continue
                heard = _Pieces()
                try:
                    for piece in self._chat(step).stream(step.prompt, config):
                        if shown := heard.take(piece):
                            yield shown
                except EndpointError as error:
                    turn.feed(Failed(error=error, partial=bool(heard.text.strip())))
                    continue
                if rest := heard.rest():
                    yield rest
                turn.feed(Said(text=heard.text, model=self._chat(step).name))
            answer = self._finish(turn, stage)
        yield answer

    async def astream(
        self, task: Task | str, *, config: RunnableConfig | None = None
    ) -> AsyncIterator[str | Answer]:
        """`stream`, waiting for the model without a thread."""
        context, pieces = copy_context(), self._astream(task, config)

        async def taken() -> str | Answer | None:
            return await anext(pieces, None)

        try:
            while (piece := await asyncio.create_task(taken(), context=context)) is not None:
                yield piece
        finally:
            await asyncio.create_task(pieces.aclose(), context=context)

    async def _astream(
        self, task: Task | str, config: RunnableConfig | None
    ) -> AsyncGenerator[str | Answer, None]:
        with self._answering(task, config) as stage:
            turn = await asyncio.to_thread(self._begin, task, stage)
            while step := turn.asks:
                if not step.may_stream:
                    turn.feed(await self._aask(step, config))
                    continue
                heard = _Pieces()
                try:
                    async for piece in self._chat(step).astream(step.prompt, config):
                        if shown := heard.take(piece):
                            yield shown
                except EndpointError as error:
                    turn.feed(Failed(error=error, partial=bool(heard.text.strip())))
                    continue
                if rest := heard.rest():
                    yield rest
                turn.feed(Said(text=heard.text, model=self._chat(step).name))
            answer = await asyncio.to_thread(self._finish, turn, stage)
        yield answer

    @contextmanager
    def _answering(self, task: Task | str, config: RunnableConfig | None) -> Generator[Stage]:
        """Have a whole turn watched, and its searches told to the caller's callbacks."""
        stage = Stage(kind="answer", agent=self.router.agent.name, task=as_task(task))
        with observed_by(CallbackRuns(config)), observe(stage, self.router.observers):
            yield stage

    def _begin(self, given: Task | str, stage: Stage) -> Turn:
        task = as_task(given)  # not the stage's: those who watch might have changed it
        knowledge = self.router.prepare(task)
        stage.decision, stage.passages = knowledge.decision, knowledge.passages
        return Turn(knowledge, self.router.agent.policy, history=task.history)

    def _ask(self, step: CallModel, config: RunnableConfig | None) -> Said | Failed:
        try:
            chat = self._chat(step)
            return Said(text=chat.reply(step.prompt, config), model=chat.name)
        except EndpointError as error:
            return Failed(error=error)

    async def _aask(self, step: CallModel, config: RunnableConfig | None) -> Said | Failed:
        try:
            chat = self._chat(step)
            return Said(text=await chat.areply(step.prompt, config), model=chat.name)
        except EndpointError as error:
            return Failed(error=error)

    def _chat(self, step: CallModel) -> Chat:
        """The model to call.

        Raises:
            EndpointError: The endpoint cannot be opened, as when a variable is not set.
        """
        if step.endpoint is None:
            return self.model
        try:
            return self._endpoint()
        except ConfigError as error:
            raise EndpointError(str(error)) from error

    def _finish(self, turn: Turn, answering: Stage) -> Answer:
        draft, policy = turn.draft(), self.router.agent.policy
        verifying = Verifying(verifier=self.verifier, policy=policy, search=self.router.retrieve)
        answering.decision, answering.passages = draft.knowledge.decision, draft.knowledge.passages
        with observe(replace(answering, kind="verify"), self.router.observers) as stage:
            answer = stage.answer = answering.answer = answer_of(draft, verifying.verify(draft))
        return answer


class _Pieces:
    """An answer as it comes: its text so far, and what may be shown."""

    def __init__(self) -> None:
        self.text = ""
        self._buffer = MarkerBuffer()

    def take(self, piece: str) -> str:
        """What may be shown when a piece comes: never half a marker."""
        self.text += piece
        return self._buffer.feed(piece)

    def rest(self) -> str:
        """What was held back at the end."""
        return self._buffer.flush()
