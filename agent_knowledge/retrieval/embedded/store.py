"""The store of documents and passages: one SQLite file, the single truth of what is indexed.

Vectors and word statistics are kept beside it and follow it: what SQLite does not name is not
there. A source is indexed in one transaction, so a reader sees it before or after, never in between
(see `database`). Every part of a document carries a checksum, which is compared before that part is
served (see `sealed`).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.embedded import database, schema
from agent_knowledge.retrieval.embedded.sealed import SealedPassage, lined
from agent_knowledge.retrieval.embedded.stored_documents import DocumentReader, seal_document
from agent_knowledge.retrieval.embedded.upgrading import OLDER, upgrade
from agent_knowledge.retrieval.prepared import PreparedDocument
from agent_knowledge.retrieval.reading.chunks import Searched, Span
from agent_knowledge.retrieval.reading.documents import Document, Known
from agent_knowledge.retrieval.reading.fields import written
from agent_knowledge.retrieval.stored import SOURCE, StoredDocument, StoredSource, stored_source
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import SourceKey

FILE = "passages.sqlite3"


class PassageStore:
    """The SQLite file. One thread at a time; `index` and `indexing` see to that."""

    def __init__(self, folder: Path, *, writable: bool = False) -> None:
        """Open the store of a folder, which must exist.

        Args:
            folder: The store's folder.
            writable: Create the file when there is none, and allow changes; for the holder of the
                store's lock only. A reader sees the file as it was when it opened it.

        Raises:
            SourceError: There is no store and it is not to be written, or it cannot be read.
        """
        self.file = folder / FILE
        self._writable = writable
        self._documents = DocumentReader(self._rows, self.file)
        with database.explained(self.file):
            opened = database.open_to_write if writable else database.open_to_read
            self._db = opened(self.file)
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != schema.VERSION:
            self._begin(version)
        self._db.execute("PRAGMA foreign_keys = ON")

    def _begin(self, version: int) -> None:
        """Make the tables, or convert those that are there."""
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if self._writable and not version and not tables:
            self._db.executescript(f"BEGIN;{schema.CREATE}COMMIT;")
            begin = "INSERT INTO sqlite_sequence (name, seq) VALUES ('passages', ?)"
            self._db.execute(begin, (_milliseconds(),))
            database.publish(self.file)
        elif self._writable and version in OLDER:
            with self.transaction():
                upgrade(self._db, version)
        else:
            raise SourceError(self._other_format(version))

    def _other_format(self, version: int) -> str:
        what = f"the index file {str(self.file)!r} has format {version}, this version reads"
        if version in OLDER:
            return f"{what} {schema.VERSION}; run: agent-knowledge index, which converts it"
        return (
            f"{what} {schema.VERSION}: another version of agent-knowledge, or another program, "
            "wrote it; use that version, or move the file away and run: agent-knowledge index"
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        if self._writable:
            database.discard(self.file)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; what was changed is published to readers at the end."""
        with database.explained(self.file):
            before = self._db.total_changes
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            if self._db.total_changes != before:
                database.publish(self.file)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with database.explained(self.file):
            return self._db.execute(sql, values).fetchall()

    # Sources

    def sources(self) -> dict[SourceKey, StoredSource]:
        """Every indexed source, and every tenant's part of one, by name and tenant."""
        rows = self._rows(f"SELECT {SOURCE} FROM sources ORDER BY name, tenant")  # noqa: S608
        return {source.key: source for source in map(stored_source, rows)}

    def parts(self, name: str) -> dict[str, StoredSource]:
        """What is indexed of a source, by tenant."""
        rows = self._rows(f"SELECT {SOURCE} FROM sources WHERE name = ?", (name,))  # noqa: S608
        return {source.tenant: source for source in map(stored_source, rows)}

    def find(self, key: SourceKey) -> StoredSource | None:
        """A source, or one tenant's part of it; None when it is not indexed."""
        sql = f"SELECT {SOURCE} FROM sources WHERE name = ? AND tenant = ?"  # noqa: S608
        rows = self._rows(sql, (key.name, key.tenant))
        return stored_source(rows[0]) if rows else None

    def is_tenanted(self, name: str) -> bool:
        """Whether a source keeps tenants apart."""
        sql = "SELECT 1 FROM sources WHERE name = ? AND tenant != '' LIMIT 1"
        return bool(self._rows(sql, (name,)))

    def fingerprint(self, name: str) -> str:
        """Of what a source was taken over from; empty when it was not, or is not indexed."""
        rows = self._rows("SELECT min(fingerprint) FROM sources WHERE name = ?", (name,))
        return rows[0][0] or ""

    def note_fingerprint(self, name: str, fingerprint: str) -> None:
        """Write down what a source was taken over from; no change that readers see."""
        sql = "UPDATE sources SET fingerprint = ? WHERE name = ? AND fingerprint != ?"
        self._db.execute(sql, (fingerprint, name, fingerprint))

    def add_source(
        self, key: SourceKey, embedding: str, vectors: int | None = None
    ) -> StoredSource:
        """Begin a source, or a tenant's part of one; its number is never used again.

        Args:
            key: Its name and tenant.
            embedding: Name of the embedding.
            vectors: The collection that the other parts share; None to begin one.
        """
        sql = """INSERT INTO sources (name, tenant, embedding, generation, vectors)
                 VALUES (?, ?, ?, ?, ?)"""
        row = (key.name, key.tenant, embedding, _milliseconds(), vectors or 0)
        number = self._db.execute(sql, row).lastrowid or 0
        if vectors is None:
            self._db.execute("UPDATE sources SET vectors = id WHERE id = ?", (number,))
        return StoredSource(
            id=number,
            name=key.name,
            tenant=key.tenant,
            embedding=embedding,
            generation=row[3],
            vectors=vectors or number,
        )

    def raise_generation(self, source: StoredSource) -> StoredSource:
        """Tell readers that the source has changed."""
        following = max(source.generation + 1, _milliseconds())
        set_to = "UPDATE sources SET generation = ? WHERE id = ?"
        self._db.execute(set_to, (following, source.id))
        return replace(source, generation=following)

    def remove_source(self, source: StoredSource) -> None:
        """Forget a source with all that it holds."""
        self._db.execute("DELETE FROM sources WHERE id = ?", (source.id,))

    # Documents

    def documents(self, source: StoredSource) -> dict[str, StoredDocument]:
        """Every document of a source by its id."""
        sql = """SELECT id, name, origin, hash, recipe, etag, modified
                 FROM documents WHERE source = ?"""
        return {
            name: StoredDocument(
                id=number,
                name=name,
                origin=origin,
                hash=content,
                recipe=recipe,
                known=Known(etag=etag, modified=modified),
            )
            for number, name, origin, content, recipe, etag, modified in self._rows(
                sql, (source.id,)
            )
        }

    def note_read(self, number: int, known: Known, recipe: str) -> None:
        """Write down how a document was read last; no change that readers see."""
        sql = "UPDATE documents SET etag = ?, modified = ?, recipe = ? WHERE id = ?"
        self._db.execute(sql, (known.etag, known.modified, recipe, number))

    def add_document(
        self, source: StoredSource, document: Document, spans: Sequence[Span], recipe: str = ""
    ) -> list[str]:
        """Store a document with its passages.

        Args:
            source: What it is of.
            document: The document.
            spans: Its passages.
            recipe: How it was read.

        Returns:
            The keys of their windows.
        """
        sql = """INSERT INTO documents
                 (source, name, origin, title, uri, date, keywords, hash, fields, given, recipe,
                 etag, modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        d = document
        row = (d.id, d.origin, d.title, d.uri, d.date, d.keywords, d.content_hash)
        more = (written(d.fields), d.vector_hash, recipe, d.known.etag, d.known.modified)
        number = self._db.execute(sql, (source.id, *row, *more)).lastrowid or 0
        made = [
            self._add_passage(SealedPassage.at(number, span, lines), d)
            for span, lines in lined(d.text, spans)
        ]
        seal_document(self._db, number, d.text)
        return [key for keys in made for key in keys]

    def _add_passage(self, passage: SealedPassage, document: Document) -> Sequence[str]:
        searched = Searched(
            number=0,
            title=passage.title,
            keywords=document.keywords,
            text=document.text[passage.start : passage.end],
        )
        # The vector that came with a document is that of this document alone.
        given = [searched.key_of(document.vector_hash)] if document.vector is not None else None
        sealed = replace(passage, keys=sorted(given or searched.windows)).sealed()
        sql = """INSERT INTO passages (document, first, after, title, line, last_line, seal)
                 VALUES (?, ?, ?, ?, ?, ?, ?)"""
        row = (sealed.document, sealed.start, sealed.end, sealed.title, *sealed.lines, sealed.seal)
        number = self._db.execute(sql, row).lastrowid
        keys = [(number, key) for key in sealed.keys]
        self._db.executemany("INSERT INTO windows (passage, key) VALUES (?, ?)", keys)
        return sealed.keys

    def damaged(self, source: StoredSource) -> set[int]:
        """The numbers of a source's documents that are not what was stored; reads all of them."""
        return self._documents.damaged(source.id)

    def prepared(self, stored: StoredDocument) -> PreparedDocument:
        """A document as it is stored, for a store on a server.

        Raises:
            SourceError: It is damaged.
        """
        return self._documents.prepared(stored)

    def remove_document(self, number: int) -> None:
        """Forget a document with its passages."""
        self._db.execute("DELETE FROM documents WHERE id = ?", (number,))

    # Passages

    def count(self, source: StoredSource) -> int:
        """How many passages a source has."""
        sql = """SELECT count(*) FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ?"""
        return self._rows(sql, (source.id,))[0][0]

    def keys(self, source: StoredSource) -> list[tuple[int, str]]:
        """Number and key of every window of a source, in the order of the passages' numbers."""
        sql = """SELECT w.passage, w.key FROM windows w JOIN passages p ON w.passage = p.id
                 JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY w.passage"""
        return self._rows(sql, (source.id,))

    def labels(self, source: StoredSource) -> list[tuple[int, str, str, str | None]]:
        """Number, title, keywords and date of every passage of a source, ordered by number."""
        sql = """SELECT p.id, p.title, d.keywords, d.date FROM passages p
                 JOIN documents d ON p.document = d.id WHERE d.source = ? ORDER BY p.id"""
        return self._rows(sql, (source.id,))

    def searched(self, source: StoredSource, numbers: Set[int] | None = None) -> Iterator[Searched]:
        """Passages of a source, in the order of their numbers: those with these, or all."""
        sql = """SELECT p.document, p.id, p.first, p.after, p.title, d.keywords
                 FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY p.id"""
        # A document's passages have consecutive numbers, so its text is read once.
        rows = self._rows(sql, (source.id,))
        wanted = rows if numbers is None else [row for row in rows if row[1] in numbers]
        for document, passages in groupby(wanted, key=lambda row: row[0]):
            text = self._documents.unchecked_text(document)
            for _, number, first, after, title, keywords in passages:
                yield Searched(
                    number=number, title=title, keywords=keywords, text=text[first:after]
                )

    def fields(self, source: StoredSource) -> tuple[list[int], list[str]]:
        """What filters read: of every passage, by number, its place among the rows; the rows."""
        sql = """SELECT p.document FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY p.id"""
        owners = [number for (number,) in self._rows(sql, (source.id,))]
        rows = self._rows("SELECT id, fields FROM documents WHERE source = ?", (source.id,))
        places = {number: place for place, (number, _) in enumerate(rows)}
        return [places[number] for number in owners], [fields for _, fields in rows]

    def given(self, source: StoredSource) -> list[tuple[int, str]]:
        """Of every document that came with a vector, its number and the vector's key."""
        sql = """SELECT d.id, w.key FROM windows w JOIN passages p ON w.passage = p.id
                 JOIN documents d ON p.document = d.id WHERE d.source = ? AND d.given != ''"""
        return self._rows(sql, (source.id,))

    def passages(self, numbers: Sequence[int], scope: Scope = EVERYTHING) -> dict[int, Passage]:
        """Read passages; see `DocumentReader.passages`."""
        return self._documents.passages(numbers, scope)

    def text(self, source: str, document: str, scope: Scope = EVERYTHING) -> str | None:
        """Read a document; see `DocumentReader.text`."""
        return self._documents.text(source, document, scope)


def _milliseconds() -> int:
    """Where counting begins: what a store that was deleted has told readers never comes again."""
    return time.time_ns() // 1_000_000
