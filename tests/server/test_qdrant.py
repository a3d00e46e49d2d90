"""A store in Qdrant: kept in a folder by one process, or by a server that may be down."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stores import EMBEDDER, SOURCE, query, write

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.build.servers import describe_store
from agent_knowledge.errors import StoreLockedError, StoreUnavailableError
from agent_knowledge.retrieval.qdrant.client import QdrantStore
from agent_knowledge.retrieval.qdrant.searching import QdrantIndex
from agent_knowledge.retrieval.qdrant.writing import QdrantWriter
from agent_knowledge.retrieval.server_indexing import ServerIndexer

ROWS = [
    {"id": "a", "text": "Kettles come back within 30 days.", "title": "Returns"},
    {"id": "b", "text": "Parcels travel by courier for nine days.", "title": "Parcels"},
]


def index(folder: Path, tmp_path: Path) -> None:
    with ServerIndexer(QdrantWriter(QdrantStore(folder=folder), EMBEDDER.name), EMBEDDER) as opened:
        opened.index(SOURCE, write(ROWS, tmp_path))


def test_a_configuration_without_a_url_keeps_it_in_its_folder(tmp_path: Path):
    write(ROWS, tmp_path)
    config = KnowledgeConfig.model_validate(
        {
            "store": {"kind": "qdrant", "path": "store"},
            "sources": {"docs": {"path": "rows.jsonl", "description": "How the shop works"}},
            "agents": {"support": {"sources": ["docs"]}},
        }
    ).at(tmp_path)
    summary = index_sources(config)
    assert (summary.errors, summary.reports[0].passages) == ({}, 2)
    assert (tmp_path / "store" / "qdrant").is_dir()
    router = load_router(config, "support")
    assert router.retrieve("How long does a parcel travel?")[0].document == "b"
    assert "local" in describe_store(config)
    router.close()


@pytest.mark.slow
def test_a_second_process_is_told_who_can_help(tmp_path: Path):
    folder = tmp_path / "qdrant"
    index(folder, tmp_path)
    reader = QdrantIndex(QdrantStore(folder=folder), EMBEDDER.name)
    assert len(reader.search([query("kettles")], [SOURCE], 5)[0][SOURCE].hits) == 2
    second = subprocess.run(
        [sys.executable, __file__, str(folder)], check=False, capture_output=True, text=True
    )
    assert json.loads(second.stdout)["error"] == StoreLockedError.__name__
    assert "store.url" in json.loads(second.stdout)["told"]
    reader.close()
    third = subprocess.run(
        [sys.executable, __file__, str(folder)], check=False, capture_output=True, text=True
    )
    assert json.loads(third.stdout) == {"sources": ["docs"]}


def test_a_server_that_is_down_is_told_without_its_key():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = QdrantStore(url=f"https://127.0.0.1:{port}", api_key="hidden-word", timeout_s=1)
    reader = QdrantIndex(store, EMBEDDER.name)
    with pytest.raises(StoreUnavailableError, match=r"store\.url") as told:
        reader.search([query("kettles")], [SOURCE], 5)
    assert "hidden-word" not in str(told.value)
    reader.close()


if __name__ == "__main__":
    writer = QdrantWriter(QdrantStore(folder=Path(sys.argv[1])), EMBEDDER.name)
    try:
        with writer:
            row = {"sources": [key.name for key in writer.sources()]}
    except StoreLockedError as error:
        row = {"error": type(error).__name__, "told": str(error)}
    sys.stdout.write(json.dumps(row))
