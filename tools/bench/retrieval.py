"""How well and how fast the indexed sources find documents, beside what one would use instead.

    python -m tools.bench.retrieval --data ../shared/data

Every way of ranking reads the same passages, embedded once by the packaged MiniLM. A document
ranks where its best passage ranks. Times leave out all embedding. "this package" is
`router.retrieve`: it decides whether a question takes several look-ups, and asks its parts and
follows what its best passages name if it does; the line below it is its single look-up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent_knowledge import KnowledgeRouter
from agent_knowledge.config import AgentProfile, SourceConfig
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceKey
from tools.data.embedding import RememberingMiniLM
from tools.data.measures import ranking_quality
from tools.data.retrieval import SETS, RetrievalSet, read_retrieval_sets
from tools.data.split import Part, add_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RANKED = 50
"""Passages; each way of searching contributes as many, so every ranking has its own best."""
_RRF_CONSTANT = 60
"""Of Cormack, Clarke and Büttcher, "Reciprocal rank fusion" (2009); LangChain's default too."""

Ranking = Callable[[Query], Sequence[str]]
"""Document ids, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Mean nDCG@10 and recall@5 over the questions, 0..1, and milliseconds a query."""

    ndcg_at_10: float
    recall_at_5: float
    ms: float


def main() -> None:
    """Print one table per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    add_option(parser)
    args = parser.parse_args()
    sets = read_retrieval_sets(args.data, args.sets, args.part)
    if not sets:
        print(f"no data at {args.data / 'retrieval'}: pass --data FOLDER")
    for one in sets:
        _measure(one, args.part)


def _measure(one: RetrievalSet, part: Part) -> None:
    embedder = RememberingMiniLM()
    with opened(one.name, one.corpus, embedder) as (store, index):
        print(f"{one.name}: {len(one.questions)} questions, part: {part}")
        for name, ranking in _rankings(one.name, store, index, embedder):
            score = _score(ranking, one, embedder)
            print(
                f"  {name:24} nDCG@10 {score.ndcg_at_10:.3f}  recall@5 "
                f"{score.recall_at_5:.3f}  {score.ms:6.2f} ms",
                flush=True,
            )


@contextmanager
def opened(
    source: str, corpus: Path, embedder: RememberingMiniLM
) -> Generator[tuple[Path, SourceIndex]]:
    """Index a corpus in a temporary folder; gives the folder and what searches it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        with Indexer(store, embedder) as indexer:
            report = indexer.index(source, corpus)
        print(
            f"{source}: {report.added} documents, {report.passages} passages, "
            f"indexed in {report.elapsed_s:.0f} s"
        )
        with SourceIndex(store, embedder.name) as index:
            yield store, index


def router_over(source: str, index: SourceIndex, embedder: RememberingMiniLM) -> KnowledgeRouter:
    """The router of an agent that has one source."""
    agent = AgentProfile(sources={source: SourceConfig(path="already-indexed")})
    return KnowledgeRouter(agent, embedder=embedder, index=index)


def _score(ranking: Ranking, one: RetrievalSet, embedder: RememberingMiniLM) -> Score:
    vectors = embedder.embed([question.text for question in one.questions])
    queries = [
        Query(text=question.text, vector=vector)
        for question, vector in zip(one.questions, vectors, strict=True)
    ]
    for query in queries:  # opens files, and embeds whatever is not yet
        ranking(query)
    started = time.perf_counter()
    found = [ranking(query) for query in queries]
    ms = (time.perf_counter() - started) * 1000 / len(queries)
    ndcg, recall = ranking_quality(found, [question.relevant for question in one.questions])
    return Score(ndcg_at_10=ndcg, recall_at_5=recall, ms=ms)


def _rankings(
    source: str, store: Path, index: SourceIndex, embedder: RememberingMiniLM
) -> Iterator[tuple[str, Ranking]]:
    def search(query: Query) -> SearchResult:
        return index.search([query], [source], _RANKED)[0][source]

    def documents(hits: Sequence[Hit]) -> Sequence[str]:
        return [passage.document for passage in index.passages(hits[:_RANKED])]

    def by(score: Callable[[Hits], NDArray[np.float64]]) -> Ranking:
        def ranking(query: Query) -> Sequence[str]:
            hits = search(query).hits
            return documents(sorted(hits.scored(score(hits)), key=lambda hit: -hit.score))

        return ranking

    def fused(query: Query) -> Sequence[str]:
        return documents(fuse([search(query)]))

    router = router_over(source, index, embedder)

    def retrieved(query: Query) -> Sequence[str]:
        return [passage.document for passage in router.retrieve(query.text, _RANKED)]

    yield "this package", retrieved
    yield "  without sub-queries, links", fused
    yield "dense only", by(lambda hits: hits.dense.astype(np.float64))
    yield "BM25 only", by(lambda hits: hits.lexical.astype(np.float64))
    yield "reciprocal rank fusion", by(_reciprocal_ranks)
    ensemble = _ensemble(source, store, embedder)
    if ensemble:
        yield "LangChain's ensemble", ensemble


def _reciprocal_ranks(hits: Hits) -> NDArray[np.float64]:
    scores = np.zeros(len(hits))
    for values in (hits.dense, hits.lexical):
        best = np.argsort(-values, kind="stable")[:_RANKED]
        scores[best] += 1 / (_RRF_CONSTANT + np.arange(1, len(best) + 1))
    return scores


def _ensemble(source: str, store: Path, embedder: RememberingMiniLM) -> Ranking | None:
    """EnsembleRetriever(BM25Retriever, Chroma) over the same passages, as its guide sets it up."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # community is being sunset
    try:
        from langchain_chroma import Chroma  # noqa: PLC0415 - extras of the benches
        from langchain_classic.retrievers import EnsembleRetriever  # noqa: PLC0415
        from langchain_community.retrievers import BM25Retriever  # noqa: PLC0415
    except ImportError as error:
        print(f"  LangChain's ensemble: {error.name} is missing; pip install -e '.[bench]'")
        return None
    from langchain_core.documents import Document  # noqa: PLC0415 - beside its kin

    passages = PassageStore(store)
    stored = passages.sources()[SourceKey(source)]
    texts = {passage.number: passage.words for passage in passages.searched(stored)}
    read: Mapping[int, Any] = {}
    for numbers in _batches(list(texts), 500):
        read = {**read, **passages.passages(numbers)}
    passages.close()
    documents = [
        Document(text, metadata={"document": read[number].document})
        for number, text in texts.items()
    ]
    vectors: Any = Chroma(
        f"bench-{source}",
        embedding_function=embedder,  # pyright: ignore[reportArgumentType] - it has both methods
        collection_metadata={"hnsw:space": "cosine"},
    )
    for batch in _batches(documents, 1000):
        vectors.add_documents(batch)
    words: Any = BM25Retriever.from_documents(documents, k=_RANKED)
    dense = vectors.as_retriever(search_kwargs={"k": _RANKED})
    ensemble: Any = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
    return lambda query: [d.metadata["document"] for d in ensemble.invoke(query.text)]


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


if __name__ == "__main__":
    main()
