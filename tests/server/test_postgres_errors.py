"""A store in PostgreSQL that cannot serve says why, and what to do; other sources go on."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from stores import EMBEDDER, SOURCE, database, embedded, index, opened, query, search

from agent_knowledge.errors import (
    ConfigError,
    SourceError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
)
from agent_knowledge.retrieval.joined import JoinedIndex
from agent_knowledge.retrieval.postgres.connection import Database
from agent_knowledge.retrieval.postgres.searching import PostgresIndex

ROWS = [{"id": "a", "text": "Kettles come back within 30 days."}]


def impatient(url: str) -> PostgresIndex:
    return PostgresIndex(database(url, timeout_s=0.5), EMBEDDER.name)


def test_a_server_that_stops_is_told_and_found_again(postgres_server, url: str, tmp_path: Path):
    index(url, ROWS, tmp_path)
    reader = opened(url)
    assert len(search(reader, "kettles").hits) == 1
    theirs = embedded(ROWS, tmp_path)
    both = JoinedIndex(indexes={SOURCE: reader, "other": Renamed(theirs)})
    postgres_server.stop()
    try:
        with pytest.raises(StoreUnavailableError) as told:
            search(reader, "kettles")
        [answer] = both.search([query("kettles")], [SOURCE, "other"], 5)
    finally:
        postgres_server.start()
    assert f"127.0.0.1:{postgres_server.port}" in str(told.value)
    assert postgres_server.password not in str(told.value)
    assert "cannot be reached" in answer[SOURCE].failure
    assert len(answer["other"].hits) == 1
    assert len(search(reader, "kettles").hits) == 1
    both.close()


class Renamed:
    """The embedded store's only source under another name."""

    def __init__(self, index) -> None:
        self._index = index

    def search(self, queries, sources, k, scope):
        return [{"other": one[SOURCE]} for one in self._index.search(queries, [SOURCE], k, scope)]

    def close(self) -> None:
        self._index.close()


def test_a_restart_between_two_searches_is_not_noticed(postgres_server, url, tmp_path: Path):
    index(url, ROWS, tmp_path)
    reader = opened(url)
    search(reader, "kettles")
    postgres_server.stop()
    postgres_server.start()
    assert len(search(reader, "kettles").hits) == 1
    reader.close()


def test_a_server_that_is_busy_is_told_in_time(postgres_server, database, url, tmp_path: Path):
    index(url, ROWS, tmp_path)
    reader = impatient(url)
    with postgres_server.connect(database) as other:
        other.execute("BEGIN; LOCK TABLE agent_knowledge.windows")
        with pytest.raises(StoreUnavailableError, match=r"within 0\.5 s.*store\.timeout_s"):
            search(reader, "kettles")
    assert len(search(reader, "kettles").hits) == 1
    reader.close()


def test_a_server_that_hangs_is_given_up(postgres_server, database: str, url: str, tmp_path: Path):
    index(url, ROWS, tmp_path)
    reader = impatient(url)
    search(reader, "kettles")
    with postgres_server.frozen(database):
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"within 0\.5 s"):
            search(reader, "kettles")
        assert time.monotonic() - began < 30
    assert len(search(reader, "kettles").hits) == 1
    reader.close()


def test_all_connections_in_use_says_which_key_to_raise(url: str, tmp_path: Path):
    index(url, ROWS, tmp_path)
    one = Database(url, timeout_s=0.5, most=1)

    def ask_again(_connection: psycopg.Connection) -> None:
        one.read("", lambda inner: None)

    with pytest.raises(StoreUnavailableError, match=r"all 1 connections .* raise store\.pool"):
        one.read("", ask_again)
    one.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.replace(":", "://x", 1) + " port=", "is no address of a PostgreSQL"),
        (lambda _: "postgresql://u:hidden-word@[::bad/db", "is no address of a PostgreSQL"),
    ],
)
def test_an_address_that_is_none_is_not_shown(url: str, change, told: str):
    wrong = change(url)
    with pytest.raises(ConfigError, match=told) as error:
        database(wrong)
    assert "hidden-word" not in str(error.value)


def test_a_wrong_password_and_a_database_that_is_not_there(postgres_server, url: str):
    wrong = url.replace(postgres_server.password, "hidden-word")
    with pytest.raises(StoreUnavailableError, match="password authentication failed") as error:
        search(opened(wrong), "kettles")
    assert "hidden-word" not in str(error.value)
    with pytest.raises(StoreUnavailableError, match='"nowhere" does not exist'):
        search(opened(postgres_server.url("nowhere")), "kettles")


def test_nothing_indexed_says_what_to_run(url: str, tmp_path: Path):
    reader = opened(url)
    with pytest.raises(StoreError, match="run: agent-knowledge index"):
        search(reader, "kettles")
    index(url, ROWS, tmp_path)
    with pytest.raises(SourceError, match="'other' is not indexed; run: agent-knowledge index oth"):
        reader.search([query("x")], ["other"], 5)
    assert len(search(reader, "kettles").hits) == 1
    reader.close()


def test_a_missing_extension_and_other_tables_are_named(
    postgres_server, database: str, url: str, tmp_path: Path
):
    with postgres_server.connect(database) as owner:
        owner.execute("DROP EXTENSION vector")
    with pytest.raises(StoreVersionError, match=r"as a superuser.*CREATE EXTENSION vector"):
        index(url, ROWS, tmp_path)
    with pytest.raises(StoreVersionError, match="CREATE EXTENSION vector"):
        search(opened(url), "kettles")
    with postgres_server.connect(database) as owner:
        owner.execute("CREATE EXTENSION vector")
    index(url, ROWS, tmp_path)
    with postgres_server.connect(database) as owner:
        owner.execute("UPDATE agent_knowledge.meta SET version = 99")
    for attempt in (lambda: search(opened(url), "x"), lambda: index(url, ROWS, tmp_path)):
        with pytest.raises(StoreVersionError, match="have version 99, this release reads 1"):
            attempt()


@pytest.fixture
def reading_role(postgres_server, database: str):
    """The address for a role that may only read what is indexed; made when it is called."""
    role = sql.Identifier(f"reader_{database}")

    def make() -> str:
        with postgres_server.connect(database) as owner:
            make_role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            owner.execute(make_role.format(role, sql.Literal(postgres_server.password)))
            owner.execute(sql.SQL("GRANT USAGE ON SCHEMA agent_knowledge TO {}").format(role))
            grant = "GRANT SELECT ON ALL TABLES IN SCHEMA agent_knowledge TO {}"
            owner.execute(sql.SQL(grant).format(role))
        return postgres_server.url(database, f"reader_{database}")

    yield make
    with postgres_server.connect(database) as owner:
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_a_role_that_may_only_read_searches_and_is_told_what_to_grant(
    reading_role, url: str, tmp_path: Path
):
    index(url, ROWS, tmp_path)
    reads = reading_role()
    reader = opened(reads)
    assert len(search(reader, "kettles").hits) == 1
    assert not database(reads).look().writable
    with pytest.raises(StoreReadOnlyError, match="GRANT"):
        index(reads, ROWS, tmp_path)
    reader.close()


def test_a_role_that_may_not_even_read_is_told_what_to_grant(
    postgres_server, database: str, url: str, tmp_path: Path
):
    index(url, ROWS, tmp_path)
    with postgres_server.connect(database) as owner:
        owner.execute("ALTER SCHEMA agent_knowledge OWNER TO owner")
        owner.execute("REVOKE ALL ON SCHEMA agent_knowledge FROM app")
    with pytest.raises(StoreError, match=r"may not read.*GRANT USAGE ON SCHEMA"):
        search(opened(url), "kettles")


def test_a_full_disk_changes_nothing(url: str, database: str, postgres_server, tmp_path: Path):
    index(url, ROWS, tmp_path)
    with postgres_server.connect(database) as owner:
        owner.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
            "'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
        )
        owner.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON agent_knowledge.postings"
            " EXECUTE FUNCTION full_disk()"
        )
    more = [*ROWS, {"id": "b", "text": "Parcels take nine days."}]
    with pytest.raises(StoreFullError, match="no room left"):
        index(url, more, tmp_path)
    reader = opened(url)
    assert [one.document for one in reader.passages([*search(reader, "parcels").hits])] == ["a"]
    reader.close()
    with postgres_server.connect(database) as owner:
        owner.execute("DROP TRIGGER full_disk ON agent_knowledge.postings")
    assert index(url, more, tmp_path).embedded == 0  # the vector was kept
