"""What the stages ask of the parts below them: Protocols of one or two methods.

Anything that satisfies one of these can be given to `KnowledgeRouter`; fakes are in
`agent_knowledge.testing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent_knowledge.types import Example, Hit, Matrix, Passage, Probe, Query, Vector


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Identity that an index records, such as `minilm`; another name means other vectors."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts.

        Args:
            texts: Any number of texts, also none.

        Returns:
            float32, shape (len(texts), dimensions), rows of length 1, in the order of `texts`.
        """
        ...


class PassageIndex(Protocol):
    """The indexed sources."""

    def probe(self, queries: Sequence[Query], sources: Sequence[str]) -> list[dict[str, Probe]]:
        """Ask sources, without reading any text.

        Returns:
            Per query, what each source answered, by its name.

        Raises:
            SourceError: A source is not indexed, or its index cannot serve.
        """
        ...

    def related(self, hits: Sequence[Hit], sources: Sequence[str]) -> dict[str, Vector]:
        """How clearly the texts of some passages name the other passages of sources.

        Returns:
            Per source, a number within 0..1 for each passage, in the order of its probes.
        """
        ...

    def passages(self, hits: Sequence[Hit]) -> tuple[Passage, ...]:
        """Read hits from the store, in their order; a hit that is gone meanwhile is left out."""
        ...


class Retriever(Protocol):
    """An external source, searched by the host's own means."""

    def retrieve(self, query: str, k: int) -> Sequence[Passage]:
        """Find up to `k` passages, best first."""
        ...


class ExampleSet(Protocol):
    """A set of worked examples with one vector each."""

    @property
    def examples(self) -> Sequence[Example]:
        """The examples, in the file's order."""
        ...

    @property
    def vectors(self) -> Matrix:
        """One row per example."""
        ...
