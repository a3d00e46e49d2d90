"""Stores as earlier releases wrote them, made from one of today."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path

from agent_knowledge.retrieval.embedded.manifest import checksum_of

AS_BEFORE = """
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
ALTER TABLE sources RENAME TO now;
CREATE TABLE sources (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  embedding TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0
);
INSERT INTO sources SELECT id, name, embedding, generation FROM now;
DROP TABLE now;
ALTER TABLE documents RENAME TO now;
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
INSERT INTO documents SELECT id, source, name, origin, title, uri, date, keywords, hash,
  (SELECT group_concat(text, '') FROM blocks WHERE document = now.id), 0 FROM now;
DROP TABLE now;
DROP TABLE blocks;
ALTER TABLE passages DROP COLUMN line;
ALTER TABLE passages DROP COLUMN last_line;
ALTER TABLE passages DROP COLUMN seal;
PRAGMA user_version = 2;
"""


def seal_before(opened: sqlite3.Connection, number: int) -> int:
    """The checksum that format 2 kept of a document."""
    sql = """SELECT s.name, d.name, origin, title, uri, date, keywords, hash, text
             FROM documents d JOIN sources s ON d.source = s.id WHERE d.id = ?"""
    source, *row, text = opened.execute(sql, (number,)).fetchone()
    sql = "SELECT id, first, after, title FROM passages WHERE document = ? ORDER BY id"
    spans = opened.execute(sql, (number,)).fetchall()
    sql = "SELECT passage, key FROM windows WHERE passage = ? ORDER BY key"
    keys = [found for span in spans for found in opened.execute(sql, span[:1]).fetchall()]
    facts = json.dumps([source, row, spans, keys])
    return zlib.crc32(text.encode(), zlib.crc32(facts.encode()))


def make_format(store: Path, version: int) -> None:
    """Turn a store into one of an earlier release."""
    with sqlite3.connect(store / "passages.sqlite3") as opened:
        opened.executescript(AS_BEFORE)
        if version == 1:
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("ALTER TABLE documents DROP COLUMN seal")
            opened.execute("PRAGMA user_version = 1")
        else:
            for (number,) in opened.execute("SELECT id FROM documents").fetchall():
                seal = (seal_before(opened, number), number)
                opened.execute("UPDATE documents SET seal = ? WHERE id = ?", seal)
    opened.close()
    for manifest in store.glob("search/*/manifest.json"):
        body = json.loads(manifest.read_text())
        for name in ("fields.npy", "field_rows.npy"):
            (manifest.parent / name).unlink()
            del body["files"][name]
        body["seal"] = checksum_of([{k: v for k, v in body.items() if k != "seal"}])
        manifest.write_text(json.dumps(body))
