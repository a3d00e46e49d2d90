"""Sources searched by the host's own means: any LangChain retriever becomes a `ports.Retriever`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from langchain_core.documents import Document

from agent_knowledge import limits
from agent_knowledge.errors import SourceError, without_password
from agent_knowledge.retrieval.reading.documents import is_date_field
from agent_knowledge.retrieval.reading.fields import fields_of
from agent_knowledge.types import Passage, without_surrogates
from agent_knowledge.types.addresses import address_of_place, public_address
from agent_knowledge.types.filters import Value

_TOLD = frozenset({"title", "uri", "url"})
"""Metadata that a passage tells as its own."""
_PLACES = frozenset({"source", "link", "path", "file_path"})
"""Metadata that may be a path of this machine."""


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
            why = f"{type(error).__name__}: {without_password(str(error))}"
            msg = f"source {self.name!r}: its retriever failed ({why})"
            raise SourceError(msg) from error
        found = [self._passage(n, d) for n, d in enumerate(documents, start=1)]
        return tuple(passage for passage in found if passage.text.strip())[:k]

    def _passage(self, rank: int, document: object) -> Passage:
        return replace(passage_of(document, self.name, str(rank)), score=1.0 / rank)


def passage_of(document: object, source: str, unnamed: str) -> Passage:
    """Make a passage of what a retriever gave.

    Args:
        document: A LangChain document.
        source: Name of the source.
        unnamed: The document's id where it tells none.

    Raises:
        SourceError: It is something else, or too long for a passage.
    """
    if not isinstance(document, Document):
        msg = (
            f"source {source!r}: its retriever gave a {type(document).__name__}, "
            "expected langchain_core.documents.Document"
        )
        raise SourceError(msg)
    known: Mapping[str, Any] = document.metadata
    text = without_surrogates(document.page_content)
    if len(text) > limits.PASSAGE_CHARACTERS:
        msg = (
            f"source {source!r}: its retriever gave a passage of {len(text):,} characters; "
            f"at most {limits.PASSAGE_CHARACTERS:,} are accepted: have it split its documents"
        )
        raise SourceError(msg)
    start = known.get("start_index", 0)
    start = start if isinstance(start, int) and start >= 0 else 0
    fields = fields_of_document(document, source, unnamed)
    return Passage(
        source=source,
        document=str(fields["document"]),
        title=title_in(known),
        uri=str(fields.get("uri", "")),
        text=text,
        start=start,
        end=start + len(text),
        date=cast("str | None", fields.get("date")),
        document_hash=_first(known, "document_hash", "content_hash") or None,
        lines=_lines(known.get("lines")),
        fields=fields,
    )


def fields_of_document(document: Document, source: str, unnamed: str = "") -> dict[str, Value]:
    """What a filter reads of a LangChain document; see `passage_of`."""
    known: Mapping[str, Any] = document.metadata
    uri = address_in(known, source, _document_id(document))
    own = {
        "document": _document_id(document) or uri or unnamed,
        "title": title_in(known),
        "uri": uri,
        "date": _first(known, "date", "published", "last_modified"),
    }
    fields = fields_in(known, source, _document_id(document))
    return fields | {name: value for name, value in own.items() if value}


def title_in(metadata: Mapping[str, Any]) -> str:
    """The title that a document's metadata tells; may be empty."""
    return _first(metadata, "title")


def address_in(metadata: Mapping[str, Any], source: str, document: str) -> str:
    """Where a person finds a document, as its metadata tells; without a path of this machine.

    Args:
        metadata: As LangChain's loaders and users name things in it.
        source: Name of the source.
        document: The document's id; may be empty.
    """
    uri = _first(metadata, "uri", "url") or address_of_place(_first(metadata, "source", "link"))
    return public_address(uri, source, document)


def fields_in(metadata: Mapping[str, Any], source: str, document: str) -> dict[str, Value]:
    """What a filter can compare of a document's metadata; without a path of this machine."""
    return fields_of(
        {
            name: public_address(address_of_place(value), source, document)
            if name in _PLACES and isinstance(value, str)
            else value
            for name, value in metadata.items()
            if name not in _TOLD
        }
    )


def labels_in(metadata: Mapping[str, Any]) -> list[str]:
    """Texts of metadata that a document is found by too, such as a name; no place and no date."""
    told = {*_TOLD, *_PLACES}
    return [
        value
        for name, value in metadata.items()
        if name not in told and not is_date_field(name) and isinstance(value, str)
    ]


def _document_id(document: Document) -> str:
    """What a document goes by; a chunk's own id is a random one with most stores."""
    known: Mapping[str, Any] = document.metadata
    return _first(known, "document_id") or document.id or _first(known, "id")


def _first(metadata: Mapping[str, Any], *keys: str) -> str:
    return next((str(metadata[key]) for key in keys if metadata.get(key)), "")


def _lines(given: object) -> tuple[int, int] | None:
    """First and last line as a retriever tells them, ours included; None if it does not."""
    match given:
        case [int() as first, int() as last] if 1 <= first <= last:
            return first, last
        case _:
            return None
