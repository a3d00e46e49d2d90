"""The tables of the store's file, and how those of earlier releases become them."""

from __future__ import annotations

import sqlite3

VERSION = 3
"""Raise it with the schema, and add what converts an older one to `UPGRADES`."""

_SOURCES = """
CREATE TABLE sources (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  tenant TEXT NOT NULL DEFAULT '',
  embedding TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  vectors INTEGER NOT NULL,
  fingerprint TEXT NOT NULL DEFAULT '',
  UNIQUE (name, tenant)
);
"""
CREATE = f"""
{_SOURCES}
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
  fields TEXT NOT NULL DEFAULT '{{}}',
  given TEXT NOT NULL DEFAULT '',
  recipe TEXT NOT NULL DEFAULT '',
  etag TEXT NOT NULL DEFAULT '',
  modified TEXT NOT NULL DEFAULT '',
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
PRAGMA user_version = {VERSION};
"""
"""A source has a row per tenant, one of tenant '' where it keeps none apart; `vectors` is the
collection that its rows share. Of a document, `given` is the hash of the vector that it came with,
`recipe` how it was read (see `indexing`); neither is sealed, nor what its server says."""

UPGRADES = {
    1: "ALTER TABLE documents ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;",
    2: f"""
    ALTER TABLE sources RENAME TO sources_before;
    {_SOURCES}
    INSERT INTO sources (id, name, embedding, generation, vectors)
      SELECT id, name, embedding, generation, id FROM sources_before;
    UPDATE sqlite_sequence SET seq =
      (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('sources', 'sources_before'))
      WHERE name = 'sources';
    DROP TABLE sources_before;
    ALTER TABLE documents ADD COLUMN fields TEXT NOT NULL DEFAULT '{{}}';
    ALTER TABLE documents ADD COLUMN given TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN recipe TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN etag TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN modified TEXT NOT NULL DEFAULT '';
    UPDATE documents SET fields =
      json_object('document', name, 'title', nullif(title, ''), 'date', date);
    """,  # noqa: S608 - nothing in it is from outside
}
"""What brings an older format to the next one. Metadata that was not kept comes when its source is
read again; nothing is embedded for that."""


def upgrade(database: sqlite3.Connection, version: int) -> None:
    """Bring the tables to this version, within the transaction that is open.

    Foreign keys must be off, and the old way of renaming on: then a table that takes the place of
    another is what others refer to.
    """
    for step in range(version, VERSION):
        for statement in UPGRADES[step].split(";"):
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
