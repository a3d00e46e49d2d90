"""A real PostgreSQL, and a database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres_server import PostgresServer, running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """Name of an empty database that has pgvector."""
    name = postgres_server.make_database()
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def url(postgres_server: PostgresServer, database: str) -> str:
    """Where the plain role finds the database."""
    return postgres_server.url(database)
