"""Sources searched by the host's own means: any LangChain retriever becomes a `ports.Retriever`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from langchain_core.documents import Document

from agent_knowledge import limits
from agent_knowledge.errors import SourceError
from agent_knowledge.types import Passage, without_surrogates
from agent_knowledge.types.addresses import address_of_place, public_address


class Searches(Protocol):
    """What is asked of a retriever; every `BaseRetriever` has it."""

    def invoke(self, input: str, /) -> Sequence[Document]:  # noqa: A002 - LangChain's name
        """Find documents, best first."""
        ...


class ExternalSource:
    """Adapts a LangChain retriever. Its documents are taken as they come, in its order."""

    def __init__(self, name: str, retriever: Searches) -> None:
        """Adapt a retriever.

        Args:
            name: The source's name in the configuration.
            retriever: A `BaseRetriever`, or anything with `invoke(query) -> documents`.
        """
        self.name = name
        self._retriever = retriever

    def retrieve(self, query: str, k: int) -> tuple[Passage, ...]:
        """Find up to `k` passages, best first.

        Raises:
            SourceError: The retriever failed, or gave something else than documents, or one that
                is too long for a passage.
        """
        try:
            documents = list(self._retriever.invoke(query))
        except Exception as error:  # a host's retriever may raise anything
            msg = f"source {self.name!r}: its retriever failed ({type(error).__name__}: {error})"
            raise SourceError(msg) from error
        found = [self._passage(n, d) for n, d in enumerate(documents, start=1)]
        return tuple(passage for passage in found if passage.text.strip())[:k]

    def _passage(self, rank: int, document: object) -> Passage:
        if not isinstance(document, Document):
            msg = (
                f"source {self.name!r}: its retriever gave a {type(document).__name__}, "
                "expected langchain_core.documents.Document"
            )
            raise SourceError(msg)
        known: Mapping[str, Any] = document.metadata
        uri = _first(known, "uri", "url") or address_of_place(_first(known, "source", "link"))
        uri = public_address(uri, self.name, document.id or "")
        text = without_surrogates(document.page_content)
        if len(text) > limits.PASSAGE_CHARACTERS:
            msg = (
                f"source {self.name!r}: its retriever gave a passage of {len(text):,} characters; "
                f"at most {limits.PASSAGE_CHARACTERS:,} are accepted: have it split its documents"
            )
            raise SourceError(msg)
        start = known.get("start_index", 0)
        start = start if isinstance(start, int) and start >= 0 else 0
        return Passage(
            source=self.name,
            document=document.id or _first(known, "id", "document_id") or uri or str(rank),
            title=_first(known, "title"),
            uri=uri,
            text=text,
            start=start,
            end=start + len(text),
            score=1.0 / rank,
            date=_first(known, "date", "published", "last_modified") or None,
            document_hash=_first(known, "document_hash", "content_hash") or None,
            lines=_lines(known.get("lines")),
        )


def _first(metadata: Mapping[str, Any], *keys: str) -> str:
    return next((str(metadata[key]) for key in keys if metadata.get(key)), "")


def _lines(given: object) -> tuple[int, int] | None:
    """First and last line as a retriever tells them, ours included; None if it does not."""
    match given:
        case [int() as first, int() as last] if 1 <= first <= last:
            return first, last
        case _:
            return None
