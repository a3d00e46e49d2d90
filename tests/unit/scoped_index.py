"""An index that keeps tenants apart and heeds filters by looking at nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent_knowledge.errors import StoreUnavailableError
from agent_knowledge.testing import HashEmbedder, MemoryIndex
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Fields, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics

EMBEDDER = HashEmbedder()
TENANT = "customer"


def held(text: str, source: str = "handbook", title: str = "", **fields: object) -> Passage:
    """A passage with metadata; its document is named by its text."""
    known: Fields = dict(fields)  # pyright: ignore[reportAssignmentType] - scalars alone
    return Passage(
        source=source,
        document=text,
        title=title,
        uri="",
        text=text,
        start=0,
        end=len(text),
        fields=known,
    )


@dataclass
class ScopedIndex:
    """Passages in memory; a search sees those of its tenant, if it names one, that match.

    Attributes:
        passages_held: All of them.
        down: Why it cannot be asked, if it cannot.
        asked: The scope of each call.
    """

    passages_held: Sequence[Passage]
    down: str = ""
    asked: list[Scope] = field(default_factory=list[Scope])

    def within(self, scope: Scope) -> MemoryIndex:
        """What lies in a scope, as an index of its own."""
        self.asked.append(scope)
        if self.down:
            raise StoreUnavailableError(self.down)
        inside = [
            one
            for one in self.passages_held
            if scope.filter.matches(one.fields) and scope.tenant in (None, one.fields.get(TENANT))
        ]
        return MemoryIndex(inside, EMBEDDER)

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        return self.within(scope).search(queries, sources, k)

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        return self.within(scope).related(query, hits, sources, k)

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        return self.within(scope).statistics(source)

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        return self.within(scope).passages(hits)

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        inside = self.within(scope)
        found = inside.search([query(passage.text)], [passage.source], 50)[0][passage.source]
        texts = [one.text for one in inside.passages([*found.hits])]
        return passage.document if passage.document in texts else None


def query(text: str) -> Query:
    """A text, embedded."""
    return Query(text=text, vector=EMBEDDER.embed([text])[0])
