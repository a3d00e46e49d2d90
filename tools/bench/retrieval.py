"""How well and how fast the indexed sources find documents, beside what one would use instead.

    python -m tools.bench.retrieval --data ../shared/data [--dialogue]

Every way of ranking reads the same passages, embedded once by the packaged MiniLM. A document
ranks where its best passage ranks. Times leave out the embedding of the query, which all share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_knowledge.sources.fusion import fuse
from agent_knowledge.sources.index import SourceIndex
from agent_knowledge.sources.indexing import Indexer
from agent_knowledge.sources.store import PassageStore
from agent_knowledge.types import Hit, Query
from tools.data.embedding import RememberingMiniLM
from tools.data.measures import ranking_quality
from tools.data.retrieval import RetrievalSet, read_dialogue, read_retrieval_sets

_RANKED = 50
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
    parser.add_argument("--dialogue", action="store_true", help="also the 12,039 FAQ entries")
    parser.add_argument("--sets", nargs="*", default=["docs_rag", "hotpot", "musique"])
    args = parser.parse_args()
    sets = read_retrieval_sets(args.data, args.sets)
    dialogue = read_dialogue(args.data) if args.dialogue else None
    if dialogue:
        sets.append(dialogue)
    if not sets:
        print(f"no data at {args.data / 'retrieval'}: pass --data FOLDER")
    for one in sets:
        _measure(one)


def _measure(one: RetrievalSet) -> None:
    embedder = RememberingMiniLM()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        with Indexer(store, embedder) as indexer:
            report = indexer.index(one.name, one.corpus)
        print(
            f"{one.name}: {report.added} documents, {report.passages} passages, "
            f"indexed in {report.elapsed_s:.0f} s; {len(one.questions)} questions"
        )
        with SourceIndex(store, embedder.name) as index:
            for name, ranking in _rankings(one.name, store, index, embedder):
                score = _score(ranking, one, embedder)
                print(
                    f"  {name:24} nDCG@10 {score.ndcg_at_10:.3f}  recall@5 "
                    f"{score.recall_at_5:.3f}  {score.ms:6.2f} ms",
                    flush=True,
                )


def _score(ranking: Ranking, one: RetrievalSet, embedder: RememberingMiniLM) -> Score:
    vectors = embedder.embed([question.text for question in one.questions])
    queries = [
        Query(text=question.text, vector=vector)
        for question, vector in zip(one.questions, vectors, strict=True)
    ]
    ranking(queries[0])  # opens files, fills caches
    started = time.perf_counter()
    found = [ranking(query) for query in queries]
    ms = (time.perf_counter() - started) * 1000 / len(queries)
    ndcg, recall = ranking_quality(found, [question.relevant for question in one.questions])
    return Score(ndcg_at_10=ndcg, recall_at_5=recall, ms=ms)


def _rankings(
    source: str, store: Path, index: SourceIndex, embedder: RememberingMiniLM
) -> Iterator[tuple[str, Ranking]]:
    def by(order: Callable[[Sequence[Hit]], Iterable[Hit]]) -> Ranking:
        def ranking(query: Query) -> Sequence[str]:
            hits = list(order(index.probe(query, [source])[source].hits))
            return [passage.document for passage in index.passages(hits[:_RANKED])]

        return ranking

    def fused(query: Query) -> Sequence[str]:
        hits = fuse(index.probe(query, [source]).values())
        return [passage.document for passage in index.passages(hits[:_RANKED])]

    yield "this package", fused
    yield "dense only", by(_dense)
    yield "BM25 only", by(_lexical)
    yield "reciprocal rank fusion", by(_reciprocal_ranks)
    ensemble = _ensemble(source, store, embedder)
    if ensemble:
        yield "LangChain's ensemble", ensemble


def _dense(hits: Sequence[Hit]) -> list[Hit]:
    known = [hit for hit in hits if hit.dense is not None]
    return sorted(known, key=lambda hit: -(hit.dense or 0))


def _lexical(hits: Sequence[Hit]) -> list[Hit]:
    return sorted((hit for hit in hits if hit.lexical > 0), key=lambda hit: -hit.lexical)


def _reciprocal_ranks(hits: Sequence[Hit]) -> list[Hit]:
    scores: dict[int, float] = {}
    for ranking in (_dense(hits), _lexical(hits)[:_RANKED]):
        for rank, hit in enumerate(ranking, start=1):
            scores[hit.passage] = scores.get(hit.passage, 0) + 1 / (_RRF_CONSTANT + rank)
    return sorted(hits, key=lambda hit: -scores.get(hit.passage, 0))


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
    stored = passages.sources()[source]
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
