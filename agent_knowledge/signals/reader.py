"""All signals of a task, measured in one pass.

Each distinct text is embedded once, for all tasks of a batch together: the need heads' views (by
MiniLM, which they were fitted to), what the turn itself asks, whose vector search and example match
share, and, for an agent with example sets, the text that a task was given to work on. Sources are
then searched for many tasks together, a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent_knowledge.ports import Embedder, PassageIndex
from agent_knowledge.search import CANDIDATES, Query, Reading, SearchResult
from agent_knowledge.signals.asks import asks_for_sources
from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.signals.coverage import coverage
from agent_knowledge.signals.language import is_foreign
from agent_knowledge.signals.need import NeedHeads, NeedReading
from agent_knowledge.signals.pattern import PatternMatcher
from agent_knowledge.signals.payload import payload
from agent_knowledge.signals.query import (
    meant,
    own_query,
    own_words,
    standalone_query,
    tail,
    turn_query,
)
from agent_knowledge.types import Rewriting, Signals, Task, Vector

_CHUNK = 64
"""Tasks searched for together: the product with every passage's vector is then ten times cheaper a
task than one by one, and more would gain little and take memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReader:
    """Measures tasks for one agent.

    Attributes:
        heads: Reads needs, freshness and hops off a text.
        head_embedder: MiniLM, for `heads`.
        embedder: Embeds queries; the one that the index was built with.
        index: The indexed sources; None when the agent has none.
        sources: Names of the indexed sources to search.
        external: Names of the sources that cannot be searched here.
        matchers: One per example set.
        coverage: Calibration of what a search finds.
    """

    heads: NeedHeads
    head_embedder: Embedder
    embedder: Embedder
    index: PassageIndex | None
    sources: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    matchers: Mapping[str, PatternMatcher] = field(default_factory=dict[str, PatternMatcher])
    coverage: Calibration

    def read(
        self, tasks: Sequence[Task], rewritings: Sequence[Rewriting | None] = ()
    ) -> Iterator[Reading]:
        """Measure tasks, in order, as the readings are taken.

        Args:
            tasks: The tasks.
            rewritings: What a chat model made of each, one per task; none when none was asked.

        Raises:
            SourceError: A source's index cannot serve.
            EndpointError: The embedding failed.
        """
        texts = [own_words(task) for task in tasks]
        turns = [bool(task.history) for task in tasks]
        views = [view for text in texts for view in self.heads.views(text)]
        made = rewritings or [None] * len(tasks)
        asked = [self._asked(task, one) for task, one in zip(tasks, made, strict=True)]
        of_index = [text for one in asked for text in (one.turn, *one.views)]
        if self.embedder is self.head_embedder:
            in_heads = in_index = embed_distinct(self.embedder, [*views, *of_index])
        else:
            in_heads = embed_distinct(self.head_embedder, views)
            in_index = embed_distinct(self.embedder, of_index)
        for start in range(0, len(tasks), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            needs = self.heads.read_many(texts[chunk], in_heads, turns[chunk])
            queries = [one.query(in_index) for one in asked[chunk]]
            results = self._search(queries)
            for one, need, query, found in zip(asked[chunk], needs, queries, results, strict=True):
                yield self._reading(one, need, query, found, in_index)

    def _asked(self, task: Task, rewriting: Rewriting | None) -> _Asked:
        part = payload(task.text) if self.matchers else None
        searched = meant(task, rewriting)
        return _Asked(
            task=task,
            rewriting=rewriting,
            turn=turn_query(searched),
            views=(own_query(searched), *((part,) if part else ())),
        )

    def _search(self, queries: Sequence[Query]) -> Sequence[Mapping[str, SearchResult]]:
        if self.index is None or not self.sources:
            return [dict[str, SearchResult]() for _ in queries]
        return self.index.search(queries, self.sources, CANDIDATES)

    def _reading(
        self,
        asked: _Asked,
        need: NeedReading,
        query: Query,
        results: Mapping[str, SearchResult],
        vectors: Mapping[str, Vector],
    ) -> Reading:
        covered: dict[str, float | None] = {
            name: coverage(result, self.coverage) for name, result in results.items()
        }
        views = tuple(vectors[text] for text in asked.views)
        signals = Signals(
            need=need.need,
            fresh=need.fresh,
            multi_hop=need.multi_hop,
            asks_sources=asks_for_sources(asked.task.text),
            coverage=covered | dict.fromkeys(self.external),
            pattern={name: matcher.match(views) for name, matcher in self.matchers.items()},
            nearest={name: found.nearest for name, found in results.items() if found.nearest},
            dates={name: found.date for name, found in results.items() if found.date},
            foreign=is_foreign(asked.task.text),
        )
        subjects = [name for result in results.values() for name in result.subjects[:1]]
        return Reading(
            task=asked.task,
            signals=signals,
            query=query,
            standalone=standalone_query(asked.meant, subjects),
            views=views,
            results=results,
            rewriting=asked.rewriting,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the agent's own knowledge is asked of a task.

    Attributes:
        task: The task.
        rewriting: What a chat model made of it, where one was asked.
        turn: What the turn itself asks; its vector serves every search.
        views: What example sets are compared with: the request alone, and the text that it was
            given to work on, if any.
    """

    task: Task
    rewriting: Rewriting | None
    turn: str
    views: tuple[str, ...]

    @property
    def meant(self) -> Task:
        """The task as it is searched for."""
        return meant(self.task, self.rewriting)

    def query(self, vectors: Mapping[str, Vector]) -> Query:
        """What the sources are asked."""
        task = self.meant
        told = tuple(message.content for message in task.history)
        return Query(text=own_query(task), vector=vectors[self.turn], told=told, tail=tail(task))


def embed_distinct(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    """Embed each distinct text once."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, embedder.embed(distinct), strict=True))
