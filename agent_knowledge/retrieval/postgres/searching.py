"""Searching a store in PostgreSQL: two round trips for any number of sources and queries.

The first asks what is known of a query's words and names, the second is the search itself: by
vector, words and names in one statement a source. Both see one state of the store, in a transaction
that sees the rows of one tenant alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg

from agent_knowledge.errors import ConfigError, SourceError, TenantMissingError
from agent_knowledge.retrieval.asked import EMPTY, Asked, check_dimensions, nothing
from agent_knowledge.retrieval.names import Named, NameIndex, Spoken, spoken
from agent_knowledge.retrieval.postgres import jsonpath, schema, statements
from agent_knowledge.retrieval.postgres.asking import (
    CountedWords,
    HeldSource,
    PassageRow,
    Weighed,
    bounded,
    bounded_spoken,
    key_of,
)
from agent_knowledge.retrieval.postgres.connection import Connection, Database
from agent_knowledge.retrieval.recent import Recent
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Filter, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics

_MOST_COUNTED = 256
"""Filters whose passages stay counted: a limit."""

Rows: TypeAlias = Sequence[tuple[Any, ...]]
Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A source within a scope, as it is when a search begins.

    Attributes:
        held: Its row.
        words: How rare words are in it.
        names: Those of its names that the texts may mention.
        ids: Their numbers in the store.
        passages: How many of its passages are within the scope.
    """

    held: HeldSource
    words: CountedWords
    names: NameIndex
    ids: Sequence[int]
    passages: int

    @property
    def indexed(self) -> int:
        """Numbers in a vector of its own index; 0 where all vectors are to be compared."""
        few = min(self.held.windows, self.passages) <= statements.EXACT_BELOW
        long = self.held.dimensions > statements.INDEXED_DIMENSIONS
        return 0 if few or long else self.held.dimensions


class PostgresIndex:
    """Implements `ports.PassageIndex` and `ports.StoredDocuments`. Safe to share between threads.

    What another process indexed is seen at the next search.
    """

    def __init__(self, database: Database, embedding: str) -> None:
        """Prepare without connecting.

        Args:
            database: Where the store is.
            embedding: Name of the embedder that queries come from.
        """
        self._database = database
        self._embedding = embedding
        self._keeps_apart = False
        self._counts = Recent[tuple[int, int, Filter], int](_MOST_COUNTED)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close its connections; the next call opens them again."""
        self._database.close()

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask sources; see `ports.PassageIndex`.

        Raises:
            SourceError: A source is not indexed, or the store cannot serve.
            ConfigError: A source was indexed with another embedding.
            TenantMissingError: A source keeps tenants apart, and the scope names none.
        """
        asked = [Asked.of(query) for query in queries]

        def ask(connection: Connection) -> list[dict[str, SearchResult]]:
            found = self._looked(connection, sources, asked, scope)
            for name, looked in found.items():
                held = looked.held
                check_dimensions(name, held.embedding, held.dimensions, queries)
            begun = [
                {name: _begun(connection, one, looked, k, scope) for name, looked in found.items()}
                for one in asked
            ]
            return [
                {
                    name: _result(own[name]) if name in own else nothing(name, one)
                    for name in sources
                }
                for one, own in zip(asked, begun, strict=True)
            ]

        return self._database.read(scope.tenant or "", ask) if asked else []

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """Which passages the texts of some passages name; see `ports.PassageIndex`."""
        asked = Asked.of(query)
        numbers = [hit.passage for hit in hits]

        def ask(connection: Connection) -> dict[str, Hits]:
            tenant = scope.tenant or ""
            own = connection.execute(statements.OWN_NAMES, {"passages": numbers, "tenant": tenant})
            read = {number: spoken(one.text) for number, one in _read(connection, numbers, scope)}
            names: dict[int, set[int]] = {}
            for passage, name in own.fetchall():
                names.setdefault(passage, set()).add(name)
            texts = [(text, names.get(number, set())) for number, text in read.items()]
            found = self._looked(connection, sources, [asked], scope, [text for text, _ in texts])
            begun: dict[str, Cursor] = {}
            for name, looked in found.items():
                weighed = Weighed.of(asked, looked.words, looked.names, looked.ids)
                parameters = weighed.parameters(k, weighed.linked(texts))
                begun[name] = _execute(connection, looked, parameters, scope, related=True)
            return {name: _hits(name, cursor.fetchall()) for name, cursor in begun.items()}

        return self._database.read(scope.tenant or "", ask)

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """What was measured of a source when it was indexed; see `ports.PassageIndex`."""

        def ask(connection: Connection) -> SourceStatistics:
            held = self._held(connection, [source], scope).get(source)
            if held is None:
                return EMPTY
            return held.statistics(self._count(connection, held, scope.filter))

        return self._database.read(scope.tenant or "", ask)

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits; see `ports.PassageIndex`. A passage keeps its hit's score."""
        numbers = [hit.passage for hit in hits]
        scores = {hit.passage: hit.score for hit in hits}

        def ask(connection: Connection) -> tuple[Passage, ...]:
            found = dict(_read(connection, numbers, scope, scores))
            return tuple(found[number] for number in numbers if number in found)

        return self._database.read(scope.tenant or "", ask)

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        """The text of a passage's document as it is stored now; see `ports.StoredDocuments`."""

        def ask(connection: Connection) -> str | None:
            statement = statements.document(filtered=bool(scope.filter))
            values = {"source": passage.source, "key": key_of(passage.document)}
            found = connection.execute(statement, values | _scoped(scope)).fetchone()
            return None if found is None else found[0]

        return self._database.read(scope.tenant or "", ask)

    def _looked(
        self,
        connection: Connection,
        sources: Sequence[str],
        asked: Sequence[Asked],
        scope: Scope,
        texts: Iterable[Spoken] = (),
    ) -> dict[str, Looked]:
        """What is known of words and names; a source of which the tenant has nothing is missing."""
        spokens = [*texts, *(text for one in asked for text in (one.request, *one.earlier))]
        said = [
            (place, stem) for place, text in enumerate(spokens) for _, stem in bounded_spoken(text)
        ]
        own = {bounded(stem) for one in asked for stem in one.words}
        others = {bounded(stem) for one in asked for stem in (*one.tail, *one.proper)}
        values = _scoped(scope) | {
            "own": list(own),
            "stems": list(own | others | {stem for _, stem in said}),
            "texts": [place for place, _ in said],
            "spoken": [stem for _, stem in said],
        }
        filtered = bool(scope.filter)
        begun = {
            name: (
                connection.execute(statements.words(filtered=filtered), values | {"source": name}),
                connection.execute(statements.names(filtered=filtered), values | {"source": name}),
            )
            for name in sources
        }
        held = self._held(connection, sources, scope)
        return {
            name: _told(held[name], words, names, self._count(connection, held[name], scope.filter))
            for name, (words, names) in begun.items()
            if name in held
        }

    def _held(
        self, connection: Connection, sources: Sequence[str], scope: Scope
    ) -> dict[str, HeldSource]:
        """The rows of sources; one of which the tenant has nothing is missing."""
        values = {"tenant": scope.tenant or "", "names": list(sources)}
        parts = connection.execute(statements.PARTS, values)
        rows = connection.execute(statements.SOURCES, values)
        role = None if self._keeps_apart else schema.role_past_tenants(connection)
        known = {name: (shared, tenanted) for name, shared, tenanted in parts.fetchall()}
        held = {row[1]: HeldSource(*row) for row in rows.fetchall()}
        bypassing = role.fetchone() if role else None
        for name in sources:
            if name not in known:
                msg = f"source {name!r} is not indexed; run: agent-knowledge index {name}"
                raise SourceError(msg)
            shared, tenanted = known[name]
            if tenanted and not shared and not scope.tenant:
                msg = f"source {name!r} keeps its tenants apart; give Scope(tenant=...)"
                raise TenantMissingError(msg)
            if tenanted and bypassing:
                raise ConfigError(schema.sees_all(bypassing[0]))
            if name in held:
                _check_embedding(held[name], self._embedding)
        self._keeps_apart = self._keeps_apart or (role is not None and not bypassing)
        return held

    def _count(self, connection: Connection, held: HeldSource, asked: Filter) -> int:
        """How many passages of a source a filter finds."""
        if not asked:
            return held.passages
        key = (held.id, held.generation, asked)
        with self._lock:
            known = self._counts.get(key)
        if known is None:
            values = {"source": held.id, "path": jsonpath.path_of(asked)}
            row = connection.execute(statements.COUNT, values).fetchone()
            known = int(row[0]) if row else 0
            with self._lock:
                self._counts.put(key, known)
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A search that the server is at, and what its answer is read with."""

    looked: Looked
    weighed: Weighed
    cursor: Cursor


def _begun(connection: Connection, asked: Asked, looked: Looked, k: int, scope: Scope) -> _Begun:
    weighed = Weighed.of(asked, looked.words, looked.names, looked.ids)
    cursor = _execute(connection, looked, weighed.parameters(k), scope, tail=weighed.tail)
    return _Begun(looked=looked, weighed=weighed, cursor=cursor)


def _execute(
    connection: Connection,
    looked: Looked,
    parameters: Mapping[str, Any],
    scope: Scope,
    *,
    tail: bool = False,
    related: bool = False,
) -> Cursor:
    search = statements.HybridSearch(
        source=looked.held.id,
        filtered=bool(scope.filter),
        indexed=looked.indexed,
        tail=tail,
        common=not all(parameters["looked"]),
        related=related,
    )
    average = {"average": looked.held.length or 1.0}
    return connection.execute(search.statement, {**_scoped(scope), **parameters, **average})


def _told(held: HeldSource, words: Cursor, names: Cursor, passages: int) -> Looked:
    found = words.fetchall()
    rows = names.fetchall()
    holders = {stem: count for stem, count, _ in found}
    named: list[Named] = []
    for _, text, stems, total, counts in rows:
        named.append(Named(text=text, stems=tuple(stems), total=total))
        holders.update(zip(stems, counts, strict=True))
    there = {stem for stem, _, is_there in found if is_there}
    counted = CountedWords(held.passages, holders, there, len(named))
    return Looked(
        held=held,
        words=counted,
        names=NameIndex.among(named, counted),
        ids=[number for number, *_ in rows],
        passages=passages,
    )


def _result(begun: _Begun) -> SearchResult:
    """What a source answered. Rows are number, title, date, whether it is a hit, and its scores."""
    looked, weighed = begun.looked, begun.weighed
    rows = begun.cursor.fetchall()
    query, name = weighed.asked.query, looked.held.name
    statistics = looked.held.statistics(looked.passages)
    if not rows:
        return nothing(name, weighed.asked, statistics)
    _, title, date, *_ = max(rows, key=lambda row: row[4])
    by_words = max(rows, key=lambda row: row[6])
    return SearchResult(
        query=query,
        hits=_hits(name, [row for row in rows if row[3]]),
        statistics=statistics,
        mentioned=weighed.talked_of.mentioned,
        names_something=weighed.names_something,
        subjects=weighed.talked_of.subjects,
        terms_found=by_words[7],
        known=weighed.known,
        nearest=title,
        date=date,
        usual=statistics.usual(query.vector),
    )


def _hits(source: str, rows: Rows) -> Hits:
    return Hits.of(
        source,
        (
            Hit(
                source=source, passage=number, dense=dense, lexical=lexical, terms=terms, named=gain
            )
            for number, _, _, _, dense, lexical, _, terms, gain in rows
        ),
    )


def _scoped(scope: Scope) -> dict[str, Any]:
    path = {"path": jsonpath.path_of(scope.filter)} if scope.filter else {}
    return {"tenant": scope.tenant or "", **path}


def _read(
    connection: Connection,
    numbers: Sequence[int],
    scope: Scope,
    scores: Mapping[int, float] | None = None,
) -> list[tuple[int, Passage]]:
    """Read passages; those that are gone or outside the scope are left out."""
    statement = statements.passages(filtered=bool(scope.filter))
    rows = connection.execute(statement, {"passages": list(numbers)} | _scoped(scope)).fetchall()
    found = map(PassageRow._make, rows)
    return [(row.id, row.passage((scores or {}).get(row.id, 0.0))) for row in found]


def _check_embedding(held: HeldSource, embedding: str) -> None:
    if held.embedding != embedding:
        msg = (
            f"source {held.name!r} was indexed with embedding {held.embedding!r}, the "
            f"configuration says {embedding!r}; set embedding: {held.embedding} again, or "
            f"rebuild it: agent-knowledge index {held.name} --rebuild"
        )
        raise ConfigError(msg)
