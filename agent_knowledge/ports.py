"""What the stages ask of the parts below them: Protocols of one or two methods.

Anything that satisfies one of these can be given to `KnowledgeRouter`; fakes are in
`agent_knowledge.testing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from agent_knowledge.types.filters import EVERYTHING, Scope

if TYPE_CHECKING:
    from agent_knowledge.types import Example, Matrix, NeedVerdict, Passage, Task
    from agent_knowledge.types.answers import Opinion
    from agent_knowledge.types.measured import Screened, TextStates, TokenVectors
    from agent_knowledge.types.search import (
        Hit,
        Hits,
        Query,
        SearchResult,
        SourceBrief,
        SourceStatistics,
    )
    from agent_knowledge.types.stages import Stage


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


@runtime_checkable
class TokenEmbedder(Protocol):
    """Turns texts into a vector for each piece of a word."""

    @property
    def name(self) -> str:
        """As `Embedder.name`."""
        ...

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[TokenVectors]:
        """Embed texts, any number of them, also none; one result each, in their order."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """The text model: one pass gives a text's vector and the states that heads read."""

    @property
    def version(self) -> str:
        """Identity of its weights: what was read by another one is read again."""
        ...

    def read(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> TextStates:
        """Read texts, each beside its context.

        Args:
            texts: Any number of texts, also none.
            contexts: The turns before each, empty for nothing; none where no text has one.
        """
        ...


class PassageIndex(Protocol):
    """The indexed sources, in any store that finds passages by vector, and by words if it can."""

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask sources, without reading any text.

        Args:
            queries: What is searched for.
            sources: Names of the sources.
            k: How many passages each way of searching (vectors, words, names) contributes.
            scope: Where to look: no passage outside it is measured, shown or counted.

        Returns:
            Per query, what each source answered, by its name.

        Raises:
            SourceError: A source is not indexed, or its index cannot serve.
            TenantMissingError: A source keeps tenants apart, and the scope names none.
        """
        ...

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """Follow passages to what they name: the second look-up of a question that takes two.

        Args:
            query: What was searched for.
            hits: The passages whose texts are read; one that is gone meanwhile names nothing.
            sources: Names of the sources that are searched for what they name.
            k: As of `search`.
            scope: As of `search`.

        Returns:
            Per source, further hits for the query: passages that the texts name, measured as by
            `search`, `named` with what being named by a text adds. A source may be left out.
        """
        ...

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """What was measured of a source when it was indexed.

        Args:
            source: Its name.
            scope: As of `search`; its `passages` are those within it.

        Raises:
            SourceError: It is not indexed, or its index cannot serve.
        """
        ...

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits from the store, in their order.

        A hit that is gone meanwhile, or lies outside the scope, is left out.
        """
        ...


@runtime_checkable
class StoredDocuments(Protocol):
    """An index that can say what a document says now; quotations are looked up there."""

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        """The whole text of a passage's document.

        None where it is not stored, no longer, or outside the scope.
        """
        ...


@runtime_checkable
class Closes(Protocol):
    """An index that holds files; `KnowledgeRouter.close` releases them."""

    def close(self) -> None:
        """Release them; a later call opens them again."""
        ...


class Retriever(Protocol):
    """An external source, searched by the host's own means."""

    def retrieve(self, query: str, k: int) -> Sequence[Passage]:
        """Find up to `k` passages, best first."""
        ...


class Reranker(Protocol):
    """Puts the passages that a search found into a last order."""

    @property
    def name(self) -> str:
        """What a decision calls it."""
        ...

    def scores(self, query: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Score passages, each by itself; one number each, in their order, higher for better."""
        ...


class Screen(Protocol):
    """Tells whether a text speaks to the model that will read it, instead of to people.

    Called from several threads at once.
    """

    def screen(self, texts: Sequence[str]) -> Sequence[Screened]:
        """Screen texts, each by itself; one verdict each, in their order."""
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


class NeedJudge(Protocol):
    """Says what a task needs, where the evidence does not (`ask_model_below`).

    It is called from several threads at once. Whatever it raises, and an answer that takes too
    long, is recorded in the decision and changes nothing else.
    """

    @property
    def name(self) -> str:
        """The name of the model, for the record, such as `openai:gpt-5-mini`."""
        ...

    def judge(self, task: Task) -> NeedVerdict:
        """Say what a task needs, from its text and history alone."""
        ...


@runtime_checkable
class InformedJudge(Protocol):
    """Says what a task needs, shown the agent's sources too: as a decision model does."""

    @property
    def name(self) -> str:
        """Which one it is; shown with its verdict."""
        ...

    def judge_with(self, task: Task, sources: Sequence[SourceBrief]) -> NeedVerdict:
        """Judge a task, knowing what each source is about and what it found.

        As `NeedJudge.judge`; the verdict may hold probabilities instead of one need.
        """
        ...


class QueryWriter(Protocol):
    """Writes what a turn of a conversation asks (`query_rewrite: model`).

    Called and forgiven as a `NeedJudge` is.
    """

    @property
    def name(self) -> str:
        """The name of the model, for the record."""
        ...

    def rewrite(self, task: Task) -> str:
        """Say what a task asks so that it is complete without its history, which is not empty."""
        ...


class ClaimJudge(Protocol):
    """Gives a second opinion on a claim of an answer; the packaged verdict stands beside it.

    Called from several threads at once, and forgiven as a `NeedJudge` is.
    """

    @property
    def name(self) -> str:
        """The name of the model, for the record."""
        ...

    def judge(self, claim: str, passages: Sequence[str]) -> Opinion:
        """Say whether passages, each with its title, support a claim, which is without markers."""
        ...


class Observer(Protocol):
    """Watches stages: traces, counts or logs them."""

    def watch(self, stage: Stage) -> AbstractContextManager[object]:
        """A context that is entered when a stage begins and left when it ends.

        What the stage came to is in `stage` by then. Whatever this raises is logged, and changes
        nothing.
        """
        ...
