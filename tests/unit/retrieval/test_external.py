from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.others.external import ExternalSource


class Web(BaseRetriever):
    """Gives the same documents to every query."""

    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.documents


class Broken:
    def invoke(self, query: str, /) -> Sequence[Document]:
        raise TimeoutError("no answer")


class Strings:
    def invoke(self, query: str, /) -> Sequence[Document]:
        return ["text"]  # type: ignore[list-item]


def test_documents_become_passages_in_their_order():
    web = Web(
        documents=[
            Document(
                "First.", metadata={"title": "T", "source": "https://a.example", "date": "2026"}
            ),
            Document("  "),
            Document("Second.", id="two", metadata={"start_index": 10}),
            Document("Third."),
        ]
    )
    first, second = ExternalSource("web", web).retrieve("q", 2)
    assert (first.source, first.document, first.title, first.uri, first.date, first.text) == (
        "web",
        "https://a.example",
        "T",
        "https://a.example",
        "2026",
        "First.",
    )
    assert (second.document, second.start, second.end) == ("two", 10, 17)
    assert first.score > second.score


def test_lines_and_hash_are_taken_from_a_retriever_that_tells_them():
    told = {"lines": [3, 5], "document_hash": "ab"}
    rows = [told, {}, {"lines": "3-5"}, {"lines": [5, 3]}, {"lines": [3, 5, 7]}]
    web = Web(documents=[Document("Text.", metadata=row) for row in rows])
    first, *others = ExternalSource("web", web).retrieve("q", 9)
    assert (first.lines, first.document_hash) == ((3, 5), "ab")
    assert {(other.lines, other.document_hash) for other in others} == {(None, None)}


def test_a_retriever_that_fails_is_named():
    with pytest.raises(SourceError, match=r"source 'web'.*TimeoutError: no answer"):
        ExternalSource("web", Broken()).retrieve("q", 2)


def test_a_retriever_that_gives_no_documents_is_named():
    with pytest.raises(SourceError, match=r"'web'.*gave a str, expected .*Document"):
        ExternalSource("web", Strings()).retrieve("q", 2)
