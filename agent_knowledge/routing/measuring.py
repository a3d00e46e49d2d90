"""All signals of a task, measured in one pass.

The text model runs once over each distinct text, for all tasks of a batch together: what the turn
itself asks, whose vector search, example match and retrieval share; of a turn of a conversation,
the turn in its context; and, for an agent with example sets, the text that a task was given to work
on. Sources are then searched for many tasks together, a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from agent_knowledge.ports import Embedder, PassageIndex, TextEncoder
from agent_knowledge.routing.coverage import measure as measure_coverage
from agent_knowledge.routing.language import is_foreign, is_other_script
from agent_knowledge.routing.match import PatternMatcher, View
from agent_knowledge.routing.need import Fits, evidence_of, unread
from agent_knowledge.routing.queries import (
    meant,
    own_query,
    payload,
    standalone_query,
    tail,
    turn_query,
)
from agent_knowledge.routing.text_heads import TextHeads, TextReading, context_of
from agent_knowledge.routing.wishes import asks_for_sources
from agent_knowledge.types import Rewriting, Signals, Task, Vector
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import CANDIDATES, COSINE, MeasuredTask, Query, SearchResult

_CHUNK = 64
"""Tasks searched for together: the product with every passage's vector is then ten times cheaper a
task than one by one, and more would gain little and take memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReader:
    """Measures tasks for one agent.

    Attributes:
        encoder: The text model, which the heads were tuned with.
        heads: Reads needs, freshness, hops and kinds off its states.
        embedder: Embeds queries; the one that the index was built with.
        index: The indexed sources; None when the agent has none.
        sources: Names of the indexed sources to search.
        scope: Where they are searched.
        external: Names of the sources that cannot be searched here.
        matchers: One per example set.
        fits: What measurements come to.
    """

    encoder: TextEncoder
    heads: TextHeads
    embedder: Embedder
    index: PassageIndex | None
    sources: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    external: tuple[str, ...] = ()
    matchers: Mapping[str, PatternMatcher] = field(default_factory=dict[str, PatternMatcher])
    fits: Fits

    def read(
        self, tasks: Sequence[Task], rewritings: Sequence[Rewriting | None] = ()
    ) -> Iterator[MeasuredTask]:
        """Measure tasks and weigh what was measured, in order, as the readings are taken.

        Args:
            tasks: The tasks.
            rewritings: What a chat model made of each, one per task; none when none was asked.

        Raises:
            SourceError: A source's index cannot serve.
            EndpointError: The embedding failed.
        """
        for measured in self.measure(tasks, rewritings):
            yield self._reading(measured)

    def measure(
        self, tasks: Sequence[Task], rewritings: Sequence[Rewriting | None] = ()
    ) -> Iterator[TaskFeatures]:
        """Measure tasks, and weigh nothing: what the fits are fitted to; see `read`."""
        made = rewritings or [None] * len(tasks)
        asked = [self._asked(task, one) for task, one in zip(tasks, made, strict=True)]
        texts = self._read_texts(asked)
        for start in range(0, len(asked), _CHUNK):
            chunk = asked[start : start + _CHUNK]
            results = self._search([one.query(texts) for one in chunk], CANDIDATES)
            turns = [one for one in chunk if one.context]
            # Only measured, never shown: the best passage tells all.
            in_context = self._search([one.query_in_context(texts) for one in turns], 1)
            of_turn = dict(zip(map(id, turns), in_context, strict=True))
            for one, found in zip(chunk, results, strict=True):
                yield self._measured(one, texts, found, of_turn.get(id(one), {}))

    def _asked(self, task: Task, rewriting: Rewriting | None) -> _Asked:
        searched = meant(task, rewriting)
        return _Asked(
            task=task,
            meant=searched,
            rewriting=rewriting,
            own=own_query(searched),
            searched=turn_query(searched),
            context=context_of(searched.history),
            part=(payload(searched.text) if self.matchers else None) or "",
        )

    def _read_texts(self, asked: Sequence[_Asked]) -> _Texts:
        """Run the text model, and another embedding where the index has another, over all texts."""
        wanted = list(dict.fromkeys(pair for one in asked for pair in one.pairs))
        states = self.encoder.read([text for text, _ in wanted], [context for _, context in wanted])
        readings = dict(zip(wanted, self.heads.read(states.states), strict=True))
        if cast("object", self.encoder) is self.embedder:
            vectors = dict(zip(wanted, states.vectors, strict=True))
        else:
            texts = [f"{context} {text}".strip() for text, context in wanted]
            vectors = dict(zip(wanted, self.embedder.embed(texts), strict=True))
        return _Texts(readings, vectors)

    def _search(self, queries: Sequence[Query], k: int) -> Sequence[Mapping[str, SearchResult]]:
        if self.index is None or not self.sources or not queries:
            return [dict[str, SearchResult]() for _ in queries]
        return self.index.search(queries, self.sources, k, self.scope)

    def _measured(
        self,
        asked: _Asked,
        texts: _Texts,
        results: Mapping[str, SearchResult],
        in_context: Mapping[str, SearchResult],
    ) -> TaskFeatures:
        views = asked.views(texts)
        return TaskFeatures(
            task=asked.task,
            rewriting=asked.rewriting,
            meant=asked.meant,
            query=asked.query(texts),
            text=texts.readings[asked.meant.text, asked.context],
            alone=texts.readings[asked.own, ""] if asked.context else None,
            views=views,
            results=results,
            sources={
                name: measure_coverage(result, _answered(in_context.get(name)))
                if len(result.hits)
                else None
                for name, result in results.items()
            },
            sets={name: matcher.measure(views) for name, matcher in self.matchers.items()},
        )

    def _reading(self, measured: TaskFeatures) -> MeasuredTask:
        signals = signals_of(measured, self.fits, self.external)
        results = measured.results
        subjects = [name for found in results.values() for name in found.subjects[:1]]
        return MeasuredTask(
            task=measured.task,
            signals=signals,
            query=measured.query,
            standalone=standalone_query(measured.meant, subjects),
            views=tuple(view.vector for view in measured.views),
            results=results,
            rewriting=measured.rewriting,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskFeatures:
    """What was measured of a task, before any of it is weighed.

    Attributes:
        task: The task.
        rewriting: What a chat model made of it, where one was asked.
        meant: The task as it is searched for.
        query: What the sources were asked.
        text: What its text says; of a turn, with what it is read beside.
        alone: Of a turn, what it says by itself.
        views: What example sets are compared with.
        results: What each indexed source answered, by its name.
        sources: Of each, the measurements of coverage; None where nothing was found.
        sets: Of each example set, the measurements of the match.
    """

    task: Task
    rewriting: Rewriting | None
    meant: Task
    query: Query
    text: TextReading
    alone: TextReading | None
    views: tuple[View, ...]
    results: Mapping[str, SearchResult]
    sources: Mapping[str, Mapping[str, float] | None]
    sets: Mapping[str, Mapping[str, float]]


def signals_of(measured: TaskFeatures, fits: Fits, external: Sequence[str] = ()) -> Signals:
    """Weigh what was measured of a task.

    Args:
        measured: What was measured.
        fits: What it comes to.
        external: Names of the sources that were not searched.
    """
    text, alone, results = measured.text, measured.alone, measured.results
    covered: dict[str, float | None] = {
        name: fits.coverage_for(name, _scale(results.get(name))).probability(row) if row else 0.0
        for name, row in measured.sources.items()
    }
    # "Book it for tomorrow" names a time and asks for nothing.
    asks = alone.agent["retrieval"] if alone else 1.0
    read = not is_other_script(measured.task.text)
    signals = Signals(
        need=text.need,
        agent_need=text.agent,
        turn_need=alone.agent if alone else {},
        fresh=text.fresh * asks,
        multi_hop=text.multi_hop,
        asks_sources=asks_for_sources(measured.task.text),
        coverage=covered | dict.fromkeys(external),
        pattern={name: fits.pattern.probability(row) for name, row in measured.sets.items()},
        nearest={name: found.nearest for name, found in results.items() if found.nearest},
        dates={name: found.date for name, found in results.items() if found.date},
        failed={name: found.failure for name, found in results.items() if found.failure},
        foreign=is_foreign(measured.task.text),
        turn=bool(measured.meant.history),
    )
    return evidence_of(signals, fits.decision) if read else unread(signals)


def _answered(result: SearchResult | None) -> SearchResult | None:
    """What a source answered, if it could be asked."""
    return None if result is None or result.failure else result


def _scale(result: SearchResult | None) -> str:
    return COSINE if result is None else result.scale


@dataclass(frozen=True, slots=True)
class _Texts:
    """What the models say of texts, each beside its context, if any.

    Attributes:
        readings: What the heads read.
        vectors: In the index's embedding space.
    """

    readings: Mapping[tuple[str, str], TextReading]
    vectors: Mapping[tuple[str, str], Vector]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What the agent's own knowledge is asked of a task.

    Attributes:
        task: The task.
        meant: The task as it is searched for.
        rewriting: What a chat model made of it, where one was asked.
        own: The request alone.
        searched: What its vector is of.
        context: What a turn is read beside; empty without a history.
        part: The text that the task was given to work on, if any.
    """

    task: Task
    meant: Task
    rewriting: Rewriting | None
    own: str
    searched: str
    context: str
    part: str

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The texts to read, each with its context."""
        part = ((self.part, ""),) if self.part else ()
        return ((self.meant.text, self.context), (self.searched, ""), (self.own, ""), *part)

    def query(self, texts: _Texts) -> Query:
        """What the sources are asked."""
        earlier = tuple(message.content for message in self.meant.history)
        vector = texts.vectors[self.searched, ""]
        return Query(text=self.own, vector=vector, earlier=earlier, tail=tail(self.meant))

    def query_in_context(self, texts: _Texts) -> Query:
        """The turn together with what it is read beside."""
        vector = texts.vectors[self.meant.text, self.context]
        return Query(text=f"{self.context} {self.meant.text}", vector=vector)

    def views(self, texts: _Texts) -> tuple[View, ...]:
        """What example sets are compared with."""
        whole = (self.meant.text, self.context)
        views = [
            View(
                text=self.own,
                vector=texts.vectors[self.own, ""],
                kind=texts.readings[whole].kind,
            )
        ]
        if self.part:
            part = (self.part, "")
            views.append(
                View(text=self.part, vector=texts.vectors[part], kind=texts.readings[part].kind)
            )
        return tuple(views)
