"""The tables of the store's file."""

from __future__ import annotations

VERSION = 3
"""Raise it with the schema, and what converts an older one to `upgrading`."""

SOURCES = """
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
DOCUMENTS = """
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
  fields TEXT NOT NULL DEFAULT '{}',
  given TEXT NOT NULL DEFAULT '',
  recipe TEXT NOT NULL DEFAULT '',
  etag TEXT NOT NULL DEFAULT '',
  modified TEXT NOT NULL DEFAULT '',
  parts INTEGER NOT NULL DEFAULT 0,
  seal INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, name)
);
CREATE TABLE blocks (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  number INTEGER NOT NULL,
  text TEXT NOT NULL,
  seal INTEGER NOT NULL,
  PRIMARY KEY (document, number)
);
"""
CREATE = f"""
{SOURCES}
{DOCUMENTS}
CREATE TABLE passages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  first INTEGER NOT NULL,
  after INTEGER NOT NULL,
  title TEXT NOT NULL,
  line INTEGER NOT NULL DEFAULT 0,
  last_line INTEGER NOT NULL DEFAULT 0,
  seal INTEGER NOT NULL DEFAULT 0
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
collection that its rows share. A document's text is in `blocks`, see `sealed`; `given` is the hash
of the vector that it came with, `recipe` how it was read (see `partitions`). What its server says
(`etag`, `modified`) and its recipe are not sealed."""
