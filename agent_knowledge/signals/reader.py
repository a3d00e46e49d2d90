"""All signals of a task, measured in one pass.

Each distinct text is embedded once, for all tasks of a batch together: the need heads' views (by
MiniLM, which they were fitted to), the standalone query, which probe, example match and retrieval
share, and, for an agent with example sets, the text that a task was given to work on.
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
from agent_knowledge.signals.query import standalone_query
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
        queries = [standalone_query(task) for task in tasks]
        views = [text for whole in texts for text in self.heads.views(whole)]
        payloads = [payload(text) if self.matchers else None for text in texts]
        asked = [*queries, *filter(None, payloads)]
        if self.embedder is self.head_embedder:
            in_heads = in_index = embed_distinct(self.embedder, [*views, *asked])
        else:
            in_heads = embed_distinct(self.head_embedder, views)
            in_index = embed_distinct(self.embedder, asked)
        needs = self.heads.read_many(texts, in_heads)
        readings: list[Reading] = []
        for task, query, part, need in zip(tasks, queries, payloads, needs, strict=True):
            vectors = [in_index[text] for text in (query, part) if text]
            made = Query(text=query, vector=in_index[query])
            readings.append(self._reading(task, made, need, vectors))
        return readings

    def _reading(
        self, task: Task, query: Query, need: NeedReading, vectors: Sequence[Vector]
    ) -> Reading:
        probes: Mapping[str, Probe] = {}
        if self.index is not None and self.sources:
            probes = self.index.probe(query, self.sources)
        covered: dict[str, float | None] = {
            name: coverage(probe, self.coverage) for name, probe in probes.items()
        }
        covered |= dict.fromkeys(self.external)
        signals = Signals(
            need=need.need,
            fresh=need.fresh,
            multi_hop=need.multi_hop,
            asks_sources=asks_for_sources(task.text),
            coverage=covered,
            pattern={n: m.match(vectors) for n, m in self.matchers.items()},
        )
        return Reading(task=task, signals=signals, query=query, probes=probes)


def embed_distinct(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    """Embed each distinct text once."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, embedder.embed(distinct), strict=True))
