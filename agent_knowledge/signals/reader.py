"""All signals of a task, measured in one pass.

Each distinct text is embedded once, for all tasks of a batch together: the need heads' views (by
MiniLM, which they were fitted to), what the turn itself asks, whose vector probe, example match and
retrieval share, and, for an agent with example sets, the text that a task was given to work on. A
turn that points back is searched for with the words of its conversation, and probed a second time
with its own alone, for coverage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent_knowledge.ports import Embedder, PassageIndex
from agent_knowledge.signals.asks import asks_for_sources
from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.signals.coverage import coverage
from agent_knowledge.signals.need import NeedHeads, NeedReading
from agent_knowledge.signals.pattern import PatternMatcher
from agent_knowledge.signals.payload import payload
from agent_knowledge.signals.query import standalone_query, turn_query
from agent_knowledge.types import Probe, Query, Reading, Signals, Task, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReader:
    """Measures tasks for one agent.

    Attributes:
        heads: Reads needs, freshness and hops off a text.
        head_embedder: MiniLM, for `heads`.
        embedder: Embeds queries; the one that the index was built with.
        index: The indexed sources; None when the agent has none.
        sources: Names of the indexed sources to probe.
        external: Names of the sources that cannot be probed.
        matchers: One per example set.
        coverage: Calibration of a probe.
    """

    heads: NeedHeads
    head_embedder: Embedder
    embedder: Embedder
    index: PassageIndex | None
    sources: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    matchers: Mapping[str, PatternMatcher] = field(default_factory=dict[str, PatternMatcher])
    coverage: Calibration

    def read(self, tasks: Sequence[Task]) -> list[Reading]:
        """Measure tasks, in order.

        Raises:
            SourceError: A source's index cannot serve.
            EndpointError: The embedding failed.
        """
        texts = [task.text for task in tasks]
        views = [view for text in texts for view in self.heads.views(text)]
        asked = [self._asked(task) for task in tasks]
        of_index = [text for one in asked for text in (one.turn, *one.payload)]
        if self.embedder is self.head_embedder:
            in_heads = in_index = embed_distinct(self.embedder, [*views, *of_index])
        else:
            in_heads = embed_distinct(self.head_embedder, views)
            in_index = embed_distinct(self.embedder, of_index)
        needs = self.heads.read_many(texts, in_heads)
        return [
            self._reading(task, one, need, in_index)
            for task, one, need in zip(tasks, asked, needs, strict=True)
        ]

    def _asked(self, task: Task) -> _Asked:
        part = payload(task.text) if self.matchers else None
        return _Asked(
            words=standalone_query(task),
            turn=turn_query(task),
            payload=(part,) if part else (),
        )

    def _reading(
        self, task: Task, asked: _Asked, need: NeedReading, vectors: Mapping[str, Vector]
    ) -> Reading:
        query = Query(text=asked.words, vector=vectors[asked.turn])
        probes = self._probe(query)
        covering = probes
        if asked.turn != asked.words:
            covering = self._probe(Query(text=asked.turn, vector=query.vector))
        covered: dict[str, float | None] = {
            name: coverage(probe, self.coverage) for name, probe in covering.items()
        }
        views = tuple(vectors[text] for text in (asked.turn, *asked.payload))
        signals = Signals(
            need=need.need,
            fresh=need.fresh,
            multi_hop=need.multi_hop,
            asks_sources=asks_for_sources(task.text),
            coverage=covered | dict.fromkeys(self.external),
            pattern={name: matcher.match(views) for name, matcher in self.matchers.items()},
        )
        return Reading(task=task, signals=signals, query=query, views=views, probes=probes)

    def _probe(self, query: Query) -> Mapping[str, Probe]:
        if self.index is None or not self.sources:
            return {}
        return self.index.probe(query, self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The texts of a task that the agent's own knowledge is asked with.

    Attributes:
        words: What sources are searched for, word by word.
        turn: What the turn itself asks; its vector serves every search.
        payload: The text that the task was given to work on, if any.
    """

    words: str
    turn: str
    payload: tuple[str, ...]


def embed_distinct(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    """Embed each distinct text once."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, embedder.embed(distinct), strict=True))
