"""The router: the stages in order, on ports alone.

    route:    task -> signals -> decision
    prepare:  task -> signals -> decision -> knowledge
    look_up:  task -> signals -> knowledge, decided by the caller

None calls a chat model, unless the policy says so: `query_rewrite` before the signals of a turn
with a history, `ask_model_below` after a decision that the evidence hardly carries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import ConfigError, nearest
from agent_knowledge.judges import rewritings, verdicts
from agent_knowledge.ledger import NOTHING_ON_RECORD, EndpointRecord, TrackRecord
from agent_knowledge.ports import (
    Closes,
    Embedder,
    ExampleSet,
    NeedJudge,
    PassageIndex,
    QueryWriter,
    Retriever,
    Screen,
    StoredDocuments,
    TextEncoder,
)
from agent_knowledge.retrieval.examples import read_states
from agent_knowledge.routing.admission import Screener
from agent_knowledge.routing.few_shot import ExampleChooser, nearest_view
from agent_knowledge.routing.gathering import gather
from agent_knowledge.routing.ladder import after_failure, at_rung, next_rung
from agent_knowledge.routing.look_up import found_nothing, look_up, search_plan
from agent_knowledge.routing.match import PatternMatcher, SetForm
from agent_knowledge.routing.measuring import SignalReader
from agent_knowledge.routing.need import Weights, load_weights
from agent_knowledge.routing.policy import decide, may_ask_model
from agent_knowledge.routing.recall import recall
from agent_knowledge.routing.resources import Shelf, forms_of
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.routing.standing import with_verdict
from agent_knowledge.types import Decision, Example, Knowledge, Passage, Rung, Task
from agent_knowledge.types.measured import SetStates
from agent_knowledge.types.search import MeasuredTask
from agent_knowledge.types.tasks import as_task


class KnowledgeRouter:
    """Chooses what to give one agent's model, task by task. Safe to share between threads.

    `load_router` makes one from a configuration; this constructor takes objects of your own.

    Attributes:
        base_model: What answers below the endpoint, once whoever calls it has told; the gate asks
            whether that is what was measured.
    """

    def __init__(  # noqa: PLR0913 - each is a part of its own, and all but two are optional
        self,
        agent: AgentProfile,
        *,
        embedder: Embedder,
        index: PassageIndex | None = None,
        examples: Mapping[str, ExampleSet] | None = None,
        retrievers: Mapping[str, Retriever] | None = None,
        encoder: TextEncoder | None = None,
        states: Mapping[str, SetStates] | None = None,
        weights: Weights | None = None,
        judge: NeedJudge | None = None,
        writer: QueryWriter | None = None,
        evidence: EndpointRecord | None = None,
        screen: Screen | None = None,
    ) -> None:
        """Put a router together.

        Args:
            agent: What the agent has at hand, and its policy.
            embedder: What the index was built with.
            index: The indexed sources; needed when the agent has one that is not external.
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

        Raises:
            ConfigError: Something that the agent names is not given, or a template asks for the
                labels of a set that has none.
        """
        sets = examples or {}
        indexed = tuple(name for name, spec in agent.sources.items() if not spec.external)
        if indexed and index is None:
            msg = f"agent {agent.name!r} has the sources {', '.join(indexed)}; give their index"
            raise ConfigError(msg)
        for name in agent.examples:
            if name not in sets:
                msg = f"agent {agent.name!r}: example set {name!r} is not given; "
                raise ConfigError(msg + nearest(name, sets))
        self.agent = agent
        self._judge, self._writer = _consulted(agent, judge, writer)
        self._evidence = evidence
        self.base_model = ""
        own = {name: sets[name] for name in agent.examples}  # never another agent's
        self._shelf = Shelf(
            embedder=embedder,
            index=index,
            external=retrievers or {},
            examples={name: ExampleChooser.of(held) for name, held in own.items()},
            forms=forms_of(agent, own),
            screener=_screener(agent, screen),
        )
        weights = weights or load_weights(embedder.name)
        reads, known = encoder or _as_encoder(embedder), states or {}

        def read(name: str, held: ExampleSet) -> SetStates:
            inputs = [example.input for example in held.examples]
            return read_states(name, inputs, agent.examples[name].description, (embedder, reads))

        self.reader = SignalReader(
            encoder=reads,
            heads=weights.heads,
            embedder=embedder,
            index=index,
            sources=indexed,
            external=tuple(name for name, spec in agent.sources.items() if spec.external),
            matchers={
                name: _matcher(held, known.get(name) or read(name, held), weights)
                for name, held in own.items()
            },
            fits=weights.fits,
        )

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
    def record(self) -> TrackRecord:
        """What is on record about the agent's fine-tuned endpoint at this moment."""
        found = self._evidence.now() if self._evidence else NOTHING_ON_RECORD
        return replace(found, base_model=self.base_model)

    def route(self, task: Task | str) -> Decision:
        """Decide what to give the model. Calls none, unless the policy says so.

        Raises:
            InputError: The task is empty.
            SourceError: A source is not indexed, or its index cannot serve.
        """
        return self.route_many([task])[0]

    def route_many(self, tasks: Sequence[Task | str]) -> list[Decision]:
        """Decide for many tasks at once, in order; their texts are embedded together.

        Where the policy has a chat model asked, it is asked about several at once. `elapsed_ms` of
        each is its share of the whole.
        """
        started = time.perf_counter()
        decisions = self._decide([replace(r, results={}) for r in self.read(tasks)])
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
        started = time.perf_counter()
        reading = next(self.read([task]))
        knowledge = self.gather(_timed(self.decide(reading), started), reading)
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
        """
        reading = next(self.read([task]))
        plan = search_plan(reading, self.agent, k)
        return retrieve(plan, reading.results, self._shelf)[0]

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
        decision = _timed(look_up(reading, self.agent), started)
        found = gather(decision, reading, self.agent, self._shelf, all_passages=True)
        if decision.plan.sources and not found.passages:
            return replace(found, decision=found_nothing(decision))
        return found

    def document_text(self, passage: Passage) -> str | None:
        """The text of a passage's document as it is stored now; None where it is not stored.

        Raises:
            SourceError: The index cannot be read.
        """
        index = self._shelf.index
        return index.document_text(passage) if isinstance(index, StoredDocuments) else None

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
        return self.gather(decision, reading)

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
        """
        made = [as_task(task) for task in tasks]
        return self.reader.read(made, rewritings(self._writer, made) if self._writer else ())

    def decide(self, reading: MeasuredTask) -> Decision:
        """Decide on measured signals; the second stage alone, with what the policy has asked."""
        return self._decide([reading])[0]

    def gather(self, decision: Decision, reading: MeasuredTask) -> Knowledge:
        """Gather what a decision names; the third stage alone."""
        return gather(decision, reading, self.agent, self._shelf)

    def _with_fallback(self, knowledge: Knowledge, reading: MeasuredTask) -> Knowledge:
        """With the rung below an endpoint, gathered while what was measured is at hand."""
        if knowledge.decision.plan.endpoint is None:
            return knowledge
        lower = next_rung(knowledge.decision, self.agent)
        return replace(knowledge, fallback=self.gather(lower, reading))

    def _decide(self, readings: Sequence[MeasuredTask]) -> list[Decision]:
        """Decide, and once more with what a model says where the policy has one asked."""
        record = self.record

        def decided(of: MeasuredTask) -> Decision:
            return decide(of.task, of.signals, of.standalone, self.agent, of.rewriting, record)

        decisions = [decided(reading) for reading in readings]
        if self._judge is None:
            return decisions
        weak = [
            place
            for place, (reading, made) in enumerate(zip(readings, decisions, strict=True))
            if may_ask_model(reading.task, made, self.agent)
        ]
        judged = verdicts(self._judge, [readings[place].task for place in weak])
        for place, verdict in zip(weak, judged, strict=True):
            signals = with_verdict(readings[place].signals, verdict)
            decisions[place] = decided(replace(readings[place], signals=signals))
        return decisions


def _timed(decision: Decision, started: float, of: int = 1) -> Decision:
    """A decision with the time since `started`, or its share of that."""
    return replace(decision, elapsed_ms=round((time.perf_counter() - started) * 1000 / of, 3))


def _screener(agent: AgentProfile, screen: Screen | None) -> Screener | None:
    held = {**agent.sources, **agent.examples}
    return Screener(screen, {name: of.screen for name, of in held.items()}) if screen else None


def _as_encoder(embedder: Embedder) -> TextEncoder:
    """The embedder as the text model, which the packaged MiniLM is.

    Raises:
        ConfigError: It is another one.
    """
    if isinstance(embedder, TextEncoder):
        return embedder
    msg = f"the embedder {embedder.name!r} is no text model; give encoder=packaged_embedder()"
    raise ConfigError(msg)


def _matcher(held: ExampleSet, read: SetStates, weights: Weights) -> PatternMatcher:
    return PatternMatcher.of(
        held,
        kinds=weights.heads.kinds(read.states),
        form=SetForm.of([example.input for example in held.examples], weights.fits.background),
        description=read.description,
        described=weights.heads.kinds(read.described[None])[0],
    )


def _consulted(
    agent: AgentProfile, judge: NeedJudge | None, writer: QueryWriter | None
) -> tuple[NeedJudge | None, QueryWriter | None]:
    """Those of the two that the policy has asked.

    Raises:
        ConfigError: One of them is not given.
    """
    below, rewrite = agent.policy.ask_model_below, agent.policy.query_rewrite
    if below is not None and judge is None:
        msg = f"agent {agent.name!r} has ask_model_below: {below}; give a judge"
        raise ConfigError(msg)
    if rewrite == "model" and writer is None:
        msg = f"agent {agent.name!r} has query_rewrite: {rewrite}; give a writer"
        raise ConfigError(msg)
    return judge if below is not None else None, writer if rewrite == "model" else None
