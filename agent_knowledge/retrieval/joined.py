"""Several stores searched as one: what the router holds.

Each source has a store of its own kind behind it, a filter that its configuration sets, and
perhaps tenants. All of that is heeded here, so that no stage above can forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent_knowledge.config import SourceConfig
from agent_knowledge.errors import SourceError, TenantMissingError
from agent_knowledge.ports import Closes, PassageIndex, StoredDocuments
from agent_knowledge.retrieval.reading.fields import tenant_of
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Filter, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics

_NOTHING = SourceStatistics(passages=0, center=None, spread=0.0, near=0.0, near_spread=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JoinedIndex:
    """Implements `ports.PassageIndex` over other indexes; `ports.StoredDocuments` where they do.

    Each index is asked once for all of its sources that are searched alike. An index that fails
    leaves the others serving: its sources answer with why they could not. Where all fail, that is
    an error.

    Attributes:
        indexes: Per source, the index that has it; sources may share one.
        filters: Per source that has one, what its configuration says of its passages' metadata.
        tenanted: Per source that keeps its tenants apart, the field of its passages' metadata that
            names whose each is.
    """

    indexes: Mapping[str, PassageIndex]
    filters: Mapping[str, Filter] = field(default_factory=dict[str, Filter])
    tenanted: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(
        cls, index: PassageIndex | Mapping[str, PassageIndex], sources: Mapping[str, SourceConfig]
    ) -> JoinedIndex:
        """Join the indexes of an agent's sources, heeding what its configuration says of each.

        Args:
            index: One that has them all, or one per source; a joined one is taken as it is.
            sources: The agent's sources.
        """
        if isinstance(index, JoinedIndex):
            return index
        held = index if isinstance(index, Mapping) else dict.fromkeys(sources, index)
        return cls(
            indexes=held,
            filters={n: Filter.of(spec.filter) for n, spec in sources.items() if spec.filter},
            tenanted={name: spec.tenant for name, spec in sources.items() if spec.tenant},
        )

    def close(self) -> None:
        """Release the files of all indexes that hold some."""
        for index in {id(index): index for index in self.indexes.values()}.values():
            if isinstance(index, Closes):
                index.close()

    def scope_of(self, source: str, scope: Scope) -> Scope:
        """Where a source is searched: with its own filter, and with a tenant only if it has some.

        Raises:
            TenantMissingError: It keeps tenants apart, and the scope names none.
        """
        if source in self.tenanted and not scope.tenant:
            raise missing_tenant(source)
        own = self.filters.get(source, Filter())
        tenant = scope.tenant if source in self.tenanted else None
        return Scope(filter=own.joined(scope.filter), tenant=tenant)

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask sources; see `ports.PassageIndex`.

        Raises:
            SourceError: No index could serve.
            TenantMissingError: A source keeps tenants apart, and the scope names none.
        """
        answers: list[dict[str, SearchResult]] = [{} for _ in queries]
        failures: dict[str, SourceError] = {}
        for part in self._parts(sources, scope):
            try:
                self._require_apart(part.sources)
                found = part.index.search(queries, part.sources, k, part.scope)
            except SourceError as error:
                failures |= dict.fromkeys(part.sources, error)
                continue
            for answer, own in zip(answers, found, strict=True):
                answer.update(own)
        if failures and len(failures) == len(set(sources)):
            raise _together(failures)
        for answer, query in zip(answers, queries, strict=True):
            answer.update({name: _failed(name, query, why) for name, why in failures.items()})
        return [{name: answer[name] for name in sources} for answer in answers]

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """Follow passages to what they name; see `ports.PassageIndex`.

        What a passage names is searched in the store that holds it; one that fails adds nothing.
        """
        found: dict[str, Hits] = {}
        for part in self._parts(sources, scope):
            own = [hit for hit in hits if self.indexes.get(hit.source) is part.index]
            try:
                found |= part.index.related(query, own, part.sources, k, part.scope)
            except SourceError:
                continue
        return found

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """What was measured of a source when it was indexed; see `ports.PassageIndex`."""
        return self._index(source).statistics(source, self.scope_of(source, scope))

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits, in their order; those of an index that fails are left out.

        Raises:
            SourceError: No index could serve.
        """
        parts = [*self._parts(dict.fromkeys(hit.source for hit in hits), scope)]
        if len(parts) == 1:
            return self._own(parts[0].index.passages(hits, parts[0].scope), scope)
        read: dict[int, Passage] = {}
        failures: dict[str, SourceError] = {}
        for part in parts:
            places = [place for place, hit in enumerate(hits) if hit.source in part.sources]
            try:
                read |= _read(part, hits, places)
            except SourceError as error:
                failures |= dict.fromkeys(part.sources, error)
        if failures and len(failures) == sum(len(part.sources) for part in parts):
            raise _together(failures)
        return self._own(tuple(read[place] for place in sorted(read)), scope)

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        """The text of a passage's document; see `ports.StoredDocuments`.

        Raises:
            SourceError: The index cannot be read.
            TenantMissingError: Its source keeps tenants apart, and the scope names none.
        """
        index = self.indexes.get(passage.source)
        if not isinstance(index, StoredDocuments):
            return None
        own = self.scope_of(passage.source, scope)
        self._require_apart([passage.source])
        return index.document_text(passage, own)

    def _require_apart(self, names: Iterable[str]) -> None:
        """Ask whether stores keep the tenants of sources apart as it is configured.

        One that was indexed without would measure, and show, everybody's: it says what is usual in
        it to somebody who names no tenant, which a store of tenants refuses. Asked each time, since
        an index run of another configuration may end at any moment.

        Raises:
            SourceError: It does not.
        """
        for name in names:
            if name in self.tenanted:
                try:
                    self._index(name).statistics(name, EVERYTHING)
                except TenantMissingError:
                    continue
                raise _not_apart(name)

    def _own(self, found: tuple[Passage, ...], scope: Scope) -> tuple[Passage, ...]:
        """Passages that stores gave, looked at once more: are they the tenant's?

        Raises:
            SourceError: One says that it is another's: its store was never told to keep them apart.
        """
        for passage in found:
            whose = self.tenanted.get(passage.source)
            if whose and tenant_of(passage.fields, whose) != scope.tenant:
                raise _not_apart(passage.source)
        return found

    def _index(self, source: str) -> PassageIndex:
        if source not in self.indexes:
            msg = f"source {source!r} is in none of the indexes; known: {', '.join(self.indexes)}"
            raise SourceError(msg)
        return self.indexes[source]

    def _parts(self, sources: Iterable[str], scope: Scope) -> Iterator[_Share]:
        """What each index is asked for. All scopes are checked before the first is given."""
        parts: dict[tuple[int, Scope], _Share] = {}
        for name in sources:
            index, own = self._index(name), self.scope_of(name, scope)
            part = parts.setdefault((id(index), own), _Share(index=index, sources=(), scope=own))
            parts[id(index), own] = replace(part, sources=(*part.sources, name))
        yield from parts.values()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Share:
    """Sources of one index that are searched alike."""

    index: PassageIndex
    sources: tuple[str, ...]
    scope: Scope


def missing_tenant(name: str) -> TenantMissingError:
    """What to say where a source or a set keeps tenants apart and nobody said who is asking."""
    msg = (
        f"{name!r} keeps its tenants apart, and no tenant is given; in LangGraph pass it in the"
        " runtime context under the key that agents.NAME.tenant names, in Python use"
        " router.scoped(Scope(tenant=...)), on the command line --tenant"
    )
    return TenantMissingError(msg)


def _not_apart(source: str) -> SourceError:
    return SourceError(
        f"source {source!r} was indexed before its tenants were kept apart; run: "
        f"agent-knowledge index {source}"
    )


def _read(part: _Share, hits: Sequence[Hit], places: Sequence[int]) -> dict[int, Passage]:
    """The passages of one index's hits, by their places in the ranking."""
    found = part.index.passages([hits[place] for place in places], part.scope)
    if len(found) == len(places):
        return dict(zip(places, found, strict=True))
    # Some are gone. Which, only reading one by one tells; an index run has just ended, or will.
    alone = {place: part.index.passages([hits[place]], part.scope) for place in places}
    return {place: one[0] for place, one in alone.items() if one}


def _failed(source: str, query: Query, error: SourceError) -> SearchResult:
    return SearchResult(
        query=query, hits=Hits.of(source, []), statistics=_NOTHING, failure=str(error)
    )


def _together(failures: Mapping[str, SourceError]) -> SourceError:
    """One error that says what each index said; of the kind of the first."""
    first = next(iter(failures.values()))
    said = list(dict.fromkeys(str(error) for error in failures.values()))
    return first if len(said) == 1 else type(first)("; ".join(said))
