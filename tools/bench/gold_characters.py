"""How much of what answers a question stands in the passages that are shown.

    python -m tools.bench.gold_characters --data ../shared/data

Five raw texts of `retrieval/chunking_eval` in one source; each question has the spans that answer
it. Passages are shown in the order of a search until so many characters are spent;
the figure is the mean share of the answering characters among them (recall of Smith and Troynikov,
"Evaluating chunking strategies for retrieval", 2024). Beside it: cosines alone, and words alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.types import Passage
from agent_knowledge.types.search import CANDIDATES, Hit, Query, SearchResult
from tools.bench.retrieval import opened
from tools.data.embedding import RememberingMiniLM
from tools.data.split import add_option, read_part

_SET = "retrieval/chunking_eval/questions.jsonl"
_BUDGETS = (4_000, 8_000)
"""Characters shown: half, and all, of what an agent's default token budget holds."""
_SOURCE = "chunking_eval"

Order = Callable[[SearchResult], Sequence[Hit]]


def main() -> None:
    """Print a line for each way of ranking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    add_option(parser)
    args = parser.parse_args()
    if not (args.data / _SET).is_file():
        print(f"no {_SET} in {str(args.data)!r}: pass --data FOLDER")
        return
    rows = read_part(args.data, _SET, args.part)
    embedder = RememberingMiniLM()
    vectors = embedder.embed([row["query"] for row in rows])
    found: dict[str, list[list[float]]] = {name: [] for name in _ORDERS}
    with opened(_SOURCE, args.data / "retrieval/chunking_eval/corpora", embedder) as (_, index):
        for row, vector in zip(rows, vectors, strict=True):
            query = Query(text=row["query"], vector=vector)
            (results,) = index.search([query], [_SOURCE], CANDIDATES)
            for name, order in _ORDERS.items():
                passages = index.passages(order(results[_SOURCE])[:CANDIDATES])
                found[name].append([_share(row, passages, budget) for budget in _BUDGETS])
    print(f"{len(rows)} questions, part: {args.part}")
    for name, shares in found.items():
        means = np.mean(shares, axis=0)
        within = (f"{m:.3f} in {b:,} characters" for m, b in zip(means, _BUDGETS, strict=True))
        print(f"  {name:14} {', '.join(within)}")


def _by(measurement: str) -> Order:
    def order(result: SearchResult) -> Sequence[Hit]:
        return sorted(result.hits, key=lambda hit: -getattr(hit, measurement))

    return order


_ORDERS: dict[str, Order] = {
    "this package": lambda result: fuse([result]),
    "cosines alone": _by("dense"),
    "words alone": _by("lexical"),
}


def _share(row: dict[str, Any], passages: Iterable[Passage], budget: int) -> float:
    """Of the characters that answer, the share among the first `budget` that are shown."""
    shown: list[Passage] = []
    for passage in passages:
        if budget <= 0:
            break
        end = min(passage.end, passage.start + budget)
        shown.append(replace(passage, text=passage.text[: end - passage.start], end=end))
        budget -= end - passage.start
    wanted = {at for span in row["spans"] for at in range(span["start_index"], span["end_index"])}
    held = {
        at
        for passage in shown
        if Path(passage.document).stem == row["corpus"]
        for at in range(passage.start, passage.end)
    }
    return len(wanted & held) / len(wanted)


if __name__ == "__main__":
    main()
