"""The server that the other tests rely on."""

from __future__ import annotations

import psycopg

from tests.postgres_server import PostgresServer


def test_a_plain_role_has_pgvector_and_no_way_around_row_level_security(url: str):
    with psycopg.connect(url) as connection:
        roles = connection.execute(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchall()
        [(distance,)] = connection.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector").fetchall()
    assert roles == [(False, False)]
    assert distance == 1.0


def test_it_stops_and_starts_again(postgres_server: PostgresServer, database: str):
    postgres_server.stop()
    postgres_server.start()
    with postgres_server.connect(database, "app") as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
