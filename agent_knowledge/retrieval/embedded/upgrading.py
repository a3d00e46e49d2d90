"""Bringing the file of an earlier release to the present tables; nothing is embedded for that.

Metadata that was not kept then comes when its source is read again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path

from agent_knowledge.retrieval.embedded import schema
from agent_knowledge.retrieval.embedded.sealed import lined
from agent_knowledge.retrieval.embedded.stored_documents import (
    DocumentReader,
    asking,
    seal_document,
)
from agent_knowledge.retrieval.reading.chunks import Span
from agent_knowledge.retrieval.reading.fields import written

OLDER = (1, 2)
"""Formats that can be brought to the present one; the first had no checksums."""
_SPANS = "SELECT id, first, after, title FROM passages WHERE document = ? ORDER BY id"
_TABLES = f"""
ALTER TABLE sources RENAME TO sources_before;
{schema.SOURCES}
INSERT INTO sources (id, name, embedding, generation, vectors)
  SELECT id, name, embedding, generation, id FROM sources_before;
ALTER TABLE documents RENAME TO documents_before;
{schema.DOCUMENTS}
INSERT INTO documents (id, source, name, origin, title, uri, date, keywords, hash, seal)
  SELECT id, source, name, origin, title, uri, date, keywords, hash, -1 FROM documents_before;
ALTER TABLE passages ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passages ADD COLUMN last_line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passages ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE sqlite_sequence SET seq =
  (SELECT max(seq) FROM sqlite_sequence AS s WHERE s.name = sqlite_sequence.name || '_before')
  WHERE name IN ('sources', 'documents')
"""  # noqa: S608 - nothing in it is from outside


def upgrade(database: sqlite3.Connection, version: int) -> None:
    """Convert all tables, within the transaction that is open; foreign keys must be off.

    What was damaged before stays so, and is read anew.
    """
    # Then a table that takes the place of another is what the others refer to.
    database.execute("PRAGMA legacy_alter_table = ON")
    for statement in _TABLES.split(";"):
        database.execute(statement)
    for (number,) in database.execute("SELECT id FROM documents").fetchall():
        text = _text_before(database, number, version)
        if text is not None:
            _convert(database, number, text)
    database.execute("DROP TABLE documents_before")
    database.execute("DROP TABLE sources_before")
    database.execute(f"PRAGMA user_version = {schema.VERSION}")
    database.execute("PRAGMA legacy_alter_table = OFF")


def _text_before(database: sqlite3.Connection, number: int, version: int) -> str | None:
    """The text of a document as it was stored; None where it is damaged."""
    sql = """SELECT text, name, origin, title, uri, date, keywords, hash
             FROM documents_before WHERE id = ?"""
    text, *row = database.execute(sql, (number,)).fetchone()
    if not isinstance(text, str):
        return None
    if version > 1:
        ask = asking(database)
        (source, seal), *_ = ask(
            """SELECT s.name, d.seal FROM documents_before d JOIN sources s ON d.source = s.id
               WHERE d.id = ?""",
            (number,),
        )
        keys = """SELECT w.passage, w.key FROM windows w JOIN passages p ON w.passage = p.id
                  WHERE p.document = ? ORDER BY w.passage, w.key"""
        facts = [source, row, ask(_SPANS, (number,)), ask(keys, (number,))]
        before = zlib.crc32(json.dumps(facts, default=repr).encode())
        if zlib.crc32(text.encode("utf-8", "surrogatepass"), before) != seal:
            return None
    return text


def _convert(database: sqlite3.Connection, number: int, text: str) -> None:
    """Give a document and its passages what they had not."""
    ask = asking(database)
    rows = ask(_SPANS, (number,))
    spans = [Span(start, end, title) for _, start, end, title in rows]
    for (passage, *_), (_, lines) in zip(rows, lined(text, spans), strict=True):
        sql = "UPDATE passages SET line = ?, last_line = ? WHERE id = ?"
        database.execute(sql, (*lines, passage))
    for passage in DocumentReader(ask, Path()).sealed_passages(number):
        seal = (passage.sealed().seal, passage.number)
        database.execute("UPDATE passages SET seal = ? WHERE id = ?", seal)
    sql = "SELECT name, title, date FROM documents WHERE id = ?"
    name, title, date = database.execute(sql, (number,)).fetchone()
    own = {"document": name, "title": title, "date": date or ""}
    fields = written({key: value for key, value in own.items() if value})
    database.execute("UPDATE documents SET fields = ? WHERE id = ?", (fields, number))
    seal_document(database, number, text)
