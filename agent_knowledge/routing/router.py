"""The router: the stages in order, on ports alone.

    route:    task -> signals -> decision
    prepare:  task -> signals -> decision -> knowledge
    look_up:  task -> signals -> knowledge, decided by the caller

None calls a chat model, unless the policy says so: `query_rewrite` before the signals of a turn
with a history, `ask_model_below` after a decision that the evidence hardly carries.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

from agent_knowledge.config import AgentProfile
from agent_knowledge.judges import WAIT_S, rewritings
from agent_knowledge.ledger import NOTHING_ON_RECORD, EndpointRecord, TrackRecord
from agent_knowledge.observing import observe
from agent_knowledge.ports import (
    Closes,
    Embedder,
    ExampleSet,
    InformedJudge,
    NeedJudge,
    Observer,
    PassageIndex,
    QueryWriter,
    Reranker,
    Retriever,
    Screen,
    StoredDocuments,
    TextEncoder,
)
from agent_knowledge.retrieval.joined import JoinedIndex, missing_tenant
from agent_knowledge.routing.consulting import consult
from agent_knowledge.routing.few_shot import nearest_view
from agent_knowledge.routing.gathering import gather
from agent_knowledge.routing.given import (
    as_encoder,
    consulted,
    require_all,
    reranking_of,
    screener_of,
)
from agent_knowledge.routing.ladder import after_failure, at_rung, next_rung
from agent_knowledge.routing.look_up import found_nothing, look_up, search_plan
from agent_knowledge.routing.measuring import SignalReader
from agent_knowledge.routing.need import Weights, load_weights
from agent_knowledge.routing.policy import decide, may_ask_model
from agent_knowledge.routing.recall import recall
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import Retrieved, retrieve
from agent_knowledge.routing.sets import AgentSets
from agent_knowledge.types import Decision, Example, Knowledge, Passage, Plan, Rung, Task
from agent_knowledge.types.filters import Filter, Scope
from agent_knowledge.types.measured import SetStates
from agent_knowledge.types.search import MeasuredTask
from agent_knowledge.types.stages import Stage, StageKind
from agent_knowledge.types.tasks import as_task


class KnowledgeRouter:
    """Chooses what to give one agent's model, task by task. Safe to share between threads.

    `load_router` makes one from a configuration; this constructor takes objects of your own.

    Attributes:
        base_model: What answers below the endpoint, once whoever calls it has told; the gate asks
            whether that is what was measured.
        observers: Who watches what it does.
    """

    def __init__(  # noqa: PLR0913 - each is a part of its own, and all but two are optional
        self,
        agent: AgentProfile,
        *,
        embedder: Embedder,
        index: PassageIndex | Mapping[str, PassageIndex] | None = None,
        examples: Mapping[str, ExampleSet] | None = None,
        retrievers: Mapping[str, Retriever] | None = None,
        encoder: TextEncoder | None = None,
        states: Mapping[str, SetStates] | None = None,
        weights: Weights | None = None,
        judge: NeedJudge | InformedJudge | None = None,
        writer: QueryWriter | None = None,
        evidence: EndpointRecord | None = None,
        screen: Screen | None = None,
        reranker: Reranker | None = None,
        rerank_wait_s: float = WAIT_S,
        observers: Sequence[Observer] = (),
    ) -> None:
        """Put a router together.

        Args:
            agent: What the agent has at hand, and its policy.
            embedder: What the index was built with.
            index: The indexed sources, in one index or in one each; needed when the agent has one
                that is not external.
            examples: The agent's example sets, by name.
            retrievers: For external sources, by name.
            encoder: The text model that the heads were tuned with; default: `embedder`, when it is
                the packaged MiniLM.
            states: What the text model makes of example sets, by name; others are read now.
            weights: What was fitted, other than the packaged weights.
            judge: Who is asked what a task needs; needed where the policy has `ask_model_below`,
                and asked nowhere else.
            writer: Who writes what a turn of a conversation asks; needed where the policy has
                `query_rewrite: model`, and asked nowhere else.
            evidence: What is on record about the agent's fine-tuned endpoint; default: nothing.
            screen: Finds what of the knowledge speaks to a model; default: nobody, whatever the
                sources' `screen` says.
            reranker: Puts the passages that were found into their last order; needed where the
                policy has `rerank`.
            rerank_wait_s: Seconds that it may take; then the order of the search stands.
            observers: Who watches what it does, beside those of the process; see `observing`.

        Raises:
            ConfigError: Something that the agent names is not given, or a template asks for the
                labels of a set that has none.
        """
        sets, known = examples or {}, states or {}
        require_all(agent, sets, indexed=index is not None)
        self.agent = agent
        self._judge, self._writer = consulted(agent, judge, writer)
        self._evidence = evidence
        self.observers = tuple(observers)
        self.base_model = ""
        external = {name: spec for name, spec in agent.sources.items() if spec.external}
        self._shelf = Shelf(
            embedder=embedder,
            index=None if index is None else JoinedIndex.of(index, agent.sources),
            external=retrievers or {},
            screener=screener_of(agent, screen),
            reranking=reranking_of(agent, reranker, rerank_wait_s),
            bounds=external,
        )
        weights, reads = weights or load_weights(embedder.name), encoder or as_encoder(embedder)
        self._sets = AgentSets(agent, sets, known, (embedder, reads), weights)
        self.reader = SignalReader(
            encoder=reads,
            heads=weights.heads,
            embedder=embedder,
            index=self._shelf.index,
            sources=tuple(name for name in agent.sources if name not in external),
            external=tuple(external),
            fits=weights.fits,
        )
        self._enter(Scope(filter=Filter.of(agent.filter)))

    def __enter__(self) -> Self:
        """Use it as a context manager to close it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Release the files of its index, where that can; the next call opens them again.

        Retrievers and models stay as they are: they are their owners' to close.
        """
        if isinstance(self._shelf.index, Closes):
            self._shelf.index.close()

    @property
    def scope(self) -> Scope:
        """Where it looks: what the agent's filter says, and what it was narrowed to."""
        return self._shelf.scope

    def scoped(self, scope: Scope) -> Self:
        """The same router, looking only where both its own scope and another one do.

        It shares everything with this one and costs next to nothing, so a run makes its own: the
        host names the tenant whose documents and examples the run may see, and a filter.

        Raises:
            InputError: This one is another tenant's.
        """
        narrowed = copy.copy(self)
        narrowed._enter(self.scope.narrowed(scope))
        return narrowed

    def _enter(self, scope: Scope) -> None:
        """Look only there from now on."""
        sets = self._sets.of(scope.tenant)
        self._shelf = replace(
            self._shelf,
            scope=scope,
            examples={name: ready.chooser for name, ready in sets.items()},
            forms={name: ready.form for name, ready in sets.items()},
        )
        matchers = {name: ready.matcher for name, ready in sets.items()}
        self.reader = replace(self.reader, scope=scope, matchers=matchers)

    def require_tenant(self) -> None:
        """Refuse to go on where somebody has to be named.

        Raises:
            TenantMissingError: A source or a set keeps tenants apart, and the scope names none.
        """
        if self.agent.tenanted and not self.scope.tenant:
            raise missing_tenant(self.agent.tenanted)

    @property
    def record(self) -> TrackRecord:
        """What is on record about the agent's endpoint at this moment, for the scope's tenant."""
        found = self._evidence.now() if self._evidence else NOTHING_ON_RECORD
        return replace(found.within(self.scope.tenant), base_model=self.base_model)

    def route(self, task: Task | str) -> Decision:
        """Decide what to give the model. Calls none, unless the policy says so.

        Raises:
            InputError: The task is empty.
            SourceError: A source is not indexed, or its index cannot serve.
        """
        with self._observing("route", task) as stage:
            decision = stage.decision = self._route([task])[0]
        return decision

    def route_many(self, tasks: Sequence[Task | str]) -> list[Decision]:
        """Decide for many tasks at once, in order; their texts are embedded together.

        Where the policy has a chat model asked, it is asked about several at once. `elapsed_ms` of
        each is its share of the whole.
        """
        decisions = self._route(tasks)
        for task, decision in zip(tasks, decisions, strict=True):
            with self._observing("route", task) as stage:
                stage.decision = decision
        return decisions

    def _route(self, tasks: Sequence[Task | str]) -> list[Decision]:
        started = time.perf_counter()
        informed = isinstance(self._judge, InformedJudge)  # it is shown what was found
        readings = [r if informed else replace(r, results={}) for r in self.read(tasks)]
        decisions = self._decide(readings)
        return [_timed(decision, started, of=len(decisions)) for decision in decisions]

    async def aroute(self, task: Task | str) -> Decision:
        """`route` in a thread: it computes, and waits for nothing."""
        return await asyncio.to_thread(self.route, task)

    async def aroute_many(self, tasks: Sequence[Task | str]) -> list[Decision]:
        """`route_many` in a thread."""
        return await asyncio.to_thread(self.route_many, tasks)

    def prepare(self, task: Task | str) -> Knowledge:
        """Decide, and gather what the decision names, and what the task points back at.

        Raises:
            InputError: The task is empty.
            SourceError: A source is not indexed, or every source of the plan failed.
        """
        with self._observing("route", task) as stage:
            started = time.perf_counter()
            reading = next(self.read([task]))
            decision = stage.decision = _timed(self.decide(reading), started)
        knowledge = self.gather(decision, reading)
        policy = self.agent.policy
        if policy.on_failure != "raise":
            knowledge = self._with_fallback(knowledge, reading)
        return recall(knowledge, reading.task, policy.context_tokens)

    async def aprepare(self, task: Task | str) -> Knowledge:
        """`prepare` in a thread."""
        return await asyncio.to_thread(self.prepare, task)

    def retrieve(self, task: Task | str, k: int | None = None) -> tuple[Passage, ...]:
        """Search all of the agent's sources, whatever the router would decide.

        Args:
            task: What to look for; a history is heeded.
            k: How many passages at most; None for the policy's `k`.

        Returns:
            Passages, best first.

        Raises:
            InputError: The query is empty, or a source needs a tenant and none is given.
            SourceError: A source is not indexed, or every source failed.
        """
        return self.search(task, k).passages

    def search(self, task: Task | str, k: int | None = None) -> Retrieved:
        """`retrieve`, with a line for each source or reranker that failed."""
        reading = next(self.read([task]))
        plan = search_plan(reading, self.agent, k)
        with self._observing("retrieve", reading.task, plan) as stage:
            found = retrieve(plan, reading.results, self._shelf)
            stage.passages = found.passages
        return found

    async def aretrieve(self, task: Task | str, k: int | None = None) -> tuple[Passage, ...]:
        """`retrieve` in a thread."""
        return await asyncio.to_thread(self.retrieve, task, k)

    def look_up(self, task: Task | str) -> Knowledge:
        """Retrieve because the caller has decided to, and say whether the sources seem to hold it.

        Args:
            task: What to look for; a history is heeded.

        Returns:
            The passages of `retrieve(task)`, all of them, in its order: `context_tokens` limits
            only the examples that a clearly matching set adds. An agent without sources gets the
            examples nearest to the task. No endpoint is ever in its plan.

        Raises:
            InputError: The task is empty.
            SourceError: A source is not indexed, or every source failed.
        """
        started = time.perf_counter()
        reading = next(self.read([task]))
        decision = _timed(self._bounded(look_up(reading, self.agent)), started)
        found = self._gather(decision, reading, all_passages=True)
        if decision.plan.sources and not found.passages:
            return replace(found, decision=found_nothing(decision))
        return found

    def document_text(self, passage: Passage) -> str | None:
        """The text of a passage's document as it is stored now.

        None where it is not stored, or lies outside the scope.

        Raises:
            SourceError: The index cannot be read.
        """
        index = self._shelf.index
        if not isinstance(index, StoredDocuments):
            return None
        return index.document_text(passage, self.scope)

    def few_shot(self, task: Task | str) -> tuple[str | None, tuple[Example, ...]]:
        """The example set nearest to a task and what it would show, whatever the router decides.

        Returns:
            The set's name and its examples, best first; None and nothing for an agent without.
        """
        reading = next(self.read([task]))
        match = reading.signals.pattern
        if not match:
            return None, ()
        name = max(match, key=lambda candidate: match[candidate])
        spec, chooser = self.agent.examples[name], self._shelf.examples[name]
        view = nearest_view(chooser.held, reading.views)
        return name, chooser.choose(view, spec.k, reading.task.text, spec.selection)

    def prepare_rung(
        self, task: Task | str, rung: Rung, example_set: str | None = None
    ) -> Knowledge:
        """Gather what one rung of the ladder gives a task, whatever the router would decide.

        Args:
            task: The task.
            rung: Which rung.
            example_set: The set that the task is an instance of, if any.

        Raises:
            InputError: The task is empty, or the agent lacks what the rung takes.
            SourceError: Every source failed.
        """
        reading = next(self.read([task]))
        signals, query = reading.signals, reading.standalone
        decision = at_rung(rung, reading.task, signals, query, self.agent, example_set)
        return self.gather(self._bounded(decision), reading)

    def step_down(self, task: Task | str, knowledge: Knowledge, why: str) -> Knowledge:
        """The next rung down after a fine-tuned endpoint failed; `prepare` has gathered it already.

        Args:
            task: The task.
            knowledge: What was prepared for the endpoint.
            why: What went wrong, for the record.
        """
        if knowledge.fallback is None:
            knowledge = self._with_fallback(knowledge, next(self.read([task])))
        return after_failure(knowledge, why)

    def read(self, tasks: Sequence[Task | str]) -> Iterator[MeasuredTask]:
        """Measure the signals of tasks; the first stage alone, with what the policy rewrites.

        Returns:
            A reading per task, in order, made as it is taken: each holds the candidates of every
            source, too many to keep for many tasks.

        Raises:
            InputError: A task is empty.
            TenantMissingError: A source or a set keeps tenants apart, and the scope names none.
        """
        made = [as_task(task) for task in tasks]
        self.require_tenant()
        return self.reader.read(made, rewritings(self._writer, made) if self._writer else ())

    def decide(self, reading: MeasuredTask) -> Decision:
        """Decide on measured signals; the second stage alone, with what the policy has asked."""
        return self._decide([reading])[0]

    def gather(self, decision: Decision, reading: MeasuredTask) -> Knowledge:
        """Gather what a decision names; the third stage alone."""
        return self._gather(decision, reading)

    def _gather(
        self, decision: Decision, reading: MeasuredTask, *, all_passages: bool = False
    ) -> Knowledge:
        if not decision.plan.sources:
            return gather(decision, reading, self.agent, self._shelf)
        with self._observing("retrieve", reading.task, decision.plan) as stage:
            stage.decision = decision
            found = gather(decision, reading, self.agent, self._shelf, all_passages=all_passages)
            stage.passages = found.passages
        return found

    def _observing(
        self, kind: StageKind, task: Task | str, plan: Plan | None = None
    ) -> AbstractContextManager[Stage]:
        """Have a stage watched; see `observing`."""
        stage = Stage(kind=kind, agent=self.agent.name, task=as_task(task))
        if plan is not None:
            stage.sources, stage.query, stage.k = plan.sources, plan.query, plan.k
        return observe(stage, self.observers)

    def _with_fallback(self, knowledge: Knowledge, reading: MeasuredTask) -> Knowledge:
        """With the rung below an endpoint, gathered while what was measured is at hand."""
        if knowledge.decision.plan.endpoint is None:
            return knowledge
        lower = next_rung(knowledge.decision, self.agent)
        return replace(knowledge, fallback=self.gather(lower, reading))

    def _bounded(self, decision: Decision) -> Decision:
        """A decision whose plan says where its sources are searched."""
        written = tuple(self.scope.filter.written())
        if not (written and decision.plan.sources):
            return decision
        return replace(decision, plan=replace(decision.plan, filter=written))

    def _decide(self, readings: Sequence[MeasuredTask]) -> list[Decision]:
        """Decide, and once more with what a model says where the policy has one asked."""
        record = self.record

        def decided(of: MeasuredTask) -> Decision:
            return self._bounded(
                decide(of.task, of.signals, of.standalone, self.agent, of.rewriting, record)
            )

        decisions = [decided(reading) for reading in readings]
        if self._judge is None:
            return decisions
        weak = [
            place
            for place, (reading, made) in enumerate(zip(readings, decisions, strict=True))
            if may_ask_model(reading.task, made, self.agent)
        ]
        fit = self.reader.fits.decision
        judged = consult(
            self._judge, [readings[place] for place in weak], self.agent, self._shelf, fit
        )
        for place, signals in zip(weak, judged, strict=True):
            decisions[place] = decided(replace(readings[place], signals=signals))
        return decisions


def _timed(decision: Decision, started: float, of: int = 1) -> Decision:
    """A decision with the time since `started`, or its share of that."""
    return replace(decision, elapsed_ms=round((time.perf_counter() - started) * 1000 / of, 3))
