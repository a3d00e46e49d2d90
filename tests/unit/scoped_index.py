"""An index that keeps tenants apart and heeds filters by looking at nothing else, and a router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent_knowledge import KnowledgeRouter
from agent_knowledge.build import packaged_embedder, packaged_screen
from agent_knowledge.config import AgentProfile, SourceConfig
from agent_knowledge.errors import StoreUnavailableError, TenantMissingError
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
        apart: It keeps tenants apart, where its passages have some.
        asked: The scope of each call that it answers.
    """

    passages_held: Sequence[Passage]
    down: str = ""
    apart: bool = True
    asked: list[Scope] = field(default_factory=list[Scope])

    def within(self, scope: Scope) -> MemoryIndex:
        """What lies in a scope, as an index of its own."""
        if self.down:
            raise StoreUnavailableError(self.down)
        tenanted = self.apart and any(TENANT in one.fields for one in self.passages_held)
        if tenanted and not scope.tenant:
            msg = "keeps tenants apart"
            raise TenantMissingError(msg)
        self.asked.append(scope)
        inside = [
            one
            for one in self.passages_held
            if scope.filter.matches(one.fields)
            and (not tenanted or scope.tenant == one.fields.get(TENANT))
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


RENT = "How long is the notice period for my flat?"
NOTICES = [
    held(
        f"The notice period for a flat let by {owner} is {months} months.",
        customer=owner,
        year=year,
        title="Notice period",
    )
    for owner, months, year in (("acme", 3, 2020), ("bolt", 6, 2021), ("acme", 4, 2024))
]
FILLER = [
    held(f"{owner} paints the stairs of house {n} green.", customer=owner, year=2020 + n)
    for owner in ("acme", "bolt")
    for n in range(8)
]
TICKETS = [held("The tenant of flat 4 asked about the notice period.", "tickets")]
ACME = Scope(tenant="acme")


def agent(**changed: object) -> AgentProfile:
    """An agent with a source of several tenants and one for everybody."""
    sources = {
        "handbook": SourceConfig(path="x", tenant="customer"),
        "tickets": SourceConfig(path="y"),
    }
    return AgentProfile.model_validate({"sources": sources, "tenant": "customer", **changed})


def made(
    profile: AgentProfile | None = None,
    handbook: ScopedIndex | None = None,
    tickets: ScopedIndex | None = None,
    **given: object,
) -> KnowledgeRouter:
    """Its router."""
    return KnowledgeRouter(
        profile or agent(),
        embedder=EMBEDDER,
        encoder=packaged_embedder(),
        index={
            "handbook": handbook or ScopedIndex([*NOTICES, *FILLER]),
            "tickets": tickets or ScopedIndex(TICKETS),
        },
        screen=packaged_screen(),
        **given,  # pyright: ignore[reportArgumentType]
    )
