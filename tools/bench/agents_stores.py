"""Our router on agents whose documents lie in a vector store of others, beside the default store.

    python -m tools.bench.agents_stores --data ../shared/data
    python -m tools.bench.agents_stores --folder tools/train/agents --agents click vetclinic

The same passages, tasks and weights as in `tools.bench.agents`; only what holds the passages is
another one. They are put into it as LangChain's users do: the text as the content, its title as
metadata, so that the vector is of the text alone.

in memory: LangChain's InMemoryVectorStore with the packaged embedding; its scores are cosines.
other space: the same store with an embedding of its own (the packaged one's vectors, turned), so
that its scores tell the packaged fit nothing by themselves, and the scale-free fit serves.
ranks: the same as a retriever that tells no scores.

AUC: how well the coverage of the best source tells covered tasks from gaps; 0.5 is chance.
walk: seconds that measuring all of an agent's sources took, once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from agent_knowledge import KnowledgeRouter, load_router
from agent_knowledge.build.stores import RetrieverLike
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.types import Passage
from agent_knowledge.types.search import SourceKey
from tools.bench.agents import PASSAGES, choose_weights
from tools.bench.agents_table import Judged, print_head, print_row
from tools.data.agent_folders import IndexedAgent, indexed
from tools.data.agents import read_agents
from tools.data.split import Part, add_option, agents_of

_READ = 500


def main() -> None:
    """Print a row for each store, on all agents together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, help="the agents' folder (DATA/agents)")
    parser.add_argument("--agents", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--packaged", action="store_true", help="route by what ships")
    add_option(parser)
    args = parser.parse_args()
    folder = args.folder or args.data / "agents"
    part: Part = "all" if args.folder or args.agents else args.part
    agents = {agent.name: agent for agent in agents_of(read_agents(folder), part)}
    chosen = [agents[name] for name in args.agents or agents if name in agents]
    if not chosen:
        print(f"no agents (part: {part}) in {str(folder)!r}: pass --data FOLDER or --folder FOLDER")
        return
    title, weights_for = choose_weights(chosen, packaged=args.packaged)
    rows: dict[str, list[StoreMeasured]] = {}
    with threadpool_limits(1, user_api="blas"):
        for agent in chosen:
            encoder, weights = weights_for(agent.name)
            with indexed(agent, encoder) as here:
                for name, router in routers_of(here, encoder, weights).items():
                    rows.setdefault(name, []).append(_measure(here, router))
                    print(f"{agent.name}, {name}: {rows[name][-1]}", flush=True)
    print_head(f"{title}; part: {part}; agents: {', '.join(agent.name for agent in chosen)}")
    for name, parts in rows.items():
        print_row(name, Judged.together([one.judged for one in parts]))
    print()
    for name, parts in rows.items():
        covers = np.concatenate([one.covers for one in parts])
        coverage = np.concatenate([one.coverage for one in parts])
        walk_s = sum(one.walk_s for one in parts)
        print(f"{name:34} AUC {roc_auc_score(covers, coverage):.3f}  walk {walk_s:.1f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMeasured:
    """What a router said of an agent's tasks, its passages in one store.

    Attributes:
        judged: What it named and found.
        covers: Of covered tasks and gaps, which are covered.
        coverage: Of each of them, the coverage of the best source.
        walk_s: Seconds that it took until the first task could be routed.
    """

    judged: Judged
    covers: Sequence[bool]
    coverage: Sequence[float]
    walk_s: float

    def __str__(self) -> str:
        """One line."""
        return f"AUC {roc_auc_score(self.covers, self.coverage):.3f}, walk {self.walk_s:.1f} s"


def _measure(here: IndexedAgent, router: KnowledgeRouter) -> StoreMeasured:
    tasks = here.agent.tasks
    began = time.perf_counter()
    router.retrieve(here.agent.name)
    walk_s = time.perf_counter() - began
    decisions = router.route_many([task.task for task in tasks])
    covered = [task for task in tasks if task.kind == "covered"]
    told = [
        (task.kind == "covered", max((p or 0.0 for p in one.signals.coverage.values()), default=0))
        for task, one in zip(tasks, decisions, strict=True)
        if task.kind in {"covered", "gap"}
    ]
    judged = Judged(
        tasks=tasks,
        named=tuple(decision.strategy for decision in decisions),
        confidence=tuple(decision.confidence for decision in decisions),
        found=tuple(here.finds(task, router.retrieve(task.task, PASSAGES)) for task in covered),
    )
    return StoreMeasured(
        judged=judged,
        covers=[one for one, _ in told],
        coverage=[p for _, p in told],
        walk_s=walk_s,
    )


def routers_of(here: IndexedAgent, encoder: Any, weights: Any) -> dict[str, KnowledgeRouter]:
    """The default's router, and one for each other way to hold the same passages."""
    passages = {name: _passages(here.config, name) for name in here.profile.sources}
    external = {
        name: spec.model_copy(update={"path": None, "external": True})
        for name, spec in here.config.sources.items()
    }
    config = here.config.model_copy(update={"sources": external})

    def made(kind: str, of: Callable[[Sequence[Passage]], RetrieverLike]) -> KnowledgeRouter:
        # What a walk measured is kept by the source's name.
        place = here.config.store.model_copy(update={"path": f"{here.config.store_path}-{kind}"})
        return load_router(
            config.model_copy(update={"store": place}),
            embedding=encoder,
            weights=weights,
            retrievers={name: of(held) for name, held in passages.items()},
        )

    same, turned = _Embeddings(encoder), _Embeddings(encoder, turned=True)
    return {
        "default": here.router(weights),
        "in memory": made("memory", lambda held: _store(same, held)),
        "in memory, other space": made("other", lambda held: _store(turned, held)),
        "in memory, ranks": made("ranks", lambda held: _ranks(_store(same, held))),
    }


def _passages(config: KnowledgeConfig, source: str) -> list[Passage]:
    """All passages of an indexed source."""
    store = PassageStore(config.store_path)
    try:
        held = store.find(SourceKey(source))
        numbers = [number for number, *_ in store.labels(held)] if held else []
        return [
            passage
            for start in range(0, len(numbers), _READ)
            for passage in store.passages(numbers[start : start + _READ]).values()
        ]
    finally:
        store.close()


def _store(embeddings: Embeddings, passages: Sequence[Passage]) -> InMemoryVectorStore:
    store = InMemoryVectorStore(embeddings)
    store.add_documents(
        [
            Document(one.text, metadata={"document_id": one.document, "title": one.title})
            for one in passages
        ]
    )
    return store


def _ranks(store: InMemoryVectorStore) -> Callable[[str, int], list[Document]]:
    return lambda query, k: store.similarity_search(query, k=k)


class _Embeddings(Embeddings):
    """The packaged embedding as LangChain has it; turned, its vectors are of another space."""

    def __init__(self, embedder: Embedder, *, turned: bool = False) -> None:
        self._embedder = embedder
        self._turned = turned

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = self._embedder.embed(texts)
        return (np.roll(vectors, 1, axis=1) if self._turned else vectors).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


if __name__ == "__main__":
    main()
