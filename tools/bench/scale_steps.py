"""One figure of `tools.bench.scale`, from a process that does nothing else.

python -m tools.bench.scale_steps STEP FOLDER
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from agent_knowledge import index_sources, load_router
from tools.bench.speed import ChanceVectors

WARM = 10
"""Queries before any counts."""
K = 5
"""Passages a query, the package's default."""
SOURCE = "bench"


def _index(folder: Path) -> dict[str, float]:
    """From nothing; then once more with one document changed; memory at the most."""
    config = folder / "agent-knowledge.yaml"
    whole = timed(lambda: index_sources(config, embedding=ChanceVectors()))
    file = folder / "documents/0.jsonl"
    rows = file.read_text(encoding="utf-8").splitlines()
    rows[7] = json.dumps({"id": "7", "text": "The harbour office of Varkenna opens at noon."})
    file.write_text("\n".join(rows), encoding="utf-8")
    touched = timed(lambda: index_sources(config, embedding=ChanceVectors()))
    return {"index_s": whole, "touch_s": touched, "index_mib": _peak()}


def _cold(folder: Path) -> dict[str, float]:
    """From the start of the interpreter to the first passages."""
    program = (
        "import sys; from agent_knowledge import load_router; "
        "print(len(load_router(sys.argv[1]).retrieve(sys.argv[2])))"
    )
    question = json.loads((folder / "questions.json").read_text())[0]
    command = [sys.executable, "-c", program, str(folder / "agent-knowledge.yaml"), question]
    return {"cold_s": timed(lambda: subprocess.run(command, check=True, capture_output=True))}


def _query(folder: Path) -> dict[str, float]:
    """Milliseconds a query, embedding included; memory after them."""
    questions: list[str] = json.loads((folder / "questions.json").read_text())
    with load_router(folder / "agent-knowledge.yaml") as router:
        for question in questions[:WARM]:
            router.retrieve(question, K)
        times = [timed(partial(router.retrieve, q, K)) for q in questions[WARM:]]
    return {**_spread("query", times), "memory_mib": _peak()}


STEPS: dict[str, Callable[[Path], dict[str, float]]] = {
    "index": _index,
    "cold": _cold,
    "query": _query,
}


def _spread(name: str, times: Sequence[float]) -> dict[str, float]:
    return {
        f"{name}_p50_ms": median(times) * 1000,
        f"{name}_p95_ms": quantiles(times, n=20)[-1] * 1000,
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](Path(sys.argv[2]))))
