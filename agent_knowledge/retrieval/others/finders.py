"""How the stores and retrievers of others are asked: for the nearest documents, and little else."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore, VectorStoreRetriever

from agent_knowledge.errors import (
    AgentKnowledgeError,
    ConfigError,
    SourceError,
    StoreUnavailableError,
    without_password,
)
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.others.external import fields_of_document, passage_of
from agent_knowledge.retrieval.others.filters import translated
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Filter
from agent_knowledge.types.search import Query

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix, Vector

_BY_VECTOR = (
    "similarity_search_with_score_by_vector",
    "similarity_search_by_vector_with_relevance_scores",
    "similarity_search_by_vector_with_score",
)
"""What LangChain's stores call a search by vector that tells scores."""
_WIDER = 4
"""Times as many are asked for where a store cannot filter: a limit of what is fetched in vain."""
_PROBE = "How long does a refund take?"
_SAME = 0.02
"""Largest distance of two vectors of one text that are of one model; int8 is within it."""
_DOWN = re.compile(r"time(d )?out|connect|unavailable|OperationalError|ResponseHandling", re.I)
"""What the errors of clients are called, or say, where the server is down or slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignHit:
    """A passage that was found.

    Attributes:
        passage: The passage.
        score: What its store says of it; which way is better, and on what scale, it does not say.
            None where it says nothing.
    """

    passage: Passage
    score: float | None = None

    @property
    def number(self) -> int:
        """Its number in our rankings: of its document, place, text and metadata.

        The same text may be two tenants' own.
        """
        one = self.passage
        said = (one.document, one.start, one.text, sorted(one.fields.items()))
        content = repr(said).encode(errors="replace")
        return int.from_bytes(blake2b(content, digest_size=8).digest()) >> 1


class Finder(Protocol):
    """A source of others that finds documents for a text."""

    @property
    def in_our_space(self) -> bool:
        """Whether its vectors are of the embedding that our queries have vectors of already."""
        ...

    def vector(self, query: Query) -> Vector | None:
        """A query's vector as the source compares it; None where only the source knows."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix | None:
        """Vectors of documents' texts in that space; None where only the source knows."""
        ...

    def near(
        self, text: str, vector: Vector | None, k: int, wanted: Filter
    ) -> Sequence[ForeignHit]:
        """Find up to `k` or a few more, best first; some may not be as wanted.

        Raises:
            SourceError: It cannot serve.
        """
        ...

    def count(self) -> int | None:
        """How many documents it has; None where it does not say."""
        ...


def finder_of(source: str, given: object, embedder: Embedder) -> Finder:
    """Make a finder of what a host gave.

    Args:
        source: Name of the source.
        given: A LangChain vector store or retriever, a `ports.Retriever`, or a function from query
            and number to documents.
        embedder: What queries are embedded with.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(given, VectorStoreRetriever) and _is_plain(given):
        given = given.vectorstore
    if isinstance(given, VectorStore):
        return VectorStoreFinder(source, given, embedder)
    if isinstance(given, BaseRetriever) or hasattr(given, "invoke"):
        invoke = cast("Callable[[str], Iterable[object]]", getattr(given, "invoke"))  # noqa: B009
        return RetrieverFinder(source, lambda text, _: invoke(text))
    search = getattr(given, "retrieve", given)
    if callable(search) and not isinstance(given, type):
        return RetrieverFinder(source, cast("Callable[[str, int], Iterable[object]]", search))
    msg = (
        f"source {source!r}: its retriever is a {type(given).__name__}; accepted are a LangChain "
        "VectorStore or BaseRetriever, an object with retrieve(query, k), and a function "
        "(query, k) -> documents"
    )
    raise ConfigError(msg)


def _is_plain(retriever: VectorStoreRetriever) -> bool:
    """Whether it adds nothing to its store, so that the store's scores can be had instead."""
    return retriever.search_type == "similarity" and retriever.search_kwargs.keys() <= {"k"}


class VectorStoreFinder:
    """Asks a LangChain vector store."""

    def __init__(self, source: str, store: VectorStore, embedder: Embedder) -> None:
        """Hold it; nothing is asked yet.

        Args:
            source: Name of the source.
            store: The store.
            embedder: What queries are embedded with.
        """
        self._source = source
        self._store = store
        self._embedder = embedder
        by_vector = [getattr(store, name) for name in _BY_VECTOR if hasattr(store, name)]
        # A store that searches by words too does so by text alone.
        hybrid = getattr(store, "retrieval_mode", "dense") not in {"dense"}
        self._by_vector: Callable[..., Any] | None = None if hybrid else next(iter(by_vector), None)
        self._embeddings: Any = None if hybrid else store.embeddings

    @property
    def in_our_space(self) -> bool:
        """See `Finder`; found out once, by a text that both embed."""
        return self._in_our_space

    @cached_property
    def _in_our_space(self) -> bool:
        if self._embeddings is None:
            return False
        with self._explained():
            theirs = np.asarray(self._embeddings.embed_query(_PROBE), dtype=np.float32)
        ours = self._embedder.embed([_PROBE])[0]
        return theirs.shape == ours.shape and float(np.linalg.norm(theirs - ours)) < _SAME

    def vector(self, query: Query) -> Vector | None:
        """See `Finder`."""
        if self._embeddings is None or self._by_vector is None:
            return None
        if self.in_our_space:
            return query.vector
        with self._explained():
            return np.asarray(self._embeddings.embed_query(query.tail or query.text), np.float32)

    def embed(self, texts: Sequence[str]) -> Matrix | None:
        """See `Finder`."""
        if self._embeddings is None or self._by_vector is None:
            return None
        if self.in_our_space:
            return self._embedder.embed(texts)
        with self._explained():
            return np.asarray(self._embeddings.embed_documents(list(texts)), np.float32)

    def near(
        self, text: str, vector: Vector | None, k: int, wanted: Filter
    ) -> Sequence[ForeignHit]:
        """See `Finder`."""
        said = translated(self._store, wanted, self._fields)
        if said.given is not None:
            # A value of another type than a column's is an error in some: then it is not said.
            with suppress(SourceError):
                options = {"k": k if said.whole else _WIDER * k, "filter": said.given}
                return self._searched(text, vector, options)
        return self._searched(text, vector, {"k": k if said.whole else _WIDER * k})

    def _searched(
        self, text: str, vector: Vector | None, options: dict[str, Any]
    ) -> list[ForeignHit]:
        with self._explained():
            if vector is not None and self._by_vector is not None:
                rows = self._by_vector(vector.tolist(), **options)
            else:
                try:
                    rows = self._store.similarity_search_with_score(text, **options)
                except NotImplementedError:
                    rows = self._store.similarity_search(text, **options)
        return [_hit(row, self._source) for row in rows]

    def count(self) -> int | None:
        """See `Finder`."""
        store: Any = self._store
        with suppress(Exception):  # a count that cannot be had is none
            if isinstance(held := getattr(store, "store", None), dict):
                return len(cast("dict[str, object]", held))
            if hasattr(store, "client") and hasattr(store, "collection_name"):
                return int(store.client.count(store.collection_name).count)
            if hasattr(store, "_collection"):
                return int(store._collection.count())
        return None

    def _fields(self, document: Document) -> Any:
        return fields_of_document(document, self._source)

    def _explained(self) -> Any:
        return explained(self._source, type(self._store).__name__)


class RetrieverFinder:
    """Asks a retriever, or any function from query and number to documents."""

    def __init__(self, source: str, search: Callable[[str, int], Iterable[object]]) -> None:
        """Hold it.

        Args:
            source: Name of the source.
            search: Gives documents, texts, our passages, or pairs of one and its score.
        """
        self._source = source
        self._search = search

    @property
    def in_our_space(self) -> bool:
        """See `Finder`."""
        return False

    def vector(self, query: Query) -> Vector | None:  # noqa: ARG002
        """See `Finder`."""
        return None

    def embed(self, texts: Sequence[str]) -> Matrix | None:  # noqa: ARG002
        """See `Finder`."""
        return None

    def near(
        self,
        text: str,
        vector: Vector | None,  # noqa: ARG002
        k: int,
        wanted: Filter,
    ) -> Sequence[ForeignHit]:
        """See `Finder`."""
        with explained(self._source, "retriever"):
            rows = list(self._search(text, _WIDER * k if wanted.conditions else k))
        return [_hit(row, self._source) for row in rows]

    def count(self) -> int | None:
        """See `Finder`."""
        return None


def _hit(row: object, source: str) -> ForeignHit:
    """A hit of whatever a store or retriever gives.

    Raises:
        SourceError: It gives something else than documents.
    """
    found, score = cast("tuple[object, Any]", row) if isinstance(row, tuple) else (row, None)
    if isinstance(found, Passage):
        return ForeignHit(passage=replace(found, source=source), score=score)
    if isinstance(found, str):
        found = Document(found)
    content = getattr(found, "page_content", "")
    unnamed = blake2b(str(content).encode(errors="replace"), digest_size=8).hexdigest()
    passage = passage_of(found, source, unnamed)
    return ForeignHit(passage=passage, score=None if score is None else float(score))


@contextmanager
def explained(source: str, what: str) -> Generator[None]:
    """Turn whatever a store of others raises into an error of ours, without a password.

    Raises:
        StoreUnavailableError: It is down, or too slow.
        SourceError: It failed otherwise.
    """
    try:
        yield
    except AgentKnowledgeError:
        raise
    except Exception as error:  # a host's store may raise anything
        said = without_password(str(error))
        msg = f"source {source!r}: its {what} failed ({type(error).__name__}: {said})"
        causes = [error, error.__cause__, error.__context__]
        down = any(
            isinstance(one, ConnectionError | TimeoutError) or _DOWN.search(type(one).__name__)
            for one in causes
            if one is not None
        )
        if down or _DOWN.search(said):
            msg = f"{msg}; see that it runs and can be reached from here"
            raise StoreUnavailableError(msg) from error
        raise SourceError(msg) from error
