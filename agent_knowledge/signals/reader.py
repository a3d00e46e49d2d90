"""All signals of a task, measured in one pass.

Each distinct text is embedded once, for all tasks of a batch together: the need heads' views (by
MiniLM, which they were fitted to) and the standalone query, which probe, example match and
retrieval share.
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
        if self.embedder is self.head_embedder:
            in_heads = in_index = embed_distinct(self.embedder, [*views, *queries])
        else:
            in_heads = embed_distinct(self.head_embedder, views)
            in_index = embed_distinct(self.embedder, queries)
        needs = self.heads.read_many(texts, in_heads)
        return [
            self._reading(task, Query(text=query, vector=in_index[query]), need, in_index)
            for task, query, need in zip(tasks, queries, needs, strict=True)
        ]

    def _reading(
        self, task: Task, query: Query, need: NeedReading, vectors: Mapping[str, Vector]
    ) -> Reading:
        probes: Mapping[str, Probe] = {}
        if self.index is not None and self.sources:
            probes = self.index.probe(query, self.sources)
        covered: dict[str, float | None] = {
            name: coverage(probe, self.coverage) for name, probe in probes.items()
        }
        covered |= dict.fromkeys(self.external)
        views = [vectors[text] for text in self.heads.views(task.text) if text in vectors]
        signals = Signals(
            need=need.need,
            fresh=need.fresh,
            multi_hop=need.multi_hop,
            asks_sources=asks_for_sources(task.text),
            coverage=covered,
            pattern={n: m.match([*views, query.vector]) for n, m in self.matchers.items()},
        )
        return Reading(task=task, signals=signals, query=query, probes=probes)


def embed_distinct(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    """Embed each distinct text once."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, embedder.embed(distinct), strict=True))
