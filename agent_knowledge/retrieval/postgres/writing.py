"""Writing into a store in PostgreSQL: vectors as they are made, and a source's change in one step.

What a change brings is copied into tables that only its transaction sees, and from there into those
of the store, for rows cannot be copied into a table with row-level security. Counts of words follow
by what is taken away and what is added, so that a small change is a small one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, LiteralString, Self

import numpy as np
from psycopg import errors, sql

from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.dense import DenseIndex
from agent_knowledge.retrieval.names import SMALL_WORD
from agent_knowledge.retrieval.postgres import changes, schema
from agent_knowledge.retrieval.postgres.asking import as_text, key_of
from agent_knowledge.retrieval.postgres.connection import Connection, Database
from agent_knowledge.retrieval.postgres.copying import Numbers, RowCopier
from agent_knowledge.retrieval.postgres.statements import EXACT_BELOW, INDEXED_DIMENSIONS
from agent_knowledge.retrieval.prepared import HeldDocument, IndexChange, VectorsGoneError
from agent_knowledge.retrieval.reading.documents import Known
from agent_knowledge.retrieval.statistics import measure
from agent_knowledge.types import Matrix
from agent_knowledge.types.search import SourceKey

_KEPT = "7 days"
"""Vectors that no run came to publish are forgotten after that long: a limit of room."""
_MEASURED = 100_000
"""Windows that are compared with a sample to tell how near passages are to each other; of more,
evenly as many: a limit of memory."""
_MOVED = 0.02
"""Share of a source's passages that may come and go before that is measured anew: a limit of time.
A change of so few moves the mean of the sample by less than what it is known to."""
_TIDIED = 0.1
"""Share of its passages that come or go for the server to count its rows anew: a limit of time."""


class PostgresWriter:
    """Implements `StoreWriter`; one connection, of one thread."""

    def __init__(self, database: Database, embedding: str, *, tenanted: bool) -> None:
        """Prepare without connecting.

        Args:
            database: Where the store is.
            embedding: Name of the embedder whose vectors it is given.
            tenanted: Some source keeps tenants apart, so row-level security has to hold.
        """
        self._database = database
        self._embedding = embedding
        self._tenanted = tenanted
        self._connection: Connection | None = None
        self._untidy = False

    def __enter__(self) -> Self:
        """Connect, and make the tables where there are none.

        Raises:
            StoreError: There is no such store, or the role may not write it.
            ConfigError: The role would see all tenants' documents.
        """
        with self._database.explained(writes=True):
            self._connection = self._database.connect()
            try:
                schema.prepare(self._connection)
                self._check_role(self._connection)
            except BaseException:
                self._connection.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the planner know what is there after much has changed, and close the connection."""
        if self._connection is None:
            return
        try:
            if self._untidy and kind is None:
                with self._database.explained(writes=True):
                    self._connection.execute(changes.TIDY)
        finally:
            self._connection.close()

    def _check_role(self, connection: Connection) -> None:
        found = schema.role_past_tenants(connection).fetchone() if self._tenanted else None
        if found:
            raise ConfigError(schema.sees_all(found[0]))
        if not schema.may_write(connection):
            raise errors.InsufficientPrivilege(schema.READ_ONLY)

    @contextmanager
    def _transaction(self, tenant: str) -> Generator[Connection]:
        assert self._connection is not None, "use it in a with block"  # noqa: S101 - our own code
        connection = self._connection
        with self._database.explained(writes=True), connection.transaction():
            connection.execute(
                "SELECT set_config('agent_knowledge.tenant', %s, true), set_config('search_path',"
                " 'agent_knowledge, public', true), set_config('jit', 'off', true)",
                (tenant,),
            )
            yield connection

    def _row(self, source: SourceKey, statement: LiteralString, **values: object) -> Any:
        """The one row that a statement gives for a source."""
        named = {"name": source.name, "tenant": source.tenant, **values}
        with self._transaction(source.tenant) as connection:
            return connection.execute(statement, named).fetchone()

    def sources(self) -> Mapping[SourceKey, int]:
        """See `StoreWriter`."""
        with self._transaction("") as connection:
            rows = connection.execute(
                "SELECT name, tenant, documents FROM partitions ORDER BY name, tenant"
            ).fetchall()
        return {SourceKey(name, tenant): documents for name, tenant, documents in rows}

    def held(self, source: SourceKey) -> Mapping[str, HeldDocument]:
        """See `StoreWriter`."""
        with self._transaction(source.tenant) as connection:
            rows = connection.execute(
                "SELECT d.name, d.origin, d.hash, d.recipe, d.etag, d.modified FROM documents d"
                " JOIN sources s ON s.id = d.source WHERE s.name = %s AND s.tenant = %s",
                (source.name, source.tenant),
            ).fetchall()
        return {
            name: HeldDocument(
                name=name,
                origin=origin,
                hash=content,
                recipe=recipe,
                known=Known(etag=etag, modified=modified),
            )
            for name, origin, content, recipe, etag, modified in rows
        }

    def passages(self, source: SourceKey) -> int:
        """See `StoreWriter`."""
        found = self._row(
            source, "SELECT passages FROM sources WHERE name = %(name)s AND tenant = %(tenant)s"
        )
        return found[0] if found else 0

    def embedding(self, source: SourceKey) -> tuple[str, int] | None:
        """See `StoreWriter`."""
        return self._row(
            source,
            "SELECT embedding, dimensions FROM sources"
            " WHERE name = %(name)s AND tenant = %(tenant)s",
        )

    def missing(self, source: SourceKey, keys: Collection[str], *, anew: bool = False) -> set[str]:
        """See `StoreWriter`."""
        with self._transaction(source.tenant) as connection:
            rows = connection.execute(
                changes.MISSING,
                {
                    "keys": list(keys),
                    "name": source.name,
                    "tenant": source.tenant,
                    "embedding": self._embedding,
                    "anew": anew,
                },
            ).fetchall()
        return {key for (key,) in rows}

    def keep(self, source: SourceKey, keys: Sequence[str], vectors: Matrix) -> None:
        """See `StoreWriter`."""
        with self._transaction(source.tenant) as connection:
            connection.execute(
                "INSERT INTO pending (tenant, embedding, key, vector)"
                " SELECT %s, %s, k.key, k.vector::vector FROM unnest(%s::text[], %s::text[])"
                " k(key, vector) ORDER BY k.key"  # two that write the same wait, and never deadlock
                " ON CONFLICT (tenant, embedding, key)"
                " DO UPDATE SET vector = excluded.vector, since = now()",
                (source.tenant, self._embedding, list(keys), [as_text(v) for v in vectors]),
            )

    def publish(self, source: SourceKey, change: IndexChange) -> None:
        """See `StoreWriter`."""
        dropped: int | None = None
        before: dict[tuple[str, str], Numbers] = {}
        with self._transaction(source.tenant) as connection:
            _lock(connection, source)
            found = _number(connection, source)
            if change.rebuild and found is not None:
                rows = connection.execute(changes.NUMBERED, {"source": found}).fetchall()
                before = {(key, content): (number, of) for key, content, number, of in rows}
                _drop(connection, dropped := found)
                found = None
            values = _values(source, change)
            if found is None:
                found = _one(connection, changes.NEW_SOURCE, values)
            values["source"] = found
            moved = self._change(connection, change, values, before)
        if dropped is not None:
            self._drop_index(dropped)
        self._untidy = self._untidy or moved >= _TIDIED
        self._index_vectors(source.tenant, found)

    def remove(self, source: SourceKey) -> int:
        """See `StoreWriter`."""
        with self._transaction(source.tenant) as connection:
            _lock(connection, source)
            found = _number(connection, source)
            forget = "DELETE FROM partitions WHERE name = %s AND tenant = %s RETURNING documents"
            row = connection.execute(forget, (source.name, source.tenant)).fetchone()
            if found is not None:
                _drop(connection, found)
        if found is not None:
            self._drop_index(found)
        return row[0] if row else 0

    def _change(
        self,
        connection: Connection,
        change: IndexChange,
        values: dict[str, Any],
        before: Mapping[tuple[str, str], Numbers],
    ) -> float:
        """Bring the rows of a source to their new state; the share of its passages that moved."""
        for statement in (changes.NOTE, changes.NEW_TABLES):
            connection.execute(statement, values if statement is changes.NOTE else None)
        held = dict(connection.execute(changes.HASHES, values).fetchall())
        copier = RowCopier(connection, values["tenant"], values["source"], before)
        copier.add(one for one in change.put if held.get(key_of(one.document.id)) != one.content)
        connection.execute(changes.ANALYSE)
        connection.execute(changes.FIND_VECTORS, values)
        missing, unfit = connection.execute(changes.UNSOUND, values).fetchone() or (0, 0)
        if missing:
            raise VectorsGoneError
        if unfit:
            msg = (
                f"source {values['name']!r}: {unfit} vectors do not have {change.dimensions} "
                f"numbers; rebuild it: agent-knowledge index {values['name']} --rebuild"
            )
            raise ConfigError(msg)
        connection.execute(changes.OLD, values)
        left = _one(connection, changes.OLD_PASSAGES, values)
        for statement in (*changes.TAKE_AWAY, *changes.ADD):
            connection.execute(statement, values)
        values["moved"] = copier.passages + left
        for statement in changes.SETTLE:
            connection.execute(statement, values)
        return self._measure(connection, values)

    def _measure(self, connection: Connection, values: Mapping[str, Any]) -> float:
        """What is usual in the source now; returns the share of its passages that moved."""
        connection.execute(changes.CENTER, values)
        passages, moved = connection.execute(
            "SELECT passages, moved FROM sources WHERE id = %(source)s", values
        ).fetchone() or (0, 0)
        share = values["moved"] / max(passages, 1)
        if moved <= _MOVED * passages:
            return share
        every = max(1, _one(connection, changes.WINDOWS, values) // _MEASURED)
        with connection.cursor(binary=True) as cursor:
            cursor.execute(changes.VECTORS, {**values, "every": every})
            rows = cursor.fetchall()
        # As pgvector sends them: two short numbers, then the floats, all of them big-endian.
        vectors = [np.frombuffer(sent, dtype=">f4", offset=4) for _, sent in rows]
        matrix = np.array(vectors, dtype=np.float32).reshape(len(rows), values["dimensions"])
        owners = np.array([number for number, _ in rows], dtype=np.int64)
        found = measure(DenseIndex.of(matrix, owners))
        connection.execute(
            "UPDATE sources SET moved = 0, near = %s, near_spread = %s, spread = %s WHERE id = %s",
            (found.near, found.near_spread, found.spread, values["source"]),
        )
        return share

    def _index_vectors(self, tenant: str, source: int) -> None:
        """Index the vectors of a large source, if they are not yet."""
        with self._transaction(tenant) as connection:
            row = connection.execute(changes.INDEXED, {"source": source}).fetchone()
        windows, dimensions, there, valid = row or (0, 0, False, False)
        if there and not valid:  # a run was killed while it was made
            self._drop_index(source)
        with self._database.explained(writes=True):
            if windows > EXACT_BELOW and dimensions <= INDEXED_DIMENSIONS and not valid:
                made = sql.SQL(changes.INDEX).format(
                    name=sql.Identifier(_index(source)),
                    dimensions=sql.Literal(dimensions),
                    source=sql.Literal(source),
                )
                connection.execute(made)

    def _drop_index(self, source: int) -> None:
        assert self._connection is not None, "use it in a with block"  # noqa: S101 - our own code
        drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS agent_knowledge.{}")
        with self._database.explained(writes=True):
            self._connection.execute(drop.format(sql.Identifier(_index(source))))


def _index(source: int) -> str:
    return f"windows_near_{source}"


def _values(source: SourceKey, change: IndexChange) -> dict[str, Any]:
    noted = change.noted.values()
    return {
        "name": source.name,
        "tenant": source.tenant,
        "embedding": change.embedding,
        "dimensions": change.dimensions,
        "gone": [key_of(name) for name in change.gone],
        "keys": [key_of(name) for name in change.noted],
        "etags": [known.etag for known, _ in noted],
        "modified": [known.modified for known, _ in noted],
        "recipes": [recipe for _, recipe in noted],
        "now": time.time_ns() // 1_000_000,
        "small_word": SMALL_WORD,
        "kept": _KEPT,
    }


def _lock(connection: Connection, source: SourceKey) -> None:
    """One change of a source at a time, until the transaction ends."""
    lock = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
    connection.execute(lock, (f"agent_knowledge/{source.tenant}/{source.name}",))


def _number(connection: Connection, source: SourceKey) -> int | None:
    row = connection.execute(
        "SELECT id FROM sources WHERE name = %s AND tenant = %s", (source.name, source.tenant)
    ).fetchone()
    return row[0] if row else None


def _drop(connection: Connection, source: int) -> None:
    for statement in changes.DROP:
        connection.execute(statement, {"source": source})


def _one(connection: Connection, statement: LiteralString, values: Mapping[str, Any]) -> int:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else 0
