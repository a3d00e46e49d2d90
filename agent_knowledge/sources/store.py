"""The store of documents and passages: one SQLite file, the single truth of what is indexed.

Vectors and word statistics are kept beside it and follow it: what SQLite does not name is not
there. An index run is one transaction, so a reader sees a source before it or after it, never
in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agent_knowledge.errors import SourceError
from agent_knowledge.sources.documents import Document
from agent_knowledge.sources.searched import Searched
from agent_knowledge.sources.splitting import Span
from agent_knowledge.types import Passage

SCHEMA_VERSION = 1
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
            writable: Create the file when there is none, and allow changes.

        Raises:
            SourceError: There is no store and it is not to be written, or it cannot be read.
        """
        self.file = folder / FILE
        if not writable and not self.file.is_file():
            msg = f"no index in {str(folder)!r}; run: agent-knowledge index"
            raise SourceError(msg)
        mode = "rwc" if writable else "ro"
        with self._explained():
            self._db = sqlite3.connect(
                f"{self.file.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            self._prepare(writable=writable)

    def _prepare(self, *, writable: bool) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA busy_timeout = 10000")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if writable and not version:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        elif version != SCHEMA_VERSION:
            self._db.close()
            msg = (
                f"the index in {str(self.file.parent)!r} has format {version}, this version reads "
                f"{SCHEMA_VERSION}; delete that folder and run: agent-knowledge index"
            )
            raise SourceError(msg)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; a reader inside sees one state throughout."""
        with self._explained():
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            msg = (
                f"the index file {str(self.file)!r} cannot be used ({error}); if that persists, "
                "delete its folder and run: agent-knowledge index"
            )
            raise SourceError(msg) from error

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        with self._explained():
            # Not `yield from`: that would close the cursor of a store that is closed already.
            for row in self._db.execute(sql, values):  # noqa: UP028
                yield row

    # Sources

    def sources(self) -> dict[str, StoredSource]:
        """Every indexed source by name."""
        rows = self._rows("SELECT id, name, embedding, generation FROM sources ORDER BY name")
        return {
            name: StoredSource(id=number, name=name, embedding=embedding, generation=generation)
            for number, name, embedding, generation in rows
        }

    def generation(self, name: str) -> tuple[int, int] | None:
        """A source's number and generation; None when it is not indexed."""
        sql = "SELECT id, generation FROM sources WHERE name = ?"
        return next(self._rows(sql, (name,)), None)

    def add_source(self, name: str, embedding: str) -> StoredSource:
        """Begin a source; its number is never used again."""
        sql = "INSERT INTO sources (name, embedding) VALUES (?, ?)"
        number = self._db.execute(sql, (name, embedding)).lastrowid
        return StoredSource(id=number or 0, name=name, embedding=embedding, generation=0)

    def raise_generation(self, source: StoredSource) -> StoredSource:
        """Tell readers that the source has changed."""
        self._db.execute(
            "UPDATE sources SET generation = generation + 1 WHERE id = ?", (source.id,)
        )
        return replace(source, generation=source.generation + 1)

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

    def add_document(self, source: StoredSource, document: Document, spans: Sequence[Span]) -> None:
        """Store a document with its passages."""
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
            keys = [(passage, key) for key in searched.windows]
            self._db.executemany("INSERT INTO windows (passage, key) VALUES (?, ?)", keys)

    def remove_document(self, document: StoredDocument) -> None:
        """Forget a document with its passages."""
        self._db.execute("DELETE FROM documents WHERE id = ?", (document.id,))

    # Passages

    def count(self, source: StoredSource) -> int:
        """How many passages a source has."""
        sql = """SELECT count(*) FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ?"""
        return next(self._rows(sql, (source.id,)))[0]

    def keys(self, source: StoredSource) -> list[tuple[int, str]]:
        """Number and key of every window of a source, in the order of the passages' numbers."""
        sql = """SELECT w.passage, w.key FROM windows w JOIN passages p ON w.passage = p.id
                 JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY w.passage"""
        return list(self._rows(sql, (source.id,)))

    def labels(self, source: StoredSource) -> list[tuple[int, str, str, str | None]]:
        """Number, title, keywords and date of every passage of a source, ordered by number."""
        sql = """SELECT p.id, p.title, d.keywords, d.date FROM passages p
                 JOIN documents d ON p.document = d.id WHERE d.source = ? ORDER BY p.id"""
        return list(self._rows(sql, (source.id,)))

    def searched(self, source: StoredSource) -> Iterator[Searched]:
        """Every passage of a source, in the order of their numbers."""
        sql = """SELECT p.document, p.id, p.first, p.after, p.title
                 FROM passages p JOIN documents d ON p.document = d.id
                 WHERE d.source = ? ORDER BY p.id"""
        # A document's passages have consecutive numbers, so its text is read once.
        for document, passages in groupby(self._rows(sql, (source.id,)), key=lambda row: row[0]):
            select = "SELECT keywords, text FROM documents WHERE id = ?"
            keywords, text = next(self._rows(select, (document,)))
            for _, number, first, after, title in passages:
                yield Searched(
                    number=number, title=title, keywords=keywords, text=text[first:after]
                )

    def passages(self, numbers: Sequence[int]) -> Mapping[int, Passage]:
        """Read passages; a number that is gone is left out. A document is read once."""
        marks = ",".join("?" * len(numbers))
        sql = f"""SELECT p.document, p.id, p.first, p.after, p.title,
                  d.name, d.uri, d.date, d.hash, s.name
                  FROM passages p JOIN documents d ON p.document = d.id
                  JOIN sources s ON d.source = s.id
                  WHERE p.id IN ({marks}) ORDER BY p.document, p.first"""  # noqa: S608 - marks only
        found: dict[int, Passage] = {}
        for document, rows in groupby(self._rows(sql, numbers), key=lambda row: row[0]):
            text = next(self._rows("SELECT text FROM documents WHERE id = ?", (document,)))[0]
            counted, line = 0, 1  # `line` is the line of the character at `counted`
            for _, number, first, after, title, name, uri, date, content, source in rows:
                line += text.count("\n", counted, first)
                counted = first
                found[number] = Passage(
                    source=source,
                    document=name,
                    title=title,
                    uri=uri,
                    text=text[first:after],
                    start=first,
                    end=after,
                    date=date,
                    document_hash=content,
                    lines=(line, line + text.count("\n", first, after - 1)),
                )
        return found

    def text(self, source: str, document: str) -> str | None:
        """A document's whole text, as all offsets count in it; None when it is not stored."""
        sql = """SELECT d.text FROM documents d JOIN sources s ON d.source = s.id
                 WHERE s.name = ? AND d.name = ?"""
        return next((text for (text,) in self._rows(sql, (source, document))), None)
