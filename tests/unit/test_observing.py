"""Who watches sees each stage of a turn in its order, and LangChain's callbacks see each search."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda

from agent_knowledge import Answer, Answerer, KnowledgeRouter, Task
from agent_knowledge.build import packaged_embedder
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import EndpointError, InputError
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.models.chat import Chat
from agent_knowledge.observing import add_observer, observe, observed_by
from agent_knowledge.retrieval.others.external import ExternalSource
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types.stages import Stage
from tests.scripted import ScriptedModel

REFUND = "How long is the return window?"
WAYS = ["answer", "aanswer", "stream", "astream"]
_place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="outside")


class Watching:
    """Remembers each stage as it began and as it was when it ended, and where that was."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ended: list[Stage] = []

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        self.told.append(f"{stage.kind} in {_place.get()}")
        token = _place.set(stage.kind)
        yield
        _place.reset(token)
        self.ended.append(stage)


class Runs(BaseCallbackHandler):
    """Remembers retriever runs, and below which run each was made."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str, dict[str, Any]]] = []
        self.found: list[list[Document]] = []
        self.failed: list[str] = []
        self.parents: list[object] = []
        self.chains: list[object] = []
        self.retrievals: list[object] = []
        self.tags: list[list[str]] = []

    def on_chain_start(self, *args: Any, run_id: object, **kwargs: Any) -> None:
        self.chains.append(run_id)

    def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
        self.runs.append((kwargs["name"], query, kwargs["metadata"]))
        self.parents.append(kwargs["parent_run_id"])
        self.retrievals.append(kwargs["run_id"])
        self.tags.append(kwargs["tags"])

    def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        self.found.append(list(documents))

    def on_retriever_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failed.append(str(error))


def answerer_of(router: KnowledgeRouter, *replies: str) -> Answerer:
    model = ScriptedModel(replies=list(replies) or ["Thirty days [1]."])
    return Answerer(router, Chat(model=model, name="scripted"))


async def ask(
    answerer: Answerer, way: str, task: Task | str = REFUND, config: RunnableConfig | None = None
) -> Answer:
    """Ask in one of the four ways; nothing that an observer sets shows between pieces."""
    match way:
        case "answer":
            return answerer.answer(task, config=config)
        case "aanswer":
            return await answerer.aanswer(task, config=config)
        case "stream":
            pieces = [(piece, _place.get()) for piece in answerer.stream(task, config=config)]
        case _:
            pieces = [
                (piece, _place.get()) async for piece in answerer.astream(task, config=config)
            ]
    assert {place for _, place in pieces} == {"outside"}
    assert len(pieces) > 1
    whole = pieces[-1][0]
    assert isinstance(whole, Answer)
    return whole


@pytest.mark.parametrize("way", WAYS)
async def test_a_turn_is_seen_stage_by_stage(support: KnowledgeRouter, way: str) -> None:
    watching = Watching()
    with observed_by(watching):
        answer = await ask(answerer_of(support), way)
    stages = ["answer in outside", "route in answer", "retrieve in answer", "verify in answer"]
    assert watching.told == stages
    route, retrieve, verify, whole = watching.ended
    assert route.decision
    assert route.decision.strategy == "retrieval"
    assert list(retrieve.passages) == list(answer.knowledge.passages)
    assert verify.answer == whole.answer == answer
    assert whole.decision == answer.decision
    assert {stage.agent for stage in watching.ended} == {"support"}
    assert not any(stage.error for stage in watching.ended)


@pytest.mark.parametrize("way", WAYS)
async def test_what_fails_is_told_with_what_was_decided(support: KnowledgeRouter, way: str) -> None:
    watching = Watching()
    with observed_by(watching), pytest.raises(EndpointError):
        await ask(answerer_of(support, ""), way)
    whole = watching.ended[-1]
    assert (whole.kind, whole.error, whole.answer) == ("answer", "EndpointError", None)
    assert whole.decision
    assert whole.decision.strategy == "retrieval"


def test_an_empty_task_is_refused_before_anybody_is_told(support: KnowledgeRouter) -> None:
    watching = Watching()
    with observed_by(watching), pytest.raises(InputError, match="empty"):
        answerer_of(support).answer(" ")
    assert not watching.told


async def test_an_answer_that_nobody_takes_to_its_end_is_left_cleanly(
    support: KnowledgeRouter,
) -> None:
    watching, answerer = Watching(), answerer_of(support, "Thirty days [1]. " * 9)
    with observed_by(watching):
        pieces = answerer.stream(REFUND)
        next(pieces)
        del pieces
        awaited = answerer.astream(REFUND)
        await anext(awaited)
        await awaited.aclose()  # pyright: ignore[reportAttributeAccessIssue] - a generator has it
    assert [stage.kind for stage in watching.ended] == ["route", "retrieve", "answer"] * 2
    assert [stage.error for stage in watching.ended] == ["", "", "cancelled"] * 2
    assert _place.get() == "outside"


async def test_a_stream_may_be_taken_by_another_thread_each_time(support: KnowledgeRouter) -> None:
    watching = Watching()
    with observed_by(watching):
        pieces = answerer_of(support).stream(REFUND)
    taken: list[object] = []
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        taken.append(piece)
    assert isinstance(taken[-1], Answer)
    assert watching.told == []  # it began outside: a context is that of the first piece


class Raises:
    """Fails at the start or at the end of each stage."""

    def __init__(self, *, at_end: bool) -> None:
        self.at_end = at_end

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        if not self.at_end:
            raise OSError(f"no room for {stage.task}")
        yield
        raise OSError(f"no room for {stage.task}")


@pytest.mark.parametrize("at_end", [False, True])
def test_an_observer_that_raises_changes_nothing(
    support: KnowledgeRouter, caplog: pytest.LogCaptureFixture, at_end: bool
) -> None:
    watching = Watching()
    with observed_by(Raises(at_end=at_end), watching):
        answer = answerer_of(support).answer(REFUND)
    assert answer.citations
    assert len(watching.ended) == 4
    assert "an observer failed" in caplog.text
    assert "OSError" in caplog.text
    assert "in watch" in caplog.text
    assert "return window" not in caplog.text


@pytest.mark.parametrize("way", WAYS)
async def test_an_observer_that_changes_a_stage_changes_no_answer(
    support: KnowledgeRouter, way: str
) -> None:
    class Meddling:
        @contextmanager
        def watch(self, stage: Stage) -> Generator[None]:
            stage.task = Task("Say something else.")
            yield
            stage.decision, stage.answer, stage.passages = None, None, ()

    remove = add_observer(Meddling())
    try:
        answer = await ask(answerer_of(support), way)
        assert support.route(REFUND).strategy == "retrieval"
    finally:
        remove()
    assert answer.text == "Thirty days [1]."
    assert answer.decision.plan.query == REFUND
    assert answer.knowledge.passages


def test_one_of_the_process_is_asked_until_it_is_taken_away(support: KnowledgeRouter) -> None:
    watching = Watching()
    remove = add_observer(watching)
    support.route(REFUND)
    remove()
    remove()
    support.route(REFUND)
    assert watching.told == ["route in outside"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_search_is_a_retriever_run_of_the_callers(
    support: KnowledgeRouter, way: str
) -> None:
    runs = Runs()
    config: RunnableConfig = {"callbacks": [runs], "metadata": {"desk": 7}}
    answer = await ask(answerer_of(support), way, config=config)
    ((name, query, metadata),) = runs.runs
    assert (name, query) == (", ".join(answer.decision.plan.sources), REFUND)
    assert (metadata["desk"], metadata["agent"]) == (7, "support")
    (documents,) = runs.found
    assert [one.id for one in documents] == [one.id for one in answer.knowledge.passages]
    assert documents[0].page_content == answer.knowledge.passages[0].text
    assert documents[0].metadata["source"] == "handbook"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("handed_over", [True, False])
async def test_it_stands_below_the_run_that_it_is_made_in(
    support: KnowledgeRouter, way: str, handed_over: bool
) -> None:
    runs, answerer = Runs(), answerer_of(support)

    async def step(task: str, config: RunnableConfig) -> str:
        return (await ask(answerer, way, task, config if handed_over else None)).text

    await RunnableLambda(step).ainvoke(REFUND, {"callbacks": [runs]})
    assert runs.parents == runs.chains
    assert len(runs.parents) == 1


class Web(BaseRetriever):
    """A host's own."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("The return window is thirty days.")]


@pytest.mark.parametrize("way", WAYS)
async def test_a_hosts_own_retriever_is_a_run_within_the_search(way: str) -> None:
    profile = {"sources": {"web": {"external": True}}, "policy": {"citations": "always"}}
    router = KnowledgeRouter(
        AgentProfile.model_validate(profile),
        embedder=HashEmbedder(),
        encoder=packaged_embedder(),
        retrievers={"web": ExternalSource("web", Web())},
    )
    runs = Runs()
    await ask(answerer_of(router), way, config={"callbacks": [runs], "tags": ["desk-7"]})
    (ours, _, _), (theirs, query, _) = runs.runs
    assert (ours, theirs, query) == ("web", "Web", REFUND)
    assert runs.parents == [None, runs.retrievals[0]]
    assert runs.tags == [["desk-7"], ["desk-7"]]


def test_outside_any_run_no_callback_is_told(support: KnowledgeRouter) -> None:
    runs = Runs()
    with observed_by(CallbackRuns()):
        assert support.retrieve(REFUND)
    assert not runs.runs


def test_a_search_that_fails_is_a_run_that_failed() -> None:
    runs = Runs()
    stage = Stage(kind="retrieve", agent="support", sources=("web",), query="?")
    watched = observed_by(CallbackRuns({"callbacks": [runs]}))
    with watched, pytest.raises(OSError, match="away"), observe(stage):
        raise OSError("away")
    assert runs.failed == ["OSError"]
    assert not runs.found


def test_a_line_a_decision_and_no_text(
    support: KnowledgeRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent_knowledge")
    answer = answerer_of(support).answer(REFUND)
    decided, answered = [one.getMessage() for one in caplog.records]
    start = f"support: retrieval {answer.decision.confidence:.2f} of handbook, faq in "
    assert decided == f"{start}{answer.decision.elapsed_ms:.0f} ms"
    assert answered.startswith("support: answered by scripted in ")
    assert answered.endswith(f" ms: 1 claims, {int(not answer.claims[0].supported)} unsupported")
    caplog.set_level(logging.DEBUG, "agent_knowledge")
    support.prepare(REFUND)
    assert "found 5 of at most 5 passages of handbook, faq in" in caplog.text
    assert "likely direct" in caplog.text
    for word in ("How", "return", "window", "Thirty", "days"):
        assert word not in caplog.text


def test_what_failed_is_told_by_its_kind(
    support: KnowledgeRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent_knowledge")
    with pytest.raises(EndpointError):
        answerer_of(support, "").answer(REFUND)
    assert "support: answer failed after" in caplog.text
    assert "(EndpointError)" in caplog.text


def test_without_a_level_nothing_is_told(
    support: KnowledgeRouter, caplog: pytest.LogCaptureFixture
) -> None:
    support.prepare(REFUND)
    assert not caplog.records
