"""The store of documents and passages: one SQLite file, the single truth of what is indexed.

Vectors and word statistics are kept beside it and follow it: what SQLite does not name is not
there. A source is indexed in one transaction, so a reader sees it before or after, never in between
(see `database`). Each document carries a checksum of all that is stored of it, which is compared
before anything of it is served.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval import database
from agent_knowledge.retrieval.chunks import Searched, Span
from agent_knowledge.retrieval.database import StoredWhole
from agent_knowledge.retrieval.documents import Document
from agent_knowledge.types import Passage

SCHEMA_VERSION = 2
"""Raise it with the schema, and add what converts an older one to `_UPGRADES`."""
FILE = "passages.sqlite3"

_SCHEMA = f"""
CREATE TABLE sources (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  embedding TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
  name TEXT NOT NULL,
  origin TEXT NOT NULL,
  title TEXT NOT NULL,
  uri TEXT NOT NULL,
  date TEXT,
  keywords TEXT NOT NULL,
  hash TEXT NOT NULL,
  text TEXT NOT NULL,
  seal INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, name)
);
CREATE TABLE passages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  first INTEGER NOT NULL,
  after INTEGER NOT NULL,
  title TEXT NOT NULL
);
CREATE TABLE windows (
  passage INTEGER NOT NULL REFERENCES passages ON DELETE CASCADE,
  key TEXT NOT NULL,
  PRIMARY KEY (passage, key)
) WITHOUT ROWID;
CREATE INDEX passages_document ON passages (document);
PRAGMA user_version = {SCHEMA_VERSION};
"""
_UPGRADES = {1: "ALTER TABLE documents ADD COLUMN seal INTEGER NOT NULL DEFAULT 0"}
"""What brings an older format to the next one, before the documents are sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A source as indexed: which embedding built it, and a counter that every change raises."""

    id: int
    name: str
    embedding: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """What a re-index compares of a document."""

    id: int
    name: str
    origin: str
    hash: str


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
        with database.explained(self.file):
            opened = database.open_to_write if writable else database.open_to_read
            self._db = opened(self.file)
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA_VERSION:
            return
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if self._writable and not version and not tables:
            self._db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            begin = "INSERT INTO sqlite_sequence (name, seq) VALUES ('passages', ?)"
            self._db.execute(begin, (_milliseconds(),))
            database.publish(self.file)
        elif self._writable and version in _UPGRADES:
            self._upgrade(version)
        else:
            raise SourceError(self._other_format(version))

    def _upgrade(self, version: int) -> None:
        with self.transaction():
            for step in range(version, SCHEMA_VERSION):
                self._db.execute(_UPGRADES[step])
            for (number,) in self._rows("SELECT id FROM documents"):
                self._seal(number)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _other_format(self, version: int) -> str:
        what = f"the index file {str(self.file)!r} has format {version}, this version reads"
        if version in _UPGRADES:
            return f"{what} {SCHEMA_VERSION}; run: agent-knowledge index, which converts it"
        return (
            f"{what} {SCHEMA_VERSION}: another version of agent-knowledge, or another program, "
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

    def sources(self) -> dict[str, StoredSource]:
        """Every indexed source by name."""
        rows = self._rows("SELECT id, name, embedding, generation FROM sources ORDER BY name")
        return {
            name: StoredSource(
                id=number,
                name=name,
                embedding=embedding,
                generation=generation if isinstance(generation, int) else -1,  # it is damaged
            )
            for number, name, embedding, generation in rows
        }

    def generation(self, name: str) -> tuple[int, int] | None:
        """A source's number and generation; None when it is not indexed."""
        sql = "SELECT id, generation FROM sources WHERE name = ?"
        return next(iter(self._rows(sql, (name,))), None)

    def add_source(self, name: str, embedding: str) -> StoredSource:
        """Begin a source; its number is never used again."""
        sql = "INSERT INTO sources (name, embedding, generation) VALUES (?, ?, ?)"
        begin = _milliseconds()
        number = self._db.execute(sql, (name, embedding, begin)).lastrowid
        return StoredSource(id=number or 0, name=name, embedding=embedding, generation=begin)

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
        sql = "SELECT id, name, origin, hash FROM documents WHERE source = ?"
        return {
            name: StoredDocument(id=number, name=name, origin=origin, hash=content)
            for number, name, origin, content in self._rows(sql, (source.id,))
        }

    def add_document(
        self, source: StoredSource, document: Document, spans: Sequence[Span]
    ) -> list[str]:
        """Store a document with its passages.

        Returns:
            The keys of their windows.
        """
        made: list[str] = []
        sql = """INSERT INTO documents
                 (source, name, origin, title, uri, date, keywords, hash, text)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        d = document
        row = (d.id, d.origin, d.title, d.uri, d.date, d.keywords, d.content_hash, d.text)
        number = self._db.execute(sql, (source.id, *row)).lastrowid
        for span in spans:
            add = "INSERT INTO passages (document, first, after, title) VALUES (?, ?, ?, ?)"
            values = (number, span.start, span.end, span.title)
            passage = self._db.execute(add, values).lastrowid or 0
            text = d.text[span.start : span.end]
            searched = Searched(number=passage, title=span.title, keywords=d.keywords, text=text)
            # The given vector is that of this document alone; see `Document.vector`.
            given = [searched.key_of(d.vector_hash)] if d.vector is not None else None
            keys = [(passage, key) for key in given or searched.windows]
            made += [key for _, key in keys]
            self._db.executemany("INSERT INTO windows (passage, key) VALUES (?, ?)", keys)
        self._seal(number or 0)
        return made

    def _seal(self, number: int) -> None:
        whole = self._whole(number)
        if whole is not None:
            seal = "UPDATE documents SET seal = ? WHERE id = ?"
            self._db.execute(seal, (whole.sealed(), number))

    def _whole(self, number: int) -> StoredWhole | None:
        """All that is stored of a document; None when it is not there."""
        sql = """SELECT s.name, d.text, d.seal,
                 d.name, d.origin, d.title, d.uri, d.date, d.keywords, d.hash
                 FROM documents d JOIN sources s ON d.source = s.id WHERE d.id = ?"""
        passages = "SELECT id, first, after, title FROM passages WHERE document = ? ORDER BY id"
        keys = """SELECT w.passage, w.key FROM windows w JOIN passages p ON w.passage = p.id
                  WHERE p.document = ? ORDER BY w.passage, w.key"""
        for source, text, seal, *row in self._rows(sql, (number,)):
            return StoredWhole(
                source=source,
                row=row,
                text=text,
                seal=seal,
                passages=self._rows(passages, (number,)),
                keys=self._rows(keys, (number,)),
            )
        return None

    def _sound(self, number: int) -> StoredWhole:
        """All that is stored of a document.

        Raises:
            SourceError: It is not what was stored.
        """
        whole = self._whole(number)
        if whole is None or not whole.sound:
            source = whole.source if whole else ""
            name = repr(whole.row[0]) if whole else f"number {number}"
            msg = (
                f"document {name} of source {source!r} is damaged in {str(self.file)!r} (it is not "
                f"what was stored); run: agent-knowledge index {source}, which reads it anew"
            )
            raise SourceError(msg)
        return whole

    def damaged(self, source: StoredSource) -> set[int]:
        """The numbers of a source's documents that are not what was stored; reads all of them."""
        numbers = self._rows("SELECT id FROM documents WHERE source = ?", (source.id,))
        wholes = ((number, self._whole(number)) for (number,) in numbers)
        return {n for n, whole in wholes if whole is None or not whole.sound}

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

    def searched(self, source: StoredSource) -> Iterator[Searched]:
        """Every passage of a source, in the order of their numbers."""
        sql = """SELECT p.document, p.id, p.first, p.after, p.title
                 FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY p.id"""
        # A document's passages have consecutive numbers, so its text is read once.
        for document, passages in groupby(self._rows(sql, (source.id,)), key=lambda row: row[0]):
            select = "SELECT keywords, text FROM documents WHERE id = ?"
            for keywords, text in self._rows(select, (document,)):
                for _, number, first, after, title in passages:
                    yield Searched(
                        number=number, title=title, keywords=keywords, text=text[first:after]
                    )

    def passages(self, numbers: Sequence[int]) -> Mapping[int, Passage]:
        """Read passages; a number that is not there is left out. A document is read once.

        Raises:
            SourceError: A document of theirs is damaged.
        """
        marks = ",".join("?" * len(numbers))
        sql = f"SELECT DISTINCT document FROM passages WHERE id IN ({marks})"  # noqa: S608 - marks only
        wanted = set(numbers)
        found: dict[int, Passage] = {}
        for (document,) in self._rows(sql, numbers):
            found |= self._sound(document).read(wanted)
        return found

    def text(self, source: str, document: str) -> str | None:
        """A document's whole text, as all offsets count in it; None when it is not stored.

        Raises:
            SourceError: It is damaged.
        """
        sql = """SELECT d.id FROM documents d JOIN sources s ON d.source = s.id
                 WHERE s.name = ? AND d.name = ?"""
        for (number,) in self._rows(sql, (source, document)):
            return str(self._sound(number).text)
        return None


def _milliseconds() -> int:
    """Where counting begins: what a store that was deleted has told readers never comes again."""
    return time.time_ns() // 1_000_000
