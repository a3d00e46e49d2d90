"""What one would search with instead: LangChain's ensemble, and a store's own client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import psycopg
from langchain_chroma import Chroma
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from qdrant_client import QdrantClient, models

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.models.minilm import MiniLM
from tools.bench.speed import ChanceVectors
from tools.data.rows import read_rows

_BATCH = 5_000
"""What Chroma takes at a time: a limit of its own."""


class _Embeddings:
    """MiniLM as LangChain has it; documents get vectors by chance, as they do in the store."""

    def __init__(self) -> None:
        self._model, self._chance = MiniLM(), ChanceVectors()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Chance."""
        return self._chance.embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        """The model's."""
        return self._model.embed([text])[0].tolist()


def ensemble(folder: Path, k: int) -> Callable[[str], object]:
    """`EnsembleRetriever` of BM25 and Chroma over the documents of a bench's folder."""
    texts = [str(row["text"]) for file in _files(folder) for row in read_rows(file)]
    words = BM25Retriever.from_texts(texts, k=k)
    vectors = Chroma(collection_name="peer", embedding_function=_Embeddings())  # pyright: ignore[reportArgumentType]
    for first in range(0, len(texts), _BATCH):
        vectors.add_texts(texts[first : first + _BATCH])
    near = vectors.as_retriever(search_kwargs={"k": k})
    both = EnsembleRetriever(retrievers=[words, near], weights=[0.5, 0.5])
    return both.invoke


def client_of(folder: Path, k: int) -> Callable[[str], object]:
    """The nearest vectors by the store's own client, without words, names or texts checked."""
    store = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml").store
    model = MiniLM()
    if store.kind == "pgvector":
        return _postgres(store.url.get_secret_value() if store.url else "", model, k)
    if store.kind == "qdrant":
        return _qdrant(folder, model, k)
    return _chroma(folder, model, k)


def _chroma(folder: Path, model: MiniLM, k: int) -> Callable[[str], object]:
    texts = [str(row["text"]) for file in _files(folder) for row in read_rows(file)]
    collection = chromadb.EphemeralClient().create_collection("client", embedding_function=None)
    chance = ChanceVectors()
    for first in range(0, len(texts), _BATCH):
        some = texts[first : first + _BATCH]
        ids = [str(first + i) for i in range(len(some))]
        collection.add(ids=ids, documents=some, embeddings=chance.embed(some))  # pyright: ignore[reportArgumentType]
    return lambda q: collection.query(query_embeddings=model.embed([q]), n_results=k)  # pyright: ignore[reportArgumentType]


def _postgres(url: str, model: MiniLM, k: int) -> Callable[[str], object]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SELECT set_config('agent_knowledge.tenant', '', false)")
    query = (
        "SELECT passage FROM agent_knowledge.windows"
        " ORDER BY vector::halfvec(384) <=> %s::halfvec(384) LIMIT %s"
    )

    def nearest(text: str) -> object:
        vector = json.dumps(model.embed([text])[0].tolist())
        return connection.execute(query, (vector, k)).fetchall()

    return nearest


def _qdrant(folder: Path, model: MiniLM, k: int) -> Callable[[str], object]:
    texts = [str(row["text"]) for file in _files(folder) for row in read_rows(file)]
    client: Any = QdrantClient(":memory:")
    size = models.VectorParams(size=384, distance=models.Distance.COSINE)
    client.create_collection("client", vectors_config=size)
    client.upload_collection("client", vectors=ChanceVectors().embed(texts).astype(np.float32))
    return lambda q: client.query_points("client", query=model.embed([q])[0].tolist(), limit=k)


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "documents").glob("*.jsonl"))
