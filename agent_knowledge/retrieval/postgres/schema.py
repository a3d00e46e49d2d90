"""The tables of a store in PostgreSQL, and what must be there before they can be.

Every row has its tenant, and row-level security lets a transaction see those of one tenant, and
what belongs to nobody. Under it an index serves only comparisons that leak nothing, such as that of
texts, and not those of full text or JSON; so words are found by a table of postings with an index
of texts, which scores them as the embedded store does, besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import errors

from agent_knowledge.errors import StoreError, StoreVersionError

VERSION = 1
"""Raise it with the tables, and add what converts older ones."""
_OLDEST_SERVER = 140_000
_OLDEST_VECTOR = (0, 8)
"""Limits: of servers what is still maintained; of pgvector what finds enough under a filter."""
LONGEST_WORD = 100
"""Characters of a word that is indexed as it is; an index takes no text of any length: a limit."""

_TABLES: LiteralString = """
CREATE SCHEMA IF NOT EXISTS agent_knowledge;
SET LOCAL search_path = agent_knowledge, public;
CREATE TABLE meta (version int NOT NULL);
INSERT INTO meta VALUES (1);
CREATE TABLE partitions (
  name text NOT NULL, tenant text NOT NULL, documents int NOT NULL, PRIMARY KEY (name, tenant)
);
CREATE TABLE sources (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, name text NOT NULL,
  embedding text NOT NULL, dimensions int NOT NULL, generation bigint NOT NULL,
  passages int NOT NULL, windows int NOT NULL, length float8 NOT NULL, near float8 NOT NULL,
  near_spread float8 NOT NULL, spread float8 NOT NULL, center real[] NOT NULL, moved int NOT NULL,
  UNIQUE (tenant, name)
);
CREATE TABLE documents (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL,
  source bigint NOT NULL REFERENCES sources ON DELETE CASCADE, key text NOT NULL,
  name text NOT NULL, origin text NOT NULL, title text NOT NULL, uri text NOT NULL, date text,
  keywords text NOT NULL, fields jsonb NOT NULL, hash text NOT NULL, recipe text NOT NULL,
  etag text NOT NULL, modified text NOT NULL, UNIQUE (source, key)
);
CREATE TABLE blocks (
  document bigint NOT NULL REFERENCES documents ON DELETE CASCADE, tenant text NOT NULL,
  number int NOT NULL, text text NOT NULL, PRIMARY KEY (document, number)
);
CREATE TABLE passages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, source bigint NOT NULL,
  document bigint NOT NULL REFERENCES documents ON DELETE CASCADE, first int NOT NULL,
  after int NOT NULL, line int NOT NULL, last_line int NOT NULL, title text NOT NULL,
  length int NOT NULL, fields jsonb NOT NULL
);
CREATE INDEX ON passages (source);
CREATE INDEX ON passages (document);
CREATE TABLE windows (
  passage bigint NOT NULL REFERENCES passages ON DELETE CASCADE, tenant text NOT NULL,
  source bigint NOT NULL, key text NOT NULL, fields jsonb NOT NULL, vector vector NOT NULL,
  PRIMARY KEY (passage, key)
);
CREATE INDEX ON windows (source, key);
CREATE TABLE pending (
  tenant text NOT NULL, embedding text NOT NULL, key text NOT NULL, vector vector NOT NULL,
  since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant, embedding, key)
);
CREATE TABLE postings (
  source bigint NOT NULL, stem text NOT NULL, passage bigint NOT NULL REFERENCES passages
  ON DELETE CASCADE, tf smallint NOT NULL, length smallint NOT NULL, tenant text NOT NULL
);
CREATE UNIQUE INDEX ON postings (source, stem, passage) INCLUDE (tf, length, tenant);
CREATE INDEX ON postings (passage);
CREATE TABLE stems (
  source bigint NOT NULL REFERENCES sources ON DELETE CASCADE, stem text NOT NULL,
  holders int NOT NULL, tenant text NOT NULL, PRIMARY KEY (source, stem)
);
CREATE TABLE names (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL,
  source bigint NOT NULL REFERENCES sources ON DELETE CASCADE, key text NOT NULL,
  text text NOT NULL, stems text[] NOT NULL, small int NOT NULL, total float8 NOT NULL,
  UNIQUE (source, key)
);
CREATE TABLE name_stems (
  source bigint NOT NULL, stem text NOT NULL, name bigint NOT NULL REFERENCES names
  ON DELETE CASCADE, tenant text NOT NULL, PRIMARY KEY (source, stem, name) INCLUDE (tenant)
);
CREATE INDEX ON name_stems (name);
CREATE TABLE name_passages (
  name bigint NOT NULL REFERENCES names ON DELETE CASCADE,
  passage bigint NOT NULL REFERENCES passages ON DELETE CASCADE, tenant text NOT NULL,
  PRIMARY KEY (name, passage) INCLUDE (tenant)
);
CREATE INDEX ON name_passages (passage);
DO $$ DECLARE one text; BEGIN
  FOREACH one IN ARRAY ARRAY['sources', 'documents', 'blocks', 'passages', 'windows', 'pending',
                             'postings', 'stems', 'names', 'name_stems', 'name_passages'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY of_tenant ON %I USING (tenant = (SELECT '
                   'current_setting(''agent_knowledge.tenant'', true))) WITH CHECK (tenant = '
                   '(SELECT current_setting(''agent_knowledge.tenant'', true)))', one);
    EXECUTE format('CREATE POLICY of_nobody ON %I FOR SELECT USING (tenant = %L)', one, '');
  END LOOP;
END $$;
"""
"""Texts of any length are found by their `key`, a hash. `partitions`, which tells what there is to
index and to remove, has no content of any tenant."""


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Make the tables where there are none.

    Raises:
        StoreVersionError: The server, the extension or the tables are of another version.
        psycopg.Error: The role may not make them.
    """
    with connection.transaction():
        # Two that begin at once make them once.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('agent_knowledge.schema'))")
        _add_extension(connection)
        check_server(connection)
        if has_tables(connection):
            check_tables(connection)
        else:
            connection.execute(_TABLES)


def check_server(connection: psycopg.Connection[Any]) -> str:
    """Say which server and extension are there.

    Raises:
        StoreVersionError: One of them cannot serve; with the command that helps.
    """
    found = connection.execute(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
        " current_setting('server_encoding'),"
        " (SELECT extversion FROM pg_extension WHERE extname = 'vector')"
    ).fetchone()
    number, version, encoding, vector = found or (0, "", "", None)
    if number < _OLDEST_SERVER:
        msg = f"the server is PostgreSQL {version}; use {_OLDEST_SERVER // 10_000} or newer"
        raise StoreVersionError(msg)
    if encoding != "UTF8":
        msg = f"the database has encoding {encoding}; make one with ENCODING 'UTF8'"
        raise StoreVersionError(msg)
    if vector is None:
        raise StoreVersionError(_no_extension("is not in the database"))
    if tuple(int(part) for part in vector.split(".")[:2]) < _OLDEST_VECTOR:
        msg = f"the extension pgvector is {vector}; install 0.8 or newer, and run as a superuser: "
        raise StoreVersionError(msg + "ALTER EXTENSION vector UPDATE")
    return f"PostgreSQL {version}, pgvector {vector}"


def check(connection: psycopg.Connection[Any]) -> None:
    """Refuse what cannot be searched.

    Raises:
        StoreError: Nothing is indexed, or by another version.
    """
    check_server(connection)
    if not has_tables(connection):
        raise StoreError(NOT_INDEXED)
    check_tables(connection)


def has_tables(connection: psycopg.Connection[Any]) -> bool:
    """Whether the tables are there."""
    find = "SELECT to_regclass('agent_knowledge.meta') IS NOT NULL"
    return connection.execute(find).fetchone() == (True,)


def check_tables(connection: psycopg.Connection[Any]) -> None:
    """Refuse tables of another version.

    Raises:
        StoreVersionError: They are of one.
    """
    found = connection.execute("SELECT version FROM agent_knowledge.meta").fetchone()
    if found != (VERSION,):
        msg = (
            f"the tables in schema agent_knowledge have version {found[0] if found else None}, "
            f"this release reads {VERSION}; use the release that wrote them, or run: DROP SCHEMA "
            "agent_knowledge CASCADE, and then: agent-knowledge index"
        )
        raise StoreVersionError(msg)


def role_past_tenants(connection: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Ask for the role's name where row-level security does not hold for it; else for nothing."""
    return connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
    )


def sees_all(role: str) -> str:
    """What to say to a role that would see all tenants' documents."""
    return (
        f"store.url: role {role!r} bypasses row-level security, which keeps tenants apart; "
        "connect as a plain role: CREATE ROLE ... LOGIN NOSUPERUSER NOBYPASSRLS"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """What is there.

    Attributes:
        version: Of the server and of its extension.
        role: Who one is there.
        past_tenants: Row-level security does not hold for the role.
        writable: The role may index.
    """

    version: str
    role: str
    past_tenants: bool
    writable: bool


def look(connection: psycopg.Connection[Any]) -> FoundServer:
    """Say what is there.

    Raises:
        StoreVersionError: It is of another version.
    """
    version = check_server(connection)
    made = has_tables(connection)
    if made:
        check_tables(connection)
    past_tenants = role_past_tenants(connection).fetchone() is not None
    row = connection.execute("SELECT current_user").fetchone()
    return FoundServer(
        version=version,
        role=row[0] if row else "",
        past_tenants=past_tenants,
        writable=may_write(connection) if made else _may_make(connection),
    )


def may_write(connection: psycopg.Connection[Any]) -> bool:
    """Whether the role may index into the tables that are there."""
    find = (
        "SELECT bool_and(has_table_privilege('agent_knowledge.' || t, p))"
        " AND NOT pg_is_in_recovery()"
        " FROM unnest(ARRAY['sources', 'documents', 'passages', 'windows', 'pending']) t,"
        " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) p"
    )
    return connection.execute(find).fetchone() == (True,)


def _may_make(connection: psycopg.Connection[Any]) -> bool:
    find = "SELECT has_database_privilege(current_database(), 'CREATE') AND NOT pg_is_in_recovery()"
    return connection.execute(find).fetchone() == (True,)


NOT_INDEXED = "nothing is indexed in the database yet; run: agent-knowledge index"
READ_ONLY = "permission denied for the tables of schema agent_knowledge"
"""As the server itself says it, where it is asked before anything is written."""


def _add_extension(connection: psycopg.Connection[Any]) -> None:
    find = "SELECT 1 FROM pg_extension WHERE extname = 'vector'"
    if connection.execute(find).fetchone():
        return
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION vector")
    except errors.InsufficientPrivilege as error:
        raise StoreVersionError(_no_extension("is not in the database")) from error
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        msg = "the server has no extension pgvector; install it (0.8 or newer) on the server, "
        raise StoreVersionError(msg + "then run as a superuser: CREATE EXTENSION vector") from error


def _no_extension(what: str) -> str:
    return (
        f"the extension pgvector {what}; run as a superuser, in that database: "
        "CREATE EXTENSION vector (pgvector 0.8 or newer)"
    )
