"""The queries of `tools.bench.scale` in turns with the peers', for ratios.

python -m tools.bench.scale_beside FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.build import load_embedder, load_index
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.types.search import CANDIDATES, Query
from tools.bench.peers.stores import client_of, ensemble
from tools.bench.scale_steps import SOURCE, WARM, K, timed


def beside(folder: Path) -> dict[str, float]:
    """The same queries in turns with the peers', for ratios."""
    questions: list[str] = json.loads((folder / "questions.json").read_text())
    with load_router(folder / "agent-knowledge.yaml") as router:
        sides: dict[str, Callable[[str], object]] = {
            "ours": lambda q: router.retrieve(q, K),
            "search": _search(folder),
            "ensemble": ensemble(folder, K),
            "client": client_of(folder, K),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for question in questions:
            for name, side in sides.items():
                times[name].append(timed(partial(side, question)))
    p50 = {name: median(taken[WARM:]) * 1000 for name, taken in times.items()}
    return {
        "ours_ms": p50["ours"],
        "search_ms": p50["search"],
        "ensemble_ms": p50["ensemble"],
        "client_ms": p50["client"],
        "ours_of_ensemble": p50["ours"] / p50["ensemble"],
        "search_of_ensemble": p50["search"] / p50["ensemble"],
    }


def _search(folder: Path) -> Callable[[str], object]:
    """What the ensemble does and no more: embed, search by vectors and words, fuse, read."""
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    embedder = load_embedder(config)
    index = load_index(config, embedder)

    def search(text: str) -> object:
        query = Query(text=text, vector=embedder.embed([text])[0])
        (results,) = index.search([query], [SOURCE], CANDIDATES)
        return index.passages(fuse([*results.values()])[:K])

    return search


if __name__ == "__main__":
    print(json.dumps(beside(Path(sys.argv[1]))))
