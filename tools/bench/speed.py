"""What a decision costs beside embedding its task alone: one at a time, and many at once.

    python -m tools.bench.speed --data ../shared/data

One agent has three sources of 10,000 passages each. Their texts are made of sentences of the
shared corpora, put together anew by chance; their vectors are chance too, since embedding 30,000
passages would take half an hour, and no search looks at what a vector means. The tasks are real
questions. Both sides take turns in one run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.assembly import packaged_embedder
from agent_knowledge.embedding.minilm import DIMENSIONS
from agent_knowledge.sources.indexing import Indexer
from agent_knowledge.text import sentences
from agent_knowledge.types import Matrix
from tools.data.retrieval import SETS, read_retrieval_sets, read_rows

CONFIG = """
sources:
  one: {path: one.jsonl}
  two: {path: two.jsonl}
  three: {path: three.jsonl}
agents:
  bench: {sources: [one, two, three]}
"""
PASSAGES = 10_000
SENTENCES = 5
"""About 90 words a passage."""


class ChanceVectors:
    """Satisfies `ports.Embedder` under MiniLM's name, so that MiniLM's queries are accepted."""

    name = "minilm"

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """A vector by chance for each text."""
        drawn = self._draw.standard_normal((len(texts), DIMENSIONS), dtype=np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def main() -> None:
    """Index, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--routes", type=int, default=100_000, help="for the memory figure")
    args = parser.parse_args()
    sets = read_retrieval_sets(args.data)
    if len(sets) < len(SETS):
        print(f"no retrieval sets at {str(args.data)!r}: pass --data FOLDER")
        return
    tasks = [question.text for one in sets for question in one.questions]
    random.Random(0).shuffle(tasks)
    texts = [str(row["text"]) for one in sets for row in read_rows(one.corpus)]
    with tempfile.TemporaryDirectory() as folder:
        config = write_sources(Path(folder), texts)
        router = load_router(config)
        one_at_a_time(router, tasks)
        many_at_once(router, tasks)
        memory(router, tasks, args.routes)


def write_sources(folder: Path, texts: Sequence[str]) -> KnowledgeConfig:
    """Index three sources of passages made of the texts' sentences."""
    chance = random.Random(1)
    pool = [text[start:end] for text in texts for start, end in sentences(text)]
    (folder / "agent-knowledge.yaml").write_text(CONFIG, encoding="utf-8")
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    with Indexer(config.store_path, ChanceVectors()) as indexer:
        for name in config.sources:
            rows = [
                json.dumps({"id": str(i), "text": " ".join(chance.choices(pool, k=SENTENCES))})
                for i in range(PASSAGES)
            ]
            (folder / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
            report = indexer.index(name, folder / f"{name}.jsonl")
            print(f"{name}: {report.passages} passages, {report.elapsed_s:.0f} s to index")
    return config


def one_at_a_time(router: KnowledgeRouter, tasks: Sequence[str]) -> None:
    """p50 of `route` and of embedding the same task, turn by turn."""
    embedder = packaged_embedder()  # the router's own: a second one's threads would be in the way
    alone: list[float] = []
    routed: list[float] = []
    for i, task in enumerate([*tasks[:20], *tasks]):
        times = _timed(lambda: embedder.embed([task])), _timed(lambda: router.route(task))  # noqa: B023
        if i >= 20:
            alone.append(times[0])
            routed.append(times[1])
    a, r = median(alone) * 1000, median(routed) * 1000
    print(f"one at a time: embedding alone {a:.2f} ms, route {r:.2f} ms (p50): {r / a:.2f} times")


def many_at_once(router: KnowledgeRouter, tasks: Sequence[str], n: int = 1000) -> None:
    """Throughput of `route_many` beside that of one call of the embedding."""
    batch = list(islice(cycle(tasks), n))
    batch = [f"{task} ({i})" for i, task in enumerate(batch)]  # no text twice
    embedder = packaged_embedder()  # the router's own: a second one's threads would be in the way
    turns = [
        (_timed(lambda: embedder.embed(batch)), _timed(lambda: router.route_many(batch)))
        for _ in range(5)
    ]
    a, r = n / median(alone for alone, _ in turns), n / median(routed for _, routed in turns)
    print(f"{n} at once: embedding alone {a:.0f}/s, route_many {r:.0f}/s: {r / a:.2f} times")


def memory(router: KnowledgeRouter, tasks: Sequence[str], routes: int) -> None:
    """Peak memory after the first tenth of the routes, and after all."""
    batch = list(islice(cycle(tasks), 1000))
    peaks: list[int] = []
    for done in range(0, routes, len(batch)):
        router.route_many(batch)
        if done in (routes // 10, routes - len(batch)):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    print(
        f"memory: peak {peaks[0]} MB after a tenth of {routes:,} routes, {peaks[-1]} MB after all"
    )


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
