"""The retrieval sets: a corpus of documents, questions, and which documents answer them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.data.split import Part, read_part

SETS = ("docs_rag", "hotpot", "musique")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and the ids of the documents that answer it."""

    id: str
    text: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSet:
    """One set; the corpus is JSON lines that a source can be indexed from."""

    name: str
    corpus: Path
    questions: tuple[Question, ...]


def read_retrieval_sets(
    data: Path, names: Sequence[str] = SETS, part: Part = "all"
) -> list[RetrievalSet]:
    """Read sets of `retrieval/`, with the questions of a part; absent sets are left out."""
    found: list[RetrievalSet] = []
    for name in names:
        folder, file = data / "retrieval" / name, f"retrieval/{name}/queries.jsonl"
        if (data / file).is_file():
            questions = tuple(
                Question(id=row["id"], text=row["query"], relevant=frozenset(row["relevant"]))
                for row in read_part(data, file, part)
            )
            corpus = folder / "corpus.jsonl"
            found.append(RetrievalSet(name=name, corpus=corpus, questions=questions))
    return found
