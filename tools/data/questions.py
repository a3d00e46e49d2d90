"""Sets of questions, and their documents indexed as a user would have them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_knowledge import KnowledgeRouter
from agent_knowledge.config import AgentProfile, Policy, SourceConfig
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from tools.data.embedding import RememberingMiniLM
from tools.data.rows import read_rows

PARTS = 5
"""Indexes without the documents of every fifth question: the rest of the corpus stays whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question, the answer that a person wrote, and the ids of the documents that hold it."""

    question: str
    answer: str
    relevant: frozenset[str]


def read_set(data: Path, name: str) -> tuple[list[Mapping[str, Any]], list[Case]]:
    """Read the documents of a set, and its questions."""
    folder = data / "retrieval" / name
    cases = [
        Case(question=row["query"], answer=row["answer"], relevant=frozenset(row["relevant"]))
        for row in read_rows(folder / "queries.jsonl")
    ]
    return list(read_rows(folder / "corpus.jsonl")), cases


@contextmanager
def opened(
    corpus: Sequence[Mapping[str, Any]], embedder: RememberingMiniLM
) -> Generator[KnowledgeRouter]:
    """Index documents, and open a router of an agent that always cites them."""
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder) / "corpus.jsonl", Path(folder) / "store"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in corpus), encoding="utf-8")
        with Indexer(store, embedder) as indexer:
            indexer.index("corpus", file)
        with SourceIndex(store, embedder.name) as index:
            source = SourceConfig(path="already-indexed")
            policy = Policy(citations="always")
            agent = AgentProfile(sources={"corpus": source}, policy=policy)
            yield KnowledgeRouter(agent, embedder=embedder, index=index)


def without(
    corpus: Sequence[Mapping[str, Any]], cases: Sequence[Case]
) -> Iterator[tuple[list[Mapping[str, Any]], list[Case]]]:
    """Part the questions; with each part goes the corpus without the documents that answer it."""
    for part in range(PARTS):
        asked = list(cases[part::PARTS])
        gone = frozenset[str]().union(*(case.relevant for case in asked))
        yield [row for row in corpus if row["id"] not in gone], asked
