"""What compose.yaml says to its PostgreSQL, said to a real one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from psycopg import sql

from agent_knowledge import index_sources, load_router
from agent_knowledge.cli.starting import init
from tests.postgres_server import PostgresServer

COMPOSE = Path(__file__).parents[2] / "compose.yaml"
ROLE = "knowledge"


@pytest.fixture
def composed(postgres_server: PostgresServer) -> Iterator[str]:
    """Where the role finds the database, after the script of the compose file ran."""
    script = yaml.safe_load(COMPOSE.read_text())["configs"]["role"]["content"]
    statements = script.split("<<'SQL'\n")[1].split("SQL\n")[0]
    password = secrets.token_hex(8)
    with postgres_server.connect() as connection:
        connection.execute("CREATE DATABASE knowledge")
    try:
        with postgres_server.connect(ROLE) as connection:
            connection.execute(statements.replace(":'password'", f"'{password}'"))
        yield f"postgresql://{ROLE}:{password}@127.0.0.1:{postgres_server.port}/{ROLE}"
    finally:
        postgres_server.drop_database(ROLE)
        with postgres_server.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ROLE)))


def test_its_role_indexes_and_is_found_in(
    composed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", composed)
    init(tmp_path)
    config = tmp_path / "agent-knowledge.yaml"
    config.write_text('store: {kind: pgvector, url: "${DATABASE_URL}"}\n' + config.read_text())
    index_sources(config)
    with load_router(config) as router:
        assert router.retrieve("How long is the return window?")[0].document == "refunds.md"
