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

from agent_knowledge import load_router
from tools.bench.peers.stores import client_of, ensemble
from tools.bench.scale_steps import WARM, K, timed


def beside(folder: Path) -> dict[str, float]:
    """The same queries in turns with the peers', for ratios."""
    questions: list[str] = json.loads((folder / "questions.json").read_text())
    with load_router(folder / "agent-knowledge.yaml") as router:
        sides: dict[str, Callable[[str], object]] = {
            "ours": lambda q: router.retrieve(q, K),
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
        "ensemble_ms": p50["ensemble"],
        "client_ms": p50["client"],
        "of_ensemble": p50["ours"] / p50["ensemble"],
    }


if __name__ == "__main__":
    print(json.dumps(beside(Path(sys.argv[1]))))
