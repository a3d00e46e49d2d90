"""What a decision costs beside embedding its task alone: one at a time, and many at once.

    python -m tools.bench.speed --data ../shared/data

One agent has three sources of 10,000 passages each. Their texts are made of sentences of the
shared corpora, put together anew by chance; their vectors are chance too, since embedding 30,000
passages would take half an hour, and no search looks at what a vector means. The tasks are real
questions, and turns of spoken dialogues with what was said before them, which the router reads as
well. Both sides take turns in one run. What embeds alone is a model of its own, without the tuned
layers that the router's has.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, Message, Task, load_router
from agent_knowledge.models.minilm import DIMENSIONS, MiniLM
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.routing.text_heads import context_of
from agent_knowledge.text import sentences
from agent_knowledge.types import Matrix
from tools.data.retrieval import SETS, read_retrieval_sets
from tools.data.rows import read_rows

CONFIG = """
sources:
  one: {path: one.jsonl}
  two: {path: two.jsonl}
  three: {path: three.jsonl}
agents:
  bench: {sources: [one, two, three]}
"""
TURNS = "dialogue/turns.jsonl"
MOST_TIMES = 2.5
"""As long as embedding its text alone a decision may take."""
_WARM = 20
"""Tasks that are run before any is timed."""
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
    if len(sets) < len(SETS) or not (args.data / TURNS).is_file():
        print(f"no {TURNS}, or no retrieval sets, in {str(args.data)!r}: pass --data FOLDER")
        return
    tasks = [question.text for one in sets for question in one.questions]
    random.Random(0).shuffle(tasks)
    turns = read_turns(args.data)
    texts = [str(row["text"]) for one in sets for row in read_rows(one.corpus)]
    with tempfile.TemporaryDirectory() as folder:
        config = write_sources(Path(folder), texts)
        router = load_router(config)
        one_at_a_time("without a history", router, [Task(task) for task in tasks])
        one_at_a_time("with a history", router, turns)
        many_at_once(router, tasks)
        memory(router, tasks, args.routes)


def read_turns(data: Path) -> list[Task]:
    """Turns of dialogues that others went before, with those."""
    return [
        Task(row["task"], history=tuple(Message(m["role"], m["content"]) for m in row["history"]))
        for row in read_rows(data / TURNS)
        if row["history"]
    ]


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


def one_at_a_time(which: str, router: KnowledgeRouter, tasks: Sequence[Task]) -> None:
    """p50 of `route`, and of embedding the same text, without and with its context, in turn."""
    embedder = MiniLM()
    rows = [
        (
            _timed(partial(router.route, task)),
            _timed(partial(embedder.embed, [task.text])),
            _timed(partial(embedder.embed, [f"{context_of(task.history)} {task.text}"])),
        )
        for task in [*tasks[:_WARM], *tasks]
    ]
    route, text, in_context = np.median(rows[-len(tasks) :], axis=0) * 1000
    print(
        f"one at a time, {len(tasks)} tasks {which} (p50): route {route:.2f} ms, "
        f"{route / text:.2f} times embedding the text ({text:.2f} ms), at most {MOST_TIMES} wanted",
        flush=True,
    )
    if any(task.history for task in tasks):
        times = f"{route / in_context:.2f} times embedding it in its context"
        print(f"  {times} ({in_context:.2f} ms)", flush=True)


def many_at_once(router: KnowledgeRouter, tasks: Sequence[str], n: int = 1000) -> None:
    """Throughput of `route_many` beside that of one call of the embedding."""
    batch = list(islice(cycle(tasks), n))
    batch = [f"{task} ({i})" for i, task in enumerate(batch)]  # no text twice
    embedder = MiniLM()
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
