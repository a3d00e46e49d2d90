"""A Chroma collection of a user's, taken over into the embedded store with its own vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chromadb
from chromadb.config import Settings
from under_test import SOURCE, Counting, Finalizers, Row, read

from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.others.chroma_collection import CollectionRecords
from agent_knowledge.retrieval.reading.documents import Document


class CollectionStore:
    """Filled by Chroma's own client; what Chroma refuses is left out of the rows."""

    writes = exact = False
    tells_text = True

    def __init__(self, folder: Path, when_done: Finalizers) -> None:
        self.embedder = Counting()
        self.folder = folder
        self._when_done = when_done
        self._store = folder / "store"

    def index(
        self,
        rows: Sequence[Row],
        tenant_field: str | None = None,
        *,
        source: str = SOURCE,
        embedder: Counting | None = None,
        rebuild: bool = False,
    ) -> None:
        made_with = embedder or self.embedder
        path = self.folder / f"chroma-{source}"
        client = chromadb.PersistentClient(str(path), Settings(anonymized_telemetry=False))
        held = {one.name for one in client.list_collections()}
        if "rows" in held:
            client.delete_collection("rows")
        collection = client.create_collection("rows", embedding_function=None)
        taken = [one for one in read(rows, self.folder) if isinstance(one, Document)]
        collection.add(
            ids=[one.id for one in taken],
            documents=[one.text for one in taken],
            embeddings=made_with.embed([one.text for one in taken]),
            metadatas=[_metadata(one) for one in taken],
        )
        client.close()
        records = CollectionRecords(name=source, path=path, collection="rows", embedder=made_with)
        with Indexer(self._store, made_with) as indexer:
            indexer.index(source, records, tenant=tenant_field, rebuild=rebuild)

    def open(self) -> SourceIndex:
        opened = SourceIndex(self._store, self.embedder.name)
        self._when_done(opened.close)
        return opened

    def kill_while_indexing(self, rows: Sequence[Row]) -> None:
        raise NotImplementedError


def _metadata(document: Document) -> Mapping[str, Any]:
    """A document's metadata as Chroma takes it: no mixed lists, and no name of an operator."""
    own = {"title": document.title, "uri": document.uri, "date": document.date}
    told = {**own, **document.metadata}
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in told.items()
        if not name.startswith(("$", "#")) and _is_plain(value)
    }
    return {name: value for name, value in kept.items() if value is not None} or {"any": True}


def _is_plain(value: object) -> bool:
    return not isinstance(value, tuple) or len({type(one) for one in value}) == 1
